"""The main job of deepkit, end to end: real data, four lines, training, an honest score, pictures, and the weights.

    ./run demo                 wine recognition (178 wines × 13 measurements, inside scikit-learn: no network needed)
    ./run demo --data PATH     Cleveland heart disease, from PATH (or "download"): 303 patients × 13 columns

Writes learning_curves.png, weights.npz and model.deepkit into ./out (or --out).
"""

from __future__ import annotations

import argparse
import pathlib

import numpy as np

import deepkit as dk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="processed.cleveland.data or its folder; 'download' fetches it from UCI")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    if options.data is None:
        data = dk.datasets.load_wine()
    else:
        data = dk.datasets.load_heart_disease(None if options.data == "download" else options.data)
    print(data)
    split = dk.split(data, train=0.6, dev=0.2, test=0.2, seed=options.seed)
    print(split)
    encoder = dk.preprocessing.TableEncoder(target="classes").fit(split.train)
    print(encoder.report())

    # Four lines.
    x = dk.Input(encoder.width)
    h = dk.layers.Dense(16, activation="relu")(x)
    y = dk.layers.Dense(len(data.classes), activation="softmax")(h)
    model = dk.Model(x, y, encoder=encoder)

    model.compile(optimizer="adam", loss="crossentropy", metrics=["accuracy"])
    model.summary()
    history = model.fit(
        split.train,
        validation_data=split.dev,
        batch_size=32,
        epochs=300,
        callbacks=[dk.callbacks.EarlyStopping(patience=30, restore_best_weights=True)],
        seed=options.seed,
    )

    answer = np.asarray(split.test.y)
    majority = np.unique(answer, return_counts=True)[1].max() / len(answer)
    score = model.evaluate(split.test)["accuracy"]
    print(f"test accuracy {score:.3f} on {len(answer)} rows (the majority class alone: {majority:.3f})")

    picture = options.out / "learning_curves.png"
    history.plot().savefig(picture)
    model.export(options.out / "weights.npz")
    model.save(options.out / "model.deepkit")
    print(f"wrote {picture}, {options.out / 'weights.npz'} and {options.out / 'model.deepkit'}")

    again = dk.load_model(options.out / "model.deepkit")
    with np.load(options.out / "weights.npz") as arrays:
        same_file = np.array_equal(arrays["params/dense/kernel"], model.params["dense"]["kernel"])
    same_model = np.array_equal(again.predict(split.test.x), model.predict(split.test.x))
    print(f"read back: weights equal: {same_file}; predictions on raw rows equal: {same_model}")
    if not (same_file and same_model):
        raise SystemExit("what was written is not what was read")


if __name__ == "__main__":
    main()
