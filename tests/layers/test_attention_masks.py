"""Masks that are data: which step of the query may look at which step of the value."""

import keras
import numpy as np
import pytest

import deepkit as dk
from deepkit import layers
from deepkit.errors import DeepkitTypeError, DeepkitValueError

DRAW = np.random.default_rng(0)
QUERY, VALUE, KEY = (DRAW.normal(size=(3, steps, 4)).astype(np.float32) for steps in (5, 6, 6))
ARGUMENTS = {"MultiHeadAttention": (4, 3), "GroupQueryAttention": (3, 4, 2)}
inputs = [dk.Input((steps, 4)) for steps in (5, 6, 6)]


@pytest.mark.parametrize("shape", [(5, 6), (4, 5, 6), (1, 6), (5, 1), (1, 5, 6)])
@pytest.mark.parametrize("name", list(ARGUMENTS))
def test_what_it_forbids_is_forbidden_as_in_keras(name, shape):
    mask = DRAW.random((3, *shape)) < 0.6
    mask[..., 0] = True
    pairs = dk.Input(shape, dtype="bool")
    layer = getattr(layers, name)(*ARGUMENTS[name], use_causal_mask=True)
    model = dk.Model([*inputs, pairs], layer(*inputs, attention_mask=pairs))
    twin = getattr(keras.layers, name)(*ARGUMENTS[name])
    twin.build(*(x.shape for x in (QUERY, VALUE, KEY)))
    (weights,) = model.params.values()
    parts = ("query", "key", "value", "attention_output")
    twin.set_weights([weights[part][array] for part in parts for array in ("kernel", "bias")])
    expected = twin(QUERY, VALUE, KEY, attention_mask=mask, use_causal_mask=True)
    np.testing.assert_allclose(model.predict([QUERY, VALUE, KEY, mask]), expected, rtol=1e-5, atol=1e-6)


def test_numbers_other_than_0_allow_and_one_tensor_attends_to_itself():
    x, pairs = dk.Input((5, 4)), dk.Input((5, 5))
    _, scores = layers.MultiHeadAttention(2, 3, return_attention_scores=True)(x, attention_mask=pairs)
    mask = DRAW.integers(0, 3, size=(3, 5, 5)).astype(np.float32)
    mask[..., 2] = 0.5
    seen = dk.Model([x, pairs], scores).predict([QUERY, mask])
    np.testing.assert_array_equal(seen > 0, np.broadcast_to(mask[:, None] != 0, seen.shape))


def test_over_several_axes_of_steps():
    x, pairs = dk.Input((2, 3, 4)), dk.Input((2, 3, 2, 3), dtype="bool")
    _, scores = layers.MultiHeadAttention(2, 3, return_attention_scores=True)(x, attention_mask=pairs)
    mask = DRAW.random((3, 2, 3, 2, 3)) < 0.6
    mask[..., 0, 0] = True
    rows = DRAW.normal(size=(3, 2, 3, 4)).astype(np.float32)
    seen = dk.Model([x, pairs], scores).predict([rows, mask])
    np.testing.assert_array_equal(seen > 0, np.broadcast_to(mask[:, None], seen.shape))


def test_a_model_with_one_trains_and_comes_back_from_a_file(tmp_path):
    x, pairs = dk.Input((5, 4)), dk.Input((5, 5), dtype="bool")
    h = layers.GroupQueryAttention(2, 2, 1)(x, attention_mask=pairs)
    model = dk.Model([x, pairs], layers.Dense(1)(layers.Flatten()(h)))
    model.compile("adam", "mse")
    data = [QUERY, np.tril(np.ones((3, 5, 5), bool))]
    history = model.fit(data, QUERY[:, 0, :1], epochs=20, verbose=0)
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.deepkit")
    np.testing.assert_array_equal(dk.load_model(tmp_path / "model.deepkit").predict(data), model.predict(data))


def test_errors_name_both_shapes():
    layer = layers.MultiHeadAttention(2, 3)
    with pytest.raises(
        DeepkitValueError, match=r"needs the shape \(None, 5, 6\), or \(None, 2, 5, 6\).*\(None, 4, 6\)"
    ):
        layer(inputs[0], inputs[1], attention_mask=dk.Input((4, 6)))
    with pytest.raises(DeepkitTypeError, match="called on 5 tensors"):
        layer([*inputs, *inputs[:2]])
    with pytest.raises(DeepkitTypeError, match="not on a symbolic tensor"):
        layer(inputs[0], attention_mask=np.ones((3, 5, 5), bool))
    with pytest.raises(DeepkitTypeError, match="called on nothing"):
        layer(attention_mask=inputs[0])
