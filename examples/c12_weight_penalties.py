"""C12. Iris with weight penalties: L2 with biases out and in, L1, and an L1 divided by the number of weights.

Factors are Keras's, so L2 is λ·Σw²; PyTorch's `weight_decay=λ` is half of that, biases included.
The quick setting trains 4 → 16 → 16 → 3, the full one the course's 4 → 64 → 64 → 3.
"""

from __future__ import annotations

import functools

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

LARGEST = {"L2": 0.1, "L2, biases too": 0.1, "L1": 0.005, "L1 per weight": 0.005}


@functools.cache  # every penalty meets the same splits
def iris(seed: int) -> dk.data.Split:
    return dk.split(dk.datasets.load_iris(), train=0.8, dev=0.2, test=0, seed=seed)


def network(units: int, penalty: str, strength: float) -> dk.Model:
    factor = strength * LARGEST[penalty]
    if penalty == "L1 per weight":
        factor /= units * (4 + units + 3)
    # An L1L2 with factors of 0 stands in for no penalty, so that all have one structure, and one program.
    l1, l2 = (factor, 0.0) if penalty.startswith("L1") else (0.0, factor)
    of_kernel = dk.regularizers.L1L2(l1, l2)
    of_bias = dk.regularizers.L1L2(0.0, l2 if penalty == "L2, biases too" else 0.0)
    h = x = dk.Input(4)
    for width, activation in ((units, "relu"), (units, "relu"), (3, "softmax")):
        h = dk.layers.Dense(width, activation, kernel_regularizer=of_kernel, bias_regularizer=of_bias)(h)
    model = dk.Model(x, h)
    model.compile(dk.optimizers.SGD(0.05), "crossentropy", ["accuracy"])
    return model


def weights(runs, name: str) -> np.ndarray:
    """All kernels or biases of these runs, as one vector."""
    return np.concatenate([layer[name].ravel() for run in runs for layer in run.model.params.values() if layer])


def main() -> None:
    options = arguments(__doc__, full=True)
    result = dk.sweep(
        functools.partial(network, 64 if options.full else 16), iris,
        grid={"penalty": list(LARGEST), "strength": np.linspace(0, 1, 11 if options.full else 3)},
        seeds=5, epochs=1000 if options.full else 300, batch_size=None,
    )  # prints by itself which penalty is too small to matter  # fmt: skip
    places = np.arange(len(result)).reshape(len(LARGEST), -1, len(result.seeds))
    runs = {
        name: {end: [result.member(n) for n in places[k, column]] for end, column in (("without", 0), ("with", -1))}
        for k, name in enumerate(LARGEST)
    }

    def rms(name: str, kind: str, end: str) -> float:
        return float(np.sqrt(np.mean(weights(runs[name][end], kind) ** 2)))

    for name, text in {"L2": "far below 1", "L2, biases too": "far below 1", "L1 per weight": "1"}.items():
        ratio = rms(name, "kernel", "with") / rms(name, "kernel", "without")
        beside(f"{name}: size of kernels at the largest λ, against none", ratio, text)
    for name, text in {"L2": "not below 1: nothing pulls at them", "L2, biases too": "below that"}.items():
        beside(f"{name}: the same of biases", rms(name, "bias", "with") / rms(name, "bias", "without"), text)
    for name, text in {"L1": "many", "L2": "fewer", "L1 per weight": "as few as without"}.items():
        small = float(np.mean(abs(weights(runs[name]["with"], "kernel")) < 0.0005))
        beside(f"{name}: share of weights next to 0 (below .0005)", small, text)
    for name, values in zip(LARGEST, result.array("dev_accuracy").mean(axis=-1), strict=True):
        text = "alike, but lower with much L2"
        beside(f"{name}: unseen flowers recognised, λ = 0 and largest", f"{values[0]:.3f}, {values[-1]:.3f}", text)

    figure = result.plot("strength", ["accuracy", "dev_accuracy"], hue="penalty")
    for panel in figure.axes:
        panel.set_xlabel("λ as a share of the largest, 0.1 (L2) or 0.005 (L1)")
    keep(figure, options.out / "c12_weight_penalties.png")


if __name__ == "__main__":
    main()
