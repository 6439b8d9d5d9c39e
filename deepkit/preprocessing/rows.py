"""Reading rows by column name, whatever they come in: a part of a split, a DataFrame, or dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepkit.datasets.dataset import Dataset
from deepkit.errors import DeepkitTypeError, DeepkitValueError

__all__ = ["MISSING", "column_names", "levels_of", "numbers_of", "table_of", "values_of"]

MISSING = "?"
"""The level that stands for a missing category: None, NaN, NA, and UCI's own `?`."""

Table = Any
"""A DataFrame, or a list of mappings."""


def table_of(data: Any) -> Table:
    """The rows of a `Dataset` or `Part` (its `x`), a DataFrame, a dict of one row, or a list of dicts."""
    if isinstance(data, Dataset):
        data = data.x
    if hasattr(data, "columns"):
        names = [str(name) for name in data.columns]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise DeepkitValueError(
                f"several columns are called {', '.join(repeated)}. Give every column a name of its own."
            )
        return data
    if isinstance(data, Mapping):
        for name, value in data.items():
            if isinstance(value, list | tuple | np.ndarray) or hasattr(value, "iloc"):
                raise DeepkitTypeError(
                    f"{name!r} is a {type(value).__name__}, but a dict is one row with one value per column. "
                    "For several rows pass a list of dicts or a DataFrame."
                )
        return [data]
    if isinstance(data, list | tuple) and all(isinstance(row, Mapping) for row in data):
        return list(data)
    raise DeepkitTypeError(
        f"TableEncoder reads columns by name, got {type(data).__name__}. "
        "Pass a part of a split, a DataFrame, a dict of one row, or a list of dicts."
    )


def column_names(table: Table) -> list[str]:
    """The names that every row has."""
    if hasattr(table, "columns"):
        return [str(name) for name in table.columns]
    return [name for name in table[0] if all(name in row for row in table)] if table else []


def values_of(table: Table, name: str) -> Any:
    """One column, as a Series or a list."""
    if hasattr(table, "columns"):
        return table.iloc[:, column_names(table).index(name)]
    return [row[name] for row in table]


def numbers_of(name: str, values: Any) -> np.ndarray:
    """A column as float64 (N,), missing values as NaN; text and infinities are refused."""
    if getattr(getattr(values, "dtype", None), "kind", "O") in "biuf":
        nullable = not isinstance(values.dtype, np.dtype)
        numbers = values.to_numpy(dtype=np.float64, **({"na_value": np.nan} if nullable else {}))
    else:
        numbers = np.array([_number(name, row, value) for row, value in enumerate(values)], dtype=np.float64)
    if np.any(np.isinf(numbers)):
        row = int(np.argmax(np.isinf(numbers)))
        raise DeepkitValueError(f"column {name!r} is infinite in row {row}. Correct the value or drop the row.")
    return numbers


def _number(name: str, row: int, value: Any) -> float:
    if _is_missing(value):
        return float("nan")
    if not isinstance(value, int | float | np.number | np.bool_):
        raise DeepkitTypeError(
            f"column {name!r} was a number in training, but is {value!r} in row {row}. Give a number."
        )
    return float(value)


def levels_of(name: str, values: Any) -> list[str | None]:
    """A categorical column as text, missing values as None.

    Numbers and text that read alike are the same level: 1, 1.0 and "1".
    """
    known: dict[Any, str | None] = {}
    levels = []
    for value in values.astype(object).tolist() if hasattr(values, "iloc") else values:
        key = (type(value), value) if value.__hash__ is not None else None
        if key not in known:
            known[key] = _level(name, value)
        levels.append(known[key])
    return levels


def _level(name: str, value: Any) -> str | None:
    if _is_missing(value):
        return None
    if isinstance(value, list | tuple | dict | set | np.ndarray):
        raise DeepkitTypeError(
            f"column {name!r} holds a {type(value).__name__} in a cell. "
            "A category is one value: make columns of it first."
        )
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value)


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))
