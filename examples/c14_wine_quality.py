"""C14. Red wine, 11 → 16 → 32 → 32 → 1: is its quality above 5? And what is it? With and without z-scored inputs.

The quick setting has 4 splits and 50 epochs, the full one 5 and 200.
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

TableEncoder = dk.preprocessing.TableEncoder


def clean(target: str) -> dk.datasets.Dataset:
    """The red wines without two outliers, as the course keeps them."""
    wine = dk.datasets.load_wine_quality("red", target)
    return wine.select(wine.x["total sulfur dioxide"] < 200)


def network(activation: str | None, loss: str, metric: str) -> dk.Model:
    x = h = dk.Input(11)
    for units in (16, 32, 32):
        h = dk.layers.Dense(units, "relu")(h)
    model = dk.Model(x, dk.layers.Dense(1, activation)(h))
    model.compile(dk.optimizers.SGD(0.01), loss, [metric])
    return model


def train(model: dk.Model, split, encoder: TableEncoder, seed: int, epochs: int) -> dict[str, np.ndarray]:
    """A run in mini-batches of 32 from fresh weights. The encoder's statistics are those of the training rows."""
    encoder.fit(split.train)
    parts = {part.role: (encoder.transform(part), encoder.transform_target(part.y)) for part in split}
    model.initialize(seed)
    model.fit(*parts["train"], validation_data=parts["dev"], batch_size=32, epochs=epochs, seed=seed, verbose=0)
    return parts


def main() -> None:
    options = arguments(__doc__, full=True)
    seeds, epochs = (5, 200) if options.full else (4, 50)
    wine = dk.datasets.load_wine_quality("red")
    good, quality = clean("good"), clean("quality")
    beside("rows of the file", len(wine), "1599")
    beside("wines of quality 3, 4, 5, 6, 7, 8", np.bincount(wine.y)[3:].tolist(), "[10, 53, 681, 638, 199, 18]")
    beside("rows with total sulfur dioxide < 200", len(good), "1597")
    # Left to chance, a quarter of the test wines would have a twin in training.
    beside("rows that repeat an earlier one; splits keep them together", dk.duplicates(wine).copies, "240")
    shapes = {dk.datasets.load_wine_quality("red", name).x.shape for name in wine.frame().columns}
    beside("inputs whichever of the 12 columns is the target", shapes, "{(1599, 11)}")

    # Quality above 5: a yes or no. Each seed has its own split and weights, shared by both encoders.
    model, histories = network("sigmoid", "bce", "accuracy"), {}
    accuracy: dict[str, list[float]] = {"z-score": [], "as measured": []}
    for seed in range(seeds):
        split = dk.split(good, train=0.8, dev=0.1, test=0.1, seed=seed, groups="duplicates")
        for name, numeric in {"z-score": "zscore", "as measured": "none"}.items():
            parts = train(model, split, TableEncoder(numeric), seed, epochs)
            accuracy[name].append(model.evaluate(*parts["test"])["accuracy"])
            histories.setdefault(name, model.history)
    scaled, raw = (np.asarray(values) for values in accuracy.values())
    gain = scaled - raw
    majority = max(np.mean(good.y), 1 - np.mean(good.y))
    beside(
        f"test accuracy with z-score, mean of {seeds} seeds",
        float(scaled.mean()),
        "about 0.8 in one run of the course, twins apart",
    )
    beside(
        f"test accuracy without, mean of {seeds} seeds",
        float(raw.mean()),
        "about 0.7 in one run of the course, twins apart",
    )
    gains = f"{gain.min():.3f}, {gain.mean():.3f}, {gain.max():.3f}"
    beside("what z-score gains: least, mean, most of the seeds", gains, "a mean of 0.05 to 0.1, above 0")
    beside("the majority class alone", float(majority), "below both")
    figure = dk.plots.spread_over_runs(
        accuracy,
        quantity="test accuracy",
        setting="inputs",
        baselines={"majority class": majority},
        title="Quality above 5: z-scored inputs learn faster",
    )
    keep(figure, options.out / "c14_wine_quality_seeds.png")
    figure = dk.plots.learning_curves(histories)
    figure.suptitle("Quality above 5, the first seed: the same network on two scales of the same numbers")
    keep(figure, options.out / "c14_wine_quality_learning_curves.png")

    # Quality as a number: the target is z-scored too, and predictions are brought back to points of quality.
    model, true, predicted = network(None, "mse", "r2"), {}, {}
    r2, error, mean_error = [], [], []
    for seed in range(seeds):
        split = dk.split(quality, train=0.8, dev=0.1, test=0.1, seed=seed, groups="duplicates")
        encoder = TableEncoder("zscore", target="zscore")
        parts = train(model, split, encoder, seed, epochs)
        for part in (split.train, split.test):
            true[part.role] = np.asarray(part.y)
            predicted[part.role] = encoder.inverse_target(model.predict(parts[part.role][0]))[:, 0]
        r2.append(model.evaluate(*parts["test"])["r2"])
        error.append(np.abs(true["test"] - predicted["test"]).mean())
        mean_error.append(np.abs(true["test"] - true["train"].mean()).mean())
    beside(f"quality as a number: test R², mean of {seeds} seeds", float(np.mean(r2)), "above 0, the mean's")
    beside(
        "  mean absolute error, points of quality", float(np.mean(error)), f"below the mean's {np.mean(mean_error):.3f}"
    )
    figure = dk.plots.predicted_against_true(true, predicted, "points of quality")
    keep(figure, options.out / "c14_wine_quality_score.png")


if __name__ == "__main__":
    main()
