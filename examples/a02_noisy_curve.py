"""A2. Twenty noisy points of a curve, 31 parameters, and far too many epochs: the test error falls, then it rises.

SGD beside Adam, ten draws and starts of each; then the same runs once more, ended by early stopping. The quick
setting trains for 10,000 full-batch epochs, the full one for the course's 100,000.
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.plots.canvas import GREY, OKABE_ITO, legend_below, new_figure

OPTIMIZERS = {"SGD": dk.optimizers.SGD(0.05), "Adam": dk.optimizers.Adam(0.01)}
SEEDS, PATIENCE, NOISE = 10, 1000, 0.3
PLACES = np.linspace(-3, 3, 301, dtype="float32")[:, None]


def curve(x: np.ndarray) -> np.ndarray:
    return np.sin(1.5 * x) + 0.2 * x


def points(seed: int) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Twenty noisy points to train on, twenty to test on; every seed draws its own."""
    draw = np.random.default_rng(seed)
    x = draw.uniform(-3, 3, (40, 1)).astype("float32")
    y = (curve(x) + draw.normal(0, NOISE, x.shape)).astype("float32")
    return x[:20], y[:20], (x[20:], y[20:])


def network(optimizer: str = "SGD") -> dk.Model:
    x = dk.Input(1)
    model = dk.Model(x, dk.layers.Dense(1)(dk.layers.Dense(10, "tanh")(x)))
    model.compile(OPTIMIZERS[optimizer], "mse", ["rmse"])
    return model


def of_figure(result: dk.sweeps.Sweep, name: str) -> np.ndarray:
    """A figure of every epoch: `(optimizers, seeds, epochs)`."""
    return result.history[:, :, result.figures.index(name)].reshape(len(OPTIMIZERS), SEEDS, -1)


def main() -> None:
    options = arguments(__doc__, full=True)
    epochs = 100_000 if options.full else 10_000
    beside("parameters", network().count_params(), "1·10 + 10 + 10 + 1 = 31")

    run = {"grid": {"optimizer": list(OPTIMIZERS)}, "seeds": SEEDS, "epochs": epochs, "batch_size": None}
    result = dk.sweep(network, points, **run)
    seconds = max(pace.seconds_per_member for pace in result.paces)
    beside("seconds for 100,000 epochs of one model", seconds * 100_000 / epochs, "a few")
    stopping = dk.callbacks.EarlyStopping("val_rmse", patience=PATIENCE, restore_best_weights=True)
    stopped = dk.sweep(network, points, **run, callbacks=[stopping], verbose=0)

    train, test = of_figure(result, "rmse"), of_figure(result, "dev_rmse")
    beside("runs that train to less than the noise of 0.3", int((train[..., -1] < NOISE).sum()), "nearly all 20")
    rise = test[..., -1] / test.min(axis=-1)
    beside("runs whose test error rises again by 5 % or more", int((rise > 1.05).sum()), "most of 20")
    for name, rises, least, ended in zip(
        OPTIMIZERS, rise, test.argmin(axis=-1) + 1, stopped.epochs.reshape(2, -1), strict=True
    ):
        beside(
            f"{name}: epoch of the least test error, median",
            float(np.median(least)),
            f"of {epochs:,}; Adam's is sooner",
        )
        beside(f"{name}: last test error / least, median", float(np.median(rises)), "above 1, Adam's more")
        beside(f"{name}: epochs with early stopping, median", float(np.median(ended)), f"patience {PATIENCE:,} later")

    # The test points chose the epoch. What the choice is worth is seen against the curve without its noise.
    model, distance, misses = network(), np.zeros((2, len(result))), np.zeros(len(result))
    predicted = np.zeros((2, len(result), len(PLACES)), "float32")
    for kind, each in enumerate((result, stopped)):
        for number in range(len(each)):
            model.set_variables(each.member(number).model.variables)
            predicted[kind, number] = model.predict(PLACES)[:, 0]
            distance[kind, number] = np.sqrt(np.mean((predicted[kind, number] - curve(PLACES)[:, 0]) ** 2))
            if each is stopped:
                least = each.member(number).history["dev_rmse"].min()
                misses[number] = abs(model.evaluate(*points(number % SEEDS)[2])["rmse"] - least)
    beside("restored weights: test error less its curve's minimum", float(misses.max()), "0, but for rounding")
    beside("distance from the curve, last epoch, median", float(np.median(distance[0])), "the noise was learned")
    beside("distance from the curve, early stopping, median", float(np.median(distance[1])), "less")
    beside("runs that early stopping brings nearer to it", int((distance[1] < distance[0]).sum()), "most of 20")

    picture(train, test, predicted.reshape(2, 2, SEEDS, -1), options.out / "a02_noisy_curve.png")


def picture(train: np.ndarray, test: np.ndarray, predicted: np.ndarray, path) -> None:
    blue, orange, green, *_ = OKABE_ITO
    figure, panels = new_figure(2, 2, size=(5.2, 3.6), share_x="row", share_y="row")
    epochs = np.unique(np.geomspace(1, train.shape[-1], 500).astype(int))  # as many as a logarithmic axis shows
    for number, name in enumerate(OPTIMIZERS):
        above, below = panels[:, number]
        for runs, colour, label in ((train, blue, "20 points of training"), (test, orange, "20 test points")):
            shown = runs[number][:, epochs - 1]
            above.plot(epochs, shown.T, color=colour, alpha=0.25, linewidth=0.6)
            above.plot(epochs, np.median(shown, axis=0), color=colour, linewidth=2, label=f"{label}, median of runs")
        least = test[number].argmin(axis=1)
        above.plot(
            least + 1, test[number].min(axis=1), "o", color=orange, markersize=5, markeredgecolor="black",
            label="a run's least test error",
        )  # fmt: skip
        above.axhline(NOISE, color=GREY, linestyle=":", label="noise")
        above.set(xscale="log", yscale="log", title=f"{name}, rate {OPTIMIZERS[name].learning_rate:g}", xlabel="epoch")
        x, y, (x_test, y_test) = points(0)
        below.plot(PLACES, curve(PLACES), "--", color="black", label="the curve without noise")
        below.plot(x, y, "o", color=blue, markersize=4, label="points of training")
        below.plot(x_test, y_test, "^", color=orange, markersize=4, label="test points")
        for kind, colour, label in ((0, GREY, "after the last epoch"), (1, green, "with early stopping")):
            below.plot(PLACES, predicted[kind, number, 0], color=colour, linewidth=1.8, label=f"first run {label}")
        below.set(xlabel="x", ylim=(-2.6, 2.6), title=f"{name}: the first run")
    panels[0, 0].set_ylabel("root mean squared error")
    panels[1, 0].set_ylabel("y")
    figure.suptitle("Twenty points, 31 parameters: too many epochs learn the noise")
    legend_below(figure)
    keep(figure, path)


if __name__ == "__main__":
    main()
