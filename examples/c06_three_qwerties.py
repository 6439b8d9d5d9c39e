"""C6. Three blobs by 2 → 4 → 3: thirty seeds, those that lose a blob among them, and the regions of the best."""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

CENTRES = ((1, 1), (5, 1), (3, -2))


def three_qwerties(seed: int = 0, rows: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Clouds of points of standard deviation 1 around three centres, and which one each is of."""
    draw = np.random.default_rng(seed)
    x = np.concatenate([draw.normal(centre, 1, (rows, 2)) for centre in CENTRES])
    return x.astype("float32"), np.repeat(np.arange(3), rows)


def network(units: int = 4) -> dk.Model:
    x = dk.Input(2)
    h = dk.layers.Dense(units, "relu")(x)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(h))
    model.compile(dk.optimizers.SGD(0.01), "crossentropy", ["accuracy"])
    return model


def best_possible(x: np.ndarray, y: np.ndarray) -> float:
    """Accuracy of the nearest centre, which no model beats by more than luck: the blobs overlap."""
    return float((((x[:, None] - np.array(CENTRES)) ** 2).sum(axis=-1).argmin(axis=1) == y).mean())


def main() -> None:
    options = arguments(__doc__)
    x, y = three_qwerties()
    beside("parameters of 2 → 4 → 3", network().count_params(), "3·4 + 5·3 = 27")
    result = dk.sweep(network, (x, y), seeds=30, epochs=100, batch_size=30)

    accuracy = result.final("accuracy")
    beside("accuracy, median of 30 seeds", float(np.median(accuracy)), "a little below the next")
    beside("the nearest centre is right for", best_possible(x, y), "about 0.93: the blobs overlap")
    beside("worst and best seed", f"{accuracy.min():.3f} to {accuracy.max():.3f}", "1/3 is chance, 2/3 a blob lost")
    beside("share of seeds that lost a blob", float((accuracy < 0.75).mean()), "few")
    best = result.best("accuracy")
    beside("accuracy of the best, evaluated again", best.model.evaluate(x, y)["accuracy"], "as above")
    by_class = [float((best.model.predict(x[y == k]).argmax(axis=1) == k).mean()) for k in range(3)]
    beside("  blob by blob", ", ".join(f"{share:.2f}" for share in by_class), "alike")

    figure = dk.plots.decision_boundary(best.model, x, y, ["left", "right", "low"])
    keep(figure, options.out / "c06_three_qwerties.png")
    keep(result.curves(["loss", "accuracy"]), options.out / "c06_three_qwerties_curves.png")


if __name__ == "__main__":
    main()
