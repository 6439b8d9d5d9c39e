"""What decides which rows belong together or come first: their class, their group, their time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepkit.data.duplicates import copies_of
from deepkit.data.part import Part
from deepkit.datasets import Dataset
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.preprocessing.rows import levels_of

MOST_CLASSES = 20
"""Whole numbers with more different values than this are taken for quantities."""


def whole_of(data: Any, y: Any, purpose: str) -> Dataset:
    """The rows to be divided, as a data set; `purpose` is the function that divides them."""
    if isinstance(data, Dataset):
        if y is not None:
            raise DeepkitTypeError(f"a Dataset already has its targets. Pass {purpose}(data), or {purpose}(x, y).")
        whole = data
    else:
        x = data if hasattr(data, "iloc") or isinstance(data, Mapping) else np.asarray(data)
        if y is not None and not hasattr(y, "iloc"):
            y = np.asarray(y)
        whole = Dataset(x, y, target=str(getattr(y, "name", None) or "y"))
    if len(whole) == 0:
        raise DeepkitValueError("there are no rows to split. Check how the data were loaded.")
    return whole


def joined(parts: Sequence[Part]) -> Dataset:
    """The rows of several parts as one data set, in their order. The targets of a test part are not to be had here."""
    first = parts[0]
    x = _concatenated([part._x for part in parts])
    y = None if first._y is None else _concatenated([part._y for part in parts])
    return Dataset(
        x, y, name=first.name, target=first.target, classes=first.classes, source=first.source, dropped=first.dropped
    )


def _concatenated(pieces: Sequence[Any]) -> Any:
    if isinstance(pieces[0], Mapping):
        return {name: _concatenated([piece[name] for piece in pieces]) for name in pieces[0]}
    if hasattr(pieces[0], "iloc"):
        import pandas as pd

        return pd.concat(pieces)
    return np.concatenate(pieces)


def check_seed(seed: Any) -> int:
    """A whole number that NumPy takes as a seed."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise DeepkitTypeError(f"seed={seed!r} is not a whole number of at least 0. Give one, such as seed=0.")
    return int(seed)


# Classes.


def classes_of(whole: Dataset, stratify: Any, *, declared: bool, purpose: str) -> np.ndarray | None:
    """The class of every row as text, or `None` if the rows are not to be stratified.

    `declared`: whether the data set itself says by `classes` that its target is categorical.
    """
    if stratify not in ("auto", True, False):
        raise DeepkitValueError(f"stratify={stratify!r} is not known. Use 'auto', True or False.")
    if stratify is False:
        return None
    y = whole._y
    if y is None:
        if stratify is True:
            raise DeepkitValueError(f"stratify=True needs targets. Pass {purpose}(x, y, stratify=True).")
        return None
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2 and _is_one_hot(values):
        values = values.argmax(axis=1)
    if values.ndim != 1:
        if stratify is True:
            raise DeepkitValueError(
                f"stratify=True needs one class per row, got targets of shape {values.shape}. Use stratify=False."
            )
        return None
    categorical = whole.classes is not None if declared else _is_categorical(values)
    if stratify == "auto" and not categorical:
        return None
    return np.array(["?" if level is None else level for level in levels_of(whole.target, values.tolist())])


def _is_one_hot(values: np.ndarray) -> bool:
    return values.dtype.kind in "biuf" and bool(
        np.all((values == 0) | (values == 1)) and np.all(values.sum(axis=1) == 1)
    )


def _is_categorical(values: np.ndarray) -> bool:
    if values.dtype.kind in "OSUb":
        return True
    if values.dtype.kind in "iu":
        return len(np.unique(values)) <= MOST_CLASSES
    return values.dtype.kind == "f" and bool(np.all((values == 0) | (values == 1)))


# Groups.


def group_numbers(whole: Dataset, groups: Any) -> np.ndarray:
    """The group of every row as a number from 0, from a column's name, one value per row, or `"duplicates"`."""
    name = "groups"
    columns = getattr(whole._x, "columns", ())
    if isinstance(groups, str) and groups not in columns:
        if groups == "duplicates":
            return copies_of(whole._x)
        raise DeepkitValueError(
            f"groups={groups!r} is not a column of x. Give a column, one value per row, or 'duplicates'."
        )
    if isinstance(groups, str):
        name, groups = groups, whole._x[groups]
    values = np.asarray(groups, dtype=object)
    if values.shape != (len(whole),):
        raise DeepkitValueError(f"groups has shape {values.shape} for {len(whole)} rows. Give one group for every row.")
    levels = levels_of(name, values.tolist())
    if None in levels:
        raise DeepkitValueError(f"row {levels.index(None)} has no group. Give every row one.")
    return np.unique(np.array(levels), return_inverse=True)[1]


def by_group(groups: np.ndarray, sizes: Sequence[int], generator: np.random.Generator) -> np.ndarray:
    """The part of every row: big groups first, each where most rows are still wanted.

    There are at least as many groups as parts that want rows.
    """
    counts = np.bincount(groups)
    wanted = np.asarray(sizes, dtype=np.int64)
    used = wanted > 0
    shuffled = generator.permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    part_of_group = np.empty(len(counts), dtype=np.int64)
    empty = used.copy()
    for done, group in enumerate(order):
        allowed = empty if len(order) - done == empty.sum() else used
        part = int(np.argmax(np.where(allowed, wanted, np.iinfo(np.int64).min)))
        part_of_group[group] = part
        wanted[part] -= counts[group]
        empty[part] = False
    return part_of_group[groups]


# Time.


def moments(whole: Dataset, time: Any) -> np.ndarray:
    """The rank of every row in time, from 0; rows of one moment share it."""
    columns = getattr(whole._x, "columns", ())
    if isinstance(time, str):
        if time not in columns:
            raise DeepkitValueError(f"time={time!r} is not a column of x. Give a column, or one value per row.")
        time = whole._x[time]
    values = np.asarray(time)
    if values.shape != (len(whole),):
        raise DeepkitValueError(f"time has shape {values.shape} for {len(whole)} rows. Give one moment for every row.")
    absent = np.array([value is None or value != value for value in values.tolist()]) | (
        np.isnat(values) if values.dtype.kind in "mM" else False
    )
    if absent.any():
        raise DeepkitValueError(f"row {int(absent.argmax())} has no time. Give every row one, or drop it.")
    try:
        return np.unique(values, return_inverse=True)[1]
    except TypeError:
        raise DeepkitTypeError(
            f"time holds values of different kinds, such as {values[0]!r}, which have no order. "
            "Convert them first: pandas.to_datetime(…)."
        ) from None


def by_time(ranks: np.ndarray, cuts: Sequence[int]) -> tuple[np.ndarray, list[int]]:
    """Row numbers in the order of time, and where to cut them: near `cuts`, but never within a moment."""
    order = np.argsort(ranks, kind="stable")
    edges = np.flatnonzero(np.diff(ranks[order])) + 1
    if len(edges) < len(cuts):
        raise DeepkitValueError(
            f"there are {len(edges) + 1} different times, too few for {len(cuts) + 1} parts, for rows of one time stay "
            "together. Ask for fewer parts, or give finer times."
        )
    chosen: list[int] = []
    low = 0
    for place, cut in enumerate(cuts):
        allowed = edges[low : len(edges) - (len(cuts) - place - 1)]
        low += int(np.argmin(np.abs(allowed - cut)))
        chosen.append(int(edges[low]))
        low += 1
    return order, chosen


__all__ = ["by_group", "by_time", "check_seed", "classes_of", "group_numbers", "joined", "moments", "whole_of"]
