"""C18. How much sugar is left in a red wine? A regression of one column from the other eleven, in grams per litre."""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SEEDS = range(6)


def network() -> dk.Model:
    x = h = dk.Input(11)
    for units in (16, 32, 32):
        h = dk.layers.Dense(units, "relu")(h)
    model = dk.Model(x, dk.layers.Dense(1)(h))
    model.compile(dk.optimizers.SGD(0.01), "mse", ["pearson_r", "r2"])
    return model


def main() -> None:
    options = arguments(__doc__)
    wine = dk.datasets.load_wine_quality("red", target="residual sugar")
    wine = wine.select(wine.x["total sulfur dioxide"] < 200)
    beside("the other columns", wine.x.shape[1], "11, quality among them")

    model, figures = network(), {"train": [], "test": []}
    for seed in SEEDS:
        split = dk.split(wine, train=0.8, dev=0.1, test=0.1, seed=seed)
        encoder = dk.preprocessing.TableEncoder(target="zscore").fit(split.train)
        rows = {part.role: (encoder.transform(part), encoder.transform_target(part.y)) for part in split}
        model.initialize(seed)
        history = model.fit(
            *rows["train"], validation_data=rows["dev"], batch_size=64, epochs=1000, seed=seed, verbose=0
        )
        for role, measured in figures.items():
            measured.append(model.evaluate(*rows[role]))

    for role, expected in (("train", "about 0.98 in one run of the course"), ("test", "about 0.83 in one run")):
        r, r2 = (np.asarray([measured[key] for measured in figures[role]]) for key in ("pearson_r", "r2"))
        beside(f"Pearson r, {role}, mean of {len(SEEDS)} seeds", float(r.mean()), expected)
        beside("  worst and best seed", f"{r.min():.3f} to {r.max():.3f}", "a spread, not a number")
        beside(f"R², {role}, mean of {len(SEEDS)} seeds", float(r2.mean()), f"at most r² ≈ {np.mean(r**2):.3f}")
    beside("mean training minus test r: overfitting", float(np.mean([
        a["pearson_r"] - b["pearson_r"] for a, b in zip(figures["train"], figures["test"], strict=True)
    ])), "about 0.15")  # fmt: skip

    # The last seed's model, in grams per litre: predictions go back the way that the target came.
    true = {part.role: np.asarray(part.y) for part in (split.train, split.test)}
    predicted = {role: encoder.inverse_target(model.predict(rows[role][0]))[:, 0] for role in true}
    figure = dk.plots.predicted_against_true(true, predicted, "g/l of residual sugar")
    keep(figure, options.out / "c18_residual_sugar.png")
    figure = dk.plots.learning_curves(history, log=True)
    figure.suptitle("Residual sugar: the training loss goes on falling, that of unseen wines does not")
    keep(figure, options.out / "c18_residual_sugar_learning_curves.png")
    figure = dk.plots.spread_over_runs(
        {role: [measured["pearson_r"] for measured in figures[role]] for role in figures},
        quantity="Pearson r of prediction and truth",
        setting="rows",
        title=f"Residual sugar, {len(SEEDS)} seeds: what was learned by heart",
    )
    keep(figure, options.out / "c18_residual_sugar_seeds.png")


if __name__ == "__main__":
    main()
