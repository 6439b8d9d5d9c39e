"""One column of a table, with what was learned of it in training, as inputs of a model."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.preprocessing.arrays import is_constant
from deepkit.preprocessing.rows import MISSING, levels_of, numbers_of

__all__ = ["CategoricalColumn", "NumericColumn", "sorted_levels"]

OUTLIER = 6.0
"""Standard deviations from the mean beyond which a training value is reported."""


@dataclasses.dataclass(frozen=True)
class NumericColumn:
    """A number: one input, scaled with the training rows' statistics.

    Attributes:
        name: The column.
        scale: `"zscore"`, `"minmax"` or `"none"`.
        fill: Whether a missing value becomes the training mean; else it is an error.
        mean, deviation, minimum, maximum: Of the training rows that have a value.
        missing, outliers: How many training rows miss the value, or are more than 6 deviations away.
    """

    KIND: ClassVar[str] = "numeric"

    name: str
    scale: str
    fill: bool
    mean: float
    deviation: float
    minimum: float
    maximum: float
    missing: int
    outliers: int

    @classmethod
    def fit(cls, name: str, values: Any, scale: str, missing: str) -> NumericColumn:
        """Learn the statistics, in float64."""
        numbers = numbers_of(name, values)
        known = numbers[~np.isnan(numbers)]
        if known.size == 0:
            raise DeepkitValueError(f"column {name!r} has no value in any of {len(numbers)} rows. Leave it out.")
        mean, deviation = float(known.mean()), float(known.std())
        column = cls(
            name=name,
            scale=scale,
            fill=missing == "mean",
            mean=mean,
            deviation=deviation,
            minimum=float(known.min()),
            maximum=float(known.max()),
            missing=int(np.isnan(numbers).sum()),
            outliers=int(np.sum(np.abs(known - mean) > OUTLIER * deviation)) if deviation > 0 else 0,
        )
        column._filled(numbers)
        return column

    @property
    def width(self) -> int:
        """Number of inputs."""
        return 1

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of the input."""
        return (self.name,)

    @property
    def constant(self) -> bool:
        """Whether all training values were equal. If scaled, it is 0 for every row, also new ones."""
        return bool(is_constant(self.minimum, self.maximum))

    def encode(self, values: Any) -> np.ndarray:
        """float64 (N, 1)."""
        numbers = self._filled(numbers_of(self.name, values))
        if self.scale == "none":
            return numbers[:, None]
        if self.constant:
            return np.zeros((len(numbers), 1))
        offset, width = (
            (self.mean, self.deviation) if self.scale == "zscore" else (self.minimum, self.maximum - self.minimum)
        )
        return ((numbers - offset) / width)[:, None]

    def _filled(self, numbers: np.ndarray) -> np.ndarray:
        absent = np.isnan(numbers)
        if np.any(absent) and not self.fill:
            raise DeepkitValueError(
                f"column {self.name!r} misses {absent.sum()} of {len(numbers)} values, the first in row "
                f"{int(np.argmax(absent))}. Drop those rows, or use TableEncoder(missing='mean') to put the "
                f"training mean ({self.mean:.4g}) there."
            )
        return np.where(absent, self.mean, numbers)

    @property
    def how(self) -> str:
        """What becomes of a value, in words."""
        if self.scale == "none":
            return f"as it is, {self.minimum:.4g} to {self.maximum:.4g}"
        if self.constant:
            return f"constant {self.minimum:.4g}: always 0"
        if self.scale == "zscore":
            return f"z-score: (x − {self.mean:.4g}) / {self.deviation:.4g}"
        return f"min-max: (x − {self.minimum:.4g}) / {self.maximum - self.minimum:.4g}"

    @property
    def note(self) -> str:
        """What is worth knowing about the training values."""
        notes = []
        if self.constant:
            notes.append("constant: leave it out")
        if self.missing:
            notes.append(f"{self.missing} missing: training mean {self.mean:.4g}")
        if self.outliers:
            notes.append(
                f"{self.outliers} beyond {OUTLIER:g} standard deviations "
                f"(from {self.minimum:.4g} to {self.maximum:.4g})"
            )
        return "; ".join(notes)


