"""Converter for the plain numbers of this family, which may have any sign."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError


def finite_number(value: Any) -> float:
    """Converter: a finite number of any sign (numpy numbers included, booleans not)."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise DeepkitTypeError(f"expected a number, got {type(value).__name__}.")
    if not math.isfinite(value):
        raise DeepkitValueError("expected a finite number.")
    return float(value)
