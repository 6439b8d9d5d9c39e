"""C9. A model as a class: one network declared as a graph, as a list, and as a class with its own call."""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

WIDTHS = (16, 16)


def as_a_graph() -> dk.Model:
    """Every tensor has a name."""
    x = h = dk.Input(2)
    for width in WIDTHS:
        h = dk.layers.Dense(width, "tanh")(h)
    return dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))


def as_a_list() -> dk.Model:
    """One layer after another."""
    hidden = [dk.layers.Dense(width, "tanh") for width in WIDTHS]
    return dk.Sequential([dk.Input(2), *hidden, dk.layers.Dense(1, "sigmoid")])


class Net(dk.Model):
    """Layers are made in `__init__` and connected in `call`. The shape of the input is that of the first data."""

    def __init__(self):
        super().__init__()
        self.hidden = [dk.layers.Dense(width, "tanh") for width in WIDTHS]
        self.last = dk.layers.Dense(1, "sigmoid")

    def call(self, x):
        for layer in self.hidden:
            x = layer(x)
        return self.last(x)


def spirals(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Points on two arms that wind around each other."""
    arm = rng.integers(0, 2, rows)
    way = np.sqrt(rng.uniform(0.02, 1, rows))
    angle = 5 * way + np.pi * arm
    points = way[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (points + rng.normal(0, 0.03, points.shape)).astype("float32"), arm.astype("float32")[:, None]


def main() -> None:
    options = arguments(__doc__)
    rng = np.random.default_rng(0)
    x, y = spirals(rng, 400)
    new_x, new_y = spirals(rng, 400)
    models = {"graph": as_a_graph(), "list": as_a_list(), "class": Net()}

    # The same weights give the same outputs.
    models["class"].build(2)
    models["graph"].initialize(7)
    for model in models.values():
        model.set_weights(models["graph"].get_weights())
    expected = models["graph"].predict(x)
    parameters = 3 * WIDTHS[0] + (WIDTHS[0] + 1) * WIDTHS[1] + WIDTHS[1] + 1
    for name, model in models.items():
        beside(f"parameters, as a {name}", model.count_params(), parameters)
        beside(f"greatest difference of outputs, as a {name}", float(np.abs(model.predict(x) - expected).max()), "0")

    # The same seed gives the same training, from the first weights on.
    for name, model in models.items():
        model.compile(dk.optimizers.Adam(0.01), "bce", ["accuracy"])
        model.initialize(0)
        model.fit(x, y, epochs=150, validation_data=(new_x, new_y), verbose=0)
        score = model.evaluate(new_x, new_y)
        beside(f"accuracy on 400 new points, as a {name}", score["accuracy"], "> 0.95, the same three times")
    losses = [model.history["loss"] for model in models.values()]
    beside("the three learning curves are the same numbers", losses[0] == losses[1] == losses[2], True)

    # A class is saved as its graph: the file needs no code to be read.
    path = options.out / "c09_model.deepkit"
    models["class"].save(path)
    back = dk.load_model(path)
    beside(
        f"read back as a {type(back).__name__}, outputs equal",
        bool((back.predict(x) == models["class"].predict(x)).all()),
        True,
    )

    figure = dk.plots.decision_boundary(models["class"], new_x, new_y[:, 0], classes=["first arm", "second arm"])
    figure.axes[0].set_title("Two spirals: a model declared as a class, on new points")
    keep(figure, options.out / "c09_model_as_a_class.png")


if __name__ == "__main__":
    main()