@dataclasses.dataclass(frozen=True)
class CategoricalColumn:
    """A category: one input per level, 1 for the row's own and 0 for the others.

    Attributes:
        name: The column.
        levels: The levels as text; the last is `?` if values were missing in training.
        counts: How many training rows have each.
        missing: `"error"` refuses missing values; else they are the level `?`.
        unseen: `"error"` refuses other levels; `"zeros"` gives such a row no 1 at all.
    """

    KIND: ClassVar[str] = "categorical"

    name: str
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    missing: str
    unseen: str

    @classmethod
    def fit(cls, name: str, values: Any, missing: str, unseen: str) -> CategoricalColumn:
        """Learn the levels: the declared categories, if the column has any, else those that occur."""
        found = levels_of(name, values)
        categories = getattr(getattr(values, "dtype", None), "categories", None)
        if categories is not None:
            known = [level for level in levels_of(name, list(categories)) if level is not None]
        else:
            known = sorted_levels({level for level in found if level is not None})
        if None in found and missing != "error" and MISSING not in known:
            known.append(MISSING)
        counts = collections.Counter(MISSING if level is None else level for level in found)
        column = cls(name, tuple(known), tuple(counts[level] for level in known), missing, unseen)
        column._check_missing(found)
        return column

    @property
    def width(self) -> int:
        """Number of inputs."""
        return len(self.levels)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """`column=level` for every input."""
        return tuple(f"{self.name}={level}" for level in self.levels)

    @property
    def constant(self) -> bool:
        """Whether all training rows had the same level."""
        return sum(count > 0 for count in self.counts) == 1

    def encode(self, values: Any) -> np.ndarray:
        """float64 (N, levels)."""
        found = levels_of(self.name, values)
        self._check_missing(found)
        position = {level: number for number, level in enumerate(self.levels)}
        encoded = np.zeros((len(found), len(self.levels)))
        for row, level in enumerate(found):
            number = position.get(MISSING if level is None else level)
            if number is not None:
                encoded[row, number] = 1
            elif self.unseen == "error":
                value = "missing" if level is None else repr(level)
                raise DeepkitValueError(
                    f"column {self.name!r} is {value} in row {row}, which did not occur in training "
                    f"(known: {', '.join(self.levels)}). Correct it, or use TableEncoder(unseen='zeros') "
                    "to give such rows no level."
                )
        return encoded

    def _check_missing(self, found: Sequence[str | None]) -> None:
        if self.missing == "error" and None in found:
            raise DeepkitValueError(
                f"column {self.name!r} misses {found.count(None)} of {len(found)} values, the first in row "
                f"{found.index(None)}. Drop those rows, or use TableEncoder(missing='level') "
                f"to make {MISSING!r} a level."
            )

    @property
    def how(self) -> str:
        """The levels and their counts, in words."""
        pairs = [f"{level} ({count})" for level, count in zip(self.levels, self.counts, strict=True)]
        shown = pairs if len(pairs) <= 12 else [*pairs[:11], f"… {len(pairs) - 11} more"]
        return f"one-hot: {', '.join(shown)}"

    @property
    def note(self) -> str:
        """What is worth knowing about the training values."""
        notes = ["constant: leave it out"] if self.constant else []
        absent = [level for level, count in zip(self.levels, self.counts, strict=True) if count == 0]
        if absent:
            notes.append(f"declared, but not in training: {', '.join(absent)}")
        if sum(self.counts) > 20 and len(self.levels) > sum(self.counts) / 2:
            notes.append("almost every row has a level of its own: leave it out")
        return "; ".join(notes)


def sorted_levels(levels: set[str]) -> list[str]:
    """Numbers by size, then text by alphabet, `?` last."""

    def order(level: str) -> tuple[bool, bool, float, str]:
        try:
            return level == MISSING, False, float(level), level
        except ValueError:
            return level == MISSING, True, 0.0, level

    return sorted(levels, key=order)
