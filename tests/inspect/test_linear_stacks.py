"""Stacks of linear layers are found, and only those."""

import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitTypeError
from deepkit.inspect import linear_stacks

Dense = dk.layers.Dense


def model_of(*layers):
    x = h = dk.Input(3)
    for layer in layers:
        h = layer(h)
    return dk.Model(x, h)


@pytest.mark.parametrize(
    ("layers", "stacks"),
    [
        (lambda: [Dense(2), Dense(2, "tanh"), Dense(1)], [("dense", "dense_1")]),
        (lambda: [Dense(2), Dense(2), Dense(1, "sigmoid")], [("dense", "dense_1", "dense_2")]),
        (
            lambda: [Dense(2), dk.layers.Dropout(0.5), dk.layers.Activation("linear"), Dense(1)],
            [("dense", "dense_1")],
        ),
        (
            lambda: [Dense(2), Dense(2, "relu"), Dense(2), Dense(1)],
            [("dense", "dense_1"), ("dense_2", "dense_3")],
        ),
        (lambda: [Dense(2, "relu"), Dense(1)], []),
        (lambda: [Dense(2), dk.layers.BatchNormalization(), Dense(1)], []),
        (lambda: [Dense(2), dk.layers.ReLU(), Dense(1)], []),
        (lambda: [Dense(2)], []),
    ],
)
def test_stacks(layers, stacks):
    assert linear_stacks(model_of(*layers())) == stacks


def test_what_others_read_too_is_no_stack():
    x = dk.Input(3)
    h = Dense(2)(x)
    assert linear_stacks(dk.Model(x, [h, Dense(1)(h)])) == []
    assert linear_stacks(dk.Model(x, [Dense(1)(h), Dense(2)(h)])) == []


def test_a_stack_is_one_layer():
    model = model_of(Dense(4), Dense(2), Dense(1))
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    kernel = np.linalg.multi_dot([weights["kernel"] for weights in model.params.values()])
    assert np.allclose(model.predict(rows), rows @ kernel, atol=1e-6)


def test_not_a_model():
    with pytest.raises(DeepkitTypeError, match="linear_stacks needs a model"):
        linear_stacks("model")
