"""C17. Red wine, is its quality above 5? The same network with five activations, chosen by name.

Every seed has a split, weights and an order of rows that all activations share, so that differences are paired.
The quick setting compares relu, sigmoid and leaky_relu, the full one tanh and relu6 as well.
"""

from __future__ import annotations

import functools

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

ACTIVATIONS = ("relu", "tanh", "sigmoid", "relu6", "leaky_relu")


@functools.cache
def wines() -> dk.datasets.Dataset:
    wine = dk.datasets.load_wine_quality("red", "good")
    return wine.select(wine.x["total sulfur dioxide"] < 200)


@functools.cache
def rows(seed: int) -> tuple:
    """Wines to learn from, and 20 % to measure on; none of these has a twin among the former."""
    split = dk.split(wines(), train=0.8, dev=0.2, test=0, seed=seed, groups="duplicates")
    encoder = dk.preprocessing.TableEncoder("zscore").fit(split.train)
    return encoder.transform(split.train), split.train.y, (encoder.transform(split.dev), split.dev.y)


def network(activation: str) -> dk.Model:
    x = h = dk.Input(11)
    for units in (16, 32, 32):
        h = dk.layers.Dense(units, activation)(h)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
    model.compile(dk.optimizers.Adam(0.005), "bce", ["accuracy"])
    return model


def main() -> None:
    options = arguments(__doc__, full=True)
    activations = ACTIVATIONS if options.full else ACTIVATIONS[::2]  # each has a program of its own to compile
    result = dk.sweep(
        network, rows, grid={"activation": activations}, seeds=10 if options.full else 8,
        epochs=40 if options.full else 16, batch_size=128,
    )  # prints by itself which of them the seeds do not tell apart  # fmt: skip

    accuracy = dict(zip(activations, result.array("dev_accuracy"), strict=True))
    majority = max(wines().y.mean(), 1 - wines().y.mean())
    beside("the majority class alone", float(majority), "below all")
    for activation, values in accuracy.items():
        text = f"± {values.std(ddof=1):.3f} between seeds here; about 0.75"
        beside(f"{activation}: accuracy on unseen wines, mean of the seeds", float(values.mean()), text)
    means = [values.mean() for values in accuracy.values()]
    beside("between the means of best and worst activation", float(max(means) - min(means)), "small beside the next")
    spread = float(np.mean([np.ptp(values) for values in accuracy.values()]))
    beside("between best and worst seed of one activation", spread, "the seed decides more")

    figure = dk.plots.spread_over_runs(
        accuracy, quantity="accuracy on unseen wines", setting="activation",
        baselines={"majority class": majority}, title="Quality above 5: seed against activation",
    )  # fmt: skip
    keep(figure, options.out / "c17_activations.png")
    figure = result.curves(["loss", "dev_loss"], hue="activation")
    keep(figure, options.out / "c17_activations_curves.png")


if __name__ == "__main__":
    main()
