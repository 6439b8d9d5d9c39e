"""Pictures and tables of a sweep show the runs that it has."""

import functools

import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitValueError
from deepkit.plots.sweep import _wilson
from deepkit.plots.sweep_reading import axis_of

RATES = [0.001, 0.01, 0.1]
WIDTHS = [1, 2]
SEEDS = 6


def build(learning_rate=0.01, width=1):
    x = dk.Input(2)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(dk.layers.Dense(width, "tanh")(x)))
    model.compile(dk.optimizers.SGD(learning_rate), "binary_crossentropy", ["accuracy"])
    return model


@functools.cache
def result():
    draw = np.random.default_rng(0)
    y = (np.arange(40) % 2).astype("float32")
    x = (draw.normal(size=(40, 2)) + 3 * y[:, None]).astype("float32")
    grid = {"learning_rate": RATES, "width": WIDTHS}
    return dk.sweep(build, (x, y, (x, y)), grid=grid, seeds=SEEDS, epochs=5, batch_size=8, shuffle=False, verbose=0)


def lines_of(panel, label):
    return [line for line in panel.lines if line.get_label() == label]


def test_medians_and_every_run():
    (panel,) = result().plot("learning_rate", "accuracy", hue="width").axes
    for k, width in enumerate(WIDTHS):
        (line,) = lines_of(panel, str(width))
        assert np.allclose(line.get_xdata(), RATES)
        assert np.allclose(line.get_ydata(), np.median(result().array("accuracy")[:, k], axis=1))
    dots = [line for line in panel.lines if line.get_marker() == "."]
    assert sum(len(line.get_xdata()) for line in dots) == len(result())
    assert panel.get_xscale() == "log"
    assert result().plot("width", "accuracy").axes[0].get_xscale() == "linear"


def test_panels_share_their_axes():
    panels = result().plot("learning_rate", ["loss", "dev_loss", "accuracy"]).axes
    assert panels[0].get_shared_y_axes().joined(panels[0], panels[1])
    assert not panels[0].get_shared_y_axes().joined(panels[0], panels[2])
    assert panels[0].get_shared_x_axes().joined(panels[0], panels[2])


def test_a_panel_per_axis_with_one_vertical_axis():
    panels = result().plot(["learning_rate", "width", "seed"], "dev_accuracy").axes
    assert [panel.get_xlabel() for panel in panels] == ["learning rate", "width", "seed"]
    assert panels[0].get_shared_y_axes().joined(panels[0], panels[2])
    (line,) = lines_of(panels[1], "median, with the middle half of the runs")
    assert np.allclose(line.get_ydata(), np.median(result().array("dev_accuracy"), axis=(0, 2)))
    with pytest.raises(DeepkitValueError, match="2 axes and 2 figures: one of them may be a list"):
        result().plot(["learning_rate", "width"], ["loss", "accuracy"])


def test_map():
    panel, scale = result().plot("learning_rate", "accuracy", y="width").axes
    shown = np.asarray(panel.images[0].get_array())
    assert np.allclose(shown, np.median(result().array("accuracy"), axis=2).T)
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("learning rate", "width")
    assert scale.get_ylabel() == "median accuracy"


def test_share_of_runs_that_learn():
    (panel,) = result().plot_learned("learning_rate", "accuracy", above=0.7).axes
    shares = (result().array("accuracy") > 0.7).mean(axis=(1, 2))
    assert np.allclose(panel.lines[0].get_ydata(), shares)
    assert "36 runs" in panel.get_title()
    (panel,) = result().plot_learned("learning_rate", "loss", below=0.5).axes
    assert np.allclose(panel.lines[0].get_ydata(), (result().array("loss") < 0.5).mean(axis=(1, 2)))
    for thresholds in ({}, {"above": 0.1, "below": 0.2}):
        with pytest.raises(DeepkitValueError, match="needs one threshold"):
            result().plot_learned("learning_rate", "accuracy", **thresholds)


