"""The harness that every loss passes: round trip, shapes, dtypes, jit/vmap, gradients, parity with Keras
3."""

import dataclasses
import functools
import json
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

from deepkit import losses
from deepkit.configuration import decode, encode, qualified_name
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph.spec import Meaning, Spec

ANY_UNITS = ("real", "positive", "binary", "margin")


def absolute(y_true, y_pred):
    return jnp.abs(y_true - y_pred)


@dataclasses.dataclass(frozen=True)
class Case:
    """A loss, the kind of numbers it takes, and Keras's counterpart."""

    loss: losses.Loss
    kind: str
    keras: Any = None

    def __str__(self):
        return repr(self.loss)

    @property
    def shapes(self):
        return [(5, 1) if self.kind in ANY_UNITS else (4, 3), (2, 4, 3)]


CASES = [
    Case(losses.MeanSquaredError(), "real", keras.losses.MeanSquaredError()),
    Case(losses.MeanAbsoluteError(), "real", keras.losses.MeanAbsoluteError()),
    Case(losses.MeanAbsolutePercentageError(), "real", keras.losses.MeanAbsolutePercentageError()),
    Case(losses.MeanSquaredLogarithmicError(), "positive", keras.losses.MeanSquaredLogarithmicError()),
    Case(losses.Huber(), "real", keras.losses.Huber()),
    Case(losses.Huber(0.3), "real", keras.losses.Huber(0.3)),
    Case(losses.LogCosh(), "real", keras.losses.LogCosh()),
    Case(losses.CosineSimilarity(), "vector", keras.losses.CosineSimilarity()),
    Case(losses.CosineSimilarity(axis=1), "vector", keras.losses.CosineSimilarity(axis=1)),
    Case(losses.Pinball(), "real"),
    Case(losses.Pinball(0.9), "real"),
    Case(losses.Pinball((0.1, 0.5, 0.9)), "quantiles"),
    Case(losses.BinaryCrossentropy(), "binary", keras.losses.BinaryCrossentropy()),
    Case(losses.BinaryCrossentropy(None, 0.2), "binary", keras.losses.BinaryCrossentropy(label_smoothing=0.2)),
    Case(losses.BinaryCrossentropy(label_smoothing=0.1, smoothing_convention="textbook"), "binary"),
    Case(losses.BinaryCrossentropy(positive_weight=3), "binary"),
    Case(losses.BinaryFocalCrossentropy(), "binary", keras.losses.BinaryFocalCrossentropy()),
    Case(
        losses.BinaryFocalCrossentropy(True, 0.4, 1.5, label_smoothing=0.1),
        "binary",
        keras.losses.BinaryFocalCrossentropy(True, 0.4, 1.5, label_smoothing=0.1),
    ),
    Case(losses.CategoricalCrossentropy(), "distribution", keras.losses.CategoricalCrossentropy()),
    Case(
        losses.CategoricalCrossentropy(None, 0.1),
        "distribution",
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
    ),
    Case(losses.CategoricalCrossentropy(label_smoothing=0.1, smoothing_convention="textbook"), "distribution"),
    Case(losses.SparseCategoricalCrossentropy(), "sparse", keras.losses.SparseCategoricalCrossentropy()),
    Case(losses.SparseCategoricalCrossentropy(label_smoothing=0.1), "sparse"),
    Case(losses.KLDivergence(), "distribution", keras.losses.KLDivergence()),
    Case(losses.Poisson(), "positive", keras.losses.Poisson()),
    Case(losses.Hinge(), "margin", keras.losses.Hinge()),
    Case(losses.SquaredHinge(), "margin", keras.losses.SquaredHinge()),
    Case(losses.CategoricalHinge(), "one-hot scores", keras.losses.CategoricalHinge()),
    Case(losses.FunctionLoss(absolute), "real", keras.losses.MeanAbsoluteError()),
]
ONE_OF_EACH = {type(case.loss): case for case in CASES}
FUSED = [case for case in CASES if case.loss.FUSES]

