"""Converters: what a field of a declaration accepts, and what it becomes (see `configuration.parameter`).

Each takes what the user wrote and returns what is kept, or raises a DeepkitError that says what was expected;
the declaration completes it with the class and the field.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, described


def positive_integer(value: Any) -> int:
    """An integer of at least one (numpy integers included, booleans not)."""
    return _whole_number(value, 1)


def non_negative_integer(value: Any) -> int:
    """An integer of at least zero (numpy integers included, booleans not)."""
    return _whole_number(value, 0)


def _whole_number(value: Any, least: int) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise DeepkitTypeError(f"expected a whole number of at least {least}, got {described(value)}.")
    if value < least:
        raise DeepkitValueError(f"expected a whole number of at least {least}.")
    return int(value)


def flag(value: Any) -> bool:
    """True or False, nothing that merely counts as one of them. Fields declared as `bool` have it."""
    if not isinstance(value, bool | np.bool_):
        raise DeepkitTypeError(f"expected True or False, got {described(value)}.")
    return bool(value)


def finite_number(value: Any) -> float:
    """A finite number of any sign (numpy numbers included, booleans not)."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise DeepkitTypeError(f"expected a number, got {described(value)}.")
    if not math.isfinite(value):
        raise DeepkitValueError("expected a finite number.")
    return float(value)


def positive_number(value: Any) -> float:
    """A finite number above zero."""
    if finite_number(value) <= 0:
        raise DeepkitValueError("expected a number above 0.")
    return float(value)


def non_negative_number(value: Any) -> float:
    """A finite number of at least zero."""
    if finite_number(value) < 0:
        raise DeepkitValueError("expected a number of at least 0.")
    return float(value)


def fraction(value: Any) -> float:
    """A number in [0, 1)."""
    if not 0 <= finite_number(value) < 1:
        raise DeepkitValueError("expected a share in [0, 1), such as 0.5 for one half.")
    return float(value)


def share(value: Any) -> float:
    """A number in [0, 1], both ends included."""
    if non_negative_number(value) > 1:
        raise DeepkitValueError("expected a number from 0 to 1.")
    return float(value)


def optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`None`, or what `convert` accepts."""

    def convert_unless_none(value: Any) -> Any:
        return None if value is None else convert(value)

    return convert_unless_none