def test_wilsons_interval():
    """Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20 and 1 of 29."""
    counts = np.array([263, 148, 20, 29])
    low, high = _wilson(np.array([81, 15, 0, 1]) / counts, counts)
    assert np.allclose(low, [0.2553, 0.0624, 0, 0.0061], atol=1e-4)
    assert np.allclose(high, [0.3662, 0.1605, 0.1611, 0.1718], atol=1e-4)


def test_distribution_counts_every_run():
    left, right, _ = result().plot_distribution("accuracy", "learning_rate").axes
    assert sum(bar.get_width() for bar in right.patches) == len(result())
    assert np.allclose(left.collections[0].get_array().sum(axis=0), 1)
    (alone,) = result().plot_distribution("accuracy").axes
    assert sum(bar.get_height() for bar in alone.patches) == len(result())


def test_curves():
    panels = result().curves(["loss", "dev_loss"], hue="learning_rate").axes
    losses = result().history[:, :, result().figures.index("loss")].reshape(3, -1, 5)
    for k, rate in enumerate(RATES):
        (line,) = lines_of(panels[0], f"{rate:g}")
        assert np.allclose(line.get_ydata(), np.median(losses[k], axis=0))
        assert list(line.get_xdata()) == [1, 2, 3, 4, 5]
    assert panels[0].get_shared_y_axes().joined(*panels)


def test_names_that_are_not_there():
    with pytest.raises(DeepkitValueError, match=r"no figure 'acuracy'\. Did you mean 'accuracy'"):
        result().plot("learning_rate", "acuracy")
    with pytest.raises(DeepkitValueError, match="no axis 'rate'"):
        result().plot("rate", "accuracy")
    with pytest.raises(DeepkitValueError, match=r"no axis 'widht'\. Did you mean 'width'"):
        result().curves("loss", hue="widht")


class Points:
    """What a picture reads of the axes of a sweep."""

    seeds = (0,)

    def __init__(self, values):
        self.axes = {"a": tuple(values)}
        self.members = [type("Member", (), {"settings": {"a": value}, "seed": 0}) for value in values]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([2, 4, 8, 16, 32], "log"),
        (np.linspace(0.001, 0.1, 40).tolist(), "linear"),
        ([0.0, 0.001, 0.01, 0.1], "symlog"),
        ([1, 2, 3], "linear"),
        ([0.5], "linear"),
        (["relu", "tanh"], ""),
        ([True, False], ""),
        ([None, 1], ""),
        ([[16], [16, 16]], ""),
    ],
)
def test_scale_of_an_axis(values, scale):
    axis = axis_of(Points(values), "a")
    assert axis.scale == scale
    assert len(axis.places) == len(values)


def test_sampled_points_have_their_settings_as_axes():
    space = {"learning_rate": dk.sweeps.LogUniform(1e-3, 1)}
    x = np.ones((8, 2), "float32")
    sampled = dk.sweep(build, (x, x[:, 0]), space=space, samples=5, epochs=1, batch_size=None, shuffle=False, verbose=0)
    (panel,) = sampled.plot("learning_rate", "loss").axes
    assert panel.get_legend_handles_labels()[1] == ["a run"]
    assert sampled.plot("sample", "loss").axes[0].get_xlabel() == "sample"


def test_xarray():
    table = result().xarray()
    assert dict(table.sizes) == {"learning_rate": 3, "width": 2, "seed": SEEDS, "epoch": 5}
    assert set(table.data_vars) == set(result().figures)
    last = table["dev_accuracy"].sel(learning_rate=0.01, width=2, seed=3).isel(epoch=-1)
    member = next(
        run for run in map(result().member, range(len(result())))
        if (run.settings, run.seed) == ({"learning_rate": 0.01, "width": 2}, 3)
    )  # fmt: skip
    assert float(last) == pytest.approx(member.figures["dev_accuracy"])
    assert np.array_equal(table["loss"].isel(epoch=-1).values, result().array("loss").astype(np.float32))
