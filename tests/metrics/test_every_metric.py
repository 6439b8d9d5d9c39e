"""What all metrics promise: exact over any batches, deaf to padding, pure, and written down as JSON."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from metrics_cases import CASES, DATA, IDENTIFIERS, ROWS, absolute_difference

from deepkit import losses, metrics
from deepkit.configuration import decode, encode, qualified_name
from deepkit.errors import DeepkitTypeError

VOCABULARY = {
    **{qualified_name(thing): thing for thing in vars(metrics).values() if isinstance(thing, type)},
    **{qualified_name(thing): thing for thing in vars(losses).values() if isinstance(thing, type)},
    qualified_name(absolute_difference): absolute_difference,
}

# Of `CASES`, many differ in a threshold or an average only.
ONE_OF_EACH = {type(metric).__name__: (metric, kind) for metric, kind in CASES}

every_metric = pytest.mark.parametrize(("metric", "kind"), CASES, ids=IDENTIFIERS)


def weights_for(y_pred):
    return np.random.default_rng(3).uniform(0.2, 3, size=len(y_pred)).astype(np.float32)


def padded(array, rows, garbage=(np.nan, np.inf, -1e30)):
    """The array with `rows` rows in all; the last ones are garbage, for whole numbers far out of range."""
    kinds = garbage if np.issubdtype(array.dtype, np.floating) else (2**31 - 1, -(2**31))
    filler = np.resize(np.asarray(kinds, array.dtype), rows - len(array))
    shape = (len(filler), *(1,) * (array.ndim - 1))
    return np.concatenate([array, np.broadcast_to(filler.reshape(shape), (len(filler), *array.shape[1:]))])


@functools.cache
def compiled(metric):
    """`(statistics, merge)`, compiled once for all tests; the second gives the merged statistics and their result."""

    def merge(left, right):
        merged = metric.merge(left, right)
        return merged, metric.result(merged)

    return jax.jit(metric.statistics), jax.jit(merge)


def zeros_like(statistics):
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), statistics)


def at_once(metric, y_true, y_pred, weights):
    """The metric of all rows in one batch; merging with zeros changes nothing, as a test below says."""
    statistics_of, merge = compiled(metric)
    statistics = statistics_of(y_true, y_pred, weights)
    return np.asarray(merge(zeros_like(statistics), statistics)[1])


def batch_statistics(metric, y_true, y_pred, weights):
    """Statistics of fewer rows, filled up with garbage of weight 0 to as many as there are in all."""
    statistics_of, _ = compiled(metric)
    return statistics_of(padded(y_true, ROWS), padded(y_pred, ROWS), padded(weights, ROWS, garbage=(0.0,)))


def in_batches(metric, y_true, y_pred, weights, sizes):
    """The metric of batches of unequal sizes, merged from nothing."""
    _, merge = compiled(metric)
    statistics, start = zeros_like(batch_statistics(metric, y_true[:0], y_pred[:0], weights[:0])), 0
    for size in sizes:
        rows = slice(start, start + size)
        statistics, result = merge(statistics, batch_statistics(metric, y_true[rows], y_pred[rows], weights[rows]))
        start += size
    assert start == len(weights)
    return np.asarray(result)


@every_metric
def test_batches_filled_up_with_garbage_give_what_all_rows_give(metric, kind):
    y_true, y_pred = DATA[kind]
    weights = weights_for(y_pred)
    merged = in_batches(metric, y_true, y_pred, weights, sizes=(16, 16, 1, 4))
    assert np.isfinite(merged).all()
    np.testing.assert_allclose(merged, at_once(metric, y_true, y_pred, weights), rtol=2e-5, atol=1e-6)


@every_metric
def test_the_order_of_batches_does_not_matter(metric, kind):
    _, merge = compiled(metric)
    y_true, y_pred = DATA[kind]
    weights = weights_for(y_pred)
    left, right = (
        batch_statistics(metric, y_true[rows], y_pred[rows], weights[rows]) for rows in (slice(0, 16), slice(16, 21))
    )
    (_, forwards), (_, backwards) = merge(left, right), merge(right, left)
    np.testing.assert_allclose(forwards, backwards, rtol=1e-5, atol=1e-6)


@every_metric
def test_zeros_are_the_identity_of_merge(metric, kind):
    _, merge = compiled(metric)
    y_true, y_pred = DATA[kind]
    statistics = batch_statistics(metric, y_true[:16], y_pred[:16], weights_for(y_pred)[:16])
    zeros = zeros_like(statistics)
    for left, right in ((zeros, statistics), (statistics, zeros), (zeros, zeros)):
        expected = zeros if left is right else statistics
        jax.tree.map(np.testing.assert_array_equal, merge(left, right)[0], expected)


@every_metric
def test_a_batch_of_nothing_but_padding_leaves_no_trace(metric, kind):
    y_true, y_pred = DATA[kind]
    nothing = batch_statistics(metric, y_true[:0], y_pred[:0], weights_for(y_pred)[:0])
    jax.tree.map(lambda leaf: np.testing.assert_array_equal(leaf, np.zeros_like(leaf)), nothing)


@every_metric
def test_vmap_agrees_with_one_by_one(metric, kind):
    y_true, y_pred = DATA[kind]
    weights = weights_for(y_pred)

    def measure(y_pred):
        statistics = metric.statistics(jnp.asarray(y_true), y_pred, jnp.asarray(weights))
        return metric.result(metric.merge(statistics, jax.tree.map(jnp.zeros_like, statistics)))

    several = np.stack([y_pred, np.roll(y_pred, 1, axis=0), y_pred])
    one_by_one = np.stack([at_once(metric, y_true, each, weights) for each in several])
    np.testing.assert_allclose(jax.jit(jax.vmap(measure))(several), one_by_one, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("metric", "kind"), ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_jit_agrees_with_the_plain_call(metric, kind):
    y_true, y_pred = DATA[kind]
    weights = weights_for(y_pred)
    expected = at_once(metric, y_true, y_pred, weights)
    np.testing.assert_allclose(metric(y_true, y_pred, weights), expected, rtol=1e-5, atol=1e-6)


@every_metric
def test_whole_weights_are_repeated_rows(metric, kind):
    y_true, y_pred = DATA[kind]
    times = np.random.default_rng(5).integers(0, 4, size=len(y_pred))
    again = np.repeat(np.arange(len(times)), times)
    sizes = [16] * (len(again) // 16) + [len(again) % 16]
    repeated = in_batches(metric, y_true[again], y_pred[again], np.ones(len(again), np.float32), sizes)
    weighted = at_once(metric, y_true, y_pred, times.astype(np.float32))
    np.testing.assert_allclose(weighted, repeated, rtol=2e-5, atol=1e-6)


@every_metric
def test_sums_follow_the_dtype_but_never_below_float32(metric, kind):
    y_true, y_pred = DATA[kind]

    def dtypes(precision):
        as_given = [
            jax.ShapeDtypeStruct(array.shape, precision if np.issubdtype(array.dtype, np.floating) else array.dtype)
            for array in (y_true, y_pred)
        ]
        weights = jax.ShapeDtypeStruct((len(y_pred),), jnp.result_type(float))
        statistics = jax.eval_shape(metric.statistics, *as_given, weights)
        assert jax.eval_shape(metric.merge, statistics, statistics) == statistics
        result = jax.eval_shape(metric.result, statistics)
        return {leaf.dtype for leaf in [*statistics.values(), result]}

    assert dtypes(jnp.float32) == {jnp.dtype("float32")}
    assert dtypes(jnp.bfloat16) == {jnp.dtype("float32")}
    with jax.enable_x64(True):
        assert dtypes(jnp.float64) == {jnp.dtype("float64")}
        assert dtypes(jnp.float32) == {jnp.dtype("float32")}


@every_metric
def test_json_round_trip(metric, kind):
    assert decode(json.loads(json.dumps(encode(metric))), VOCABULARY) == metric


def test_declarations_are_immutable_values():
    assert metrics.AUC(curve="PR") == metrics.AUC(200, "PR")
    assert repr(metrics.AUC(curve="PR")) == "AUC(curve='PR')"
    with pytest.raises(DeepkitTypeError, match="cannot be changed"):
        metrics.AUC().curve = "PR"


def test_every_public_metric_is_in_the_table():
    tested = {type(metric) for metric, _ in CASES}
    public = {
        thing for thing in vars(metrics).values() if isinstance(thing, type) and issubclass(thing, metrics.Metric)
    }
    assert public - tested == {metrics.Metric, metrics.MeanMetric, metrics.Accuracy}
