"""B7, continued. 100 layers by a loop: one program all the same, and why deep nets have paths around their layers."""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SEEDS = range(3)
DEPTH, WIDTH, STEPS = 100, 8, 300


def deep(around: bool) -> dk.Model:
    """DEPTH tanh layers, in a row; or each adding to a path around it, and at first adding nothing."""
    x = dk.Input(2)
    h = dk.layers.Dense(WIDTH, "tanh")(x)
    for _ in range(DEPTH):
        if around:
            h = dk.layers.Add()([h, dk.layers.Dense(WIDTH, "tanh", use_bias=False, kernel_initializer="zeros")(h)])
        else:
            h = dk.layers.Dense(WIDTH, "tanh", use_bias=False)(h)
    model = dk.Model(x, dk.layers.Dense(1)(h))
    model.compile(dk.optimizers.SGD(0.006, momentum=0.9, global_clipnorm=1.0), "mse")
    return model


def main() -> None:
    options = arguments(__doc__)
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (256, 2)).astype("float32")
    height = np.sin(3 * points[:, 0]) * points[:, 1]

    curves, last = {}, {}
    for around in (False, True):
        label = f"{DEPTH} layers with paths around them" if around else f"{DEPTH} layers in a row"
        model = deep(around)
        parameters = 3 * WIDTH + DEPTH * WIDTH**2 + (WIDTH + 1)
        beside(f"parameters, {label}", model.count_params(), parameters)
        runs, seconds = [], []
        for seed in SEEDS:
            model.initialize(seed)
            history = model.fit(points, height, batch_size=None, epochs=STEPS, verbose=0, seed=seed)
            runs.append(history["loss"])
            seconds.append(history.seconds)
        print(f"{seconds[0]:.1f} s in the first run, {min(seconds[1:]):.1f} s once its {DEPTH} layers are compiled")
        curves[label], last[around] = (np.arange(STEPS) + 1, np.median(runs, axis=0)), [run[-1] for run in runs]

    in_a_row, with_paths = np.array(last[False]), np.array(last[True])
    variance = float(height.var())
    beside("loss at the end, in a row", np.round(in_a_row, 3).tolist(), f"near {variance:.3f}, always the mean")
    beside("loss at the end, with paths", np.round(with_paths, 3).tolist(), f"< {variance / 3:.3f}, a third")
    beside("starts in which the paths help", int((with_paths < in_a_row).sum()), len(SEEDS))
    figure = dk.plots.curves(
        curves,
        x="step, on all points",
        y=f"squared error, median of {len(SEEDS)} starts",
        title=f"{DEPTH} layers learn when the signal has a way around them",
        levels={"always the mean": variance},
        log=True,
    )
    keep(figure, options.out / "b07_hundred_layers.png")


if __name__ == "__main__":
    main()
