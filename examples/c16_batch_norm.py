"""C16. Batch normalisation: on wine no gain that seeds could tell, on two clouds of points a cure for dead units.

The quick setting has 2 rates × 15 seeds on the clouds, with and without, the full one the course's 50 × 100: 10,000
models, a minute on two cores. There .34 of the runs without it stay at chance and .03 with it; above a rate of .04 it
is .29 and none.
"""

from __future__ import annotations

import functools

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

CHANCE = 0.6


def hidden(h, units: int, batch_norm: bool, **start):
    """Dense, batch normalisation or none, ReLU."""
    h = dk.layers.Dense(units, **start)(h)
    h = dk.layers.BatchNormalization()(h) if batch_norm else h
    return dk.layers.Activation("relu")(h)


def compiled(x, h, rate: float, **start) -> dk.Model:
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid", **start)(h))
    model.compile(dk.optimizers.SGD(rate), "binary_crossentropy", ["accuracy"])
    return model


def wine_network(batch_norm: bool = False) -> dk.Model:
    x = h = dk.Input(11)
    for units in (16, 32, 32):
        h = hidden(h, units, batch_norm)
    return compiled(x, h, 0.01)


def qwerties_network(batch_norm: bool = False, learning_rate: float = 0.01) -> dk.Model:
    """2 → 16 → 1 → 1: whatever reaches the output goes through one ReLU unit."""
    x = h = dk.Input(2)
    for units in (16, 1):
        h = hidden(h, units, batch_norm, **torch_start(h))
    return compiled(x, h, learning_rate, **torch_start(h))


def torch_start(h) -> dict[str, dk.initializers.Initializer]:
    """Weights and biases uniform between ±1/√inputs, as the course's."""
    start = dk.initializers.TorchDefault(fan_in=h.spec.features)
    return {"kernel_initializer": start, "bias_initializer": start}


def qwerties(seed: int = 0, rows: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Two clouds of points around (1, 1) and (5, 1), of standard deviation 1, and which one each is of."""
    draw = np.random.default_rng(seed)
    x = np.concatenate([draw.normal(centre, 1, (rows, 2)) for centre in ([1, 1], [5, 1])])
    return x.astype("float32"), np.repeat([0, 1], rows).astype("float32")


@functools.cache
def wines(seed: int) -> tuple:
    """Is a red wine better than 5? A split for every seed, z-scored by its training rows; twins stay together."""
    wine = dk.datasets.load_wine_quality("red", "good")
    wine = wine.select(wine.x["total sulfur dioxide"] < 200)
    split = dk.split(wine, train=0.8, dev=0.2, test=0, seed=seed, groups="duplicates")
    encoder = dk.preprocessing.TableEncoder("zscore").fit(split.train)
    return encoder.transform(split.train), split.train.y, (encoder.transform(split.dev), split.dev.y)


def main() -> None:
    options = arguments(__doc__, full=True)
    both = {"batch_norm": [False, True]}

    # Wine. The sweep prints by itself whether the seeds tell the two apart, with the interval of their difference.
    seeds, epochs = (20, 400) if options.full else (4, 20)
    wine = dk.sweep(wine_network, wines, grid=both, seeds=seeds, epochs=epochs, batch_size=32)
    without, with_ = wine.array("dev_accuracy")
    beside("wine: accuracy on unseen wines without", float(without.mean()), "about 0.73")
    beside("wine: gained by batch norm, mean of the seeds", float((with_ - without).mean()), "about 0")
    beside("wine: seeds in which batch norm is ahead", f"{(with_ > without).sum()} of {seeds}", "some: the sign flips")
    keep(wine.curves(["accuracy", "dev_accuracy"], hue="batch_norm"), options.out / "c16_batch_norm_wine.png")

    # Two clouds. Here it prints how many runs never learned, with and without, and that their units are dead.
    rates = np.linspace(0.002, 0.1, 50) if options.full else np.array([0.05, 0.1])
    seeds, epochs = (100, 500) if options.full else (15, 150)
    x, y = qwerties()
    grid = both | {"learning_rate": rates}
    result = dk.sweep(qwerties_network, (x, y), grid=grid, seeds=seeds, epochs=epochs, batch_size=None)
    chance = (result.array("accuracy") < CHANCE).mean(axis=(1, 2))
    beside("clouds: models", len(result), "50 rates × 100 seeds × 2 in the full setting")
    beside("clouds: share of runs at chance without", float(chance[0]), "about 0.27")
    beside("clouds: share of runs at chance with batch norm", float(chance[1]), "about 0.02")
    figure = result.plot_learned("learning_rate", "accuracy", above=CHANCE, hue="batch_norm")
    keep(figure, options.out / "c16_batch_norm.png")

    # Evaluation uses running statistics: a row's answer does not depend on the rows beside it.
    normalised = np.flatnonzero([member.settings["batch_norm"] for member in result.members])
    model = result.member(int(normalised[np.nanargmax(result.final("accuracy")[normalised])])).model
    alone = np.concatenate([model.predict(row[None]) for row in x[:5]])
    beside(
        "one row at a time against all: difference", float(abs(alone - model.predict(x)[:5]).max()), "0, to rounding"
    )


if __name__ == "__main__":
    main()
