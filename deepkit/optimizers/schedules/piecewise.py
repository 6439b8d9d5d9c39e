"""A schedule written out by hand: constant between given steps."""

from __future__ import annotations

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np

from deepkit.configuration import parameter
from deepkit.converters import non_negative_number
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.optimizers.schedules.schedule import Schedule, as_float


def _increasing(values: Any) -> tuple[float, ...]:
    numbers = _rates(values)
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise DeepkitValueError("expected strictly increasing step numbers.")
    return numbers


def _rates(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list | tuple | np.ndarray):
        raise DeepkitTypeError(f"expected a list of numbers, got {type(values).__name__}.")
    return tuple(non_negative_number(value) for value in values)


class PiecewiseConstantDecay(Schedule):
    """values[0] up to and including step boundaries[0], then values[1] up to boundaries[1], and so on.

    As in Keras, a boundary belongs to the piece before it (in `optax.piecewise_constant_schedule` to the one
    after it), and `values` are the rates themselves, not factors.

    Args:
        boundaries: Increasing step numbers.
        values: Rates, one more than boundaries.
    """

    boundaries: tuple[float, ...] = parameter(convert=_increasing)
    values: tuple[float, ...] = parameter(convert=_rates)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.values) != len(self.boundaries) + 1:
            boundaries, values = len(self.boundaries), len(self.values)
            raise DeepkitValueError(
                f"PiecewiseConstantDecay has {boundaries} boundaries and {values} values. "
                f"Give one value more than boundaries: {boundaries + 1}."
            )

    def __call__(self, step: Any) -> Any:
        time = as_float(step)
        piece = jnp.searchsorted(jnp.asarray(self.boundaries, time.dtype), time, side="left")
        return jnp.asarray(self.values, time.dtype)[piece]
