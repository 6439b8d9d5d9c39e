"""B2. Heart disease in Cleveland: from 303 patients in 13 columns to a score beside its baseline, ten times.

`HEART_CSV=heart.csv` adds TensorFlow's variant of the file, which has other labels and more of the healthy.
"""

from __future__ import annotations

import os

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SEEDS = range(10)


def heart_model(encoder: dk.preprocessing.TableEncoder) -> dk.Model:
    x = dk.Input(encoder.width)
    h = dk.layers.Dense(16, activation="relu")(x)
    y = dk.layers.Dense(1, activation="sigmoid")(h)
    model = dk.Model(x, y, encoder=encoder)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def cut(data: dk.datasets.Dataset, seed: int):
    """A fifth of the patients for the test, a fifth of the rest for validation, both stratified: 193, 49 and 61."""
    test = round(len(data) / 5)
    dev = -(-(len(data) - test) // 5)
    return dk.split(data, train=len(data) - dev - test, dev=dev, test=test, seed=seed)


def run(data: dk.datasets.Dataset, seed: int):
    """One split, one start: the model that it gave, its curves, and its accuracy on the test part."""
    split = cut(data, seed)
    encoder = dk.preprocessing.TableEncoder().fit(split.train)  # statistics of the training patients only
    model = heart_model(encoder)
    history = model.fit(split.train, validation_data=split.dev, batch_size=32, epochs=300, verbose=0, seed=seed)
    return history, model.evaluate(split.test)["accuracy"]


def several(data: dk.datasets.Dataset, label: str, expected: str, seeds: range = SEEDS):
    """Several seeds; prints the accuracy with its spread."""
    histories, scores = zip(*(run(data, seed) for seed in seeds), strict=True)
    spread = f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f}"
    beside(f"test accuracy, {label}, mean ± deviation", spread, expected)
    return histories, list(scores)


def main() -> None:
    options = arguments(__doc__)
    data = dk.datasets.load_heart_disease()  # missing="level": a `?` is a level of its own, and no patient is lost
    complete = dk.datasets.load_heart_disease(missing="drop")
    beside("patients", len(data), 303)
    beside("columns, the answer among them", data.frame().shape[1], 14)
    beside("`?` in ca and in thal", [int((data.x[name] == "?").sum()) for name in ("ca", "thal")], [4, 2])
    beside("healthy and sick (num > 0)", np.bincount(data.y).tolist(), [164, 139])
    beside('patients with missing="drop", and dropped', f"{len(complete)}, {complete.dropped}", "297, 6")

    split = cut(data, seed=0)
    beside("rows to train, validate and test on", [len(part) for part in split], [193, 49, 61])
    beside("rows in the last batch of 32", len(split.train) % 32, 1)
    encoder = dk.preprocessing.TableEncoder().fit(split.train)
    print(encoder.report())  # how 13 columns became the inputs
    beside("inputs", encoder.width, "5 numbers + 25 levels, two of them `?`")
    ages = encoder.transform(split.train)[:, 0]
    beside("mean and deviation of age in training", f"{abs(ages.mean()):.3f}, {ages.std():.3f}", "0, 1")

    majority = float(np.mean(data.y == 0))
    beside("majority class", majority, ".54")
    histories, kept = several(data, '"?" a level', ".80 to .88")
    _, dropped = several(complete, '"?" dropped', "about the same", seeds=SEEDS[:5])
    beside("lowest test accuracy, beside the majority class", min(kept + dropped), f"> {majority:.3f}")
    spread, share = float(np.std(kept, ddof=1)), np.mean(kept)
    chance = np.sqrt(share * (1 - share) / len(split.test))
    beside("deviation from split to split", spread, f"about {chance:.3f}, drawing {len(split.test)} patients alone")
    runs = {'"?" a level': kept, '"?" dropped': dropped}

    curves = {key: np.mean([history[key] for history in histories], axis=0) for key in ("loss", "val_loss")}
    lowest = int(np.argmin(curves["val_loss"]))
    beside("validation loss after 300 epochs, mean over the splits", float(curves["val_loss"][-1]),
           f"> {curves['val_loss'][lowest]:.3f} after {lowest + 1}: it overfits")  # fmt: skip

    if path := os.environ.get("HEART_CSV"):
        variant = dk.datasets.load_heart_disease(path, variant="tensorflow")
        beside("majority class of TensorFlow's variant", float(np.mean(variant.y == 0)), ".726")
        beside("its inputs", dk.preprocessing.TableEncoder().fit(variant).width, 29)
        runs["other labels"] = several(variant, "TensorFlow's file", "beside .726, not beside .54")[1]

    epochs = np.arange(300) + 1
    figure = dk.plots.curves(
        {"training": (epochs, curves["loss"]), "validation": (epochs, curves["val_loss"])},
        x="epoch", y=f"binary cross-entropy, mean of {len(SEEDS)} splits",
        title="300 epochs are too many for 193 patients",
        points={f"lowest validation loss, epoch {lowest + 1}": (lowest + 1, curves["val_loss"][lowest])},
    )  # fmt: skip
    keep(figure, options.out / "b02_learning_curves.png")
    figure = dk.plots.spread_over_runs(
        runs,
        quantity="test accuracy",
        setting=f"Cleveland heart disease, {len(kept)} and {len(dropped)} splits",
        baselines={f"majority class, {majority:.2f}": majority},
        title="One split is not a result: 61 patients tell little",
    )
    keep(figure, options.out / "b02_heart_disease.png")


if __name__ == "__main__":
    main()
