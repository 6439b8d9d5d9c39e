"""Decisions are measured on logits, with the same result as on the probabilities that `predict` gives."""

import jax.numpy as jnp
import numpy as np
import pytest

import deepkit as dk

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype("float32")
YES = RNG.integers(0, 2, 50)
CLASSES = RNG.integers(0, 3, 50)


def measured(units, activation, loss, metric, y):
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(units, activation)(x))
    model.compile("sgd", loss, [metric])
    model.fit(X, y, epochs=2, verbose=0)
    return model.evaluate(X, y, verbose=0)[metric.key], model.predict(X)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.7, -0.5, 2.0])
def test_binary_accuracy(threshold):
    metric = dk.metrics.BinaryAccuracy(threshold)
    found, p = measured(1, "sigmoid", "binary_crossentropy", metric, YES)
    assert found == pytest.approx(np.mean((p[:, 0] > threshold) == (YES > 0)), abs=1e-6)
    assert (metric.of_logits() is None) == (not 0 < threshold < 1)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_categorical_accuracy(activation):
    loss, y = "sparse_categorical_crossentropy", CLASSES
    if activation == "sigmoid":
        loss, y = "binary_crossentropy", np.eye(3, dtype="float32")[CLASSES]
    found, p = measured(3, activation, loss, dk.metrics.CategoricalAccuracy(), y)
    assert found == pytest.approx(np.mean(p.argmax(axis=1) == CLASSES), abs=1e-6)


def test_logits_that_the_model_gives_itself():
    found, z = measured(
        1, None, dk.losses.BinaryCrossentropy(from_logits=True), dk.metrics.BinaryAccuracy(0.6), YES
    )  # fmt: skip
    assert found == pytest.approx(np.mean((1 / (1 + np.exp(-z[:, 0])) > 0.6) == (YES > 0)), abs=1e-6)


def test_a_subclass_gets_probabilities():
    class Sure(dk.metrics.CategoricalAccuracy):
        def values(self, y_true, y_pred):
            return jnp.abs(y_pred.sum(axis=-1) - 1) < 1e-5

    class Exactly(dk.metrics.BinaryAccuracy):
        def values(self, y_true, y_pred):
            return (y_pred > 0) & (y_pred < 1)

    class Counted(dk.metrics.BinaryAccuracy):
        def statistics(self, y_true, y_pred, weights):
            return super().statistics((y_pred > 0) & (y_pred < 1), jnp.ones_like(y_pred), weights)

    assert measured(3, "softmax", "sparse_categorical_crossentropy", Sure(), CLASSES)[0] == 1
    for metric in (Exactly(), Counted()):
        assert measured(1, "sigmoid", "binary_crossentropy", metric, YES)[0] == 1
