"""A3. Four hills on a plane, 91 parameters: what Adam learns in a tenth of the epochs, SGD has not learnt.

Five folds of 960, 320 and 320 points, shared by all models; each optimizer at the rate that validation chooses. The
quick setting knows the rates and trains for 3,000 epochs of SGD and 300 of Adam, the full one for the course's 10,000
and 1,000. An epoch is one step on all 960 points.
"""

from __future__ import annotations

import matplotlib.figure
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.plots.canvas import GREY, OKABE_ITO

HILLS = {(2, 2): 5, (8, 2): 5, (5, 4): 4, (3, 7): 4}
"""By centre, the height."""
RATES = {"SGD": (0.01, 0.03, 0.1), "Adam": (0.01, 0.03, 0.1)}
CHOSEN = {"SGD": (0.1,), "Adam": (0.03,)}
SIDE = np.linspace(0, 10, 40, dtype="float32")
GRID = np.stack(np.meshgrid(SIDE, SIDE), axis=-1).reshape(-1, 2)
HEIGHT = sum(h * np.exp(-np.square(GRID - np.array(c)).sum(axis=1) / 2) for c, h in HILLS.items()).astype("float32")
PARTS = ("training", "validation", "test")
LAYERS = ("first", "second", "height")


def parts(fold: int) -> list[np.ndarray]:
    """Numbers of the points to train, validate and test on; no point is tested on twice."""
    test, validation, train = np.split(np.roll(np.random.default_rng(0).permutation(1600), -320 * fold), [320, 640])
    return [train, validation, test]


def rows(fold: int) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    train, validation, _ = parts(fold)
    return GRID[train], HEIGHT[train], (GRID[validation], HEIGHT[validation])


def network(optimizer: str = "SGD", learning_rate: float = 0.1) -> dk.Model:
    x = dk.Input(2)
    first = dk.layers.Dense(10, "tanh", name="first")(x)
    second = dk.layers.Dense(5, "tanh", name="second")(first)
    model = dk.Model(x, dk.layers.Dense(1, name="height")(second))
    model.compile(getattr(dk.optimizers, optimizer)(learning_rate), "mse", ["rmse"])
    return model


def main() -> None:
    options = arguments(__doc__, full=True)
    epochs = {"SGD": 10_000, "Adam": 1_000} if options.full else {"SGD": 3_000, "Adam": 300}
    beside("parameters", network().count_params(), "2·10 + 10 + 10·5 + 5 + 5 + 1 = 91")
    beside("points to train, validate, test on", [len(part) for part in parts(0)], "[960, 320, 320]")
    beside("points tested on in five folds", len({n for fold in range(5) for n in parts(fold)[2]}), "each of the 1600")

    errors, models, lines = {}, {}, {}
    for name, count in epochs.items():
        rates = (RATES if options.full else CHOSEN)[name]
        grid = {"optimizer": [name], "learning_rate": rates, "fold": range(5)}
        result = dk.sweep(network, rows, grid=grid, epochs=count, batch_size=None, verbose=0)
        means = result.array("dev_rmse").mean(axis=(0, 2, 3))
        best = int(np.nanargmin(means))  # a rate that diverges in one fold is none
        folds = [result.member(5 * best + fold) for fold in range(5)]
        errors[name] = np.array([each.figures["dev_rmse"] for each in folds])
        models[name] = folds[0].model
        test = parts(0)[2]
        beside(f"{name}: rate", rates[best], "the best by validation")
        beside(f"{name}: validation RMSE after {count:,} epochs", float(means[best]), "mean of 5 folds")
        tested = models[name].evaluate(GRID[test], HEIGHT[test])["rmse"]
        beside(f"{name}: test RMSE, first fold", tested, f"{HEIGHT.std():.3f} is the mean's")
        median = np.median([each.history["dev_rmse"] for each in folds], axis=0)
        lines[f"{name}, rate {rates[best]:g}, median of 5 folds"] = (np.arange(count) + 1, median)
    ratio = errors["SGD"] / errors["Adam"]
    beside("SGD's RMSE / Adam's after a tenth of the epochs", float(ratio.mean()), "above 1")
    beside("folds in which Adam's is below", int((ratio > 1).sum()), 5)

    figure = dk.plots.curves(
        lines, x="epoch", y="RMSE on validation points", title="Adam needs a tenth of the epochs", log=True
    )
    figure.axes[0].set_xscale("log")
    keep(figure, options.out / "a03_hills_curves.png")
    keep(surfaces(models), options.out / "a03_hills.png")
    model = models["Adam"]
    inside = dk.Model(model.inputs, [model.output_of(name) for name in LAYERS])
    keep(units(inside.predict(GRID)), options.out / "a03_hills_units.png")
    keep(trace(model, inside, np.array([[2, 2]], "float32")), options.out / "a03_hills_trace.png")


