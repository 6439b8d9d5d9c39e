"""C2. y = slope · x + noise by 1 → 1 ReLU → 1: 21 slopes × 50 fresh draws in one sweep, some of them dead for good.

The quick setting takes every second slope, the full one all of them.
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SLOPES = np.linspace(-2, 2, 21)
NOISE = 0.5


def points(slope: float, seed: int, rows: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Points around a line through the origin, drawn anew for every slope and seed."""
    draw = np.random.default_rng((seed, round(100 * (slope + 2))))
    x = draw.standard_normal(rows)
    return x.astype("float32"), (slope * x + NOISE * draw.standard_normal(rows)).astype("float32")


def network() -> dk.Model:
    x = dk.Input(1)
    start = dk.initializers.TorchDefault(fan_in=1)
    h = dk.layers.Dense(1, "relu", kernel_initializer=start, bias_initializer=start)(x)
    model = dk.Model(x, dk.layers.Dense(1, kernel_initializer=start, bias_initializer=start)(h))
    model.compile(dk.optimizers.SGD(0.05), "mse", ["pearson_r"])
    return model


def main() -> None:
    options = arguments(__doc__, full=True)
    result = dk.sweep(
        network, points, grid={"slope": SLOPES[:: 1 if options.full else 2]}, seeds=50, epochs=500, batch_size=None
    )  # prints by itself how many answer every row alike, and why

    beside("models", len(result), "21 slopes × 50 draws = 1050, or 11 × 50")
    correlation, loss = result.array("pearson_r"), result.array("loss")
    constant = np.isnan(correlation)
    beside("share of constant models", float(constant.mean()), "0.17 in the course's run; 0.27 in 4000 by a NumPy loop")
    steep, none = correlation[[0, -1]], correlation[len(correlation) // 2]
    beside("correlation of the others at slopes -2 and 2", float(np.nanmean(steep)), "2 / √(4 + 0.25) = 0.970")
    beside("correlation of the others at slope 0", float(np.nanmean(none)), "small: 30 points of noise")
    beside("loss of the others, mean over all slopes", float(loss[~constant].mean()), "about 0.25, the noise")
    beside("loss with the constant models at slopes -2 and 2", float(loss[[0, -1]].mean()), "far above it")
    beside("  of the constant models alone", float(loss[[0, -1]][constant[[0, -1]]].mean()), "about 4 + 0.25")

    keep(result.plot("slope", ["loss", "pearson_r"]), options.out / "c02_slopes.png")
    keep(result.plot_learned("slope", "pearson_r", above=0), options.out / "c02_slopes_p_learns.png")


if __name__ == "__main__":
    main()
