"""B5, continued. Errors that cost unequally: the pinball loss for numbers; a threshold or weights for classes."""

from __future__ import annotations

import matplotlib.figure
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SEEDS = range(5)
DEAR = 9.0  # a cake too few, a sick person missed: nine times as dear as the other error


def network(inputs: int, units: int, activation: str | None, loss) -> dk.Model:
    x = dk.Input(inputs)
    model = dk.Model(x, dk.layers.Dense(units, activation)(dk.layers.Dense(16, "tanh")(x)))
    model.compile(dk.optimizers.Adam(0.01), loss)
    return model


def cakes(rng: np.random.Generator):
    """1000 days: how warm it was (0 to 1), the cakes asked for, less certain when warm, and their true .9 quantile."""
    x = rng.uniform(0, 1, (1000, 1)).astype("float32")
    middle, spread = 10 + 5 * np.sin(4 * x[:, 0]), 0.5 + 2.5 * x[:, 0]
    return x, (middle + spread * rng.normal(size=1000)).astype("float32"), middle + 1.28155 * spread


def people(rng: np.random.Generator):
    """1000 people: two blood values, higher by 1.5 in the tenth who are sick, and the true probability of that."""
    sick = rng.random(1000) < 0.1
    x = (rng.normal(size=(1000, 2)) + 1.5 * sick[:, None]).astype("float32")
    return x, sick.astype("float32"), 1 / (1 + 9 * np.exp(-(1.5 * x - 1.125).sum(axis=1)))


def cost(truth: np.ndarray, answer: np.ndarray) -> float:
    """Mean over the rows: DEAR for each that the answer is too low, 1 for each that it is too high."""
    return float(np.mean(np.where(truth > answer, DEAR * (truth - answer), answer - truth)))


def main() -> None:
    options = arguments(__doc__)
    figure = matplotlib.figure.Figure(figsize=(11, 4.8), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)

    # Numbers: the cheapest answer is not the mean but the quantile DEAR / (DEAR + 1) = .9, which pinball learns.
    mean, quantiles = network(1, 1, None, "mse"), network(1, 3, None, dk.losses.Pinball((0.1, 0.5, 0.9)))
    below, costs = [], []
    for seed in SEEDS:
        (x, y, _), (new, asked, best) = (cakes(np.random.default_rng((seed, part))) for part in (0, 1))
        for model in (mean, quantiles):
            model.initialize(seed)
            model.fit(x, y, epochs=100, verbose=0, seed=seed)
        low_to_high = quantiles.predict(new)
        below.append((asked[:, None] <= low_to_high).mean(axis=0))
        costs.append([cost(asked, answer) for answer in (mean.predict(new)[:, 0], low_to_high[:, 2], best)])
    beside("share of days below the .1, .5, .9 quantile", np.round(np.mean(below, axis=0), 3).tolist(), [0.1, 0.5, 0.9])
    by_mean, by_quantile, possible = np.mean(costs, axis=0)
    beside("cost of a day, pinball .9", float(by_quantile), f"{possible:.3f} by the true quantile")
    beside("cost of a day, MSE", float(by_mean), "more")
    beside("seeds in which MSE cost more", sum(m > q for m, q, _ in costs), len(SEEDS))

    left.plot(new, asked, ".", color="silver", markersize=3, label="1000 new days")
    grid = np.linspace(0, 1, 101, dtype="float32")[:, None]
    for curve, name, style in zip(quantiles.predict(grid).T, (".1", ".5", ".9"), (":", "--", "-"), strict=True):
        left.plot(grid, curve, style, color="#0072B2", label=f"pinball {name}")
    left.plot(grid, mean.predict(grid), color="#D55E00", label="MSE")
    left.set(xlabel="warmth of the day (0 to 1)", ylabel="cakes", title="Pinball .9 bakes for nine days in ten")
    left.legend(frameon=False, loc="lower left")

    # Classes: raise the alarm from p = 1 / (1 + DEAR) = .1 on; or weigh the sick by DEAR in training, and keep p = .5.
    # For a sigmoid, class weights and a positive weight are the same loss.
    plain = network(2, 1, "sigmoid", "bce")
    weighted = network(2, 1, "sigmoid", dk.losses.BinaryCrossentropy(positive_weight=DEAR))
    ways = {"no weights": (plain, None), "class weight 9": (plain, {0: 1.0, 1: DEAR}),
            "positive weight 9": (weighted, None)}  # fmt: skip
    thresholds = np.linspace(0.02, 0.98, 49)
    bills: dict[str, list[list[float]]] = {}
    for seed in SEEDS:
        (x, sick, _), (new, truth, chance) = (people(np.random.default_rng((seed, part))) for part in (0, 1))
        said = {"the true probabilities": chance}
        for name, (model, weights) in ways.items():
            model.initialize(seed)
            model.fit(x, sick, epochs=30, verbose=0, seed=seed, class_weight=weights)
            said[name] = model.predict(new)[:, 0]
        for name, p in said.items():
            bills.setdefault(name, []).append([100 * cost(truth, (p > t).astype("float32")) for t in thresholds])
    bill = {name: np.mean(runs, axis=0) for name, runs in bills.items()}  # per 100 people, by threshold
    tenth, half = (int(np.argmin(np.abs(thresholds - t))) for t in (0.1, 0.5))
    possible = bill.pop("the true probabilities")[tenth]
    beside("cost of 100 people, the true probabilities", float(possible), "the least, but for chance")
    beside("cost of 100 people, no weights, threshold .5", float(bill["no weights"][half]), "far more")
    beside("cost of 100 people, no weights, threshold .1", float(bill["no weights"][tenth]), "little more")
    for name in ("class weight 9", "positive weight 9"):
        beside(f"cost of 100 people, {name}, threshold .5", float(bill[name][half]), "little more")
    for (name, costs_by_threshold), style in zip(bill.items(), ("-", "-", "--"), strict=True):
        right.plot(thresholds, costs_by_threshold, style, label=name)
    right.axhline(possible, color="grey", linestyle=":", label="true probabilities, threshold .1")
    right.set(xlabel="threshold on p", ylabel="cost of 100 people", title="Lower the threshold, or weigh the sick")
    right.legend(frameon=False)
    keep(figure, options.out / "b05_unequal_costs.png")


if __name__ == "__main__":
    main()
