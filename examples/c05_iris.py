"""C5. Iris: 4 → 64 → 64 → 3 by plain gradient descent; accuracy over the epochs, class by class, flower by flower."""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SEEDS = range(10)


def network() -> dk.Model:
    x = dk.Input(4)
    h = dk.layers.Dense(64, "relu")(x)
    h = dk.layers.Dense(64, "relu")(h)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(h))
    model.compile(dk.optimizers.SGD(0.01), "crossentropy", ["accuracy", dk.metrics.PerClassAccuracy()])
    return model


def main() -> None:
    options = arguments(__doc__)
    iris = dk.datasets.load_iris()
    model = network()
    beside("parameters of 4 → 64 → 64 → 3", model.count_params(), "5·64 + 65·64 + 65·3 = 4675")

    # One run may be lucky: ten, each with weights and a split of its own. The program is compiled once.
    runs = {}
    for seed in SEEDS:
        split = dk.split(iris, train=0.8, dev=0.2, test=0, seed=seed)
        model.initialize(seed)
        runs[seed] = model.fit(
            split.train, validation_data=split.dev, batch_size=None, epochs=1000, seed=seed, verbose=0
        )
    last = np.asarray([run["val_accuracy"][-1] for run in runs.values()])
    by_class = np.asarray([run["val_per_class_accuracy"][-1] for run in runs.values()])
    beside("a guess is right in", 1 / 3, "0.333333")
    beside("unseen flowers recognised, mean of 10 seeds", float(last.mean()), "far above 1/3")
    beside("  worst and best seed", f"{last.min():.3f} to {last.max():.3f}", "a spread, not a number")
    for name, values in zip(iris.classes, by_class.T, strict=True):
        easy = "1, it stands apart" if name == "setosa" else "near 1: these two overlap"
        beside(f"  {name}, mean of 10 seeds", float(values.mean()), easy)
    beside("rows per class in training", np.bincount(split.train.y).tolist(), "[40, 40, 40], stratified")

    # The model of the last seed, looked at closely; iris.y is in the file's order, 50 flowers of each species.
    probabilities = model.predict(iris.x)
    beside("probabilities of a flower sum to", float(probabilities.sum(axis=1).mean()), "1")
    history = runs[SEEDS[-1]]
    figure = dk.plots.learning_curves(history)
    figure.suptitle("Iris, one of ten seeds: the loss still falls when the accuracy has long settled")
    keep(figure, options.out / "c05_iris_learning_curves.png")
    figure = dk.plots.per_class_accuracy(
        history["per_class_accuracy"], iris.classes, validation=history["val_per_class_accuracy"]
    )
    keep(figure, options.out / "c05_iris_per_class.png")
    figure = dk.plots.probabilities_by_sample(probabilities, iris.y, iris.classes)
    keep(figure, options.out / "c05_iris_probabilities.png")
    figure = dk.plots.spread_over_runs(
        {"all": last} | dict(zip(iris.classes, by_class.T, strict=True)),
        quantity="accuracy on unseen flowers",
        setting="species",
        baselines={"guessing": 1 / 3},
        title="Ten seeds: a run is no result, a spread is",
    )
    keep(figure, options.out / "c05_iris_seeds.png")


if __name__ == "__main__":
    main()
