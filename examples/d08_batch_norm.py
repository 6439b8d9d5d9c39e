"""D8. Batch normalisation: biased variance, its gradients in closed form, running statistics, a bias for nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.inspect import redundant_biases

EPSILON = 1e-3
DEPTH = 8


def network(batch_norm: bool, use_bias: bool = True) -> dk.Model:
    """Many layers of sigmoid units, whose gradients fade on the way back unless something keeps their inputs apart."""
    x = h = dk.Input(64)
    for number in range(DEPTH):
        h = dk.layers.Dense(32, use_bias=use_bias or not batch_norm, name=f"dense_{number}")(h)
        h = dk.layers.BatchNormalization()(h) if batch_norm else h
        h = dk.layers.Activation("sigmoid")(h)
    model = dk.Model(x, dk.layers.Dense(10, "softmax")(h))
    model.compile(dk.optimizers.SGD(0.2, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def exact_numbers() -> None:
    """One layer, seven rows: what the textbook's formulas give, and what the layer gives."""
    draw = np.random.default_rng(0)
    x = draw.normal([1, -2, 5], [0.5, 2, 10], (7, 3)).astype("float32")
    dy = draw.normal(size=x.shape).astype("float32")
    layer = dk.layers.BatchNormalization()
    params, state = layer.init(jax.random.key(0), dk.Input(3).spec)
    beside("γ and β at the start", [float(params[name][0]) for name in ("gamma", "beta")], "[1.0, 0.0]")

    def outputs(params, x):
        return layer.apply(params, state, x, context=dk.layers.Context(training=True))

    hat, after = jax.jit(outputs)(params, x)
    for name, ddof in (("rows", 0), ("rows − 1", 1)):
        by_hand = (x - x.mean(0)) / np.sqrt(x.var(0, ddof=ddof) + EPSILON)
        beside(
            f"distance from a variance divided by {name}", float(abs(hat - by_hand).max()), 0 if ddof == 0 else "> 0"
        )
    beside(
        "running mean after one batch, over the batch's",
        float(np.mean(after["moving_mean"] / x.mean(0))),
        "1 − momentum = 0.01",
    )
    slopes, dx = jax.jit(jax.grad(lambda params, x: jnp.vdot(dy, outputs(params, x)[0]), (0, 1)))(params, x)
    deviation = np.sqrt(x.var(0) + EPSILON)
    closed = (dy - dy.mean(0) - hat * (dy * hat).mean(0)) / deviation
    beside("dx: distance from the closed form", float(abs(dx - closed).max()), "0, to rounding")
    beside("dγ: distance from Σ dy · x̂", float(abs(slopes["gamma"] - (dy * hat).sum(0)).max()), "0, to rounding")
    beside("dβ: distance from Σ dy", float(abs(slopes["beta"] - dy.sum(0)).max()), "0, to rounding")


def main() -> None:
    options = arguments(__doc__, full=True)
    exact_numbers()

    digits = dk.split(dk.datasets.load_digits(), train=0.8, dev=0.1, test=0.1, seed=0)
    # Images of 8 × 8 grey levels from 0 to 16.
    rows = {
        part.role: (np.asarray(part.x, "float32").reshape(-1, 64) / 16, np.asarray(part.y))
        for part in (digits.train, digits.dev)
    }

    # A bias before a batch norm: its gradient is 0, and deepkit tells which ones those are.
    model = network(True)
    beside("redundant_biases(model)", len(redundant_biases(model)), f"{DEPTH}, one per layer:")
    print(f"    {', '.join(redundant_biases(model))}")
    params, state = model.weights()
    batch = tuple(array[:64] for array in rows["train"])
    gradient = jax.jit(jax.grad(lambda p: model.loss(p, state, batch, training=True)[0]))(params)
    sizes = {name: float(jnp.linalg.norm(gradient["dense_3"][name])) for name in ("kernel", "bias")}
    beside("gradient of such a bias, over its kernel's", sizes["bias"] / sizes["kernel"], "0, to rounding")
    saved = model.count_params() - network(True, use_bias=False).count_params()
    beside("parameters saved by use_bias=False", saved, f"{DEPTH} · 32 = {DEPTH * 32}")

    lines = {}
    for name, batch_norm in (("no batch norm", False), ("batch norm", True)):
        model = network(batch_norm, use_bias=False)
        model.initialize(0)
        history = model.fit(
            *rows["train"], validation_data=rows["dev"], epochs=100 if options.full else 30, batch_size=64, verbose=0
        )
        accuracy = history["val_accuracy"][-1]
        expected = "above 0.9: it learns" if batch_norm else "about 0.1: chance, gradients have faded"
        beside(f"{DEPTH} sigmoid layers, {name}: accuracy on unseen digits", accuracy, expected)
        for part in ("loss", "val_loss"):
            values = history[part]
            lines[f"{name}, {'training' if part == 'loss' else 'unseen'}"] = (np.arange(1, len(values) + 1), values)
    # Why unseen rows fare badly at first: prediction uses running statistics, and they remember their start for long.
    updates = np.log(0.01) / np.log(0.99) / np.ceil(len(rows["train"][1]) / 64)
    beside("epochs until running statistics hold 1 % of their start", float(updates), "the hump of the unseen loss")
    figure = dk.plots.curves(
        lines,
        x="epoch",
        y="cross-entropy (nats)",
        title=f"{DEPTH} layers of sigmoid units on digits",
        levels={"chance: ln 10": float(np.log(10))},
    )
    keep(figure, options.out / "d08_batch_norm.png")


if __name__ == "__main__":
    main()
