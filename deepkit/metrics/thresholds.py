"""Where a number becomes a yes, and the converters of the arguments that say so."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepkit.converters import finite_number
from deepkit.errors import DeepkitTypeError, DeepkitValueError

POSITIVE = 0.5
"""A target above it is a yes: right for 0/1, for −1/+1, and for soft labels."""


def probability(value: Any) -> float | None:
    """Converter: a number in [0, 1], or None."""
    if value is None:
        return None
    if not 0 <= finite_number(value) <= 1:
        raise DeepkitValueError("a threshold is a probability, between 0 and 1.")
    return float(value)


def probabilities(value: Any) -> float | tuple[float, ...] | None:
    """Converter: a number in [0, 1], several of them as a tuple, or None."""
    if isinstance(value, list | tuple | np.ndarray):
        if len(value) == 0:
            raise DeepkitValueError("expected at least one threshold.")
        return tuple(float(probability(item)) for item in value)  # type: ignore[arg-type]
    return probability(value)


def class_id(value: Any) -> int | None:
    """Converter: the number of a class, counted from 0, or None."""
    if value is None:
        return None
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise DeepkitTypeError(f"expected the number of a class, counted from 0, got {type(value).__name__}.")
    if value < 0:
        raise DeepkitValueError("classes are counted from 0.")
    return int(value)
