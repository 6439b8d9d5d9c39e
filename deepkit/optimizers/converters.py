"""Converters for the fields that only optimizers and schedules have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepkit.configuration import non_negative_number
from deepkit.errors import DeepkitTypeError


def optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Converter: `None`, or what `convert` accepts."""

    def convert_unless_none(value: Any) -> Any:
        return None if value is None else convert(value)

    return convert_unless_none


def flag(value: Any) -> bool:
    """Converter: True or False, nothing that merely counts as one of them."""
    if not isinstance(value, bool | np.bool_):
        raise DeepkitTypeError(f"expected True or False, got {type(value).__name__}.")
    return bool(value)


def number(value: Any) -> float:
    """Converter: a finite number of any sign."""
    below_zero = isinstance(value, int | float | np.integer | np.floating) and value < 0
    return -non_negative_number(-value) if below_zero else non_negative_number(value)


def fragments(value: Any) -> tuple[str, ...]:
    """Converter: parts of parameter paths, as a tuple of strings. One string counts as a tuple of one."""
    parts = (value,) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) and part for part in parts):
        raise DeepkitTypeError('expected parts of parameter names, such as ("bias", "embedding").')
    return tuple(parts)
