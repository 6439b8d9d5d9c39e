"""What single layers promise: statistics, masks, modes, meanings, fitted scales, the Flax adapter."""

import dataclasses

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from flax import nnx

from deepkit import activations, initializers, layers
from deepkit.errors import DeepkitValueError
from deepkit.graph import Input, Meaning, Spec
from deepkit.layers import Context

KEY = jax.random.key(0)
PREDICT = Context()
TRAIN = Context(training=True, rng=KEY)


def start(layer, *rows, key=KEY):
    return layer.init(key, *(Spec((None, *row)) for row in rows))


def run(layer, *inputs, context=PREDICT):
    """The output of a layer without weights."""
    return layer.apply({}, {}, *inputs, context=context)[0]


# Dropout and noise.


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_drops_the_rate_and_keeps_the_mean(rate):
    n = 40_000
    output = np.asarray(run(layers.Dropout(rate), jnp.ones((200, n // 200)), context=TRAIN))
    error = 5 * np.sqrt(rate * (1 - rate) / n)
    assert abs((output == 0).mean() - rate) < error
    assert abs(output.mean() - 1) < error / (1 - rate)
    np.testing.assert_allclose(output[output != 0], 1 / (1 - rate), rtol=1e-6)


def test_dropout_is_the_identity_in_prediction_and_needs_no_key():
    x = jnp.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(run(layers.Dropout(0.9), x), x)
    np.testing.assert_array_equal(run(layers.GaussianNoise(9.0), x), x)


def test_noise_is_the_same_for_the_same_key_and_another_for_another_call():
    x = jnp.ones((8, 8))
    other_call = dataclasses.replace(TRAIN, call_number=1)
    for layer in (layers.Dropout(0.5), layers.GaussianNoise(1.0)):
        first = run(layer, x, context=TRAIN)
        np.testing.assert_array_equal(first, run(layer, x, context=TRAIN))
        assert (first != run(layer, x, context=other_call)).any()


def test_noise_differs_between_members_of_a_vmap():
    keys = jax.random.split(KEY, 3)
    context = lambda key: Context(training=True, rng=key)  # noqa: E731
    outputs = jax.vmap(lambda key: run(layers.Dropout(0.5), jnp.ones((8, 8)), context=context(key)))(keys)
    assert (outputs[0] != outputs[1]).any() and (outputs[1] != outputs[2]).any()


def test_dropout_with_a_noise_shape_drops_along_the_axis_together():
    output = np.asarray(run(layers.Dropout(0.5, noise_shape=(None, 1, 8)), jnp.ones((16, 5, 8)), context=TRAIN))
    assert (output == output[:, :1]).all() and 0 < (output == 0).mean() < 1


def test_dropout_cuts_infinities_out():
    output = run(layers.Dropout(0.5), jnp.full((64,), jnp.inf).reshape(8, 8), context=TRAIN)
    assert not jnp.isnan(output).any()


def test_gaussian_noise_has_its_standard_deviation_and_mean_zero():
    noise = np.asarray(run(layers.GaussianNoise(0.3), jnp.zeros((200, 200)), context=TRAIN))
    assert abs(noise.std() - 0.3) < 5 * 0.3 / np.sqrt(2 * noise.size)
    assert abs(noise.mean()) < 5 * 0.3 / np.sqrt(noise.size)


# Batch normalization.


@pytest.mark.parametrize("rows", [(3,), (4, 3)])
def test_rows_that_only_fill_up_change_nothing(rows):
    layer = layers.BatchNormalization(momentum=0.5)
    params, state = start(layer, rows)
    x = np.random.default_rng(0).normal(3, 2, (5, *rows)).astype(np.float32)
    mask = jnp.arange(8) < 5

    def loss(params, x, row_mask):
        context = Context(training=True, row_mask=row_mask)
        output, new_state = layer.apply(params, state, x, context=context)
        return jnp.sum(jnp.sin(output[:5])), (output[:5], new_state)

    slopes = jax.jit(jax.grad(loss, (0, 1), has_aux=True))
    expected = slopes(params, x, None)
    for garbage in (0.0, 1e6, np.nan, np.inf):
        padded = np.concatenate([x, np.full((3, *rows), garbage, np.float32)])
        (param_slopes, x_slopes), after = slopes(params, padded, mask)
        found = ((param_slopes, x_slopes[:5]), after)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5), found, expected)
        assert (x_slopes[5:] == 0).all()


def test_a_batch_of_fill_rows_only_leaves_the_moving_statistics():
    layer = layers.BatchNormalization()
    params, state = start(layer, (3,))
    context = Context(training=True, row_mask=jnp.zeros(4, bool))
    output, new_state = layer.apply(params, state, jnp.full((4, 3), jnp.nan), context=context)
    assert jnp.isfinite(output).all()
    jax.tree.map(np.testing.assert_array_equal, new_state, state)


def test_batch_statistics_have_mean_0_and_variance_1_in_training():
    layer = layers.BatchNormalization(epsilon=0.0)
    params, state = start(layer, (3,))
    x = jax.random.normal(KEY, (50, 3)) * 7 + 4
    output, new_state = layer.apply(params, state, x, context=Context(training=True))
    np.testing.assert_allclose(output.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(output.var(0), 1, rtol=1e-4)
    np.testing.assert_allclose(new_state["moving_mean"], 0.01 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(new_state["moving_variance"], 0.99 + 0.01 * np.var(x, 0), rtol=1e-5)


def test_a_frozen_batch_normalization_predicts_also_in_training():
    layer = layers.BatchNormalization()
    params, state = start(layer, (3,))
    x = jax.random.normal(KEY, (5, 3)) + 4
    expected = layer.apply(params, state, x, context=PREDICT)
    layer.trainable = False
    output, new_state = layer.apply(params, state, x, context=Context(training=True))
    np.testing.assert_array_equal(output, expected[0])
    jax.tree.map(np.testing.assert_array_equal, new_state, state)


def test_batch_normalization_state_holds_no_parameter():
    layer = layers.BatchNormalization()
    params, state = start(layer, (3,))
    assert list(params) == ["gamma", "beta"] and list(state) == ["moving_mean", "moving_variance"]


# Scales that are fitted.

TABLE = np.random.default_rng(1).normal(50, [1, 10, 100], (40, 3)) + np.array([0, 5, -7])


@pytest.mark.parametrize(("axis", "data"), [(-1, TABLE), (None, TABLE), ((1, 2), TABLE.reshape(10, 4, 3)), (1, TABLE)])
@pytest.mark.parametrize("invert", [False, True])
def test_adapt_agrees_with_keras(axis, data, invert):
    data = data.astype(np.float32)
    twin = keras.layers.Normalization(axis, invert=invert)
    twin.adapt(data)
    layer = layers.Normalization(axis, invert=invert).adapt(data)
    params, state = start(layer, data.shape[1:])
    assert params == {}
    output, after = layer.apply(params, state, data, context=TRAIN)
    np.testing.assert_allclose(output, twin(data), rtol=1e-4, atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, after, state)


def test_minmax_goes_from_0_to_1_and_back():
    layer = layers.Normalization(mode="minmax").adapt(TABLE)
    back = layers.Normalization(mode="minmax", invert=True).adapt(TABLE)
    assert set(layer.fitted_weights) == {"minimum", "maximum"}
    _, state = start(layer, (3,))
    output, _ = layer.apply({}, state, TABLE, context=PREDICT)
    np.testing.assert_allclose((output.min(0), output.max(0)), (np.zeros(3), np.ones(3)), atol=1e-5)
    np.testing.assert_allclose(back.apply({}, state, output, context=PREDICT)[0], TABLE, rtol=1e-4)


@pytest.mark.parametrize("mode", ["zscore", "minmax"])
def test_a_feature_that_never_varies_is_only_centred(mode):
    layer = layers.Normalization(mode=mode).adapt(np.full((9, 2), 0.1))
    _, state = start(layer, (2,))
    output, _ = layer.apply({}, state, np.array([[0.1, 0.6]], np.float32), context=PREDICT)
    np.testing.assert_allclose(output, [[0.0, 0.5]], atol=1e-6)


def test_statistics_are_kept_for_models_and_given_by_init_under_every_key():
    layer = layers.Normalization().adapt(TABLE)
    assert layer.holder.params == {} and set(layer.holder.state) == {"mean", "variance"}
    np.testing.assert_allclose(layer.fitted_weights["mean"], TABLE.mean(0), rtol=1e-6)
    for key in jax.random.split(KEY, 2):
        np.testing.assert_allclose(start(layer, (3,), key=key)[1]["variance"], TABLE.var(0), rtol=1e-5)
    layer.check_ready()


def test_before_adapt_nothing_passes_for_a_result():
    layer = layers.Normalization()
    params, state = start(layer, (3,))
    assert jnp.isnan(layer.apply(params, state, TABLE, context=PREDICT)[0]).all()
    with pytest.raises(DeepkitValueError, match=r"no statistics yet. Call its adapt\(x_train\)"):
        layer.check_ready()
    layer.holder.state = state
    with pytest.raises(DeepkitValueError, match="no statistics yet"):
        layer.check_ready()


def test_adapt_takes_tables_and_training_parts_and_refuses_the_test_part():
    import pandas as pd

    from deepkit.data import split

    table = pd.DataFrame(TABLE, columns=list("abc"))
    parts = split(table, np.arange(40.0), seed=0)
    layer = layers.Normalization().adapt(table)
    np.testing.assert_allclose(layer.fitted_weights["mean"], TABLE.mean(0), rtol=1e-6)
    layer.adapt(parts.train)
    np.testing.assert_allclose(layer.fitted_weights["mean"], TABLE[parts.train.rows].mean(0), rtol=1e-6)
    for sealed in (parts.test, parts.test.x):
        with pytest.raises(DeepkitValueError, match="adapt was given the test part"):
            layer.adapt(sealed)


def test_adapt_does_not_touch_the_data():
    data = TABLE.copy()
    layers.Normalization().adapt(data)
    np.testing.assert_array_equal(data, TABLE)


# Meanings.


def means(symbol):
    return symbol.spec.meaning


def softmax_of(x):
    return layers.Dense(3, "softmax")(x)


@pytest.mark.parametrize(
    ("build", "meaning"),
    [
        (lambda x: layers.Dense(3)(x), Meaning.REAL),
        (lambda x: layers.Dense(3, "sigmoid")(x), Meaning.PROBABILITY),
        (lambda x: softmax_of(x), Meaning.DISTRIBUTION),
        (lambda x: layers.Dense(3, "log_softmax")(x), Meaning.LOG_DISTRIBUTION),
        (lambda x: layers.Dense(3, "relu")(x), Meaning.NON_NEGATIVE),
        (lambda x: layers.Dense(3, jnp.cos)(x), Meaning.REAL),
        (lambda x: layers.Dense(3)(softmax_of(x)), Meaning.REAL),
        (lambda x: layers.Softmax()(x), Meaning.DISTRIBUTION),
        (lambda x: layers.Softmax(1)(x), Meaning.DISTRIBUTION),
        (lambda x: layers.Softmax(1)(layers.Reshape((2, 2))(x)), Meaning.NON_NEGATIVE),
        (lambda x: layers.LogSoftmax(1)(layers.Reshape((2, 2))(x)), Meaning.REAL),
        (lambda x: layers.Activation("softmax")(x), Meaning.DISTRIBUTION),
        (lambda x: layers.Sigmoid()(x), Meaning.PROBABILITY),
        (lambda x: layers.Tanh()(x), Meaning.BOUNDED),
        (lambda x: layers.ReLU()(x), Meaning.NON_NEGATIVE),
        (lambda x: layers.ReLU(negative_slope=0.1)(x), Meaning.REAL),
        (lambda x: layers.ReLU(max_value=6)(x), Meaning.NON_NEGATIVE),
        (lambda x: layers.GLU()(layers.Sigmoid()(x)), Meaning.REAL),
        (lambda x: layers.Flatten()(softmax_of(x)), Meaning.DISTRIBUTION),
        (lambda x: layers.Flatten()(softmax_of(layers.Reshape((2, 2))(x))), Meaning.NON_NEGATIVE),
        (lambda x: layers.Flatten()(layers.Sigmoid()(layers.Reshape((2, 2))(x))), Meaning.PROBABILITY),
        (lambda x: layers.Reshape((1, 3))(softmax_of(x)), Meaning.DISTRIBUTION),
        (lambda x: layers.Reshape((3, 1))(softmax_of(x)), Meaning.NON_NEGATIVE),
        (lambda x: layers.Dropout(0.5)(softmax_of(x)), Meaning.NON_NEGATIVE),
        (lambda x: layers.Dropout(0.5)(layers.ReLU()(x)), Meaning.NON_NEGATIVE),
        (lambda x: layers.GaussianNoise(0.5)(layers.ReLU()(x)), Meaning.REAL),
        (lambda x: layers.BatchNormalization()(layers.ReLU()(x)), Meaning.REAL),
        (lambda x: layers.Rescaling(2.0)(layers.ReLU()(x)), Meaning.REAL),
        (lambda x: layers.Average()([softmax_of(x), softmax_of(x)]), Meaning.DISTRIBUTION),
        (lambda x: layers.Average()([softmax_of(x), layers.Dense(3)(x)]), Meaning.REAL),
        (lambda x: layers.Add()([softmax_of(x), softmax_of(x)]), Meaning.REAL),
        (lambda x: layers.Multiply()([layers.Sigmoid()(x), layers.Sigmoid()(x)]), Meaning.PROBABILITY),
        (lambda x: layers.Concatenate()([layers.Sigmoid()(x), layers.Sigmoid()(x)]), Meaning.PROBABILITY),
        (lambda x: layers.Concatenate()([softmax_of(x), softmax_of(x)]), Meaning.REAL),
        (lambda x: layers.Dot(1, normalize=True)([x, x]), Meaning.BOUNDED),
        (lambda x: layers.Lambda(jnp.square)(layers.Sigmoid()(x)), Meaning.REAL),
    ],
)
def test_meaning_of_outputs(build, meaning):
    assert means(build(Input(4))) is meaning


def test_the_final_activation_can_be_left_off():
    assert layers.Dense(1, "sigmoid").final_activation is activations.sigmoid
    assert layers.Softmax().final_activation is activations.softmax
    assert layers.Softmax(1).final_activation is not activations.softmax
    assert layers.Dense(1).final_activation is activations.linear
    assert layers.Dropout(0.5).final_activation is None
    frozen = layers.Sigmoid(name="out", trainable=False).without_activation()
    assert frozen.activation is activations.linear and (frozen.name, frozen.trainable) == ("out", False)


# The Flax adapter.


class Block(nnx.Module):
    def __init__(self, rngs):
        self.steps = nnx.List([nnx.Linear(4, 6, rngs=rngs), nnx.BatchNorm(6, momentum=0.5, rngs=rngs)])
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        for step in self.steps:
            x = step(x)
        return self.dropout(x)


X = np.random.default_rng(2).normal(size=(64, 4)).astype(np.float32)


def test_flax_parameters_and_state_are_nested_as_in_the_module():
    params, state = start(layers.Flax(lambda rngs: Block(rngs)), (4,))
    assert jax.tree.map(jnp.shape, params) == {
        "steps": {"0": {"kernel": (4, 6), "bias": (6,)}, "1": {"scale": (6,), "bias": (6,)}}
    }
    assert jax.tree.map(jnp.shape, state) == {"steps": {"1": {"mean": (6,), "var": (6,)}}}


@pytest.mark.parametrize("training", [False, True])
def test_flax_computes_what_the_module_computes(training):
    module = nnx.Sequential(nnx.Linear(4, 6, rngs=nnx.Rngs(3)), nnx.BatchNorm(6, rngs=nnx.Rngs(3)), nnx.relu)
    layer = layers.Flax(module)
    params, state = start(layer, (4,))
    output, new_state = layer.apply(params, state, X, context=Context(training=training))
    (module.train if training else module.eval)()
    np.testing.assert_allclose(output, module(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new_state["layers"]["1"]["mean"], module.layers[1].mean[...], rtol=1e-5)
    assert (np.asarray(new_state["layers"]["1"]["mean"]) != state["layers"]["1"]["mean"]).all() == training


def test_flax_leaves_the_module_as_it_is():
    module = Block(nnx.Rngs(0))
    module.eval()
    before = jax.tree.map(np.array, nnx.to_pure_dict(nnx.state(module, nnx.Not(nnx.RngKey))))
    layer = layers.Flax(module)
    params, state = start(layer, (4,))
    layer.apply(params, state, X, context=TRAIN)
    jax.tree.map(lambda a: a.delete(), (params, state))
    after = nnx.to_pure_dict(nnx.state(module, nnx.Not(nnx.RngKey)))
    jax.tree.map(np.testing.assert_array_equal, after, before)
    assert module.dropout.deterministic


def test_flax_draws_from_the_key_of_the_call():
    layer = layers.Flax(lambda rngs: Block(rngs))
    params, state = start(layer, (4,))
    apply = jax.jit(lambda x, key: layer.apply(params, state, x, context=Context(training=True, rng=key))[0])
    first, again, other = apply(X, KEY), apply(X, KEY), apply(X, jax.random.key(1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and 0.3 < (np.asarray(first) == 0).mean() < 0.7
    assert (layer.apply(params, state, X, context=PREDICT)[0] != 0).all()


def test_flax_does_not_write_into_numpy_arrays():
    layer = layers.Flax(lambda rngs: Block(rngs))
    params, state = jax.tree.map(np.array, start(layer, (4,)))
    before = jax.tree.map(np.copy, state)
    layer.apply(params, state, X, context=TRAIN)
    jax.tree.map(np.testing.assert_array_equal, state, before)


def test_flax_starts_differently_from_every_key():
    layer = layers.Flax(lambda rngs: Block(rngs))
    kernels = jax.vmap(lambda key: start(layer, (4,), key=key)[0]["steps"]["0"]["kernel"])(jax.random.split(KEY, 2))
    assert (kernels[0] != kernels[1]).any()


def test_importing_the_layers_does_not_import_flax():
    import subprocess
    import sys

    code = "import sys, deepkit.layers; sys.exit('flax' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Lambda and merges.


def test_lambda_may_return_several_outputs():
    outputs = layers.Lambda(lambda x: {"low": x[:, :1], "sum": x.sum(1)})(Input(3))
    assert outputs["low"].shape == (None, 1) and outputs["sum"].shape == (None,)


def test_merging_broadcasts_as_keras_does():
    a, b = np.ones((2, 4), np.float32), np.full((2, 3, 1), 2, np.float32)
    np.testing.assert_array_equal(run(layers.Add(), a, b), keras.layers.Add()([a, b]))


def test_the_cosine_of_a_zero_vector_has_a_finite_gradient():
    layer = layers.Dot(1, normalize=True)
    slope = jax.grad(lambda x: run(layer, x, jnp.ones((1, 3))).sum())(jnp.zeros((1, 3)))
    assert jnp.isfinite(slope).all()


def test_prelu_starts_as_relu_and_learns_alpha():
    layer = layers.PReLU()
    params, _ = start(layer, (3,))
    x = jnp.array([[-2.0, 0.0, 3.0]])
    np.testing.assert_array_equal(layer.apply(params, {}, x, context=PREDICT)[0], [[0, 0, 3]])
    slope = jax.grad(lambda p: layer.apply(p, {}, x, context=PREDICT)[0].sum())(params)
    np.testing.assert_array_equal(slope["alpha"], [-2, 0, 0])


def test_initializers_fill_the_weights():
    layer = layers.Dense(2, kernel_initializer="ones", bias_initializer=initializers.Constant(0.5))
    params, state = start(layer, (3,))
    assert state == {} and list(params) == ["kernel", "bias"]
    np.testing.assert_array_equal(layer.apply(params, state, jnp.ones((1, 3)), context=PREDICT)[0], [[3.5, 3.5]])


def test_float64_without_x64_is_float32_and_says_nothing():
    params, _ = layers.Dense(2).init(KEY, Spec((None, 3), "float64"))
    assert params["kernel"].dtype == jnp.float32
