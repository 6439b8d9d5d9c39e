"""What attention promises beyond the harness: masks as in Keras, causality, and a transformer in a dozen lines."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import deepkit as dk
from deepkit import layers
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError
from deepkit.graph import Input, Spec
from deepkit.layers import Context

L = dk.layers
DRAW = np.random.default_rng(0)
QUERY, VALUE, KEY = (DRAW.normal(size=(3, steps, 4)).astype(np.float32) for steps in (5, 6, 6))
QUERY_MASK, VALUE_MASK, KEY_MASK = (np.arange(steps) < np.array([[2], [5], [4]]) for steps in (5, 6, 6))
KEY_MASK[:, 0] = False
VALUES, TYPES = DeepkitValueError, DeepkitTypeError


def started(layer, *inputs):
    params, state = layer.init(jax.random.key(0), *(Spec((None, *x.shape[1:])) for x in inputs))
    return jax.jit(
        lambda *inputs, **context: layer.apply(params, state, *inputs, context=Context(**context))[0],
        static_argnames="training",
    ), params


def weights_of(layer, params, *inputs):
    declared = layer.build(*(Spec((None, *x.shape[1:])) for x in inputs))
    return [params[part][name] for part, weights in declared.items() for name in weights]


@pytest.mark.parametrize("key_mask", [None, KEY_MASK])
@pytest.mark.parametrize("name", ["MultiHeadAttention", "GroupQueryAttention"])
def test_masks_of_values_and_keys_are_heeded_as_in_keras(name, key_mask):
    args = (2, 3) if name == "MultiHeadAttention" else (3, 4, 2)
    layer, inputs = getattr(layers, name)(*args, use_causal_mask=True), (QUERY, VALUE, KEY)
    call, params = started(layer, *inputs)
    twin = getattr(keras.layers, name)(*args)
    twin.build(*(x.shape for x in inputs))
    twin.set_weights(weights_of(layer, params, *inputs))
    masks = {"value_mask": VALUE_MASK, "key_mask": key_mask}
    expected = jax.jit(lambda *inputs: twin(*inputs, **masks, use_causal_mask=True))(*inputs)
    output = call(*inputs, masks=(None, VALUE_MASK, key_mask))
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5)
    # The mask of the query says which outputs count; those stay what they are.
    masked = call(*inputs, masks=(QUERY_MASK, VALUE_MASK, key_mask))
    np.testing.assert_allclose(masked[QUERY_MASK], output[QUERY_MASK], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_masks_of_attention_without_heads_are_heeded_as_in_keras(name, causal):
    call, params = started(getattr(layers, name)(True, use_causal_mask=causal), QUERY, VALUE)
    twin = getattr(keras.layers, name)(True)
    twin.build([QUERY.shape, VALUE.shape])
    twin.set_weights([params["scale"]])
    masks = [jnp.array(QUERY_MASK), jnp.array(VALUE_MASK)]
    expected = jax.jit(lambda *inputs: twin(list(inputs), mask=masks, use_causal_mask=causal))(QUERY, VALUE)
    output = call(QUERY, VALUE, masks=(QUERY_MASK, VALUE_MASK))
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5)
    assert (output[~QUERY_MASK] == 0).all()


def test_a_mask_over_one_of_several_axes_of_steps_leaves_that_step_out_everywhere():
    x = DRAW.normal(size=(2, 4, 3, 5)).astype(np.float32)
    layer = layers.MultiHeadAttention(2, 3, return_attention_scores=True)
    call, _ = started(layer, x)
    mask = np.arange(4) < np.array([[4], [2]])
    _, scores = call(x, masks=(mask,))
    assert scores.shape == (2, 2, 4, 3, 4, 3)
    np.testing.assert_array_equal((scores[1, :, :2, :, 2:]), 0)
    assert (scores[0] > 0).all()


@pytest.mark.parametrize(
    "layer", [layers.MultiHeadAttention(2, 2), layers.GroupQueryAttention(2, 2, 1), layers.Attention()]
)
def test_where_nothing_may_be_looked_at_gradients_stay_finite(layer):
    params, state = layer.init(jax.random.key(0), Spec((None, 5, 4)))
    context = Context(masks=(jnp.zeros((3, 5), bool),))
    slopes = jax.grad(lambda p, x: jnp.sum(layer.apply(p, state, x, context=context)[0]), (0, 1))
    slopes = jax.jit(slopes)(params, QUERY)
    assert all(np.isfinite(slope).all() for slope in jax.tree.leaves(slopes))


@pytest.mark.parametrize(
    "layer",
    [
        layers.Attention(use_causal_mask=True),
        layers.AdditiveAttention(use_causal_mask=True),
        layers.MultiHeadAttention(2, 3, use_causal_mask=True),
        layers.GroupQueryAttention(2, 2, 1, use_causal_mask=True),
    ],
)
def test_a_later_step_changes_nothing_before_it(layer):
    call, _ = started(layer, QUERY)
    later = np.array(QUERY)
    later[:, 3:] += 1
    before, after = call(QUERY), call(later)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).all()


def test_dropout_of_the_scores_keeps_their_mean():
    layer = layers.Attention(dropout=0.5)
    x = np.ones((200, 20, 1), np.float32)
    output = jax.jit(lambda: layer.apply({}, {}, x, context=Context(training=True, rng=jax.random.key(3)))[0])()
    output = np.asarray(output)
    assert abs(output.mean() - 1) < 0.02 and output.std() > 0.1


def test_scores_have_no_mask_and_the_output_has_the_querys():
    x = dk.Input(5, dtype="int32")
    h = L.Embedding(7, 4, mask_zero=True)(x)
    layer = L.MultiHeadAttention(2, 3, return_attention_scores=True)
    output, scores = layer(h)
    tokens = np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 1]], np.int32)
    predicted = dk.Model(x, {"output": output, "scores": scores}).predict(tokens, verbose=0)
    assert (predicted["scores"][0, :, :2, 2:] == 0).all() and (predicted["scores"][1] > 0).all()
    mask = jnp.array(tokens > 0)
    for kind, expected in (("output", mask), ("scores", None)):
        assert layer.output_mask((mask,), [jnp.zeros((2, 5, 4))], jnp.array(predicted[kind])) is expected


def test_groups_of_one_head_each_are_multi_head_attention():
    many, grouped = layers.MultiHeadAttention(3, 2), layers.GroupQueryAttention(2, 3, 3)
    call, params = started(many, QUERY, VALUE)
    output, _ = jax.jit(lambda: grouped.apply(params, {}, QUERY, VALUE, context=Context()))()
    np.testing.assert_allclose(output, call(QUERY, VALUE), rtol=1e-6, atol=1e-6)


def test_positions_are_those_of_the_paper():
    table = layers.SinePositionEncoding().apply({}, {}, jnp.zeros((1, 6, 8)), context=Context())[0][0]
    for place in range(6):
        for i in range(4):
            angle = place / 10000 ** (2 * i / 8)
            np.testing.assert_allclose(table[place, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)], atol=1e-6)


def test_a_shorter_sequence_takes_the_first_positions():
    vectors = np.arange(10.0, dtype=np.float32).reshape(5, 2)
    layer = layers.PositionEmbedding(5)
    output, _ = layer.apply({"position_embeddings": vectors}, {}, jnp.ones((2, 3, 2)), context=Context())
    np.testing.assert_array_equal(output, np.stack([vectors[:3]] * 2))


def transformer(vocabulary, steps, width=32, heads=4, blocks=1):
    x = dk.Input(steps, dtype="int32")
    h = L.Embedding(vocabulary, width)(x)
    h = L.Add()([h, L.PositionEmbedding(steps)(h)])
    for _ in range(blocks):
        seen = L.MultiHeadAttention(heads, width // heads, use_causal_mask=True)(L.LayerNormalization()(h))
        h = L.Add()([h, seen])
        thought = L.Dense(width)(L.Dense(4 * width, "gelu")(L.LayerNormalization()(h)))
        h = L.Add()([h, thought])
    return dk.Model(x, L.Dense(vocabulary, "softmax")(L.LayerNormalization()(h)))


def test_a_small_decoder_only_transformer_learns_to_copy_and_does_not_look_ahead():
    """The target of every step is the token three steps before it."""
    steps, vocabulary = 8, 6
    tokens = DRAW.integers(1, vocabulary, (256, steps)).astype(np.int32)
    targets = np.where(np.arange(steps) < 3, 0, np.roll(tokens, 3, axis=1)).astype(np.int32)
    model = transformer(vocabulary, steps)
    model.compile(dk.optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
    model.initialize(0)
    before = model.evaluate(tokens, targets, verbose=0)
    assert before["accuracy"] < 0.5
    model.fit(tokens, targets, batch_size=64, epochs=40, seed=0, verbose=0)
    after = model.evaluate(tokens, targets, verbose=0)
    assert after["accuracy"] > 0.98 and after["loss"] < 0.1

    later = tokens.copy()
    later[:, 3:] = later[:, 3:] % (vocabulary - 1) + 1
    first, second = (model.predict(x, verbose=0) for x in (tokens, later))
    np.testing.assert_allclose(first[:, :3], second[:, :3], rtol=0, atol=1e-6)
    assert (first[:, 6:].argmax(-1) != second[:, 6:].argmax(-1)).mean() > 0.9


def called(layer, *rows):
    return lambda: layer([Input(row) for row in rows])


@pytest.mark.parametrize(
    ("use", "kind", "text"),
    [
        (lambda: layers.MultiHeadAttention(0, 2), VALUES, "at least 1"),
        (lambda: layers.MultiHeadAttention(2), TYPES, "needs the argument 'key_dim'"),
        (lambda: layers.MultiHeadAttention(2, 2, dropout=1), VALUES, r"\[0, 1\)"),
        (lambda: layers.MultiHeadAttention(2, 2, attention_axes="a"), TYPES, "expected one axis"),
        (called(layers.MultiHeadAttention(2, 2), 4), VALUES, r"3 axes, .*got \(None, 4\). Put dk.layers.Embedding"),
        (called(layers.MultiHeadAttention(2, 2), *[(3, 4)] * 5), TYPES, r"on 5 tensors. Call it on \[query, value\]"),
        (called(layers.MultiHeadAttention(2, 2), (3, 4), (3, 2, 4)), VALUES, r"needs inputs of 4 axes"),
        (called(layers.MultiHeadAttention(2, 2), (3, 4), (5, 4), (6, 4)), VALUES, "every value belongs to one key"),
        (
            called(layers.MultiHeadAttention(2, 2, use_causal_mask=True), (3, 3, 4)),
            VALUES,
            r"over the axes \(1, 2\) .* Give attention_axes one of them",
        ),
        (called(layers.MultiHeadAttention(2, 2, attention_axes=1), (3, 3, 4), (3, 4, 4)), VALUES, r"axes \[2\].*side"),
        (called(layers.MultiHeadAttention(2, 2, attention_axes=3), (3, 3, 4)), VALUES, "axis 3 .* features"),
        (called(layers.MultiHeadAttention(2, 2, attention_axes=0), (3, 3, 4)), VALUES, "is the batch"),
        (lambda: layers.GroupQueryAttention(4, 3, 2), VALUES, "3 heads of queries cannot share 2 heads"),
        (called(layers.GroupQueryAttention(4, 2, 2), (3, 3, 4)), VALUES, "needs inputs of 3 axes"),
        (lambda: layers.Attention(score_mode="cosine"), VALUES, 'expected "dot" or "concat"'),
        (called(layers.Attention(), (3, 4), (3, 5)), VALUES, "queries of 4 features with keys of 5"),
        (called(layers.AdditiveAttention(), (2, 3, 4)), VALUES, "needs inputs of 3 axes"),
        (lambda: layers.PositionEmbedding(0), VALUES, "at least 1"),
        (called(layers.PositionEmbedding(4), (5, 2)), VALUES, "for 4 steps, .* has 5. Write PositionEmbedding"),
        (called(layers.PositionEmbedding(4), 5), VALUES, r"needs an input \(batch, steps, features\)"),
        (called(layers.SinePositionEncoding(), 5), VALUES, "Call it on the embedded tokens"),
    ],
)
def test_wrong_use(use, kind, text):
    with pytest.raises(kind, match=text) as caught:
        use()
    assert isinstance(caught.value, DeepkitError)
