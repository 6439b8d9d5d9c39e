"""C11. Dropout on two rings of points and on iris, rates 0 to .9: what it gains, and which accuracy is meant.

Dropout is inverted: in training a kept unit counts 1 / (1 − p) of itself (not the inverse of p), so that nothing is
left to scale when the model is used.
"""

from __future__ import annotations

import functools

import jax
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk


def doughnuts(seed: int = 0, rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Two rings of points, of radius 10 and 15 with noise, and which one each is of."""
    draw = np.random.default_rng(seed)
    angles = np.linspace(0, 4 * np.pi, rows)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    noise = ((10, [3, 1]), (15, [1, 3]))
    x = np.concatenate([radius * circle + draw.normal(0, spread, (rows, 2)) for radius, spread in noise])
    return x.astype("float32"), np.repeat([0, 1], rows).astype("float32")


def network(inputs: int, units: tuple[int, ...], outputs: int, learning_rate: float, rate: float) -> dk.Model:
    x = h = dk.Input(inputs)
    for width in units:
        h = dk.layers.Dropout(rate)(dk.layers.Dense(width, "relu")(h))
    if outputs == 1:
        model, loss = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h)), "binary_crossentropy"
    else:
        model, loss = dk.Model(x, dk.layers.Dense(outputs, "softmax")(h)), "crossentropy"
    model.compile(dk.optimizers.SGD(learning_rate), loss, ["accuracy"])
    return model


def inverted() -> None:
    """What the layer does to 10,000 units that are 1."""
    layer, ones = dk.layers.Dropout(0.2), np.ones((10_000, 1), np.float32)

    @jax.jit
    def in_training(key: jax.Array) -> jax.Array:
        return layer.apply({}, {}, ones, context=dk.layers.Context(training=True, rng=key))[0]

    dropped = np.asarray(in_training(jax.random.key(0)))
    used = np.asarray(layer.apply({}, {}, ones, context=dk.layers.Context())[0])
    beside("p = .2: a kept unit counts", float(dropped.max()), "1 / (1 − p) = 1.25, not 1 / p = 5")
    beside("p = .2: share of units kept", float((dropped > 0).mean()), "0.8")
    beside("p = .2: mean of all units in training", float(dropped.mean()), "about 1, as without dropout")
    beside("p = .2: the same units when the model is used", float(used.mean()), "1")


def main() -> None:
    options = arguments(__doc__, full=True)
    inverted()
    rates = np.arange(10) / 10 if options.full else np.array([0, 0.2, 0.5, 0.9])
    seeds = 10 if options.full else 3
    units, rings, rings_epochs = (128, 0.002, 1000) if options.full else (64, 0.03, 40)
    studies = {
        "doughnuts": (doughnuts(), functools.partial(network, 2, (units, units), 1, rings), rings_epochs),
        "iris": (dk.datasets.load_iris(), functools.partial(network, 4, (12, 12), 3, 0.02), 60),
    }
    figure, (panels,) = dk.plots.canvas.new_figure(1, 2, size=(4.8, 4.0), share_x=True, share_y=True)
    for panel, (name, (data, build, epochs)) in zip(panels, studies.items(), strict=True):
        x, y = data if isinstance(data, tuple) else (data.x, data.y)
        split = dk.split(x, y, train=0.8, dev=0.2, test=0)
        result = dk.sweep(build, split, grid={"rate": rates}, seeds=seeds, epochs=epochs, batch_size=16)
        off, model = [], build(0.0)
        for n in range(len(result)):
            model.set_variables(result.member(n).model.variables)
            off.append(model.evaluate(split.train)["accuracy"])
        accuracy = {
            "training rows, dropout on": result.array("accuracy"),
            "training rows, dropout off": np.reshape(off, (len(rates), seeds)),
            "unseen rows, dropout off": result.array("dev_accuracy"),
        }
        for k, (which, values) in enumerate(accuracy.items()):
            shown = " ".join(f"{mean:.2f}" for mean in values.mean(axis=1))
            beside(f"{name}: {which}", shown, f"by rate {' '.join(f'{rate:g}' for rate in rates)}")
            colour, mark = dk.plots.canvas.OKABE_ITO[k], dk.plots.canvas.marker(k)
            panel.plot(rates, values, mark, color=colour, alpha=0.3, markersize=4)
            panel.plot(rates, values.mean(axis=1), mark + "-", color=colour, label=which)
        on, off, unseen = (values.mean(axis=1) for values in accuracy.values())
        expected = {"iris": "> 0: it hides some", "doughnuts": "< 0, in PyTorch too: noise had become part of it"}[name]
        beside(f"{name}, rate .5: accuracy off minus on", float((off - on)[rates == 0.5][0]), expected)
        gained = float(unseen[1:].max() - unseen[0])
        beside(f"{name}: gained on unseen rows by the best rate above 0", gained, "about 0, or less")
        beside(f"{name}: lost on unseen rows by rate .9", float(unseen[0] - unseen[-1]), "much")
        panel.set(xlabel="dropout rate", title=f"{name}, {len(split.train.x)} rows, {seeds} seeds")
    panels[0].set_ylabel("accuracy, mean of the seeds")
    figure.suptitle("Dropout on small nets: the training accuracy that is watched is not the model's")
    dk.plots.canvas.legend_below(figure)
    keep(figure, options.out / "c11_dropout.png")


if __name__ == "__main__":
    main()