VOCABULARY = {qualified_name(declared): declared for declared in losses.NAMES.values()}
VOCABULARY.update({"losses.FunctionLoss": losses.FunctionLoss, "absolute": absolute})


def arrays(kind, shape, dtype=np.float32, seed=0):
    """`(targets, predictions, logits)` of one kind; predictions are activated logits where there are any."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=shape) * 2
    classes = random.integers(shape[-1], size=shape[:-1])
    y = random.normal(size=shape)
    predictions = random.normal(size=shape)
    if kind == "positive":
        y, predictions = random.poisson(3.0, size=shape), random.gamma(2.0, size=shape)
    elif kind == "binary":
        y, predictions = random.integers(2, size=shape), np.asarray(jax.nn.sigmoid(logits))
    elif kind == "margin":
        y = random.choice([-1, 1], size=shape)
    elif kind == "quantiles":
        y = random.normal(size=(*shape[:-1], 1))
    elif kind == "one-hot scores":
        y = np.eye(shape[-1])[classes]
    elif kind in ("distribution", "sparse"):
        predictions = np.asarray(jax.nn.softmax(logits))
        y = np.eye(shape[-1])[classes]
        if kind == "distribution":
            y = 0.6 * y + 0.4 * random.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    y = classes.astype(np.int32) if kind == "sparse" else y.astype(dtype)
    return y, predictions.astype(dtype), logits.astype(dtype)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_survives_json(case):
    text = json.dumps(encode(case.loss))
    assert decode(json.loads(text), VOCABULARY) == case.loss
    assert hash(decode(json.loads(text), VOCABULARY)) == hash(case.loss)


@pytest.mark.parametrize("name", losses.NAMES)
def test_every_name_gives_its_default_declaration(name):
    loss = losses.get(name)
    assert loss == losses.NAMES[name]() == losses.get(losses.NAMES[name]) == losses.get(name.upper())
    assert losses.get(loss) is loss
    assert losses.get(type(loss).__name__) == loss


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shape_and_dtype_follow_the_predictions(case):
    for shape in case.shapes:
        y, predictions, _ = arrays(case.kind, shape)
        for dtype in ("float32", "float16", "bfloat16"):
            values = jax.eval_shape(case.loss.values, y, jax.ShapeDtypeStruct(predictions.shape, dtype))
            assert values.shape == tuple(np.delete(shape, getattr(case.loss, "axis", -1)))
            assert values.dtype == dtype


@functools.cache
def compiled_and_mapped(case):
    y, predictions, _ = arrays(case.kind, (2, 4, 3))
    rows = jax.vmap(lambda y, p: case.loss.values(y[None], p[None])[0])
    return jax.jit(lambda y, p: (case.loss.values(y, p), rows(y, p)))(y, predictions)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_vmap_agrees_with_all_rows_at_once(case):
    compiled, mapped = compiled_and_mapped(case)
    close(mapped, compiled)


@pytest.mark.parametrize("case", ONE_OF_EACH.values(), ids=str)
def test_jit_agrees_with_the_plain_call(case):
    y, predictions, _ = arrays(case.kind, (2, 4, 3))
    close(compiled_and_mapped(case)[0], case.loss.values(y, predictions))


def gradients(function, x, step=1e-7):
    """By autodiff and by central differences, traced."""
    steps = step * np.eye(x.size).reshape(x.size, *x.shape)
    above, below = jax.vmap(jax.vmap(function))(jnp.stack([x + steps, x - steps]))
    return jax.grad(function)(x), ((above - below) / (2 * step)).reshape(x.shape)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient_equals_central_differences_in_float64(case):
    @jax.jit
    def both(y, predictions, logits):
        found = [gradients(lambda p: jnp.sum(case.loss.values(y, p)), predictions)]
        if case.loss.FUSES:
            found.append(gradients(lambda z: jnp.sum(case.loss.values_from_logits(y, z)), logits))
        return found

    with jax.enable_x64(True):
        for exact, expected in both(*arrays(case.kind, (2, 4, 3), np.float64, seed=3)):
            assert exact.dtype == np.float64
            np.testing.assert_allclose(exact, expected, rtol=1e-5, atol=1e-6)


def measured(loss, data):
    """Values of deepkit's or Keras's loss on several batches, and the gradient on the last, traced."""

    def value(x, y, weights):
        return jnp.asarray(loss(y, x, weights))

    *others, (y, x, weights) = data
    return [value(x, y, w) for y, x, w in others], jax.value_and_grad(value)(x, y, weights)


@pytest.mark.parametrize("case", [case for case in CASES if case.keras is not None], ids=str)
def test_values_and_gradients_equal_keras(case):
    ours, theirs = [], []
    for shape in case.shapes:
        y, predictions, _ = arrays(case.kind, shape)
        weights = np.linspace(0.5, 2, shape[0], dtype=np.float32)
        ours.append((y, predictions, weights))
        # Keras does not spread (batch,) weights over the positions of a row.
        theirs.append((y, predictions, weights if len(shape) == 2 else weights[:, None]))
    both = jax.jit(lambda ours, theirs: (measured(case.loss, ours), measured(case.keras, theirs)))
    jax.tree.map(close, *both(ours, theirs))


@pytest.mark.parametrize("case", FUSED, ids=str)
def test_logits_give_what_keras_gives_on_probabilities_and_on_logits(case):
    data = [arrays(case.kind, shape) for shape in case.shapes]
    batches = [(y, logits, None) for y, _, logits in data]
    ours = theirs = None
    if case.keras is not None and not isinstance(case.loss, losses.KLDivergence):
        config = {key: value for key, value in case.keras.get_config().items() if key not in ("fn", "name")}
        ours = case.loss.replace(from_logits=True)
        theirs = type(case.keras)(**{**config, "from_logits": True})

    @jax.jit
    def program(data, batches):
        from_logits = [case.loss.values_from_logits(y, logits) for y, _, logits in data]
        from_probabilities = [case.loss.values(y, case.loss.probabilities(logits)) for y, _, logits in data]
        return from_logits, from_probabilities, [measured(loss, batches) for loss in (ours, theirs) if loss is not None]

    from_logits, from_probabilities, pair = program(data, batches)
    jax.tree.map(lambda left, right: close(left, right, 1e-4), from_logits, from_probabilities)
    if pair:
        jax.tree.map(close, *pair)


def close(ours, theirs, tolerance=1e-5):
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", FUSED, ids=str)
def test_extreme_logits_keep_finite_values_and_a_gradient(case):
    y, _, logits = arrays(case.kind, (4, 3))
    huge = 60 * np.sign(logits) * np.abs(logits).clip(1, 10)
    values, gradient = jax.jit(jax.value_and_grad(lambda z: case.loss.values_from_logits(y, z).mean()))(huge)
    assert np.isfinite(values)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize("case", FUSED, ids=str)
def test_probabilities_of_zero_and_one_stay_finite(case):
    y, predictions, _ = arrays(case.kind, (4, 3))
    certain = np.round(predictions) if case.kind == "binary" else np.eye(3)[[0, 1, 2, 0]]
    both = jax.value_and_grad(lambda p: case.loss.values(y, p).sum())
    dtypes = ("float32", "float16", "bfloat16")
    found = jax.jit(lambda every: [both(p) for p in every])([certain.astype(jnp.dtype(dtype)) for dtype in dtypes])
    for dtype, (values, gradient) in zip(dtypes, found, strict=True):
        assert gradient.dtype == dtype
        assert np.isfinite(np.float32(values)), dtype
        assert np.isfinite(np.asarray(gradient, np.float32)).all(), dtype


@pytest.mark.parametrize("case", CASES, ids=str)
def test_checked_targets_are_what_values_wants(case):
    """On (batch, units) and (batch, time, classes): right dtype and shape, and left alone when checked
    again."""
    meaning = case.loss.FUSES or (Meaning.NON_NEGATIVE if case.kind == "positive" else Meaning.REAL)
    for shape in case.shapes:
        y, predictions, _ = arrays(case.kind, shape)
        output = Spec((None, *shape[1:]), meaning=meaning)
        given = y.astype(np.float64) if y.dtype == np.float32 else y.astype(np.int64)
        if isinstance(case.loss, losses.MeanAbsolutePercentageError):
            given = np.abs(given) + 1
        checked = case.loss.check_targets(given, output, "y")
        assert checked.dtype == (np.int32 if case.kind == "sparse" else np.float32)
        assert checked.shape == (shape[:-1] if case.kind == "sparse" else shape)
        values = jax.eval_shape(case.loss.values, checked, predictions)
        assert values.shape == tuple(np.delete(shape, getattr(case.loss, "axis", -1)))
        if case.kind != "quantiles":
            np.testing.assert_array_equal(case.loss.check_targets(checked, output, "y"), checked)


def test_one_column_of_targets_gets_its_axis():
    for loss in ("mse", "bce", "hinge", losses.FunctionLoss(absolute)):
        meaning = Meaning.PROBABILITY if loss == "bce" else Meaning.REAL
        y = losses.get(loss).check_targets(np.array([0, 1, 1]), Spec((None, 1), meaning=meaning), "y")
        assert y.shape == (3, 1)
        assert y.dtype == np.float32
    y = losses.get("mse").check_targets(np.zeros((4, 6)), Spec((None, 6, 1)), "y")
    assert y.shape == (4, 6, 1)


def test_float64_outputs_keep_float64_targets():
    y = losses.get("mse").check_targets(np.array([0.1]), Spec((None, 1), dtype="float64"), "y")
    assert y.dtype == np.float64


def test_class_numbers_may_be_a_column_floats_or_booleans():
    output = Spec((None, 3), meaning=Meaning.DISTRIBUTION)
    loss = losses.SparseCategoricalCrossentropy()
    for y in ([[0], [2], [1]], [0.0, 2.0, 1.0], np.array([0, 2, 1], np.uint8)):
        checked = loss.check_targets(np.asarray(y), output, "y")
        np.testing.assert_array_equal(checked, [0, 2, 1])
        assert checked.dtype == np.int32
    pair = output.replace(shape=(None, 2))
    np.testing.assert_array_equal(loss.check_targets(np.array([True, False]), pair, "y"), [1, 0])


def test_checking_leaves_the_users_array_alone():
    y = np.array([0.0, 1.0, 1.0])
    before = y.copy()
    losses.get("hinge").check_targets(y, Spec((None, 1)), "y")
    np.testing.assert_array_equal(y, before)


def test_hinge_takes_zero_and_one():
    loss, scores = losses.Hinge(), np.array([[0.3], [-2.0], [0.5]], np.float32)
    signs = np.array([[-1.0], [1.0], [1.0]])
    values = jax.jit(loss.values)
    np.testing.assert_array_equal(values(signs, scores), values((signs + 1) / 2, scores))
    ours, theirs = jax.jit(lambda y: (loss(y, scores), keras.losses.Hinge()(y, scores)))((signs + 1) / 2)
    close(ours, theirs)


class TestCrossentropy:
    LABELS = np.array([0, 2, 1, 1])
    ONE_HOT = np.eye(3)[LABELS]

    @pytest.mark.parametrize(
        ("meaning", "units", "from_logits", "y", "expected"),
        [
            (Meaning.PROBABILITY, 1, None, LABELS > 0, losses.BinaryCrossentropy),
            (Meaning.PROBABILITY, 3, None, ONE_HOT, losses.BinaryCrossentropy),
            (Meaning.DISTRIBUTION, 3, None, LABELS, losses.SparseCategoricalCrossentropy),
            (Meaning.DISTRIBUTION, 3, None, LABELS[:, None], losses.SparseCategoricalCrossentropy),
            (Meaning.DISTRIBUTION, 3, None, ONE_HOT, losses.CategoricalCrossentropy),
            (Meaning.REAL, 1, True, LABELS > 0, losses.BinaryCrossentropy),
            (Meaning.REAL, 3, True, LABELS, losses.SparseCategoricalCrossentropy),
            (Meaning.REAL, 3, True, ONE_HOT, losses.CategoricalCrossentropy),
            (Meaning.REAL, 3, True, np.ones((4, 3)), losses.BinaryCrossentropy),
        ],
    )
    def test_chooses_by_output_and_labels_and_says_so(self, meaning, units, from_logits, y, expected):
        output = Spec((None, units), meaning=meaning)
        declared = losses.Crossentropy(from_logits, 0.1, smoothing_convention="textbook")
        declared.check_output(output, "Dense 'dense'", None)
        loss, sentence = declared.choose(output, y)
        assert type(loss) is expected
        assert (loss.from_logits, loss.label_smoothing, loss.smoothing_convention) == (
            from_logits,
            0.1,
            "textbook",
        )
        assert expected.__name__ in sentence
        assert "because" in sentence
        loss.check_output(output, "Dense 'dense'", None)
        np.testing.assert_array_equal(declared.check_targets(y, output, "y"), loss.check_targets(y, output, "y"))

    def test_sequences(self):
        output = Spec((None, 5, 3), meaning=Meaning.DISTRIBUTION)
        chosen, _ = losses.Crossentropy().choose(output, np.zeros((4, 5), int))
        assert type(chosen) is losses.SparseCategoricalCrossentropy
        chosen, _ = losses.Crossentropy().choose(output, np.zeros((4, 5, 3)))
        assert type(chosen) is losses.CategoricalCrossentropy

    def test_has_no_values_of_its_own(self):
        with pytest.raises(DeepkitValueError, match="BinaryCrossentropy"):
            losses.Crossentropy()(np.zeros((2, 1)), np.zeros((2, 1)))


class TestFunctionLoss:
    def test_rows_positions_or_elements(self):
        y, p, _ = arrays("real", (4, 6, 3))
        expected = np.abs(y - p).mean(axis=-1)
        per_element = losses.get(absolute)
        per_position = losses.get(lambda y, p: jnp.abs(y - p).mean(axis=-1))
        per_row = losses.get(lambda y, p: jnp.abs(y - p).mean(axis=(1, 2)))
        np.testing.assert_allclose(per_element.values(y, p), expected, rtol=1e-5)
        np.testing.assert_allclose(per_position.values(y, p), expected, rtol=1e-5)
        np.testing.assert_allclose(per_row.values(y, p), expected.mean(axis=1), rtol=1e-5)
        for loss in (per_element, per_position, per_row):
            assert float(loss(y, p)) == pytest.approx(expected.mean(), rel=1e-5)

    def test_targets_of_another_width(self):
        """A Gaussian likelihood: one target column, two units (mean and log-variance)."""

        def likelihood(y, p):
            return (0.5 * (p[:, 1:] + (y - p[:, :1]) ** 2 / jnp.exp(p[:, 1:])))[:, 0]

        loss = losses.get(likelihood)
        y = loss.check_targets(np.arange(4.0)[:, None], Spec((None, 2)), "y")
        assert y.shape == (4, 1)
        np.testing.assert_allclose(loss.values(y, np.zeros((4, 2), np.float32)), np.arange(4) ** 2 / 2)

    def test_class_numbers_stay_whole(self):
        loss = losses.get(lambda y, p: -jnp.log(jnp.take_along_axis(p, y[:, None], axis=1)[:, 0]))
        y = loss.check_targets(np.array([1, 0]), Spec((None, 2), meaning=Meaning.DISTRIBUTION), "y")
        assert y.dtype == np.int32
        assert y.shape == (2,)
        np.testing.assert_allclose(loss.values(y, np.full((2, 2), 0.5, np.float32)), np.log(2), rtol=1e-6)

    def test_under_jit_and_grad(self):
        y, p, _ = arrays("real", (4, 3))
        gradient = jax.jit(jax.grad(lambda p: losses.get(absolute)(y, p)))(p)
        np.testing.assert_allclose(gradient, np.sign(p - y) / p.size, rtol=1e-6)

    def test_refuses_optax_order(self):
        with pytest.raises(DeepkitTypeError, match="predictions first"):
            losses.get(optax.losses.squared_error)


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 100)], ids=str)
def test_class_numbers_are_compared_not_looked_up(shape):
    """The gradient of a look-up is a scatter, which XLA fuses with nothing; the values and slopes are optax's."""
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(0, 30, shape), jnp.float32)
    y = jnp.asarray(rng.integers(0, shape[-1], shape[:-1]))
    ours = losses.SparseCategoricalCrossentropy().values_from_logits
    theirs = optax.losses.softmax_cross_entropy_with_integer_labels
    np.testing.assert_allclose(ours(y, logits), theirs(logits, y), rtol=1e-6, atol=1e-6)
    slope = jax.grad(lambda z: ours(y, z).sum())
    np.testing.assert_allclose(slope(logits), jax.grad(lambda z: theirs(z, y).sum())(logits), rtol=1e-5, atol=1e-7)
    program = str(jax.make_jaxpr(slope)(logits))
    assert "scatter" not in program and "gather" not in program


