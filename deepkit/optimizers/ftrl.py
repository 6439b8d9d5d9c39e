"""FTRL: follow the regularised leader, for sparse linear models."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import finite_number, non_negative_number
from deepkit.errors import DeepkitValueError
from deepkit.optimizers.optimizer import Optimizer


def _at_most_zero(value: Any) -> float:
    if finite_number(value) > 0:
        raise DeepkitValueError("expected a number of at most 0.")
    return float(value)


class FtrlState(NamedTuple):
    """The sum of squared gradients n and the linear term z."""

    accumulator: Any
    linear: Any


class Ftrl(Optimizer):
    """FTRL-Proximal (McMahan et al., 2013), q = −learning_rate_power, l1 and l2 the strengths, η the rate:

        g' = g + 2 · l2_shrinkage · p
        n' = n + g²
        z ← z + g' − (n'^q − n^q) / η · p
        p = 0 where |z| ≤ l1, else (sign(z) · l1 − z) / (n'^q / η + 2 · l2 + beta / η)

    The parameters are a function of z and n alone: with l1 many are exactly 0, and at the first step the
    initial weights are forgotten (unless the initial accumulator is large). Not in optax. The rate must be
    above 0.

    Args:
        learning_rate: By default 0.001.
        learning_rate_power: At most 0; by default −0.5 (rate falls with the root of n), 0 is a fixed rate.
        initial_accumulator_value: Where n starts, at least 0.
        l1_regularization_strength: Makes parameters exactly 0.
        l2_regularization_strength: Stabilises: pulls towards 0 within the leader's own problem.
        l2_shrinkage_regularization_strength: An L2 penalty on the loss.
        beta: The paper's β.
    """

    learning_rate_power: float = parameter(default=-0.5, convert=_at_most_zero)
    initial_accumulator_value: float = parameter(default=0.1, convert=non_negative_number)
    l1_regularization_strength: float = parameter(default=0.0, convert=non_negative_number)
    l2_regularization_strength: float = parameter(default=0.0, convert=non_negative_number)
    l2_shrinkage_regularization_strength: float = parameter(default=0.0, convert=non_negative_number)
    beta: float = parameter(default=0.0, convert=non_negative_number)

    def init_rule(self, params: Any) -> FtrlState:
        return FtrlState(
            jax.tree.map(lambda p: jnp.full_like(p, self.initial_accumulator_value), params),
            jax.tree.map(jnp.zeros_like, params),
        )

    def apply_rule(self, gradients: Any, rule: FtrlState, params: Any, learning_rate: Any) -> tuple[Any, FtrlState]:
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength

        def linear(g: Any, n: Any, z: Any, p: Any) -> Any:
            rate = jnp.asarray(learning_rate, p.dtype)
            shrunk = g + 2 * self.l2_shrinkage_regularization_strength * p
            return z + shrunk - ((n + jnp.square(g)) ** power - n**power) / rate * p

        def step(n: Any, z: Any, p: Any) -> Any:
            rate = jnp.asarray(learning_rate, p.dtype)
            curvature = n**power / rate + 2 * self.l2_regularization_strength + self.beta / rate
            return (jnp.clip(z, -l1, l1) - z) / curvature - p

        linears = jax.tree.map(linear, gradients, rule.accumulator, rule.linear, params)
        accumulators = jax.tree.map(lambda g, n: n + jnp.square(g), gradients, rule.accumulator)
        return jax.tree.map(step, accumulators, linears, params), FtrlState(accumulators, linears)
