"""What a learning-rate schedule is, and what may stand for a learning rate."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import Configurable, parameter
from deepkit.converters import non_negative_number, positive_number
from deepkit.errors import DeepkitError, DeepkitTypeError


class Schedule(Configurable):
    """Base of all learning-rate schedules: a pure function from the number of finished steps to a rate.

    A step is one update of the parameters, so one epoch is rows / batch_size of them. A subclass defines
    `__call__(step)` with jax.numpy operations: `step` is traced, an integer or an array of integers, and the
    rate has its shape and the default floating dtype (float32, or float64 under `jax_enable_x64`).
    Every optax schedule and every function of that kind can stand in its place.
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` finished steps."""
        raise DeepkitTypeError(f"{type(self).__name__} does not define __call__(self, step).")


Rate = float | Schedule | Callable[[Any], Any]
"""A constant learning rate, or one that is a function of the step."""


class Constant(Schedule):
    """The same rate at every step. A plain number as `learning_rate` does the same."""

    learning_rate: float = parameter(convert=non_negative_number)

    def __call__(self, step: Any) -> Any:
        return jnp.full(jnp.shape(step), self.learning_rate, jnp.result_type(float))


def learning_rate(value: Any) -> Rate:
    """Converter: a finite number of at least 0, a `Schedule`, or a traceable function of the step."""
    if isinstance(value, Schedule):
        return value
    if inspect.isclass(value):
        raise DeepkitTypeError(
            f"the class {value.__name__} is no rate yet. Make a schedule of it: {value.__name__}(…)."
        )
    if callable(value):
        return _function_of_the_step(value)
    if isinstance(value, jax.core.Tracer):
        raise DeepkitTypeError(
            "the rate is traced by jax, and a declaration holds numbers. "
            "Pass it as the learning_rate argument of update(...) instead."
        )
    if isinstance(value, np.ndarray | jax.Array) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise DeepkitTypeError(
            f"a learning rate is a number, a schedule or a function of the step, got {type(value).__name__}. "
            "Write for example 0.01, or dk.optimizers.schedules.CosineDecay(0.01, decay_steps=1000)."
        )
    return non_negative_number(value)


def _function_of_the_step(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    try:
        rate = jax.eval_shape(function, jax.ShapeDtypeStruct((), jnp.int32))
    except DeepkitError:
        raise
    except Exception as error:
        raise DeepkitTypeError(
            f"calling it with a traced step failed ({type(error).__name__}: {str(error).splitlines()[0]}). "
            "A schedule takes one argument, the step, and uses jax.numpy: jnp.where(step < 100, 0.1, 0.01)."
        ) from error
    if getattr(rate, "shape", None) != ():
        raise DeepkitTypeError(f"it returns {rate} for one step. A schedule returns one number, the rate at that step.")
    return function


def at_step(rate: Rate, step: Any) -> jax.Array:
    """The learning rate at `step`, whether it is constant or scheduled; default floating dtype."""
    return jnp.asarray(rate(step) if callable(rate) else rate, jnp.result_type(float))


def steps(value: Any) -> float | int:
    """Converter: a number of steps above 0. Whole numbers are kept as integers."""
    number = positive_number(value)
    return int(number) if number.is_integer() else number


def as_float(step: Any) -> jax.Array:
    """The step as a floating number, to divide by."""
    return jnp.asarray(step, jnp.result_type(float))
