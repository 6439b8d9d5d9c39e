"""Converters for the fields that only optimizers and schedules have."""

from __future__ import annotations

from typing import Any

from deepkit.errors import DeepkitTypeError


def fragments(value: Any) -> tuple[str, ...]:
    """Converter: parts of parameter paths, as a tuple of strings. One string counts as a tuple of one."""
    parts = (value,) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) and part for part in parts):
        raise DeepkitTypeError('expected parts of parameter names, such as ("bias", "embedding").')
    return tuple(parts)
