"""C18. How much sugar is left in a red wine? A regression of one column from the other eleven, in grams per litre.

The quick setting has 3 splits and 200 epochs, the full one 8 and 1,000.
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk


def network() -> dk.Model:
    x = h = dk.Input(11)
    for units in (16, 32, 32):
        h = dk.layers.Dense(units, "relu")(h)
    model = dk.Model(x, dk.layers.Dense(1)(h))
    model.compile(dk.optimizers.SGD(0.01), "mse", ["pearson_r", "r2"])
    return model


def main() -> None:
    options = arguments(__doc__, full=True)
    seeds, epochs = (8, 1000) if options.full else (3, 200)
    wine = dk.datasets.load_wine_quality("red", target="residual sugar")
    wine = wine.select(wine.x["total sulfur dioxide"] < 200)
    beside("the other columns", wine.x.shape[1], "11, quality among them")

    model, runs = network(), []
    for seed in range(seeds):
        split = dk.split(wine, train=0.8, dev=0.1, test=0.1, seed=seed, groups="duplicates")
        encoder = dk.preprocessing.TableEncoder(target="zscore").fit(split.train)
        rows = {part.role: (encoder.transform(part), encoder.transform_target(part.y)) for part in split}
        model.initialize(seed)
        history = model.fit(
            *rows["train"], validation_data=rows["dev"], batch_size=64, epochs=epochs, seed=seed, verbose=0
        )
        figures = {role: model.evaluate(*rows[role]) for role in ("train", "test")}
        # In grams per litre: predictions go back the way that the target came.
        true = {role: encoder.inverse_target(rows[role][1]) for role in figures}
        predicted = {role: encoder.inverse_target(model.predict(rows[role][0]))[:, 0] for role in figures}
        runs.append({"figures": figures, "true": true, "predicted": predicted, "history": history})

    r = {role: np.asarray([run["figures"][role]["pearson_r"] for run in runs]) for role in ("train", "test")}
    for role, expected in (
        ("train", "about 0.98 in one run of the course"),
        ("test", "about 0.83 in one, twins apart"),
    ):
        r2 = np.mean([run["figures"][role]["r2"] for run in runs])
        beside(f"Pearson r, {role}, mean of {seeds} seeds", float(r[role].mean()), expected)
        beside("  worst and best seed", f"{r[role].min():.3f} to {r[role].max():.3f}", "a spread, not a number")
        beside(f"R², {role}, mean of {seeds} seeds", float(r2), f"at most r² = {np.mean(r[role] ** 2):.3f}")
    beside(
        "training r above test r, in the closest seed", float(np.min(r["train"] - r["test"])), "above 0: overfitting"
    )

    typical = runs[np.argsort(r["test"])[seeds // 2]]
    figure = dk.plots.predicted_against_true(typical["true"], typical["predicted"], "g/l of residual sugar")
    keep(figure, options.out / "c18_residual_sugar.png")
    figure = dk.plots.learning_curves(typical["history"], keys=["loss", "pearson_r"], log=True)
    figure.suptitle("Residual sugar: r of unseen wines settles early, what follows is learned by heart")
    keep(figure, options.out / "c18_residual_sugar_learning_curves.png")
    figure = dk.plots.spread_over_runs(
        r,
        quantity="Pearson r of prediction and truth",
        setting="rows",
        title=f"Residual sugar, {seeds} splits: a few sweet wines decide",
    )
    keep(figure, options.out / "c18_residual_sugar_seeds.png")


if __name__ == "__main__":
    main()
