"""B1. The four lines: input, hidden layer, output, model; and where every one of its 497 parameters sits."""

from __future__ import annotations

import jax
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk


def four_lines(shape) -> dk.Model:
    x = dk.Input(shape)
    h = dk.layers.Dense(16, activation="relu")(x)
    y = dk.layers.Dense(1, activation="sigmoid")(h)
    return dk.Model(x, y)


def train(model: dk.Model, points: np.ndarray, inside: np.ndarray, seed: int) -> float:
    """Accuracy on points that the model has not seen: the second half."""
    half = len(points) // 2
    model.initialize(seed)
    model.fit(points[:half], inside[:half], epochs=200, verbose=0, seed=seed)
    return model.evaluate(points[half:], inside[half:])["accuracy"]


def main() -> None:
    options = arguments(__doc__)
    model = four_lines(29)
    model.summary()
    beside("parameters of 29 → 16 → 1, (29+1)·16 + (16+1)·1", model.count_params(), 497)
    beside("parameters of 2 → 16 → 1", four_lines(2).count_params(), 65)

    # One number, a tuple, a list, or by name: the same model.
    spellings = [dk.Input(29), dk.Input((29,)), dk.Input([29]), dk.Input(shape=29), dk.Input(shape=(29,))]
    beside("row shapes of Input(29), ((29,)), ([29]), (shape=…)", {x.shape[1:] for x in spellings}, "{(29,)}")
    counts = {four_lines(x.shape[1:]).count_params() for x in spellings}
    beside("parameters of the models", counts, "{497}")

    # The four lines are two formulas: h = relu(x·W₁ + b₁), p = sigmoid(h·W₂ + b₂).
    rows = np.random.default_rng(0).normal(size=(5, 29))
    w1, b1, w2, b2 = model.get_weights()
    by_hand = 1 / (1 + np.exp(-(np.maximum(rows @ w1 + b1, 0) @ w2 + b2)))
    gap = float(np.abs(model.predict(rows.astype("float32")) - by_hand).max())
    beside("greatest difference from the formulas", gap, "< 1e-6")
    print("shapes of the weights:", jax.tree.map(np.shape, model.params))

    # With two inputs one can see what the 16 units do: they bend a boundary around a ring. Five starts, one picture.
    rng = np.random.default_rng(0)
    points = rng.uniform(-2, 2, (800, 2)).astype("float32")
    inside = (np.hypot(*points.T) < 1.2).astype("float32")
    plane = four_lines(2)
    plane.compile(dk.optimizers.Adam(0.01), "bce", ["accuracy"])
    scores = [train(plane, points, inside, seed) for seed in range(5)]
    majority = max(inside[400:].mean(), 1 - inside[400:].mean())
    beside("accuracy on 400 unseen points, five starts", f"{min(scores):.3f} to {max(scores):.3f}", f"> {majority:.3f}")
    figure = dk.plots.decision_boundary(plane, points[400:], inside[400:], classes=("outside", "inside"))
    figure.axes[0].set_title(f"65 parameters close a ring: {100 * scores[-1]:.1f} % of unseen points right")
    keep(figure, options.out / "b01_four_lines.png")


if __name__ == "__main__":
    main()