def test_pinball_of_several_quantiles_is_the_mean_of_each():
    y, p, _ = arrays("quantiles", (5, 3))
    quantiles = (0.1, 0.5, 0.9)

    @jax.jit
    def costs(y, p):
        single = [losses.Pinball(q)(y, p[:, i : i + 1]) for i, q in enumerate(quantiles)]
        return losses.Pinball(quantiles)(y, p), single, losses.Pinball(quantiles)(jnp.repeat(y, 3, axis=1), p)

    several, single, repeated = costs(y, p)
    assert float(several) == pytest.approx(float(np.mean(single)), rel=1e-6)
    assert float(repeated) == float(several)
    checked = losses.Pinball([0.1, 0.5, 0.9]).check_targets(y[:, 0], Spec((None, 3)), "y")
    np.testing.assert_array_equal(checked, np.repeat(y, 3, axis=1))


def test_weights_of_zero_still_count_as_rows():
    y, p, _ = arrays("real", (4, 3))
    weights = np.array([1.0, 0.0, 2.0, 0.0])
    loss = losses.MeanSquaredError()
    values, weighted = jax.jit(lambda y, p: (loss.values(y, p), loss(y, p, weights)))(y, p)
    expected = (np.asarray(values) * weights).sum() / 4
    assert float(weighted) == pytest.approx(float(expected), rel=1e-6)
    sequence, predicted, _ = arrays("real", (4, 6, 3))
    per_position = np.linspace(0, 1, 24).reshape(4, 6)
    close(
        *jax.jit(lambda *rows: [mse(*rows) for mse in (loss, keras.losses.MeanSquaredError())])(
            sequence, predicted, per_position
        )
    )


def test_whole_number_predictions_become_floats():
    assert losses.MeanSquaredError()(np.array([[1], [2]]), np.array([[2], [4]])) == 2.5


def test_a_subclass_needs_only_values():
    class FourthPower(losses.Loss):
        def values(self, y_true, y_pred):
            return jnp.mean((y_true - y_pred) ** 4, axis=-1)

    assert losses.get(FourthPower) == FourthPower()
    assert float(FourthPower()(np.zeros((2, 1)), np.full((2, 1), 2.0))) == 16
