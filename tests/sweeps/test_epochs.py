"""Numbers of epochs as an axis: one program, and every member as long as it should be."""

import numpy as np
import pytest
from test_sweep import DEV, LABELS, ROWS, alone, net

import deepkit as dk


@pytest.mark.parametrize("width", [1, 4])
def test_one_program_trains_all_lengths(width):
    data = (ROWS, LABELS, DEV)
    result = dk.sweep(net, data, grid={"epochs": [1, 5, 3], "rate": [0.1, 0.3]}, width=width, verbose=0)
    assert result.programs == 1
    assert result.epochs.tolist() == [1, 1, 5, 5, 3, 3]
    assert result.history.shape[1] == 5 and np.isnan(result.history[0, 1:]).all()
    for member in result.members:
        settings = dict(member.settings)
        model, history = alone(net, {"rate": settings["rate"]}, 0, epochs=settings["epochs"], validation_data=DEV)
        trained = result.member(member.number)
        np.testing.assert_allclose(trained.history["dev_loss"], history["val_loss"], rtol=2e-5)
        np.testing.assert_allclose(trained.model.predict(ROWS), model.predict(ROWS), rtol=4e-4, atol=4e-4)


def test_early_stopping_may_come_before_the_end_and_knows_the_tables_name():
    stop = dk.callbacks.EarlyStopping("dev_loss", patience=1)
    result = dk.sweep(net, (ROWS, LABELS, (DEV[0], 1 - DEV[1])), grid={"epochs": [2, 30]}, callbacks=[stop], verbose=0)
    assert result.programs == 1 and result.epochs[0] == 2 and 2 <= result.epochs[1] < 30


def test_rows_of_a_seed_are_drawn_once_for_all_settings():
    drawn = []

    def draw(seed):
        drawn.append(seed)
        turned = np.random.default_rng(seed).permutation(len(ROWS))
        return ROWS[turned], LABELS[turned]

    dk.sweep(net, draw, grid={"rate": [0.1, 0.2, 0.3]}, seeds=[4, 7], epochs=1, verbose=0)
    assert sorted(drawn) == [4, 7]
