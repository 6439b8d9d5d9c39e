"""Nadam: Adam with Nesterov's look-ahead."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from deepkit.configuration import parameter
from deepkit.converters import fraction, positive_number
from deepkit.optimizers.optimizer import Optimizer


class NadamState(NamedTuple):
    """Adam's moments, and the product of all scheduled momenta so far."""

    adam: Any
    product: jax.Array


class Nadam(Optimizer):
    """Nadam (Dozat, 2016), t the number of the step from 1, m and v as in `Adam`:

        μ(t) = beta_1 · (1 − ½ · 0.96ᵗ)            the momentum, warming up
        m̂ = μ(t+1) · m / (1 − ∏₁ᵗ⁺¹ μ) + (1 − μ(t)) · g / (1 − ∏₁ᵗ μ)
        p ← p − learning_rate · m̂ / (√v̂ + epsilon),   v̂ = v / (1 − beta_2ᵗ)

    `optax.nadam` leaves the warm-up of the momentum out (μ = beta_1 throughout).

    Args:
        learning_rate: By default 0.001.
        beta_1: Final momentum, and weight of the old mean gradient, in [0, 1).
        beta_2: Weight of the old mean square, in [0, 1).
        epsilon: Keeps the denominator from 0.
    """

    beta_1: float = parameter(default=0.9, convert=fraction)
    beta_2: float = parameter(default=0.999, convert=fraction)
    epsilon: float = parameter(default=1e-7, convert=positive_number)

    def direction(self) -> optax.GradientTransformation:
        moments = optax.scale_by_adam(self.beta_1, self.beta_2)

        def momentum(step: Any) -> Any:
            return self.beta_1 * (1 - 0.5 * 0.96**step)

        def init(params: Any) -> NadamState:
            return NadamState(moments.init(params), jnp.ones(()))

        def update(gradients: Any, state: NadamState, params: Any = None) -> tuple[Any, NadamState]:
            adam: Any = moments.update(gradients, state.adam, params)[1]
            step = adam.count
            now, ahead = momentum(step), momentum(step + 1)
            product = state.product * now
            from_mean = ahead / (1 - product * ahead)
            from_gradient = (1 - now) / (1 - product)
            unbiased = 1 - self.beta_2**step

            def leaf(g: Any, m: Any, v: Any) -> Any:
                mean = from_mean.astype(m.dtype) * m + from_gradient.astype(m.dtype) * g
                return mean / (jnp.sqrt(v / unbiased.astype(v.dtype)) + self.epsilon)

            return jax.tree.map(leaf, gradients, adam.mu, adam.nu), NadamState(adam, product)

        return optax.GradientTransformation(init, update)
