"""Learning curves: what is drawn where, and which epoch is marked."""

import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitValueError
from deepkit.plots import learning_curves

RUN = {
    "loss": [4.0, 3.0, 2.0, 1.0],
    "accuracy": [0.1, 0.5, 0.6, 0.7],
    "val_loss": [4.0, 2.0, 2.5, 3.0],
    "val_accuracy": [0.2, 0.3, 0.6, 0.5],
    "confusion_matrix": [np.eye(2)] * 4,
}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def lines(panel):
    return [(line.get_linestyle(), list(line.get_xdata()), list(line.get_ydata())) for line in panel.lines]


def test_training_validation_and_best_epoch():
    figure = learning_curves(RUN)
    assert [panel.get_title() for panel in figure.axes] == ["loss", "accuracy"]
    epochs = [1, 2, 3, 4]
    for panel, key, best in zip(figure.axes, ["loss", "accuracy"], [(2, 2.0), (3, 0.6)], strict=True):
        training, validation, dot = lines(panel)
        assert training == ("-", epochs, RUN[key])
        assert validation == ("--", epochs, RUN[f"val_{key}"])
        assert (dot[1][0], dot[2][0]) == best
        assert len({line.get_color() for line in panel.lines}) == 1
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("epoch", key)
    assert legend(figure) == ["training", "validation", "best epoch of validation"]


def test_several_runs_share_axes_and_differ_in_colour():
    history = dk.Model(x := dk.Input(1), dk.layers.Dense(1)(x))
    history.compile("sgd", "mse")
    rows = np.linspace(0, 1, 8, dtype="float32")[:, None]
    fitted = history.fit(rows, rows, epochs=3, verbose=0)
    figure = learning_curves({"SGD": fitted, "by hand": {"loss": [2.0, 1.0]}})
    assert legend(figure) == ["SGD", "by hand", "training", "best epoch"]
    (panel,) = figure.axes
    first, _, second, _ = panel.lines
    assert list(first.get_ydata()) == fitted.history["loss"]
    assert list(second.get_xdata()) == [1, 2]
    assert first.get_color() != second.get_color()
    assert fitted.plot().axes[0].lines[0].get_ydata().tolist() == fitted.history["loss"]


def test_epochs_of_a_later_fit():
    history = dk.Model(x := dk.Input(1), dk.layers.Dense(1)(x))
    history.compile("sgd", "mse")
    rows = np.linspace(0, 1, 8, dtype="float32")[:, None]
    fitted = history.fit(rows, rows, initial_epoch=5, epochs=8, verbose=0)
    assert list(learning_curves(fitted).axes[0].lines[0].get_xdata()) == [6, 7, 8]


def test_keys_and_log():
    figure = learning_curves(RUN, keys=["loss", "accuracy"], log=True)
    assert [panel.get_yscale() for panel in figure.axes] == ["log", "linear"]
    assert [panel.get_title() for panel in learning_curves(RUN, keys="accuracy").axes] == ["accuracy"]
    assert learning_curves({"loss": [1.0, 0.0]}, log=True).axes[0].get_yscale() == "linear"


def test_a_run_that_diverged():
    figure = learning_curves({"loss": [2.0, np.inf, np.nan]})
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [[1, 2, 3], [1]]
    assert len(learning_curves({"loss": [np.nan, np.nan]}).axes[0].lines) == 1


def test_one_epoch_is_visible():
    assert learning_curves({"loss": [2.0]}).axes[0].lines[0].get_marker() == "."


def test_no_epoch_has_the_best_learning_rate():
    (panel,) = learning_curves({"learning_rate": [0.1, 0.05]}).axes
    assert len(panel.lines) == 1


def test_many_runs_have_different_colours():
    figure = learning_curves({str(seed): {"loss": [2.0, 1.0]} for seed in range(30)})
    assert len({tuple(np.atleast_1d(line.get_color())) for line in figure.axes[0].lines}) == 30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({},), "no figure with one number per epoch"),
        (({"confusion_matrix": [np.eye(2)]},), "no figure with one number per epoch"),
    ],
)
def test_nothing_to_draw(arguments, message):
    with pytest.raises(DeepkitValueError, match=message):
        learning_curves(*arguments)


def test_an_unknown_figure():
    with pytest.raises(DeepkitValueError, match=r"no figure 'mae'. It has: loss, accuracy"):
        learning_curves(RUN, keys=["mae"])
