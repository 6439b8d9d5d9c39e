"""Half a cosine downwards, once or with warm restarts (Loshchilov & Hutter, SGDR, 2016)."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import optax

from deepkit.configuration import parameter
from deepkit.converters import fraction, non_negative_number, optional, positive_number
from deepkit.errors import DeepkitValueError
from deepkit.optimizers.schedules.schedule import Schedule, as_float, steps


def _at_least_one(value: Any) -> float:
    if positive_number(value) < 1:
        raise DeepkitValueError("expected a number of at least 1.")
    return float(value)


class CosineDecay(Schedule):
    """rate = start · ((1 − alpha) · ½(1 + cos(π · step / decay_steps)) + alpha), after an optional warm-up.

    With `warmup_target` the rate first rises in a straight line from `initial_learning_rate` to the target
    during `warmup_steps`, and then decays from the target during `decay_steps` more (optax counts the warm-up
    into the decay; Keras and we don't).

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Steps of the decay itself. Afterwards the rate stays at alpha · start.
        alpha: Final rate as a part of the start, by default 0.
        warmup_target: Rate at the end of the warm-up and start of the decay; `None`: no warm-up.
        warmup_steps: Steps of the warm-up.
    """

    initial_learning_rate: float = parameter(convert=non_negative_number)
    decay_steps: float = parameter(convert=steps)
    alpha: float = parameter(default=0.0, convert=non_negative_number)
    warmup_target: float | None = parameter(default=None, convert=optional(positive_number), kw_only=True)
    warmup_steps: float = parameter(default=0, convert=non_negative_number, kw_only=True)

    def __call__(self, step: Any) -> Any:
        start = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        decay = optax.cosine_decay_schedule(start, self.decay_steps, self.alpha)
        if self.warmup_target is None or self.warmup_steps == 0:
            return decay(as_float(step))
        warmup = optax.linear_schedule(self.initial_learning_rate, start, self.warmup_steps)
        return optax.join_schedules([warmup, decay], [self.warmup_steps])(as_float(step))


class CosineDecayRestarts(Schedule):
    """Cosine decay that begins anew each time it is through, longer and lower if asked.

    Period i lasts first_decay_steps · t_mulⁱ steps and starts from initial_learning_rate · m_mulⁱ:

        rate = initial_learning_rate · ((1 − alpha) · m_mulⁱ · ½(1 + cos(π · part of period i)) + alpha)

    Args:
        initial_learning_rate: Rate at step 0.
        first_decay_steps: Steps of the first period.
        t_mul: Growth of the period, at least 1; by default each is twice as long as the one before.
        m_mul: Factor on the starting rate of each period.
        alpha: Lowest rate as a part of `initial_learning_rate`.
    """

    initial_learning_rate: float = parameter(convert=non_negative_number)
    first_decay_steps: float = parameter(convert=steps)
    t_mul: float = parameter(default=2.0, convert=_at_least_one)
    m_mul: float = parameter(default=1.0, convert=positive_number)
    alpha: float = parameter(default=0.0, convert=fraction)

    def __call__(self, step: Any) -> Any:
        time = as_float(step) / self.first_decay_steps
        if self.t_mul == 1:
            period = jnp.floor(time)
            part = time - period
        else:
            # The first i periods end at (1 − t_mulⁱ) / (1 − t_mul). The logarithm of an exact end may come
            # out a rounding error too low, which would put a whole step of rate 0 before the restart.
            growth = 1 + time * (self.t_mul - 1)
            period = jnp.floor(jnp.log(growth) / math.log(self.t_mul) + 1e-6)
            part = (growth / self.t_mul**period - 1) / (self.t_mul - 1)
        cosine = 0.5 * self.m_mul**period * (1 + jnp.cos(math.pi * part))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)
