"""Masks: made by Masking and Embedding, carried along, heeded by recurrent layers, losses and metrics."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from case_kit import K

import deepkit as dk
from deepkit.graph import Spec
from deepkit.layers import Context

L = dk.layers
DRAW = np.random.default_rng(0)
LENGTHS = np.array([6, 2, 5, 1, 3, 4, 6, 2])
CODES = np.where(np.arange(6) < LENGTHS[:, None], DRAW.integers(1, 7, (8, 6)), 0).astype("int32")
NUMBERS = np.where((np.arange(6) < LENGTHS[:, None])[..., None], DRAW.normal(size=(8, 6, 3)), -1).astype("float32")
CLASSES = DRAW.integers(0, 4, (8, 6))
TARGETS = DRAW.normal(size=(8, 6, 2)).astype("float32")


def taggers(kind):
    """The same network twice: a class for every step, of codes or of vectors that are filled up."""
    if kind == "codes":
        x, k = dk.Input(6, dtype="int32"), keras.Input((6,), dtype="int32")
        h, g = L.Embedding(7, 5, mask_zero=True)(x), K.Embedding(7, 5, mask_zero=True)(k)
        h, g = L.Dropout(0.0)(L.LSTM(4, return_sequences=True)(h)), K.Dropout(0.0)(K.LSTM(4, return_sequences=True)(g))
        return dk.Model(x, L.Dense(4, "softmax")(h)), keras.Model(k, K.Dense(4, "softmax")(g))
    x, k = dk.Input((6, 3)), keras.Input((6, 3))
    h = L.Bidirectional(L.GRU(3, return_sequences=True))(L.Masking(-1.0)(x))
    g = K.Bidirectional(K.GRU(3, return_sequences=True))(K.Masking(-1.0)(k))
    head, twin = L.TimeDistributed(L.Dense(4, "softmax")), K.TimeDistributed(K.Dense(4, "softmax"))
    return dk.Model(x, head(h)), keras.Model(k, twin(g))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras with NumPy 2
@pytest.mark.parametrize("kind", ["codes", "vectors"])
def test_masked_loss_metrics_and_training_are_those_of_keras(kind):
    ours, theirs = taggers(kind)
    data = CODES if kind == "codes" else NUMBERS
    theirs.set_weights(ours.get_weights())
    ours.compile(dk.optimizers.SGD(0.5), "sparse_categorical_crossentropy", ["accuracy"])
    theirs.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in range(2):
        mine = ours.evaluate(data, CLASSES)
        expected = theirs.evaluate(data, CLASSES, batch_size=8, verbose=0, return_dict=True)
        np.testing.assert_allclose(mine["loss"], expected["loss"], rtol=1e-5)
        np.testing.assert_allclose(mine["accuracy"], expected["accuracy"], rtol=1e-5)
        ours.fit(data, CLASSES, batch_size=8, epochs=3, shuffle=False, verbose=0)
        theirs.fit(data, CLASSES, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


def test_what_stands_in_steps_left_out_does_not_matter():
    x = dk.Input((6, 3))
    model = dk.Model(x, L.Dense(2)(L.GRU(4, return_sequences=True)(L.Masking(-1.0)(x))))
    model.compile("sgd", "mse", ["mae"])
    left_out = (NUMBERS == -1).all(axis=2)
    other = np.where(left_out[..., None], 1e6, TARGETS)
    assert model.evaluate(NUMBERS, TARGETS) == model.evaluate(NUMBERS, other)
    longer = np.concatenate([NUMBERS, np.full((8, 2, 3), -1, "float32")], axis=1)
    y = dk.Input((8, 3))
    last = L.GRU(4)
    short, long = dk.Model(x, last(L.Masking(-1.0)(x))), dk.Model(y, last(L.Masking(-1.0)(y)))
    # Two programs, which may round differently; a step too many would show in the second digit.
    np.testing.assert_allclose(short.predict(NUMBERS), long.predict(longer), rtol=0, atol=2e-7)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras with NumPy 2
def test_batch_normalization_averages_over_the_steps_that_count():
    x, k = dk.Input((6, 3)), keras.Input((6, 3))
    h = L.BatchNormalization(momentum=0.5)(L.Masking(-1.0)(x))
    ours = dk.Model(x, L.Dense(2)(h))
    theirs = keras.Model(k, K.Dense(2)(K.BatchNormalization(momentum=0.5)(K.Masking(-1.0)(k))))
    theirs.set_weights(ours.get_weights())
    ours.compile(dk.optimizers.SGD(0.1), "mse")
    theirs.compile(keras.optimizers.SGD(0.1), "mse")
    ours.fit(NUMBERS, TARGETS, batch_size=8, epochs=3, shuffle=False, verbose=0)
    theirs.fit(NUMBERS, TARGETS, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for mine, its in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=2e-4, atol=2e-5)
    counts = (NUMBERS != -1).any(axis=2)
    first = dk.Model(x, h)
    _, state = first.apply(first.init(jax.random.key(0)), NUMBERS, training=True, rng=jax.random.key(0))
    np.testing.assert_allclose(
        state["batch_normalization"]["moving_mean"], 0.5 * NUMBERS[counts].mean(axis=0), rtol=1e-5
    )


def test_a_mask_ends_where_the_steps_end():
    context = Context(masks=(jnp.ones((2, 3), bool),))
    x = jnp.zeros((2, 3, 4))
    for layer, output, kept in (
        (L.Dense(5), jnp.zeros((2, 3, 5)), True),
        (L.LSTM(3), jnp.zeros((2, 3)), False),
        (L.LSTM(4, return_sequences=True), jnp.zeros((2, 3, 4)), True),
        (L.Flatten(), jnp.zeros((2, 12)), False),
        (L.Bidirectional(L.LSTM(4, return_sequences=True)), jnp.zeros((2, 3, 8)), True),
        (L.Masking(), x, True),
    ):
        layer.build(Spec((None, 3, 4)))
        assert (layer.output_mask(context.masks, [x], output) is not None) is kept, layer


def test_the_mask_is_turned_round_with_the_outputs():
    mask = jnp.asarray([[True, True, False]])
    layer = L.LSTM(2, return_sequences=True, go_backwards=True)
    turned = layer.output_mask((mask,), [jnp.zeros((1, 3, 4))], jnp.zeros((1, 3, 2)))
    np.testing.assert_array_equal(turned, [[False, True, True]])


def test_embedding_rows_are_looked_up():
    table = np.arange(8.0).reshape(4, 2)
    layer = L.Embedding(4, 2, embeddings_initializer=lambda key, shape, dtype: jnp.asarray(table, dtype))
    x = dk.Input((2, 2), dtype="int32")
    codes = np.array([[[0, 3], [1, 1]], [[2, 0], [3, 2]]])
    np.testing.assert_array_equal(dk.Model(x, layer(x)).predict(codes), table[codes])


def test_embedding_is_a_dense_layer_on_one_hot_codes():
    layer, dense = L.Embedding(7, 3), L.Dense(3, use_bias=False)
    params, _ = layer.init(jax.random.key(0), Spec((None, 6), "int32"))

    def loss(table, function):
        return jnp.sum(jnp.sin(function(table)))

    looked_up = jax.grad(loss)(params["embeddings"], lambda t: layer.call({"embeddings": t}, CODES, Context()))
    product = jax.grad(loss)(
        params["embeddings"], lambda t: dense.call({"kernel": t}, jax.nn.one_hot(CODES, 7), Context())
    )
    np.testing.assert_allclose(looked_up, product, rtol=1e-5, atol=1e-6)


def test_codes_without_a_row_are_nan():
    layer = L.Embedding(4, 2)
    params, _ = layer.init(jax.random.key(0), Spec((None, 3), "int32"))
    output = layer.call(params, jnp.asarray([[0, 4, -1], [3, 1, 2]]), Context())
    np.testing.assert_array_equal(np.isnan(output).all(axis=2), [[False, True, True], [False, False, False]])
    assert not np.isnan(output[0, 0]).any()
