"""Converters of the fields that several losses share."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepkit.converters import non_negative_number
from deepkit.errors import DeepkitTypeError, DeepkitValueError


def logits_flag(value: Any) -> bool | None:
    """`None` (the graph decides), true or false."""
    if value is not None and not isinstance(value, bool | np.bool_):
        raise DeepkitTypeError("expected True, False, or None, which lets the model's last activation decide.")
    return None if value is None else bool(value)


def share(value: Any) -> float:
    """A number in [0, 1], both ends included."""
    if non_negative_number(value) > 1:
        raise DeepkitValueError("expected a number from 0 to 1.")
    return float(value)
