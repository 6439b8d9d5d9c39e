"""Adamax: Adam with the largest gradient in place of the mean square."""

from __future__ import annotations

from typing import Any

import jax
import optax

from deepkit.configuration import parameter
from deepkit.converters import fraction, positive_number
from deepkit.optimizers.optimizer import Optimizer


class Adamax(Optimizer):
    """Adamax (Kingma & Ba, 2015, section 7.1), t the number of the step from 1:

        m ← beta_1 · m + (1 − beta_1) · g
        u ← max(beta_2 · u, |g|)
        p ← p − learning_rate / (1 − beta_1ᵗ) · m / (u + epsilon)

    `optax.scale_by_adamax` adds epsilon to |g| inside the maximum, where it fades with beta_2; Keras and we
    add it to u.

    Args:
        learning_rate: By default 0.001.
        beta_1: Weight of the old mean gradient, in [0, 1).
        beta_2: How slowly the largest gradient is forgotten, in [0, 1).
        epsilon: Keeps the denominator from 0.
    """

    beta_1: float = parameter(default=0.9, convert=fraction)
    beta_2: float = parameter(default=0.999, convert=fraction)
    epsilon: float = parameter(default=1e-7, convert=positive_number)

    def direction(self) -> optax.GradientTransformation:
        moments = optax.scale_by_adamax(self.beta_1, self.beta_2, eps=0.0)

        def update(gradients: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
            state = moments.update(gradients, state, params)[1]
            correction = 1 - self.beta_1**state.count
            return jax.tree.map(
                lambda m, u: m / (correction.astype(m.dtype) * (u + self.epsilon)), state.mu, state.nu
            ), state

        return optax.GradientTransformation(moments.init, update)
