"""D18. Averaging k models divides the squared error by k if their errors are independent, by nothing if they are one.

Four kinds of members, 256 seeds each; the error is measured against the noiseless truth. If a single member's squared
error is v, and the errors of two of them have the mean product c, the average of k has v/k + c(k − 1)/k.
"""

from __future__ import annotations

import jax
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

MEMBERS = 256
SIZES = (1, 2, 4, 8, 16, 32)
SLOPES = np.array([[1.0], [-2.0], [0.5], [0.0], [1.5]], "float32")
PLACES = np.random.default_rng(1000).normal(size=(200, 5)).astype("float32")
TRUTH = PLACES @ SLOPES


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """40 rows with noise of variance 1 on a plane, other ones for every seed."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(40, 5)).astype("float32")
    return x, x @ SLOPES + random.normal(size=(40, 1)).astype("float32")


def plane() -> dk.Model:
    """A linear model: trained to the end it has no error but that of its rows."""
    x = dk.Input(5)
    model = dk.Model(x, dk.layers.Dense(1)(x))
    model.compile(dk.optimizers.SGD(0.1), "mse")
    return model


def network() -> dk.Model:
    """A network of 16 units, which bends with the noise, from every start in another way."""
    x = dk.Input(5)
    model = dk.Model(x, dk.layers.Dense(1)(dk.layers.Dense(16, "tanh")(x)))
    model.compile(dk.optimizers.SGD(0.1), "mse")
    return model


def errors(build, data) -> tuple[dk.sweeps.Sweep, np.ndarray]:
    """What every member misses the truth by: `(members, places)`."""
    result = dk.sweep(build, data, seeds=MEMBERS, epochs=200, batch_size=None, verbose=0)
    weights = jax.tree.map(
        lambda *leaves: np.stack(leaves), *(result.member(n).model.variables for n in range(MEMBERS))
    )
    model = build()
    predicted, _ = jax.jit(jax.vmap(model.apply, in_axes=(0, None)))(weights, PLACES)
    return result, np.asarray(predicted)[:, :, 0] - TRUTH[:, 0]


def of_average(error: np.ndarray, size: int) -> float:
    """Squared error of averages of so many members, no member in two of them, over 20 shufflings."""
    random = np.random.default_rng(size)
    groups = [error[random.permutation(MEMBERS)].reshape(-1, size, len(PLACES)).mean(axis=1) for _ in range(20)]
    return float(np.mean(np.square(groups)))


def main() -> None:
    options = arguments(__doc__)
    rows = draw(0)
    kinds = {
        "other rows for every member, a plane": (plane, draw, "16"),
        "bootstrap draws of the same rows, a plane": (plane, dk.ensembles.Bootstrap(rows), "between 1 and 16"),
        "same rows, other seeds, a network": (network, rows, "between 1 and 16"),
        "same rows, other seeds, a plane": (plane, rows, "1: no gain"),
    }
    lines = {}
    for name, (build, data, expected) in kinds.items():
        result, error = errors(build, data)
        v = float(np.mean(np.square(error)))
        c = float((np.mean(np.square(error.mean(axis=0))) * MEMBERS - v) / (MEMBERS - 1))
        measured = {size: of_average(error, size) for size in SIZES}
        gain = v / measured[16]
        print(f"{name}: v = {v:.4f}, correlation of the errors c/v = {c / v:z.3f}")
        beside("    squared error of 1 / squared error of 16 averaged", gain, expected)
        beside("    the formula gives", v / (v / 16 + c * 15 / 16), f"{gain:.4g}, what was measured")
        lines[f"{name}: c/v = {c / v:z.2f}"] = (SIZES, [measured[size] / v for size in SIZES])
        if data is draw:
            first = result

    together = dk.ensemble(first, range(16))
    alone = float(np.mean(np.square(together.predict_members(PLACES) - TRUTH)))
    averaged = together.evaluate(PLACES, TRUTH)["loss"]
    beside("one dk.Ensemble of 16: its members' error / its own", alone / averaged, "about 16; only 16 members")
    spread = float(np.mean(np.square(together.spread(PLACES))))
    beside("    the square of their spread / their error", spread / alone, "about 1: it says how far off they are")

    sizes = np.array(SIZES)
    lines["v/k: independent"] = (SIZES, 1 / sizes)
    figure = dk.plots.curves(
        lines,
        x="k, members that are averaged",
        y="squared error of the average / of one member",
        title="Averages help as far as errors are independent",
        log=True,
    )
    figure.axes[0].set_xscale("log", base=2)
    keep(figure, options.out / "d18_ensemble_numbers.png")


if __name__ == "__main__":
    main()
