"""`predict` over any number of rows, batches and calls, beside `apply` on all of them at once."""

import jax.numpy as jnp
import numpy as np
import pytest

import deepkit as dk
from deepkit.program import prediction

ROWS = 4 * prediction.BATCHES_AT_ONCE


@pytest.fixture(scope="module")
def model():
    table, series = dk.Input(3, name="table"), dk.Input((5, 2), name="series")
    h = dk.layers.Concatenate()([dk.layers.Flatten()(series), table])
    outputs = {"kind": dk.layers.Dense(4, "softmax")(h), "series": dk.layers.Dense(3)(series)}
    return dk.Model([table, series], outputs)


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 8, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 7])
def test_rows_in_batches(model, rows):
    generator = np.random.default_rng(rows)
    inputs = [generator.normal(size=(rows, *shape)).astype("float32") for shape in ((3,), (5, 2))]
    predicted = model.predict(inputs, batch_size=4)
    outputs, _ = model.apply(model.variables, inputs)
    for name, shape in (("kind", (4,)), ("series", (5, 3))):
        assert predicted[name].shape == (rows, *shape)
        np.testing.assert_allclose(predicted[name], outputs[name], atol=1e-6)


def test_large_batches_are_calls_of_their_own(model, monkeypatch):
    generator = np.random.default_rng(0)
    inputs = [generator.normal(size=(11, *shape)).astype("float32") for shape in ((3,), (5, 2))]
    expected = model.predict(inputs)
    monkeypatch.setattr(prediction, "LARGE", 51)  # 13 numbers a row
    taken = []
    monkeypatch.setattr(model._predict, "_several", lambda *arguments: taken.append(arguments))
    np.testing.assert_allclose(model.predict(inputs, batch_size=4)["kind"], expected["kind"], atol=1e-6)
    assert not taken


def test_whole_numbers_stay_whole_numbers():
    x = dk.Input(2)
    model = dk.Model(x, dk.layers.Lambda(lambda x: jnp.argmax(x, -1, keepdims=True))(x))
    x = np.random.default_rng(0).normal(size=(ROWS + 1, 2)).astype("float32")
    predicted = model.predict(x, batch_size=4)
    assert predicted.dtype.kind == "i"
    np.testing.assert_array_equal(predicted[:, 0], x.argmax(1))