def surface(panel, values: np.ndarray, title: str, low: float, high: float) -> None:
    across, up = np.meshgrid(SIDE, SIDE)
    panel.plot_surface(
        across, up, values.reshape(40, 40), cmap="cividis", rstride=3, cstride=3, alpha=0.7, vmin=low, vmax=high
    )
    panel.set_title(title, fontsize=10)
    panel.set(
        xlabel="x₁",
        ylabel="x₂",
        zlim=(low, high),
        xticks=(0, 5, 10),
        yticks=(0, 5, 10),
        zticks=(-1, 0, 1) if high == 1 else (0, 5),
    )


def surfaces(models: dict[str, dk.Model]) -> matplotlib.figure.Figure:
    """The hills with the points of the first fold, and what each optimizer made of them, all on one scale."""
    figure = matplotlib.figure.Figure(figsize=(14, 5.2), dpi=100)
    figure.subplots_adjust(0.01, 0.1, 0.96, 0.95, 0.1)  # as below
    hills, *others = figure.subplots(1, 3, subplot_kw={"projection": "3d"})
    surface(hills, HEIGHT, "The hills, and the points of the first fold", -1, 5.5)
    marks = zip(parts(0), PARTS, (GREY, OKABE_ITO[1], OKABE_ITO[2]), ".^s", strict=True)
    for part, name, colour, mark in marks:
        hills.scatter(*GRID[part].T, HEIGHT[part], s=7, color=colour, marker=mark, label=f"{len(part)} points: {name}")
    for panel, (name, model) in zip(others, models.items(), strict=True):
        predicted = model.predict(GRID)[:, 0]
        rmse = np.sqrt(np.mean(np.square(predicted - HEIGHT)))
        surface(panel, predicted, f"What {name} learned: RMSE {rmse:.2f}", -1, 5.5)
    for panel in (hills, *others):
        panel.set_zlabel("height")
        panel.set_box_aspect(None, zoom=0.8)  # room for the label
    figure.legend(loc="lower center", ncols=3, frameon=False)
    return figure


def units(outputs: list[np.ndarray]) -> matplotlib.figure.Figure:
    """What every unit says at every point."""
    figure = matplotlib.figure.Figure(figsize=(14, 13), dpi=80)
    figure.subplots_adjust(0.01, 0.03, 0.97, 0.94, 0.08, 0.2)  # sixteen surfaces: their layout takes long to compute
    panels = figure.subplots(4, 4, subplot_kw={"projection": "3d"}).flat
    for name, values in zip(LAYERS, outputs, strict=True):
        for number, output in enumerate(values.T):
            ends = (-1, 5.5) if name == "height" else (-1, 1)
            surface(next(panels), output, "the output: height" if name == "height" else f"{name} {number}", *ends)
    figure.suptitle("Every unit over the plane: ten steps, five sums of steps, and their sum")
    return figure


def trace(model: dk.Model, inside: dk.Model, x: np.ndarray) -> matplotlib.figure.Figure:
    """One point on its way through every unit: what each one says, and what it adds to each of the next."""
    arrays = model.get_weights()
    columns = [x[0], *(outputs[0] for outputs in inside.predict(x))]
    by_hand = x[0]
    figure = matplotlib.figure.Figure(figsize=(9, 6), dpi=120, layout="constrained")
    panel = figure.subplots()
    for step, (kernel, bias, name) in enumerate(zip(arrays[::2], arrays[1::2], LAYERS, strict=True)):
        added = by_hand[:, None] * kernel
        total = added.sum(axis=0) + bias
        by_hand = total if name == "height" else np.tanh(total)
        print(f"  {name}: " + ", ".join(f"{z:.2f} → {h:.2f}" for z, h in zip(total, by_hand, strict=True)))
        for (i, j), part in np.ndenumerate(added / abs(added).max()):
            places = [place(i, len(kernel)), place(j, len(bias))]
            panel.plot([step, step + 1], places, color=OKABE_ITO[int(part < 0)], linewidth=4 * abs(part), alpha=0.6)
    for step, values in enumerate(columns):
        for number, value in enumerate(values):
            text = panel.text(step, place(number, len(values)), f"{value:.2f}", ha="center", va="center", fontsize=9)
            text.set_bbox({"facecolor": "white", "edgecolor": GREY, "boxstyle": "round"})
    beside("trace by hand, distance from predict", float(abs(by_hand - columns[-1]).max()), "rounding")
    beside("height at (2, 2): the model's", float(columns[-1][0]), f"the hill's {HILLS[2, 2]}, about")
    panel.set_xticks(range(4), ["the point", "first: 10 tanh", "second: 5 tanh", "height"])
    panel.set(yticks=[], xlim=(-0.3, 3.3), title="One point through every unit; lines: output · weight, orange below 0")
    panel.spines[:].set_visible(False)
    return figure


def place(number: int, count: int) -> float:
    """Where a unit stands in its column."""
    return (count - 1) / 2 - number


if __name__ == "__main__":
    main()
