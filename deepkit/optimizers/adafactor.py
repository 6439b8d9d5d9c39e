"""Adafactor: Adam's second moment kept as one row and one column per matrix."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import finite_number, flag, positive_number
from deepkit.errors import DeepkitValueError
from deepkit.optimizers.optimizer import Optimizer


def _negative(value: Any) -> float:
    if finite_number(value) >= 0:
        raise DeepkitValueError("expected a number below 0.")
    return float(value)


class AdafactorState(NamedTuple):
    """Mean squares over the last axis and over the last but one; for vectors `row` is all of them."""

    steps: jax.Array
    row: Any
    column: Any


class Adafactor(Optimizer):
    """Adafactor (Shazeer & Stern, 2018), t the number of the step from 1, β = 1 − t^beta_2_decay:

        s = g² + epsilon_1
        r ← β · r + (1 − β) · mean(s over columns)
        c ← β · c + (1 − β) · mean(s over rows),   v = r cᵀ / mean(r)
        u = g / √v,   divided by max(1, rms(u) / clip_threshold)
        p ← p − min(learning_rate, 1/√t) · max(epsilon_2, rms(p)) · u

    Vectors keep a whole v. Arrays of more than two axes are factored over their last two, as in Keras; optax
    factors the two largest axes, and only from 128 on. No momentum.

    Args:
        learning_rate: By default 0.001; relative to the size of the parameters, because of the factor rms(p).
        beta_2_decay: Exponent of β, below 0.
        epsilon_1: Keeps v from 0.
        epsilon_2: Smallest size of the parameters that counts, so that zeros can move.
        clip_threshold: Largest root mean square of u.
        relative_step: Lower a constant rate to 1/√t once that is smaller. (Keras 3.15 does so whatever this
            says; here False and a schedule leave the rate as it is, as Keras's documentation has it.)
    """

    beta_2_decay: float = parameter(default=-0.8, convert=_negative)
    epsilon_1: float = parameter(default=1e-30, convert=positive_number)
    epsilon_2: float = parameter(default=1e-3, convert=positive_number)
    clip_threshold: float = parameter(default=1.0, convert=positive_number)
    relative_step: bool = parameter(default=True, convert=flag)

    def init_rule(self, params: Any) -> AdafactorState:
        def row(p: Any) -> Any:
            return jnp.zeros(p.shape if p.ndim < 2 else p.shape[:-1], p.dtype)

        def column(p: Any) -> Any:
            return jnp.zeros(() if p.ndim < 2 else (*p.shape[:-2], p.shape[-1]), p.dtype)

        return AdafactorState(jnp.zeros((), jnp.int32), jax.tree.map(row, params), jax.tree.map(column, params))

    def apply_rule(
        self, gradients: Any, rule: AdafactorState, params: Any, learning_rate: Any
    ) -> tuple[Any, AdafactorState]:
        count = rule.steps + 1
        time = count.astype(jnp.result_type(float))
        keep = 1 - time**self.beta_2_decay
        rate = jnp.asarray(learning_rate)
        if self.relative_step and not callable(self.learning_rate):
            rate = jnp.minimum(rate, 1 / jnp.sqrt(time))

        def follow(mean: Any, new: Any) -> Any:
            return mean + (1 - keep).astype(new.dtype) * (new - mean)

        def row(g: Any, r: Any) -> Any:
            square = jnp.square(g) + self.epsilon_1
            return follow(r, square if g.ndim < 2 else square.mean(-1))

        def column(g: Any, c: Any) -> Any:
            return c if g.ndim < 2 else follow(c, (jnp.square(g) + self.epsilon_1).mean(-2))

        def step(g: Any, r: Any, c: Any, p: Any) -> Any:
            v = r if g.ndim < 2 else (r / r.mean(-1, keepdims=True))[..., None] * c[..., None, :]
            u = g / jnp.sqrt(v)
            u = u / jnp.maximum(1, _root_mean_square(u) / self.clip_threshold)
            return -rate.astype(p.dtype) * jnp.maximum(self.epsilon_2, _root_mean_square(p)) * u

        rows = jax.tree.map(row, gradients, rule.row)
        columns = jax.tree.map(column, gradients, rule.column)
        updates = jax.tree.map(step, gradients, rows, columns, params)
        return updates, AdafactorState(count, rows, columns)


def _root_mean_square(x: Any) -> Any:
    return jnp.sqrt(jnp.square(x).mean())
