"""Successive halving keeps the best of every round, trains them longer, and says what it dropped."""

from __future__ import annotations

import numpy as np
import pytest
import studies

import deepkit as dk
from deepkit.errors import DeepkitError

DATA = (*studies.blobs(0, 60), studies.blobs(1, 40))
RATES = [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
WHOLE = {"batch_size": None, "shuffle": False, "verbose": 0}
"""A smaller program, which compiles sooner."""


def search(**arguments):
    given = {"grid": {"learning_rate": RATES}, "epochs": 2, "seeds": 2, "width": 1, **WHOLE}
    return dk.sweeps.halving(studies.net, DATA, **(given | arguments))


@pytest.fixture(scope="module")
def found():
    return search()


def test_rounds(found):
    assert [(len(rung.numbers), rung.epochs, len(rung.kept)) for rung in found.rungs] == [(9, 2, 3), (3, 6, 1)]
    assert found.epochs == 9 * 2 * 2 + 3 * 2 * 6
    assert repr(found) == "Halving(settings × epochs: 9 × 2 → 3 × 6; dev_loss)"
    for rung in found.rungs:
        scores = dict(zip(rung.numbers, rung.scores, strict=True))
        assert max(scores[n] for n in rung.kept) <= min(scores[n] for n in rung.numbers if n not in rung.kept)


def test_every_round_is_a_sweep_from_the_start(found):
    alone = dk.sweep(studies.net, DATA, grid={"learning_rate": RATES}, epochs=6, seeds=2, width=1, **WHOLE)
    last = found.rungs[-1]
    np.testing.assert_allclose(last.scores, alone.array("dev_loss").mean(axis=1)[list(last.numbers)], rtol=1e-5)
    assert found.best.settings["learning_rate"] == RATES[last.kept[0]]
    model = found.best.model
    assert model.evaluate(*DATA[2])["loss"] == pytest.approx(found.best.figures["dev_loss"], rel=1e-5)


def test_table_names_what_was_dropped(found):
    table = found.frame()
    assert list(table["learning_rate"]) == RATES
    assert (table["dropped_after"] == 2).sum() == 6 and (table["dropped_after"] == 6).sum() == 2
    assert table["dropped_after"].isna().sum() == 1
    assert table["dev_loss after 2"].notna().all() and table["dev_loss after 6"].notna().sum() == 3


def test_a_space_an_accuracy_and_runs_that_diverge():
    result = search(
        grid=None, space={"learning_rate": dk.sweeps.LogUniform(1e-3, 1.0)}, samples=4, factor=2, figure="dev_accuracy",
        seeds=1,
    )  # fmt: skip
    assert [len(rung.numbers) for rung in result.rungs] == [4, 2]
    assert result.best.figures["dev_accuracy"] == np.nanmax(result.rungs[-1].result.final("dev_accuracy"))

    diverging = dk.sweeps.halving(
        squared, DATA, grid=[{"learning_rate": 1e30}, {"learning_rate": 0.01}], epochs=3, **WHOLE
    )
    assert np.isnan(diverging.rungs[0].scores[0]) and diverging.rungs[0].kept == (1,)
    with pytest.raises(DeepkitError, match="no setting has a number"):
        dk.sweeps.halving(squared, DATA, grid={"learning_rate": [1e30, 1e31]}, epochs=3, **WHOLE)


def squared(learning_rate):
    x = dk.Input(3)
    model = dk.Model(x, dk.layers.Dense(1)(x))
    model.compile(dk.optimizers.SGD(learning_rate), "mse")
    return model


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factor": 1}, "factor=1: expected a whole number of at least 2"),
        ({"factor": 2.5}, "factor=2.5"),
        ({"grid": None}, "needs settings"),
        ({"grid": None, "space": {"learning_rate": [1]}}, "samples=27"),
        ({"grid": {"epochs": [1, 2]}}, "epochs can be no axis"),
        ({"updates": 10}, "takes no updates"),
        ({"figure": "dev_f1"}, "figure='dev_f1' is no figure of the model"),
        ({"grid": [{"learning_rate": 1}, {"units": 3}]}, "the same names"),
        ({"grid": [0.1, 0.2]}, r"grid\[0\] is 0.1"),
        ({"grid": []}, "empty list"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(DeepkitError, match=message):
        search(**({"seeds": 1, "epochs": 1} | arguments))


@pytest.mark.parametrize("figure", ["dev_acuracy", "dev_loss"])
def test_a_figure_that_is_not_measured_is_noticed_before_anything_is_trained(figure):
    built = []

    def build(learning_rate):
        built.append(learning_rate)
        return studies.net(learning_rate)

    with pytest.raises(DeepkitError, match=f"figure='{figure}' is no figure"):
        dk.sweeps.halving(build, DATA[:2], grid={"learning_rate": RATES}, epochs=10**6, figure=figure)
    assert built == RATES[:1]
