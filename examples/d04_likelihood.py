"""D4. Likelihood: the coin HTHHTTHT, its most likely bias by gradient descent, and a softmax that cannot overflow."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from reporting import arguments, beside, keep

import deepkit as dk

TOSSES = jnp.asarray([float(side == "H") for side in "HTHHTTHT"])


def likelihood(theta):
    return jnp.prod(jnp.where(TOSSES == 1, theta, 1 - theta))


def main() -> None:
    options = arguments(__doc__)
    beside("likelihood of θ = 0.75", float(likelihood(0.75)), "0.00124")
    beside("likelihood of θ = 0.5", float(likelihood(0.5)), "0.00390625")

    # The negative log-likelihood is the binary cross-entropy of a model whose only parameter is the logit of θ.
    ones = dk.Input(1)
    model = dk.Model(ones, dk.layers.Dense(1, "sigmoid", use_bias=False, kernel_initializer="ones")(ones))
    model.compile(dk.optimizers.SGD(1.0), "bce")
    history = model.fit(np.ones((8, 1), "float32"), np.asarray(TOSSES), batch_size=None, epochs=100)
    theta = float(model.predict(np.ones((1, 1), "float32"))[0, 0])
    beside("most likely θ by gradient descent", theta, "0.5")
    beside("its cross-entropy (ln 2)", history["loss"][-1], "0.693147")

    scores = jnp.asarray([500.0, 400.0, 450.0])
    probabilities = dk.activations.softmax(scores)
    gradient = jax.grad(lambda z: optax.softmax_cross_entropy_with_integer_labels(z, 1))(scores)
    beside("softmax of (500, 400, 450)", np.round(probabilities, 6).tolist(), "[1, 0, 0], finite")
    beside("its cross-entropy's gradient for class 1", np.round(gradient, 6).tolist(), "[1, -1, 0], finite")

    thetas = np.linspace(0, 1, 201)
    figure = dk.plots.curves(
        {"likelihood of HTHHTTHT": (thetas, jax.vmap(likelihood)(thetas))},
        x="θ, probability of heads",
        y="likelihood L(θ)",
        title="Four heads and four tails: a fair coin is the most likely",
        points={
            f"found by gradient descent: θ = {theta:.3f}": (theta, float(likelihood(theta))),
            "L(0.75) = 0.00124": (0.75, float(likelihood(0.75))),
        },
    )
    keep(figure, options.out / "d04_likelihood.png")


if __name__ == "__main__":
    main()
