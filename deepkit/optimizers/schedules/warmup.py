"""Schedules that rise before they fall: linear warm-up and the one-cycle policy."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from deepkit.configuration import parameter
from deepkit.converters import non_negative_number, positive_integer, positive_number
from deepkit.errors import DeepkitValueError
from deepkit.optimizers.schedules.schedule import Rate, Schedule, as_float, at_step, learning_rate


class LinearWarmup(Schedule):
    """A straight line up to the rate during the first steps (Goyal et al., 2017), then the rate itself.

    Not in Keras (only inside its CosineDecay).

    Args:
        learning_rate: What comes after the warm-up: a number, or a schedule whose step 0 is the end of the
            warm-up.
        warmup_steps: Steps of the warm-up.
        initial_learning_rate: Rate at step 0, by default 0 (the first update then changes nothing).
    """

    learning_rate: Rate = parameter(convert=learning_rate)
    warmup_steps: int = parameter(convert=positive_integer)
    initial_learning_rate: float = parameter(default=0.0, convert=non_negative_number)

    def __call__(self, step: Any) -> Any:
        first = at_step(self.learning_rate, 0)
        warmup = optax.linear_schedule(self.initial_learning_rate, first, self.warmup_steps)
        return optax.join_schedules([warmup, lambda step: at_step(self.learning_rate, step)], [self.warmup_steps])(
            as_float(step)
        )


class OneCycle(Schedule):
    """Up to the peak and down again along cosines, once (Smith & Topin, Super-Convergence, 2017).

    `optax.cosine_onecycle_schedule` under plainer names; PyTorch's OneCycleLR without its momentum. Not in
    Keras.

    Args:
        peak_learning_rate: The highest rate.
        total_steps: Length of the whole cycle, in steps: epochs · steps per epoch. The rate stays low
            afterwards.
        warmup_fraction: Part of the cycle that rises, by default 0.3.
        initial_divisor: The first rate is peak / initial_divisor, by default 25.
        final_divisor: The last rate is the first / final_divisor, by default 10,000.
    """

    peak_learning_rate: float = parameter(convert=positive_number)
    total_steps: int = parameter(convert=positive_integer)
    warmup_fraction: float = parameter(default=0.3, convert=positive_number)
    initial_divisor: float = parameter(default=25.0, convert=positive_number)
    final_divisor: float = parameter(default=1e4, convert=positive_number)

    def __post_init__(self) -> None:
        super().__post_init__()
        rising = int(self.warmup_fraction * self.total_steps)
        if not 1 <= rising < self.total_steps:
            raise DeepkitValueError(
                f"OneCycle rises during {rising} of its {self.total_steps} steps "
                f"(warmup_fraction={self.warmup_fraction}). It needs at least one step up and one down: "
                "give total_steps=epochs · steps per epoch, and a warmup_fraction between 0 and 1."
            )

    def __call__(self, step: Any) -> Any:
        schedule = optax.cosine_onecycle_schedule(
            self.total_steps,
            self.peak_learning_rate,
            self.warmup_fraction,
            self.initial_divisor,
            self.final_divisor,
        )
        # optax takes one step at a time here, elsewhere arrays of steps too.
        return jnp.vectorize(schedule)(as_float(step))
