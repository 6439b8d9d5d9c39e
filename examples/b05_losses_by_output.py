"""B5. The output chooses the loss: a number, yes or no, one of K classes. What does not fit is refused or warned of."""

from __future__ import annotations

import functools
import warnings

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SEEDS = range(5)
LOSSES = ("mean_squared_error", "pinball", "binary_crossentropy", "categorical_crossentropy")


def network(units: int, activation: str | None, loss: str, *metrics: str) -> dk.Model:
    x = dk.Input(3)
    model = dk.Model(x, dk.layers.Dense(units, activation)(dk.layers.Dense(16, "tanh")(x)))
    model.compile(dk.optimizers.Adam(0.01), loss, metrics=metrics)
    return model


def verdict(units: int, activation: str | None, loss: str) -> str:
    """What compile says to this loss on this output."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            network(units, activation, loss)
        except dk.errors.DeepkitError:
            return "refused"
    return "warned of" if caught else "fits"


def train(units: int, activation: str | None, loss: str, metric: str, x: np.ndarray, y: np.ndarray):
    """Learn 100 irises, measure on the 50 others, over the seeds; returns the last run's rows and model too."""

    def rows(seed: int) -> tuple:
        learn, test = np.split(np.random.default_rng(seed).permutation(150), [100])
        return x[learn], y[learn], (x[test], y[test])

    build = functools.partial(network, units, activation, loss, metric)
    result = dk.sweep(build, rows, seeds=SEEDS, epochs=100, verbose=0)
    scores, test = result.final(f"dev_{metric}"), np.random.default_rng(SEEDS[-1]).permutation(150)[100:]
    return f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f}", test, result.member(len(SEEDS) - 1).model


def main() -> None:
    options = arguments(__doc__)
    print(f"{'':16}" + "".join(f"{loss:>26}" for loss in LOSSES))
    for units, activation in ((1, None), (1, "sigmoid"), (3, "softmax")):
        told = "".join(f"{verdict(units, activation, loss):>26}" for loss in LOSSES)
        print(f"{units} × {activation or 'linear':12}" + told)

    # One flower, three questions. From the sepals and the length of the petal ...
    iris = dk.datasets.load_iris()
    names, kind = iris.classes, np.asarray(iris.y)
    x, width = np.split(iris.x.to_numpy("float32"), [3], axis=1)

    # ... how wide is the petal? Any number: a linear unit, squared error.
    score, test, model = train(1, None, "mse", "rmse", x, width)
    beside("petal width, linear + MSE: RMSE in cm", score, f"< {width.std():.3f}, always the mean")
    truth, predicted = {"petal width": width[test]}, {"petal width": model.predict(x[test])}
    figure = dk.plots.predicted_against_true(truth, predicted, units="cm")
    keep(figure, options.out / "b05_a_number.png")

    # ... is it virginica? A probability: one sigmoid unit, binary cross-entropy.
    score, *_ = train(1, "sigmoid", "bce", "accuracy", x, kind == 2)
    beside("virginica or not, sigmoid + BCE: accuracy", score, "> 0.667, always no")

    # ... which of three is it? One probability per class: a softmax, categorical cross-entropy on one-hot rows.
    # Class numbers do as well: then it is called sparse, and computes the same.
    one_hot = dk.preprocessing.one_hot(kind, 3)
    score, test, model = train(3, "softmax", "cce", "accuracy", x, one_hot)
    predicted = model.predict(x[test])
    beside("which of three, softmax + CCE: accuracy", score, "> 0.333, always one of them")
    sparse, *_ = train(3, "softmax", "sparse_categorical_crossentropy", "accuracy", x, kind)
    beside("the same from class numbers", sparse, score)
    beside("sums of its probabilities", f"{predicted.sum(axis=1).min():.6f}, {predicted.sum(axis=1).max():.6f}", "1, 1")
    keep(dk.plots.probabilities_by_sample(predicted, kind[test], names), options.out / "b05_one_of_three.png")


if __name__ == "__main__":
    main()
