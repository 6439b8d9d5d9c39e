"""What every loader returns: the rows, their targets, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError

__all__ = ["Dataset", "number_of_rows", "take_rows"]


class Dataset:
    """Rows and targets, with their names and their source.

    Attributes:
        x: The inputs: a `DataFrame` for tables, an array with rows first for images.
        y: The targets: a `Series` or an array of `len(self)` values; `None` where there are none.
        name: What the data set is called.
        target: What the target is called.
        classes: The names of the classes 0, 1, …; `None` if the target is a number.
        source: Address and licence, as text.
        dropped: How many rows of the file were left out because a value was missing.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        name: str = "data",
        target: str = "y",
        classes: tuple[str, ...] | None = None,
        source: str = "",
        dropped: int = 0,
    ) -> None:
        self._x = x
        self._y = y
        self.name = name
        self.target = target
        self.classes = classes
        self.source = source
        self.dropped = dropped
        self._length = number_of_rows(x)
        if y is not None and number_of_rows(y) != self._length:
            raise DeepkitValueError(
                f"{name}: x has {self._length} rows and y has {number_of_rows(y)}. Pass one target for every row."
            )

    @property
    def x(self) -> Any:
        """The inputs."""
        return self._x

    @property
    def y(self) -> Any:
        """The targets."""
        return self._y

    def __len__(self) -> int:
        return self._length

    def frame(self) -> Any:
        """Inputs and target as one `DataFrame`, the target as the last column.

        Raises:
            DeepkitTypeError: The inputs are not a table.
        """
        if not hasattr(self._x, "columns"):
            raise DeepkitTypeError(
                f"{self.name}: x is {_described(self._x)}, not a table, so it has no frame(). Use .x and .y."
            )
        if self._y is None:
            return self._x.copy()
        frame = self._x.copy()
        frame[self.target] = np.asarray(self._y)
        return frame

    def select(self, rows: Any) -> Dataset:
        """The data set with some rows only.

        Args:
            rows: One boolean per row, or row numbers counted from 0.

        Returns:
            A new `Dataset`; this one is unchanged.
        """
        numbers = _row_numbers(rows, len(self))
        return Dataset(
            take_rows(self._x, numbers),
            None if self._y is None else take_rows(self._y, numbers),
            name=self.name,
            target=self.target,
            classes=self.classes,
            source=self.source,
            dropped=self.dropped,
        )

    def __repr__(self) -> str:
        return f"Dataset({self._summary()})"

    def _summary(self) -> str:
        dropped = f", {self.dropped} rows with missing values dropped" if self.dropped else ""
        return f"{self.name}: x is {_described(self._x)}, {self._target_text()}{dropped}"

    def _target_text(self) -> str:
        if self.classes is not None:
            return f"target {self.target!r} of {len(self.classes)} classes"
        return f"target {self.target!r}" if self._y is not None else "no target"


def number_of_rows(data: Any) -> int:
    """Rows of an array, a table, or a mapping of arrays that all have equally many."""
    if isinstance(data, Mapping):
        counts = {name: number_of_rows(values) for name, values in data.items()}
        if len(set(counts.values())) != 1:
            raise DeepkitValueError(f"the inputs have different row counts: {counts}. Every input needs every row.")
        return next(iter(counts.values()))
    shape = getattr(data, "shape", None)
    if not shape:
        raise DeepkitTypeError(
            f"expected an array or a DataFrame with rows first, got {type(data).__name__}. "
            "Convert it with numpy.asarray(…)."
        )
    return int(shape[0])


def take_rows(data: Any, rows: np.ndarray) -> Any:
    """The rows with these numbers, of an array, a table, or every array of a mapping."""
    if isinstance(data, Mapping):
        return {name: take_rows(values, rows) for name, values in data.items()}
    return data.iloc[rows] if hasattr(data, "iloc") else data[rows]


def _row_numbers(rows: Any, length: int) -> np.ndarray:
    chosen = np.asarray(rows)
    if chosen.dtype == np.bool_:
        if chosen.shape != (length,):
            raise DeepkitValueError(
                f"select() got {chosen.shape} booleans for {length} rows. Give one boolean per row."
            )
        return np.flatnonzero(chosen)
    if chosen.ndim != 1 or not np.issubdtype(chosen.dtype, np.integer):
        raise DeepkitTypeError(
            f"select() got {chosen.dtype} of shape {chosen.shape}. Give one boolean per row, or row numbers."
        )
    if chosen.size and (chosen.min() < 0 or chosen.max() >= length):
        raise DeepkitValueError(
            f"select() got row numbers from {chosen.min()} to {chosen.max()}. "
            f"The {length} rows are numbered 0 to {length - 1}."
        )
    return chosen


def _described(data: Any) -> str:
    if hasattr(data, "columns"):
        return f"a table of {data.shape[0]} rows × {data.shape[1]} columns"
    if isinstance(data, Mapping):
        return "{" + ", ".join(f"{name!r}: {_described(values)}" for name, values in data.items()) + "}"
    return f"{data.dtype} {tuple(data.shape)}"
