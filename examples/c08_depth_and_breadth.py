"""C8. Depth and breadth: 2 → 4 → 3 against 2 → 2 → 2 → 3, the same seven units; then 4 to 100 units in each of 1 to 5
hidden layers, 165 architectures: accuracy against the number of parameters.

The quick setting tries 3 of the 33 widths in 1 to 3 hidden layers.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from c06_three_qwerties import best_possible, three_qwerties
from reporting import arguments, beside, keep

import deepkit as dk

DEPTHS = (1, 2, 3, 4, 5)


def network(width: int = 4, depth: int = 1) -> dk.Model:
    x = h = dk.Input(2)
    for _ in range(depth):
        h = dk.layers.Dense(width, "relu")(h)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(h))
    model.compile(dk.optimizers.SGD(0.01), "crossentropy", ["accuracy"])
    return model


def seven_units(shape: str) -> dk.Model:
    return network(4, 1) if shape == "2→4→3" else network(2, 2)


def draw(result: dk.sweeps.Sweep, depths: tuple[int, ...], parameters: np.ndarray, level: float) -> plt.Figure:
    """Accuracy against the number of parameters, a colour per depth, in training and on the development rows."""
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), sharex=True, sharey=True, layout="constrained")
    colours = plt.colormaps["viridis"](np.linspace(0, 0.9, len(depths)))
    for panel, name, rows in zip(panels, ("accuracy", "dev_accuracy"), ("training", "development"), strict=True):
        medians = np.median(result.array(name), axis=-1)
        for depth, colour, size, median in zip(depths, colours, parameters.T, medians.T, strict=True):
            panel.plot(size, median, "o-", color=colour, markersize=4, linewidth=0.8, label=f"{depth}")
        panel.axhline(level, color="#707070", linestyle="--", label="the nearest centre")
        panel.set(xscale="log", xlabel="Parameters", ylabel=f"Accuracy on {rows} rows")
    panels[0].legend(title="Hidden layers")
    figure.suptitle(f"{parameters.size} architectures: neither depth nor size helps where the blobs overlap")
    return figure


def main() -> None:
    options = arguments(__doc__, full=True)
    for shape, expected in (("2→4→3", 27), ("2→2→2→3", 21)):
        beside(f"parameters of {shape}", seven_units(shape).count_params(), expected)
    x, y = three_qwerties()
    seeds = 20 if options.full else 12
    same = dk.sweep(seven_units, (x, y), grid={"shape": ["2→4→3", "2→2→2→3"]}, seeds=seeds, epochs=100, batch_size=30)
    for shape, runs in zip(same.axes["shape"], same.array("accuracy"), strict=True):
        beside(f"median accuracy of {shape}", float(np.median(runs)), "breadth learns; narrow depth loses blobs")

    widths = tuple(range(4, 101, 3)) if options.full else (4, 13, 28)
    depths = DEPTHS if options.full else DEPTHS[:3]
    data = (x, y, three_qwerties(seed=1))
    result = dk.sweep(
        network, data, grid={"width": widths, "depth": depths}, seeds=3 if options.full else 2,
        epochs=100 if options.full else 50, batch_size=16 if options.full else 30,
    )  # fmt: skip
    beside("architectures", len(widths) * len(depths), "33 × 5 = 165 in the full setting")
    beside("programs that were compiled", result.programs, "fewer: widths share them")
    parameters = np.array([[network(width, depth).count_params() for depth in depths] for width in widths])
    beside("parameters", f"{parameters.min()} to {parameters.max():,}", "27 to 41,003 in the full setting")
    median = np.median(result.array("dev_accuracy"), axis=-1)
    beside("the nearest centre is right for", best_possible(*data[2]), "about 0.95: the blobs overlap")
    beside("development accuracy, best architecture", float(median.max()), "no better")
    wide = np.array(widths) > 25
    beside("  of the wide ones (over 25 units), 1 hidden layer", float(median[wide, 0].mean()), "about the same")
    beside("  of the wide ones, 3 hidden layers", float(median[wide, 2].mean()), "about the same")
    beside("  from the worst to the best of the wide ones", float(np.ptp(median[wide])), "a few hundredths")
    keep(draw(result, depths, parameters, best_possible(*data[2])), options.out / "c08_depth_and_breadth.png")


if __name__ == "__main__":
    main()
