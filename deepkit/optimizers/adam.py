"""Adam and AdamW: momentum and RMSprop together, both corrected for starting at 0."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from deepkit.configuration import parameter
from deepkit.converters import flag, fraction, non_negative_number, positive_number
from deepkit.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Adam (Kingma & Ba, 2015), t the number of the step from 1:

        m ← beta_1 · m + (1 − beta_1) · g
        v ← beta_2 · v + (1 − beta_2) · g²
        p ← p − learning_rate · √(1 − beta_2ᵗ) / (1 − beta_1ᵗ) · m / (√v + epsilon)

    This is the form just before the paper's section 2.1, as in Keras. The paper's algorithm 1, optax and
    PyTorch divide by √v̂ + epsilon with v̂ = v / (1 − beta_2ᵗ): the same with an epsilon that is √(1 −
    beta_2ᵗ) times ours, which only shows where gradients are as small as epsilon.

    Args:
        learning_rate: By default 0.001.
        beta_1: Weight of the old mean gradient, in [0, 1).
        beta_2: Weight of the old mean square, in [0, 1).
        epsilon: Keeps the denominator from 0; 1e-7 as in Keras (1e-8 in the paper, optax and PyTorch).
        amsgrad: Divide by the largest √v so far (Reddi et al., 2018).
    """

    beta_1: float = parameter(default=0.9, convert=fraction)
    beta_2: float = parameter(default=0.999, convert=fraction)
    epsilon: float = parameter(default=1e-7, convert=positive_number)
    amsgrad: bool = parameter(default=False, convert=flag)

    def direction(self) -> optax.GradientTransformation:
        scale = scale_by_amsgrad if self.amsgrad else scale_by_adam
        return scale(self.beta_1, self.beta_2, self.epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay by default (Loshchilov & Hutter, 2019).

    Every parameter decays, biases too, unless `weight_decay_exclude=("bias", …)` says otherwise.

    Args:
        learning_rate: By default 0.001.
        weight_decay: By default 0.004, as in Keras (optax 1e-4, PyTorch 0.01).
        beta_1, beta_2, epsilon, amsgrad: As in `Adam`.
    """

    weight_decay: float = parameter(default=0.004, convert=non_negative_number)


def scale_by_adam(beta_1: float, beta_2: float, epsilon: float) -> optax.GradientTransformation:
    """Adam's direction with Keras's epsilon: in `optax.scale_by_adam`'s form it shrinks over the steps."""

    def update(gradients: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        correction = jnp.sqrt(1 - beta_2 ** (state.count + 1))
        return optax.scale_by_adam(beta_1, beta_2, eps=epsilon / correction).update(gradients, state, params)

    return optax.GradientTransformation(optax.scale_by_adam(beta_1, beta_2).init, update)


class AmsgradState(NamedTuple):
    """Adam's moments, and the largest second moment so far."""

    adam: Any
    largest: Any


def scale_by_amsgrad(beta_1: float, beta_2: float, epsilon: float) -> optax.GradientTransformation:
    """AMSGrad's direction with Keras's rule.

    `optax.scale_by_amsgrad` takes the maximum of the corrected v̂, whose early values are the largest; Keras
    and the paper that of v itself.
    """
    moments = optax.scale_by_adam(beta_1, beta_2)

    def init(params: Any) -> AmsgradState:
        return AmsgradState(moments.init(params), jax.tree.map(jnp.zeros_like, params))

    def update(gradients: Any, state: AmsgradState, params: Any = None) -> tuple[Any, AmsgradState]:
        adam = moments.update(gradients, state.adam, params)[1]
        largest = jax.tree.map(jnp.maximum, state.largest, adam.nu)
        step = adam.count
        correction = jnp.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        direction = jax.tree.map(
            lambda m, v: correction.astype(m.dtype) * m / (jnp.sqrt(v) + epsilon),
            adam.mu,
            largest,
        )
        return direction, AmsgradState(adam, largest)

    return optax.GradientTransformation(init, update)
