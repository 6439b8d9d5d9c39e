"""Regression, seeds, loss curves, heat maps, histograms, curves."""

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

import deepkit as dk
from deepkit import plots
from deepkit.errors import DeepkitValueError


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_predicted_against_true():
    true = np.array([1.0, 2.0, 4.0, 5.0])
    predicted = np.array([2.0, 2.0, 3.0, 4.0])
    figure = plots.predicted_against_true(true, predicted, "mpg")
    (panel,) = figure.axes
    r, r2 = np.corrcoef(true, predicted)[0, 1], r2_score(true, predicted)
    assert panel.get_title() == f"r = {r:.3f}, R² = {r2:.3f}"
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("true (mpg)", "predicted (mpg)")
    assert panel.get_xlim() == panel.get_ylim()
    dots, identity = panel.lines
    np.testing.assert_array_equal(dots.get_xydata(), np.column_stack([true, predicted]))
    assert identity.get_slope() == 1 and identity.get_xy1()[0] == identity.get_xy1()[1]


def test_panels_share_their_axes():
    figure = plots.predicted_against_true(
        {"train": [0, 10], "test": [[1], [2]]}, {"train": [1, 9], "test": [[1], [20]]}
    )
    train, test = figure.axes
    assert train.get_xlim() == test.get_xlim() == train.get_ylim()
    assert train.get_xlim()[1] > 20
    assert train.get_title().startswith("train: r = 1.000") and test.get_title().startswith("test: r = 1.000, R² = -")


def test_what_is_not_defined_is_a_dash():
    assert plots.predicted_against_true([1, 2, 3], np.full(3, 20.1)).axes[0].get_title().startswith("r = –, R² = -")
    assert plots.predicted_against_true(np.full(3, 20.1), [1, 2, 3]).axes[0].get_title() == "r = –, R² = –"


def test_predictions_that_are_not_finite_are_told():
    figure = plots.predicted_against_true([1, 2, 3], [1, 2, np.inf])
    assert figure.axes[0].lines[0].get_label() == "2 rows, 1 not finite"
    with pytest.raises(DeepkitValueError, match="of 2 rows none has"):
        plots.predicted_against_true([1, 2], [np.nan, np.nan])


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([1, 2], [1, 2, 3], "true has 2, predicted has 3"),
        ({"a": [1]}, {"b": [1]}, r"true has the labels \['a'\], predicted \['b'\]"),
        (["x"], [1], "true holds <U1, and a picture needs numbers"),
        ([], [], "true has 0"),
    ],
)
def test_no_regression(true, predicted, message):
    with pytest.raises(DeepkitValueError, match=message):
        plots.predicted_against_true(true, predicted)


def test_spread_over_runs():
    runs = {8: [0.5, 0.7, 0.9, 0.9], 16: [0.8, np.nan]}
    figure = plots.spread_over_runs(
        runs, quantity="accuracy", setting="hidden units", baselines={"majority class": 0.54}, title="Widths"
    )
    (panel,) = figure.axes
    dots = [line for line in panel.lines if line.get_label() == "a run"]
    assert [sorted(line.get_ydata()) for line in dots] == [[0.5, 0.7, 0.9, 0.9], [0.8]]
    assert len(set(dots[0].get_xdata())) == 3, "equal results stand side by side"
    first, _ = panel.containers
    assert first.lines[0].get_ydata()[0] == pytest.approx(0.75)
    (low, high) = first.lines[2][0].get_segments()[0][:, 1]
    # t(.975; 3) = 3.182446, s = .191485
    assert (high - low) / 2 == pytest.approx(3.182446 * 0.1914854 / 2, rel=1e-5)
    assert [text.get_text() for text in panel.get_xticklabels()] == ["8", "16\n1 of 2\nnot finite"]
    medians = [item.get_segments()[0][0, 1] for item in panel.collections if item.get_label() == "median"]
    assert medians == pytest.approx([0.8, 0.8])
    assert set(legend(figure)) == {"a run", "median", "mean, 95 % interval", "majority class"}
    assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_title()) == ("hidden units", "accuracy", "Widths")


def test_a_setting_whose_runs_all_diverged():
    figure = plots.spread_over_runs({"fine": [1.0], "too fast": [np.nan, np.inf]}, quantity="loss")
    assert figure.axes[0].get_xticklabels()[1].get_text() == "too fast\n2 of 2\nnot finite"


@pytest.mark.parametrize("runs", [{}, {"a": []}])
def test_no_runs(runs):
    with pytest.raises(DeepkitValueError, match="at least one run of every setting"):
        plots.spread_over_runs(runs, quantity="loss")


