"""Schedule-free AdamW: averaging of the iterates in place of a learning-rate schedule."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import fraction, non_negative_number, positive_number
from deepkit.errors import DeepkitValueError
from deepkit.optimizers.optimizer import Optimizer
from deepkit.optimizers.schedules.schedule import Rate, learning_rate


def _inside(value: Any) -> float:
    if fraction(value) == 0:
        raise DeepkitValueError("expected a number between 0 and 1.")
    return float(value)


class ScheduleFreeState(NamedTuple):
    """The moving point z, and the mean squared gradient."""

    steps: jax.Array
    point: Any
    square: Any


class ScheduleFreeAdamW(Optimizer):
    """Schedule-free AdamW (Defazio et al., 2024), t the number of the step from 1, v̂ as in Adam's paper:

        z ← z − learning_rate · g / (√v̂ + epsilon)          the point that moves
        x ← (1 − 1/t) · x + 1/t · z                          the mean of all z
        p ← (1 − beta_1) · z + beta_1 · x                    where the next gradient is taken

    The model holds p, in training and afterwards, as in Keras. `optax.contrib.schedule_free` weighs the mean
    by the squared rate and leaves it to the caller to read x.

    Args:
        learning_rate: By default 0.0025, as in Keras.
        beta_1: Where p lies between z (0) and x (1), above 0 and below 1.
        beta_2: Weight of the old mean square, in [0, 1).
        epsilon: Keeps the denominator from 0; 1e-8 here, as in Keras.
        warmup_steps: Steps during which the rate rises linearly to its value.
    """

    learning_rate: Rate = parameter(default=0.0025, convert=learning_rate)
    beta_1: float = parameter(default=0.9, convert=_inside)
    beta_2: float = parameter(default=0.999, convert=fraction)
    epsilon: float = parameter(default=1e-8, convert=positive_number)
    warmup_steps: float = parameter(default=0, convert=non_negative_number)

    def init_rule(self, params: Any) -> ScheduleFreeState:
        return ScheduleFreeState(
            jnp.zeros((), jnp.int32), jax.tree.map(jnp.copy, params), jax.tree.map(jnp.zeros_like, params)
        )

    def apply_rule(
        self, gradients: Any, rule: ScheduleFreeState, params: Any, learning_rate: Any
    ) -> tuple[Any, ScheduleFreeState]:
        count = rule.steps + 1
        time = count.astype(jnp.result_type(float))
        rate = jnp.asarray(learning_rate)
        if self.warmup_steps > 0:
            rate = rate * jnp.minimum(time / self.warmup_steps, 1)
        unbiased = 1 - self.beta_2**time

        def move(z: Any, g: Any, v: Any) -> Any:
            return z - rate.astype(g.dtype) * g / (jnp.sqrt(v / unbiased.astype(g.dtype)) + self.epsilon)

        def step(p: Any, old: Any, new: Any) -> Any:
            mean = (p - (1 - self.beta_1) * old) / self.beta_1
            mean = mean + (new - mean) / time.astype(p.dtype)
            return (1 - self.beta_1) * new + self.beta_1 * mean - p

        square = jax.tree.map(lambda v, g: v + (1 - self.beta_2) * (jnp.square(g) - v), rule.square, gradients)
        point = jax.tree.map(move, rule.point, gradients, square)
        return jax.tree.map(step, params, rule.point, point), ScheduleFreeState(count, point, square)
