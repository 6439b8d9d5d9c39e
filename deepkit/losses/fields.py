"""Converters of the fields that several losses share."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepkit.errors import DeepkitTypeError


def logits_flag(value: Any) -> bool | None:
    """`None` (the graph decides), true or false."""
    if value is not None and not isinstance(value, bool | np.bool_):
        raise DeepkitTypeError("expected True, False, or None, which lets the model's last activation decide.")
    return None if value is None else bool(value)
