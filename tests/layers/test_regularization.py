"""What noise, penalties, Maxout and EinsumDense promise beyond the harness."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import deepkit as dk
from deepkit import activations, initializers, layers
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError
from deepkit.graph import Input, Spec
from deepkit.layers import Context

KEY = jax.random.key(0)
TRAIN = Context(training=True, rng=KEY)
VALUE, TYPE = DeepkitValueError, DeepkitTypeError


def run(layer, x, context=TRAIN):
    inputs = x if isinstance(x, list) else [x]
    return np.asarray(layer.apply({}, {}, *inputs, context=context)[0])


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (layers.SpatialDropout1D, (5, 8)),
        (layers.SpatialDropout2D, (5, 2, 8)),
        (layers.SpatialDropout3D, (5, 2, 1, 8)),
    ],
)
def test_spatial_dropout_drops_whole_channels_of_each_row(kind, row):
    output = run(kind(0.5), jnp.ones((400, *row))).reshape(400, -1, 8)
    assert (output == output[:, :1]).all() and set(np.unique(output)) == {0, 2}
    assert abs((output[:, 0] == 0).mean() - 0.5) < 5 * np.sqrt(0.25 / 3200)


def test_drop_path_keeps_one_column_of_the_whole_network_or_drops_at_each_join():
    x = [jnp.full((4000, 1), value) for value in (1.0, 10.0, 100.0)]
    first, second = (dataclasses.replace(TRAIN, call_number=number) for number in (0, 1))
    whole = layers.DropPathAverage(3, 0.3, 1)
    alone = run(whole, x, first)
    np.testing.assert_array_equal(alone, run(whole, x, second))  # another join
    values, counts = np.unique(alone, return_counts=True)
    assert list(values) == [1, 10, 100] and (abs(counts / 4000 - 1 / 3) < 0.04).all()
    # A join of the two deeper columns passes on the same one, and whatever it likes where that is the first.
    pair = run(whole, x[1:], second)
    np.testing.assert_array_equal(pair[alone > 1], alone[alone > 1])

    local = layers.DropPathAverage(3, 0.3, 0)
    here, there = run(local, x, first), run(local, x, second)
    assert (here != there).any()
    sums = {sum(some) / len(some) for n in (1, 2, 3) for some in itertools.combinations((1, 10, 100), n)}
    np.testing.assert_allclose(np.unique(here), sorted(sums), rtol=1e-6)
    assert abs((here == 37).mean() - 0.7**3) < 0.04
    half = run(layers.DropPathAverage(3, 0, 0.5), x, first)
    assert abs((half != 37).mean() - 0.5) < 0.04
    np.testing.assert_array_equal(run(local, x, Context()), jnp.full((4000, 1), 37))
    with pytest.raises(VALUE, match=r"joins 3 paths, more than its columns=2"):
        layers.DropPathAverage(2)([Input(1), Input(1), Input(1)])


def test_alpha_dropout_keeps_mean_0_and_variance_1_of_selu_units():
    x = jax.random.normal(KEY, (400, 500))
    for rate in (0.1, 0.5):
        output = run(layers.AlphaDropout(rate), x, dataclasses.replace(TRAIN, call_number=3))
        assert abs(output.mean()) < 0.02 and abs(output.var() - 1) < 0.03
        values, counts = np.unique(output, return_counts=True)
        assert abs(counts.max() / output.size - rate) < 0.01 and values[counts.argmax()] < 0
    np.testing.assert_allclose(activations.selu(jnp.float32(-99.0)), layers.regularization.LOWEST_SELU, rtol=1e-6)


def test_gaussian_dropout_has_the_spread_of_dropout_and_mean_1():
    output = run(layers.GaussianDropout(0.2), jnp.ones((400, 500)))
    assert abs(output.mean() - 1) < 0.01 and abs(output.std() - 0.5) < 0.01


def test_they_do_nothing_in_prediction():
    x = jnp.arange(24.0).reshape(2, 3, 4)
    for layer in (layers.SpatialDropout1D(0.9), layers.AlphaDropout(0.9), layers.GaussianDropout(0.9)):
        np.testing.assert_array_equal(run(layer, x, Context()), x)


def test_activity_regularization_adds_its_penalty_per_row():
    x = dk.Input(3)
    model = dk.Model(x, layers.ActivityRegularization(0.1, 0.01)(x))
    model.compile("sgd", "mse")
    data = np.array([[1.0, -2.0, 0.0], [3.0, 0.0, 0.0]], np.float32)
    loss = model.evaluate(data, data, verbose=0)["loss"]
    assert loss == pytest.approx((0.1 * 6 + 0.01 * 14) / 2)


def test_maxout_of_two_pieces_is_the_absolute_value_and_of_one_a_dense():
    layer, x = layers.Maxout(1, 2, use_bias=False), jnp.array([[-2.0], [0.5], [3.0]])
    output, _ = layer.apply({"kernel": jnp.array([[[1.0]], [[-1.0]]])}, {}, x, context=Context())
    np.testing.assert_array_equal(output, abs(x))
    params, _ = layers.Maxout(2, 1).init(KEY, Spec((None, 3)))
    x = jax.random.normal(KEY, (4, 3))
    one, _ = layers.Maxout(2, 1).apply(params, {}, x, context=Context())
    np.testing.assert_allclose(one, x @ params["kernel"][0] + params["bias"], rtol=1e-5)


def test_every_piece_of_maxout_starts_as_a_dense():
    kernel = layers.Maxout(400, 3).init(KEY, Spec((None, 200)))[0]["kernel"]
    np.testing.assert_allclose(kernel.std((1, 2)), np.sqrt(2 / 600), rtol=0.02)
    assert (kernel[0] != kernel[1]).any()


def test_einsum_dense_is_the_dense_layer_in_other_words():
    spec = Spec((None, 5, 4))
    dense, einsum = layers.Dense(3), layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")
    params, _ = dense.init(KEY, spec)
    x = jax.random.normal(KEY, (2, 5, 4))
    np.testing.assert_allclose(
        einsum.apply(params, {}, x, context=Context())[0], dense.apply(params, {}, x, context=Context())[0], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("equation", "shape", "row"), [("abc,cde->abde", (None, 8, 30), (5, 90)), ("abc,bcd->abd", (50, 40), (50, 60))]
)
def test_einsum_dense_counts_inputs_and_outputs_by_the_equation_as_keras_does(equation, shape, row):
    twin = keras.layers.EinsumDense(equation, shape)
    twin.build((None, *row))
    kernel = layers.EinsumDense(equation, shape).init(KEY, Spec((None, *row)))[0]["kernel"]
    np.testing.assert_allclose(kernel.max(), np.asarray(twin.kernel.value).max(), rtol=0.01)
    he = layers.EinsumDense(equation, shape, kernel_initializer="he_normal").init(KEY, Spec((None, *row)))[0]["kernel"]
    np.testing.assert_allclose(he.std(), np.sqrt(2 / row[-1]), rtol=0.02)


def test_einsum_dense_leaves_other_initializers_their_shape():
    layer = layers.EinsumDense("ab,bcd->acd", (2, 3), kernel_initializer=initializers.Constant(0.5))
    assert (layer.init(KEY, Spec((None, 4)))[0]["kernel"] == 0.5).all()


def einsum(equation, shape, row, **kwargs):
    return lambda: layers.EinsumDense(equation, shape, **kwargs)(Input(row))


@pytest.mark.parametrize(
    ("use", "kind", "text"),
    [
        (lambda: layers.SpatialDropout2D(0.5)(Input((4, 3))), VALUE, "needs an input of 4 axes .*Reshape"),
        (lambda: layers.SpatialDropout1D(1), VALUE, r"\[0, 1\)"),
        (lambda: layers.AlphaDropout(0.5, (None, 2))(Input(3)), VALUE, "does not fit an input"),
        (lambda: layers.GaussianDropout(-0.1), VALUE, r"\[0, 1\)"),
        (lambda: run(layers.GaussianDropout(0.5), jnp.ones(3), Context(training=True)), VALUE, "no key was given"),
        (lambda: layers.ActivityRegularization(-1), VALUE, "at least 0"),
        (lambda: layers.Maxout(0), VALUE, "at least 1"),
        (lambda: layers.Maxout(3, 0), VALUE, "at least 1"),
        (lambda: layers.Maxout(3)(Input(())), VALUE, "at least 2 axes"),
        (lambda: layers.EinsumDense(3, 3), TYPE, "expected an equation, such as"),
        (lambda: layers.EinsumDense("ab,bc", 3), VALUE, "one letter per axis"),
        (lambda: layers.EinsumDense("aa,ac->ac", 3), VALUE, "'aa' names one axis twice"),
        (lambda: layers.EinsumDense("ab,bc->ad", 3), VALUE, "the axis 'd' is in the output, but neither"),
        (lambda: layers.EinsumDense("ab,bcd->ac", 3), VALUE, "the axis 'd' is in the kernel alone"),
        (lambda: layers.EinsumDense("ab,bc->ca", 3), VALUE, "the batch is the first axis, 'a'"),
        (lambda: layers.EinsumDense("ab,bc->ac", "3"), TYPE, "expected a whole number"),
        (einsum("ab,bc->ac", 3, (2, 4)), VALUE, r"an input of 2 axes .*shape \(None, 2, 4\)"),
        (einsum("...ab,bc->...ac", (None, 3), (4,)), VALUE, "at least 3 axes"),
        (einsum("abc,cd->abd", 3, (2, 4)), VALUE, "gives 1 sizes, but 'abd' has 2 axes besides the batch: b, d"),
        (einsum("abc,cd->abd", (5, 3), (2, 4)), VALUE, "'b' is 2 in the input .* gives it 5. Write None, or 2"),
        (einsum("abc,cd->abd", (None, None), (2, 4)), VALUE, "'d' is not in the input, so it needs a size"),
        (einsum("ab,bc->ac", 3, 4, bias_axes="b"), VALUE, "must name axes of the output 'ac' .*got 'b'"),
        (einsum("ab,bc->ac", 3, 4, bias_axes="a"), VALUE, "other than the batch, got 'a'"),
    ],
)
def test_wrong_use(use, kind, text):
    with pytest.raises(kind, match=text) as caught:
        use()
    assert isinstance(caught.value, DeepkitError)
