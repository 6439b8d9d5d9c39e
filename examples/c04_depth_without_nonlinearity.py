"""C4. 2→16→1→1 with ReLU and without, 50 learning rates: the linear one always learns, and is one layer in disguise.

The quick setting takes every tenth rate, 10 seeds and 500 epochs; the full one all rates, 50 seeds and 1000 epochs.
"""

from __future__ import annotations

import jax
import numpy as np
from c03_learning_rate_study import LEARNED, qwerties
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.inspect import linear_stacks

RATES = np.linspace(0.001, 0.1, 50)


def network(activation: str, learning_rate: float = 0.01) -> dk.Model:
    x = h = dk.Input(2)
    for inputs, units in ((2, 16), (16, 1)):
        start = dk.initializers.TorchDefault(fan_in=inputs)
        h = dk.layers.Dense(units, activation, kernel_initializer=start, bias_initializer=start)(h)
    start = dk.initializers.TorchDefault(fan_in=1)
    y = dk.layers.Dense(1, "sigmoid", kernel_initializer=start, bias_initializer=start)(h)
    model = dk.Model(x, y)
    model.compile(dk.optimizers.SGD(learning_rate), "binary_crossentropy", ["accuracy"])
    return model


def collapsed(model: dk.Model) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of the one layer that a stack of linear layers is: the products of theirs."""
    kernel, bias = np.eye(2), np.zeros(2)
    for weights in model.params.values():
        if "kernel" in weights:
            kernel, bias = kernel @ weights["kernel"], bias @ weights["kernel"] + weights["bias"]
    return kernel, bias


def main() -> None:
    options = arguments(__doc__, full=True)
    x, y = qwerties()
    result = dk.sweep(
        network, (x, y), grid={"activation": ["relu", "linear"], "learning_rate": RATES[:: 1 if options.full else 10]},
        seeds=50 if options.full else 10, epochs=1000 if options.full else 500, batch_size=None,
    )  # fmt: skip

    accuracy = result.array("accuracy")
    learned = dict(zip(result.axes["activation"], accuracy > LEARNED, strict=True))
    beside("parameters of 2→16→1→1", network("relu").count_params(), "3·16 + 17 + 2 = 67")
    beside(
        "linear: share above 70 %", float(learned["linear"].mean()), "1 after 1000 epochs, but for the smallest rates"
    )
    beside("ReLU: share above 70 %", float(learned["relu"].mean()), "about 0.75")

    linear = result.member(len(result) - 1)
    beside("linear_stacks(the linear model)", ", ".join(*linear_stacks(linear.model)), "all three layers, as one stack")
    kernel, bias = collapsed(linear.model)
    one = np.asarray(jax.nn.sigmoid(x @ kernel + bias))
    beside(
        "three linear layers: distance from one layer of 2 → 1", float(abs(linear.model.predict(x) - one).max()),
        "0, to rounding",
    )  # fmt: skip
    found = next((finding for finding in result.findings() if finding.kind == "never learned"), None)
    if found is not None:
        beside(
            "share of lost runs with a layer of dead ReLU units", found.values["dead"] / found.values["looked_into"],
            "most after 1000 epochs, but for the smallest rates",
        )  # fmt: skip

    figure = result.plot_learned("learning_rate", "accuracy", above=LEARNED, hue="activation")
    keep(figure, options.out / "c04_depth_without_nonlinearity.png")
    figure = result.plot("learning_rate", "accuracy", hue="activation")
    keep(figure, options.out / "c04_depth_without_nonlinearity_runs.png")
    keep(result.curves("accuracy", hue="activation"), options.out / "c04_depth_without_nonlinearity_curves.png")


if __name__ == "__main__":
    main()
