"""B7. Any graph: forks and merges, several inputs and outputs; and a layer, an activation and a loss of your own."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SEEDS = range(3)
BEND = 0.7  # radians, to be found by the layer of our own


def fork_and_merge() -> dk.Model:
    """Two inputs; a branch forks, merges and forks again; two outputs, each from several places of the graph."""
    cause, hint = dk.Input(4, name="cause"), dk.Input(2, name="hint")
    trunk = dk.layers.Dense(16, "tanh", name="trunk")(cause)
    left, right = dk.layers.Dense(8, "relu", name="left")(trunk), dk.layers.Dense(8, "tanh", name="right")(trunk)
    merged = dk.layers.Concatenate()([dk.layers.Add()([left, right]), hint])
    value, gate = dk.layers.Dense(6, name="value")(merged), dk.layers.Dense(6, "sigmoid", name="gate")(merged)
    gated = dk.layers.Multiply()([value, gate])
    number = dk.layers.Dense(1, name="last")(gated)
    kind = dk.layers.Dense(3, "softmax", name="choice")(dk.layers.Concatenate()([gated, trunk]))
    return dk.Model([cause, hint], {"number": number, "kind": kind})


def by_hand(p: dict, cause: np.ndarray, hint: np.ndarray):
    """The same graph in NumPy."""

    def dense(name, x):
        return x @ p[name]["kernel"] + p[name]["bias"]

    trunk = np.tanh(dense("trunk", cause))
    merged = np.concatenate([np.maximum(dense("left", trunk), 0) + np.tanh(dense("right", trunk)), hint], axis=1)
    gated = dense("value", merged) / (1 + np.exp(-dense("gate", merged)))
    scores = np.exp(dense("choice", np.concatenate([gated, trunk], axis=1)))
    return {"number": dense("last", gated), "kind": scores / scores.sum(axis=1, keepdims=True)}


class Turn(dk.layers.Layer):
    """A layer of our own says its weights and its mathematics: it turns points of the plane by an angle."""

    start: float = 0.0

    def build(self, x):
        return {"angle": dk.layers.Weight((), dk.initializers.Constant(self.start))}

    def call(self, weights, x, context):
        c, s = jnp.cos(weights["angle"]), jnp.sin(weights["angle"])
        return x @ jnp.stack([jnp.stack([c, s]), jnp.stack([-s, c])])


def bell(x):
    """An activation of our own is any function of arrays."""
    return jnp.exp(-(x**2))


def distance(y_true, y_pred):
    """A loss of our own gives a number per row: here, how far the point is off."""
    return jnp.sqrt(jnp.sum((y_true - y_pred) ** 2, axis=-1) + 1e-12)


def main() -> None:
    options = arguments(__doc__)
    graph = fork_and_merge()
    graph.summary()
    sizes = ((4, 16), (16, 8), (16, 8), (10, 6), (10, 6), (6, 1), (22, 3))
    beside("parameters", graph.count_params(), sum((inputs + 1) * units for inputs, units in sizes))

    rng = np.random.default_rng(0)
    cause, hint = rng.normal(size=(600, 4)).astype("float32"), rng.normal(size=(600, 2)).astype("float32")
    computed, formula = graph.predict([cause, hint]), by_hand(graph.params, cause, hint)
    gap = max(float(np.abs(computed[name] - formula[name]).max()) for name in formula)
    beside("greatest difference from the graph in NumPy", gap, "< 1e-5")

    # Trained on both answers at once, each with its own loss and metric.
    graph.compile(
        dk.optimizers.Adam(0.01),
        loss={"number": "mse", "kind": "sparse_categorical_crossentropy"},
        metrics={"number": ["r2"], "kind": ["accuracy"]},
    )
    x = {"cause": cause, "hint": hint}
    y = {"number": cause[:, 0] * hint[:, 0] + hint[:, 1], "kind": np.argmax(cause[:, 1:], axis=1)}
    (x, y), (new_x, new_y) = (
        [{name: rows[part] for name, rows in each.items()} for each in (x, y)]
        for part in (slice(400), slice(400, None))
    )
    scores = []
    for seed in SEEDS:
        graph.initialize(seed)
        history = graph.fit(x, y, validation_data=(new_x, new_y), epochs=100, verbose=0, seed=seed)
        scores.append(graph.evaluate(new_x, new_y))
    for key, baseline in (("number_r2", "> 0, always the mean"), ("kind_accuracy", "> 0.333, guessing")):
        beside(f"{key} on 200 new rows, lowest of {len(SEEDS)} starts", min(s[key] for s in scores), baseline)
    figure = history.plot()
    figure.suptitle("Two inputs, two outputs: each answer has its own loss and its own metric")
    keep(figure, options.out / "b07_any_graph.png")

    # Layer, activation and loss of our own in one model: by which angle were the points turned?
    points = rng.normal(size=(256, 2)).astype("float32")
    c, s = np.cos(BEND), np.sin(BEND)
    seen = np.asarray(bell(points @ np.array([[c, s], [-s, c]], "float32")))
    found = []
    for start in (-0.3, 0.2, 1.4):
        x = dk.Input(2)
        own = dk.Model(x, dk.layers.Activation(bell)(Turn(start)(x)))
        own.compile(dk.optimizers.Adam(dk.optimizers.schedules.CosineDecay(0.02, 800)), distance)
        own.fit(points, seen, epochs=100, verbose=0)
        found.append(round(float(own.params["turn"]["angle"]), 3))
    beside("the angle, found from three starts", found, [BEND] * 3)


if __name__ == "__main__":
    main()
