"""The target's own encoding, and the way back to its units."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, warn
from deepkit.preprocessing.arrays import is_constant
from deepkit.preprocessing.columns import sorted_levels
from deepkit.preprocessing.rows import levels_of

__all__ = ["TargetClasses", "TargetScale"]


@dataclasses.dataclass(frozen=True)
class TargetScale:
    """A number y as `(y − offset) / width`, with offset and width from the training rows."""

    kind: str
    offset: float
    width: float

    @classmethod
    def fit(cls, y: Any, kind: str) -> TargetScale:
        """Learn mean and deviation (`"zscore"`) or minimum and range (`"minmax"`)."""
        values = _numbers(y)
        low, high = float(values.min()), float(values.max())
        if is_constant(low, high):
            warn(f"the target is {low:g} in every training row, so there is nothing to learn. Check it.")
            return cls(kind, low, 1.0)
        if kind == "zscore":
            return cls(kind, float(values.mean()), float(values.std()))
        return cls(kind, low, high - low)

    def encode(self, y: Any) -> np.ndarray:
        """float32, in the shape of `y`."""
        return ((_numbers(y) - self.offset) / self.width).astype(np.float32)

    def decode(self, predictions: Any) -> np.ndarray:
        """In the target's own units; floats keep their dtype."""
        values = np.asarray(predictions)
        original = values.astype(np.float64) * self.width + self.offset
        return original.astype(values.dtype if values.dtype.kind == "f" else np.float32)

    @property
    def how(self) -> str:
        """What becomes of a value, in words."""
        return f"{'z-score' if self.kind == 'zscore' else 'min-max'}: (y − {self.offset:.4g}) / {self.width:.4g}"


@dataclasses.dataclass(frozen=True)
class TargetClasses:
    """Class names as whole numbers from 0, in the order of `classes`."""

    kind: str
    classes: tuple[str, ...]

    @classmethod
    def fit(cls, y: Any) -> TargetClasses:
        """Learn the classes, numbers by size and text by alphabet."""
        found = set(_labels(y))
        if len(found) < 2:
            raise DeepkitValueError(
                f"the target is {next(iter(found))!r} in every training row. Classification needs at least two classes."
            )
        return cls("classes", tuple(sorted_levels(found)))

    def encode(self, y: Any) -> np.ndarray:
        """int32 (N,)."""
        number = {name: code for code, name in enumerate(self.classes)}
        labels = _labels(y)
        if unknown := sorted(set(labels) - set(number)):
            raise DeepkitValueError(
                f"the target has the class {unknown[0]!r}, which did not occur in training "
                f"(known: {', '.join(self.classes)}). Split with stratify=True, or correct the labels."
            )
        return np.array([number[label] for label in labels], dtype=np.int32)

    def decode(self, predictions: Any) -> np.ndarray:
        """Probabilities have no units: as given."""
        return np.asarray(predictions)

    @property
    def how(self) -> str:
        """Which number is which class."""
        return "classes: " + ", ".join(f"{code} = {name}" for code, name in enumerate(self.classes))


def _numbers(y: Any) -> np.ndarray:
    values = np.asarray(y)
    if values.dtype.kind not in "biuf":
        raise DeepkitTypeError(f"a scaled target must be numbers, got {values.dtype}. Use target='classes'.")
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise DeepkitValueError(f"a scaled target is one number per row, got shape {values.shape}. Use target=None.")
    if values.size == 0 or not np.all(np.isfinite(values)):
        raise DeepkitValueError(
            f"{np.sum(~np.isfinite(values))} of {values.size} target values are NaN or infinite. "
            "A row without a target teaches nothing: drop it."
        )
    return values.astype(np.float64)


def _labels(y: Any) -> list[str]:
    values = np.asarray(y, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or len(values) == 0:
        raise DeepkitValueError(f"class labels must have shape (N,), got {values.shape}. Use target=None for one-hot.")
    labels = levels_of("target", values.tolist())
    if None in labels:
        raise DeepkitValueError(
            f"{labels.count(None)} of {len(labels)} target values are missing, the first in row "
            f"{labels.index(None)}. A row without a target teaches nothing: drop it."
        )
    return [label for label in labels if label is not None]
