"""A target that the encoder scales: the loss is in scaled units, metrics and predictions in its own."""

import numpy as np
import pandas as pd
import pytest

import deepkit as dk


@pytest.fixture
def fitted(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(5, 2, 60), "b": rng.normal(-1, 1, 60)})
    price = pd.Series(1000 + 300 * table["a"] + 50 * rng.normal(size=60), name="price")
    encoder = dk.preprocessing.TableEncoder(target="zscore").fit(table, price)
    x = dk.Input(encoder.width)
    model = dk.Model(x, dk.layers.Dense(1)(x), encoder=encoder)
    model.compile(dk.optimizers.SGD(0.1), "mse", metrics=["mae", "rmse", "r2"])
    model.fit(table, price, epochs=20, verbose=0, validation_data=(table, price))
    return model, table, price


def test_metrics_are_in_the_targets_own_units_and_the_loss_is_not(fitted):
    model, table, price = fitted
    error = np.asarray(price) - model.predict(table)[:, 0]
    figures = model.evaluate(table, price)
    assert figures["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-4)
    assert figures["rmse"] == pytest.approx(np.sqrt(np.square(error).mean()), rel=1e-4)
    assert figures["r2"] == pytest.approx(1 - np.square(error).mean() / np.var(price), rel=1e-4)
    assert figures["loss"] == pytest.approx(np.square(error).mean() / np.var(price), rel=1e-4)
    assert model.history["val_mae"][-1] == pytest.approx(figures["mae"], rel=1e-5)


def test_a_loaded_model_keeps_the_units(fitted, tmp_path):
    model, table, price = fitted
    model.save(tmp_path / "m.deepkit")
    assert dk.load_model(tmp_path / "m.deepkit").evaluate(table, price) == model.evaluate(table, price)
