"""A7. The activation zoo: functions between layers and their derivatives; one that learns, and one of your own."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.plots.canvas import GREY, colours, legend_below, new_figure

A = dk.activations


def bump(x):
    """A function of one's own: any that maps arrays to arrays."""
    return x * jnp.exp(-jnp.square(x))


def leaky(k):
    return lambda x: A.leaky_relu(x, k)


ZOO = {
    "relu": A.relu,
    "leaky_relu, k = 0.1": leaky(0.1),
    "leaky_relu, k = 0.01": leaky(0.01),
    "elu": A.elu,
    "selu": A.selu,
    "gelu": A.gelu,
    "silu = swish": A.silu,
    "softplus": A.softplus,
    "sigmoid": A.sigmoid,
    "tanh": A.tanh,
    "softsign": A.softsign,
    "relu6": A.relu6,
    "relu_n, n = 2": lambda x: A.relu(x, max_value=2.0),
    "hard_sigmoid": A.hard_sigmoid,
    "hard_tanh": A.hard_tanh,
    "hard_silu": A.hard_silu,
    "one's own: x · exp(−x²)": bump,
}


def slope(function):
    """The derivative at every point: what back-propagation multiplies by."""
    return jax.vmap(jax.grad(lambda x: function(x)))


@jax.jit
def curves(x, k):
    """Values and derivatives of them all, and of a leaky ReLU with this k, in one program."""
    return {name: (f(x), slope(f)(x)) for name, f in {**ZOO, "prelu": leaky(k)}.items()}


@jax.jit
def wrongness(x):
    """Every derivative against the difference of two values: the largest distance."""
    wrong = [abs(slope(f)(x) - (f(x + 0.002) - f(x - 0.002)) / 0.004).max() for f in ZOO.values()]
    return jnp.stack(wrong).max()


def learned_k() -> float:
    """The k of a PReLU, learned from points of a line with a bend; the points are those of k = 0.3."""
    x = np.random.default_rng(0).uniform(-3, 3, (256, 1)).astype("float32")
    inputs = dk.Input(1)
    model = dk.Model(inputs, dk.layers.PReLU(dk.initializers.Constant(0.25))(inputs))
    model.compile(dk.optimizers.SGD(0.1), "mse")
    model.fit(x, np.where(x > 0, x, 0.3 * x), batch_size=None, epochs=100, verbose=0)
    return float(jax.tree.leaves(model.params)[0][0])


def loss_with(activation) -> float:
    """What a small network with these units leaves of the sine's variance."""
    x = np.linspace(-3, 3, 128, dtype="float32")[:, None]
    inputs = dk.Input(1)
    hidden = dk.layers.Dense(32, activation)(inputs)
    model = dk.Model(inputs, dk.layers.Dense(1)(hidden))
    model.compile(dk.optimizers.Adam(0.02), "mse")
    model.initialize(0)
    return model.fit(x, np.sin(2 * x), batch_size=None, epochs=500, verbose=0)["loss"][-1]


def main() -> None:
    options = arguments(__doc__)
    numbers = (
        ("relu(−1), relu(2)", A.relu, [-1, 2], "0 and 2"),
        ("leaky_relu(−1) with k = 0.1", leaky(0.1), [-1], "−0.1"),
        ("leaky_relu(−1) with k = 0.01", leaky(0.01), [-1], "−0.01"),
        ("elu(−1)", A.elu, [-1], f"1/e − 1 = {1 / math.e - 1:.6g}"),
        ("gelu(1)", A.gelu, [1], f"Φ(1) = {(1 + math.erf(1 / math.sqrt(2))) / 2:.6g}"),
        ("silu(1)", A.silu, [1], f"sigmoid(1) = {1 / (1 + math.exp(-1)):.6g}"),
        ("softplus(0)", A.softplus, [0], f"ln 2 = {math.log(2):.6g}"),
        ("relu6(3), relu6(9)", A.relu6, [3, 9], "3 and 6"),
        ("hard_sigmoid(−3), (0), (3)", A.hard_sigmoid, [-3, 0, 3], "0, 1/2 and 1"),
        ("hard_tanh(−2), hard_tanh(0.5)", A.hard_tanh, [-2, 0.5], "−1 and 0.5"),
    )
    answers = jax.jit(lambda: [function(jnp.asarray(x, jnp.float32)) for _, function, x, _ in numbers])()
    for (name, _, _, expected), values in zip(numbers, jax.device_get(answers), strict=True):
        beside(name, ", ".join(f"{value:.6g}" for value in values), expected)
    beside("silu is swish", A.get("silu") is A.get("swish"), True)

    points = np.linspace(-4, 4, 401, dtype="float32") + 0.003  # not at the bends, where the two sides differ
    wrong = float(wrongness(points))
    beside("largest distance of a derivative from its difference", wrong, "rounding, below 0.001")
    k = learned_k()
    beside("PReLU: the k that it learned from points of k = 0.3", k, 0.3)
    beside("a net of 32 relu units on a sine: squared error", loss_with("relu"), "below 0.5, its variance")
    beside("  and of 32 units of one's own", loss_with(bump), "below 0.5 as well")

    columns = 6
    x = np.linspace(-4, 4, 801, dtype="float32")
    answers = jax.device_get(curves(x, k))
    shown = {name: answers[name] for name in ZOO} | {f"prelu, k = {k:.2g} learned": answers["prelu"]}
    figure, panels = new_figure(math.ceil(len(shown) / columns), columns, size=(2.4, 2.2), share_x=True, share_y=True)
    blue, orange = colours(2)
    for number, (panel, (name, (values, slopes))) in enumerate(zip(panels.flat, shown.items(), strict=True)):
        for level in (panel.axhline, panel.axvline):
            level(0, color=GREY, linewidth=0.5)
        panel.plot(x, values, color=blue, label="value")
        panel.plot(x, slopes, color=orange, linestyle="--", label="derivative")
        panel.set(ylim=(-2, 3.2))
        panel.set_title(name, fontsize=9)
        if number >= len(shown) - columns:
            panel.set_xlabel("x")
    for row in panels:
        row[0].set_ylabel("f(x), f′(x)")
    legend_below(figure)
    figure.suptitle("Activation functions: where the derivative is 0, nothing is learned")
    keep(figure, options.out / "a07_activation_zoo.png")


if __name__ == "__main__":
    main()
