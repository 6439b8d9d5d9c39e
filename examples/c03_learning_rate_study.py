"""C3. Two blobs, one hidden unit, 40 learning rates × 50 seeds: 2000 models of two kinds, which a mean would hide.

The quick setting trains the 2000 models for 100 epochs each, the full one for the course's 500.
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

RATES = np.linspace(0.001, 0.1, 40)
SEEDS = 50
LEARNED = 0.7


def qwerties(seed: int = 0, rows: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Two clouds of points around (1, 1) and (5, 1), of standard deviation 1, and which one each is of."""
    draw = np.random.default_rng(seed)
    x = np.concatenate([draw.normal(centre, 1, (rows, 2)) for centre in ([1, 1], [5, 1])])
    return x.astype("float32"), np.repeat([0, 1], rows).astype("float32")


def dense(inputs: int, activation: str) -> dk.layers.Dense:
    """One unit that starts as the course's do: weights and bias uniform between ±1/√inputs."""
    start = dk.initializers.TorchDefault(fan_in=inputs)
    return dk.layers.Dense(1, activation, kernel_initializer=start, bias_initializer=start)


def network(learning_rate: float = 0.01) -> dk.Model:
    x = dk.Input(2)
    model = dk.Model(x, dense(1, "sigmoid")(dense(2, "relu")(x)))
    model.compile(dk.optimizers.SGD(learning_rate), "binary_crossentropy", ["accuracy"])
    return model


def main() -> None:
    options = arguments(__doc__, full=True)
    x, y = qwerties()
    epochs = 500 if options.full else 100
    result = dk.sweep(
        network, (x, y), grid={"learning_rate": RATES}, seeds=SEEDS, epochs=epochs, batch_size=None
    )  # prints by itself how many never learned, and why

    accuracy = result.array("accuracy")
    learned = accuracy > LEARNED
    beside("models", len(result), "40 rates × 50 seeds = 2000")
    beside("share above 70 %", float(learned.mean()), "about 2/3 after 500 epochs, fewer before")
    beside("share between 45 % and 57 %", float(((accuracy > 0.45) & (accuracy < 0.57)).mean()), "about 1/3")
    between = float(((accuracy >= 0.57) & (accuracy <= LEARNED)).mean())
    beside("share between 57 % and 70 %", between, "next to none: two kinds, not one spread")
    beside("mean accuracy", float(accuracy.mean()), "of either kind hardly a run has it")
    near = float((abs(accuracy - accuracy.mean()) < 0.03).mean())
    beside("share of runs within 0.03 of that mean", near, "few")
    for name, part in (("lowest", slice(0, 10)), ("highest", slice(30, 40))):
        beside(f"P(learns) at the ten {name} rates", float(learned[part].mean()), "the higher the rates, the more")

    best = result.best("accuracy")
    beside("accuracy of the best, evaluated again", best.model.evaluate(x, y)["accuracy"], "about 0.98")

    keep(result.plot_distribution("accuracy", "learning_rate"), options.out / "c03_learning_rate_study.png")
    figure = result.plot_learned("learning_rate", "accuracy", above=LEARNED)
    keep(figure, options.out / "c03_learning_rate_study_p_learns.png")
    keep(result.plot("learning_rate", ["accuracy", "loss"]), options.out / "c03_learning_rate_study_runs.png")
    figure = dk.plots.decision_boundary(best.model, x, y, ["left", "right"])
    keep(figure, options.out / "c03_learning_rate_study_boundary.png")


if __name__ == "__main__":
    main()
