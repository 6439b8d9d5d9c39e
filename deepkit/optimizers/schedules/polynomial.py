"""The schedule that reaches a given rate after a given number of steps, along a power."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import flag, non_negative_number, positive_number
from deepkit.optimizers.schedules.schedule import Schedule, as_float, steps


class PolynomialDecay(Schedule):
    """rate = end + (initial − end) · (1 − step / decay_steps)^power, and `end` ever after.

    With power 1 this is linear decay. `optax.polynomial_schedule` is the same without `cycle`.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Steps until `end_learning_rate` is reached.
        end_learning_rate: Rate at the end, by default 0.0001.
        power: Exponent, by default 1.
        cycle: Instead of staying at the end, go on with `decay_steps` doubled, tripled, … each time it is
            passed.
    """

    initial_learning_rate: float = parameter(convert=non_negative_number)
    decay_steps: float = parameter(convert=steps)
    end_learning_rate: float = parameter(default=0.0001, convert=non_negative_number)
    power: float = parameter(default=1.0, convert=positive_number)
    cycle: bool = parameter(default=False, convert=flag)

    def __call__(self, step: Any) -> Any:
        time = as_float(step) / self.decay_steps
        # The first whole number of periods that reaches the step; a single one at step 0.
        periods = jnp.maximum(jnp.ceil(time), 1) if self.cycle else 1
        left = 1 - jnp.minimum(time / periods, 1)
        return self.end_learning_rate + (self.initial_learning_rate - self.end_learning_rate) * left**self.power
