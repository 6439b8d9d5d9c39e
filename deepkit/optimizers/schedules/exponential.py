"""Schedules that decay for ever: exponentially, in stairs, and with the inverse of time."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from deepkit.configuration import parameter
from deepkit.converters import flag, non_negative_number, positive_number
from deepkit.optimizers.schedules.schedule import Schedule, as_float, steps


class ExponentialDecay(Schedule):
    """rate = initial_learning_rate · decay_rate^(step / decay_steps).

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Steps until the rate has been multiplied by `decay_rate` once.
        decay_rate: Factor per `decay_steps`, above 0; below 1 to decay.
        staircase: Round the exponent down, so that the rate falls in stairs.
    """

    initial_learning_rate: float = parameter(convert=non_negative_number)
    decay_steps: float = parameter(convert=steps)
    decay_rate: float = parameter(convert=positive_number)
    staircase: bool = parameter(default=False, convert=flag)

    def __call__(self, step: Any) -> Any:
        return optax.exponential_decay(
            init_value=self.initial_learning_rate,
            transition_steps=self.decay_steps,
            decay_rate=self.decay_rate,
            staircase=self.staircase,
        )(as_float(step))


class StepDecay(Schedule):
    """rate = initial_learning_rate · factor^⌊step / every⌋: one stair down after every so many steps.

    Not in Keras by this name: `ExponentialDecay(rate, every, factor, staircase=True)` is the same.

    Args:
        initial_learning_rate: Rate of the first `every` steps.
        every: Length of a stair, in steps. For stairs of n epochs: n · steps per epoch.
        factor: What the rate is multiplied with at each stair, by default 0.1.
    """

    initial_learning_rate: float = parameter(convert=non_negative_number)
    every: float = parameter(convert=steps)
    factor: float = parameter(default=0.1, convert=positive_number)

    def __call__(self, step: Any) -> Any:
        return ExponentialDecay(self.initial_learning_rate, self.every, self.factor, staircase=True)(step)


class InverseTimeDecay(Schedule):
    """rate = initial_learning_rate / (1 + decay_rate · step / decay_steps).

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Unit of time, in steps.
        decay_rate: How fast the denominator grows per unit of time.
        staircase: Round step / decay_steps down, so that the rate falls in stairs.
    """

    initial_learning_rate: float = parameter(convert=non_negative_number)
    decay_steps: float = parameter(convert=steps)
    decay_rate: float = parameter(convert=non_negative_number)
    staircase: bool = parameter(default=False, convert=flag)

    def __call__(self, step: Any) -> Any:
        time = as_float(step) / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (jnp.floor(time) if self.staircase else time))
