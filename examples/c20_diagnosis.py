"""C20. Three clouds of 300 points, 2 → 8 → 8 → 3: which points are wrong, and where, class by class and one by one."""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

CENTRES = ((1, 1), (5, 1), (4, 3))
NAMES = [f"around {centre}" for centre in CENTRES]
EPOCHS = 60


def qwerties(seed: int = 0, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of points of standard deviation 1, and which one each is of."""
    draw = np.random.default_rng(seed)
    x = np.concatenate([draw.normal(centre, 1, (rows, 2)) for centre in CENTRES])
    return x.astype("float32"), np.repeat([0, 1, 2], rows)


def network() -> dk.Model:
    x = h = dk.Input(2)
    for units in (8, 8):
        h = dk.layers.Dense(units, "relu")(h)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(h))
    metrics = ["accuracy", dk.metrics.PerClassAccuracy(), dk.metrics.ConfusionMatrix()]
    model.compile(dk.optimizers.Adam(0.01), "crossentropy", metrics)
    return model


def main() -> None:
    options = arguments(__doc__)
    x, y = qwerties()
    split = dk.split(x, y, train=0.8, dev=0.2, test=0)
    model = network()
    beside("points", len(x), "900, 300 of each class")
    beside("parameters of 2 → 8 → 8 → 3", model.count_params(), "3·8 + 9·8 + 9·3 = 123")
    history = model.fit(split.train, validation_data=split.dev, epochs=EPOCHS, batch_size=16, seed=0, verbose=0)

    figures = model.evaluate(x, y)
    # Whoever knows how the points were drawn says the nearest centre; nobody can do better on average.
    nearest = ((x[:, None] - np.asarray(CENTRES)) ** 2).sum(axis=2).argmin(axis=1)
    best = float((nearest == y).mean())
    beside("accuracy of all points", figures["accuracy"], f"near {best:.3f}, that of the nearest centre")
    for name, centre, share in zip(NAMES, range(3), figures["per_class_accuracy"], strict=True):
        beside(f"accuracy {name}", float(share), f"near {(nearest == y)[y == centre].mean():.3f}")
    beside(
        "accuracy on unseen points", model.evaluate(split.dev)["accuracy"], "near the same: nothing is learned by heart"
    )

    # The same figures by hand, from what predict says.
    probabilities = model.predict(x)
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != y)
    matrix = np.zeros((3, 3), int)
    np.add.at(matrix, (y, predicted), 1)
    beside("confusion matrix, true classes in rows", matrix.tolist(), "largest on the diagonal")
    beside("  differs from evaluate's in", int((matrix != figures["confusion_matrix"]).sum()), "0 entries")
    beside("  wrong points, off its diagonal and counted", f"{matrix.sum() - matrix.trace()}, {len(wrong)}", "equal")
    confused = {(a, b): int(matrix[a, b] + matrix[b, a]) for a, b in ((0, 1), (0, 2), (1, 2))}
    beside("points confused between (1, 1) and (5, 1), far apart", confused[0, 1], "few")
    beside("points confused between (5, 1) and (4, 3), the nearest", confused[1, 2], "most of the wrong ones")

    figure, (panels,) = dk.plots.canvas.new_figure(1, 1, size=(9.0, 3.4))
    (panel,) = panels
    for place, (values, what) in enumerate(((y, "true"), (predicted, "predicted"))):
        # A little apart, so that neither hides the other.
        colour, mark = dk.plots.canvas.OKABE_ITO[place], dk.plots.canvas.marker(place)
        panel.plot(values + 0.08 * (2 * place - 1), mark, color=colour, markersize=2.5, label=what)
    panel.plot(
        wrong, predicted[wrong] + 0.08, "x", color="black", markersize=6, label=f"wrong: {len(wrong)} of {len(x)}"
    )
    panel.set_yticks(range(3), NAMES)
    panel.set(xlabel="sample number", ylabel="class", title="Predicted against true class of every point")
    dk.plots.canvas.legend_below(figure)
    keep(figure, options.out / "c20_diagnosis.png")
    keep(dk.plots.decision_boundary(model, x, y, NAMES), options.out / "c20_diagnosis_crossed.png")
    keep(dk.plots.confusion_matrix(figures["confusion_matrix"], NAMES), options.out / "c20_diagnosis_confusion.png")
    figure = dk.plots.per_class_accuracy(
        history["per_class_accuracy"], NAMES, validation=history["val_per_class_accuracy"]
    )
    keep(figure, options.out / "c20_diagnosis_per_class.png")
    keep(dk.plots.probabilities_by_sample(probabilities, y, NAMES), options.out / "c20_diagnosis_probabilities.png")


if __name__ == "__main__":
    main()