@pytest.mark.parametrize("column", [0, 1])
def test_loss_curves_are_those_of_the_losses_and_their_gradients(column):
    y = 1 - column
    panels = np.reshape(plots.loss_curves_of_probability().axes, (2, 2))
    assert panels[0, column].get_title() == f"true class y = {y}"
    losses = [dk.losses.BinaryCrossentropy(), dk.losses.MeanSquaredError(), dk.losses.MeanAbsoluteError()]
    for loss, line, slope in zip(losses, panels[0, column].lines, panels[1, column].lines, strict=False):
        p = line.get_xdata()[::25].astype("float32")
        at = lambda q, loss=loss: loss.values(np.full((1, 1), y, "float32"), q.reshape(1, 1))[0]  # noqa: E731
        np.testing.assert_allclose(jax.vmap(at)(p), line.get_ydata()[::25], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(jax.vmap(jax.grad(at))(p), slope.get_ydata()[::25], rtol=1e-4, atol=1e-5)


def test_loss_at_one_half_is_ln_2():
    line = plots.loss_curves_of_probability().axes[0].lines[0]
    assert np.interp(0.5, line.get_xdata(), line.get_ydata()) == pytest.approx(0.693147, abs=1e-5)


def test_heat_map_of_correlations():
    frame = pd.DataFrame({"acid": [1.0, 2.0, 4.0], "sugar": [3.0, 2.0, 2.5], "pH": [1.0, 5.0, 2.0]}).corr()
    figure = plots.heat_map(frame, quantity="Pearson's r", title="Wine", limits=(-1, 1))
    panel = figure.axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["acid", "sugar", "pH"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["acid", "sugar", "pH"]
    assert panel.images[0].get_clim() == (-1, 1)
    assert panel.texts[0].get_text() == "1.00" and len(panel.texts) == 9
    assert figure.axes[1].get_ylabel() == "Pearson's r"
    assert panel.get_title() == "Wine"


def test_heat_map_scales():
    assert plots.heat_map([[-1, 4]], quantity="").axes[0].images[0].get_clim() == (-4, 4)
    assert plots.heat_map([[1, 4, np.nan]], quantity="").axes[0].images[0].get_clim() == (1, 4)
    wide = plots.heat_map(np.arange(300).reshape(3, 100), quantity="").axes[0]
    assert [label.get_text() for label in wide.get_xticklabels()][:3] == ["0", "4", "8"] and not wide.texts


@pytest.mark.parametrize(
    ("matrix", "names", "message"),
    [([1, 2], None, r"shape \(2,\)"), ([[np.nan]], None, "0 finite"), ([[1, 2]], ["a"], "1 of columns")],
)
def test_no_heat_map(matrix, names, message):
    with pytest.raises(DeepkitValueError, match=message):
        plots.heat_map(matrix, quantity="", columns=names)


def test_scaling_keeps_the_shape_of_a_histogram():
    values = np.random.default_rng(0).gamma(2, 1, 500)
    scaled = (values - values.mean()) / values.std()
    figure = plots.histograms({"sugar (g/l)": values, "z-score": scaled})
    before, after = figure.axes
    counts = [[bar.get_height() for bar in panel.patches] for panel in (before, after)]
    assert counts[0] == counts[1] and sum(counts[0]) == 500
    assert before.get_ylim() == after.get_ylim() and before.get_ylabel() == "count"
    assert after.get_title() == "mean 0, standard deviation 1"
    assert [panel.get_xlabel() for panel in figure.axes] == ["sugar (g/l)", "z-score"]


def test_histograms_in_the_same_units_share_their_bins():
    figure = plots.histograms({"train": [0.0, 1.0], "test": [3.0, np.nan]}, bins=4, same_units=True)
    train, test = figure.axes
    assert train.get_xlim() == test.get_xlim()
    assert [bar.get_x() for bar in train.patches] == [bar.get_x() for bar in test.patches]
    assert "1 of 2 not finite" in test.get_title()
    with pytest.raises(DeepkitValueError, match=r"no finite number in \['a'\]"):
        plots.histograms({"a": [np.nan]})


def test_likelihood_as_curves():
    theta = np.linspace(0.01, 0.99, 99)
    figure = plots.curves(
        {"L(θ)": (theta, theta**4 * (1 - theta) ** 4)},
        x="θ", y="likelihood", title="Coin", points={"maximum": (0.5, 0.5**8)}, levels={"L(.75)": 0.00124},
    )  # fmt: skip
    curve, point, level = figure.axes[0].lines
    assert curve.get_xdata()[curve.get_ydata().argmax()] == pytest.approx(0.5)
    assert point.get_xydata().tolist() == [[0.5, 0.00390625]] and level.get_ydata()[0] == 0.00124
    assert legend(figure) == ["L(θ)", "maximum", "L(.75)"]
    assert figure.axes[0].get_yscale() == "linear"
    assert plots.curves({"a": ([1, 2], [1, 10])}, x="", y="", log=True).axes[0].get_yscale() == "log"


@pytest.mark.parametrize(("across", "whole"), [([1, 2, 3], True), ([0, 0.5, 1], False)])
def test_curves_over_epochs_have_no_tick_between_two(across, whole):
    ticks = plots.curves({"a": (across, [3, 2, 1])}, x="", y="").axes[0].get_xticks()
    assert (ticks % 1 == 0).all() == whole


def test_no_curves():
    with pytest.raises(DeepkitValueError, match="no line"):
        plots.curves({}, x="", y="")
    with pytest.raises(DeepkitValueError, match="x of 'a' has 2, y of 'a' has 1"):
        plots.curves({"a": ([1, 2], [1])}, x="", y="")
