"""Cutting a data set into train, dev and test, once and reproducibly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepkit.data.part import Part, Split
from deepkit.datasets import Dataset
from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line
from deepkit.preprocessing.rows import levels_of
from deepkit.preprocessing.sealed import refuse_sealed

__all__ = ["split"]

ROLES = ("train", "dev", "test")
MOST_CLASSES = 20
"""Whole numbers with more different values than this are taken for quantities."""


@from_user_line
def split(
    data: Any,
    y: Any = None,
    *,
    train: float = 0.8,
    dev: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    stratify: str | bool = "auto",
    groups: Any = None,
) -> Split:
    """Shuffle the rows and cut them into a training, a development and a sealed test part.

    Args:
        data: A `Dataset`, or the inputs: a DataFrame, an array with rows first, or a dict of them.
        y: The targets, one per row, if `data` is not a `Dataset`.
        train, dev, test: Proportions that sum to 1, or three row counts that sum to the number of rows.
            0 leaves a part empty. Proportions are rounded by the largest remainder.
        seed: The same seed gives the same rows (numpy's `default_rng`).
        stratify: Whether every part gets every class in proportion (to within one row per class). `"auto"`
            does so if the target is categorical and there are no groups. A `Dataset` with class names has a
            categorical target; `y` is one if it is text, boolean, one-hot or 0/1, or whole numbers of at most
            20 different values.
        groups: Rows that belong together (patients, say): a column's name, or one value per row. A group is
            never divided, so the sizes are as near as whole groups allow.

    Returns:
        A `Split` with `train`, `dev` and `test`.

    Raises:
        DeepkitValueError: Proportions that do not sum to 1; too few rows, rows of a class, or groups to reach
            every part; or test data.
    """
    refuse_sealed(data, "dk.split")
    whole = _whole(data, y)
    count = len(whole)
    sizes = _sizes(count, train, dev, test)
    generator = np.random.default_rng(_seed(seed))
    if groups is not None:
        if stratify not in ("auto", False):
            raise DeepkitValueError(
                "stratify=True and groups cannot both hold exactly: a group takes all its classes with it. "
                "Leave one of them out."
            )
        assigned = _by_group(_group_numbers(whole, groups), sizes, generator)
        how = f"whole groups{'' if not isinstance(groups, str) else f' of {groups}'}"
    elif (classes := _classes(whole, stratify, declared=isinstance(data, Dataset))) is not None:
        assigned = _by_class(classes, sizes, generator)
        how = f"stratified by {whole.target}"
    else:
        assigned = _blocks(sizes)[generator.permutation(count)]
        how = "at random"
    order = generator.permutation(count)
    parts = [Part(whole, role, order[assigned[order] == number]) for number, role in enumerate(ROLES)]
    return Split(parts[0], parts[1], parts[2], seed=int(seed), how=how)


def _whole(data: Any, y: Any) -> Dataset:
    if isinstance(data, Dataset):
        if y is not None:
            raise DeepkitTypeError("a Dataset already has its targets. Pass dk.split(data), or dk.split(x, y).")
        whole = data
    else:
        x = data if hasattr(data, "iloc") or isinstance(data, Mapping) else np.asarray(data)
        if y is not None and not hasattr(y, "iloc"):
            y = np.asarray(y)
        whole = Dataset(x, y, target=str(getattr(y, "name", None) or "y"))
    if len(whole) == 0:
        raise DeepkitValueError("there are no rows to split. Check how the data were loaded.")
    return whole


def _seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise DeepkitTypeError(f"seed={seed!r} is not a whole number of at least 0. Give one, such as seed=0.")
    return int(seed)


def _sizes(count: int, train: Any, dev: Any, test: Any) -> tuple[int, ...]:
    """Rows per part: counts as they are, proportions by the largest remainder."""
    asked = dict(zip(ROLES, (train, dev, test), strict=True))
    for role, value in asked.items():
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not value >= 0:
            raise DeepkitValueError(f"{role}={value!r} is not a proportion. Give a number from 0 to 1.")
    listed = ", ".join(f"{role}={value}" for role, value in asked.items())
    if all(isinstance(value, int | np.integer) for value in asked.values()) and sum(asked.values()) != 1:
        sizes = tuple(int(value) for value in asked.values())
        if sum(sizes) != count:
            raise DeepkitValueError(
                f"{listed} make {sum(sizes)} rows, but there are {count}. Give three counts that sum to {count}."
            )
    else:
        if not math.isclose(sum(asked.values()), 1, abs_tol=1e-9):
            raise DeepkitValueError(
                f"{listed} sum to {sum(asked.values()):.6g}, not to 1. Change one so that every row has its part."
            )
        sizes = _largest_remainder([float(value) * count for value in asked.values()], count)
    for role, size in zip(ROLES, sizes, strict=True):
        if asked[role] > 0 and size == 0:
            raise DeepkitValueError(
                f"{count} rows leave none for {role}={asked[role]}. Give {role} a larger proportion, or 0."
            )
    if sizes[0] == 0:
        raise DeepkitValueError("train=0 leaves nothing to learn from. Give it a proportion above 0.")
    return sizes


def _largest_remainder(shares: list[float], total: int) -> tuple[int, ...]:
    # Shares are rounded first, because .1 × 30 is 3.0000000000000004 in floating point.
    exact = [round(share, 9) for share in shares]
    sizes = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda part: sizes[part] - exact[part])
    for part in by_remainder[: total - sum(sizes)]:
        sizes[part] += 1
    return tuple(sizes)


def _blocks(sizes: tuple[int, ...]) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


# Strata.


def _classes(whole: Dataset, stratify: Any, *, declared: bool) -> np.ndarray | None:
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
            raise DeepkitValueError("stratify=True needs targets. Pass dk.split(x, y, stratify=True).")
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


def _by_class(classes: np.ndarray, sizes: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """The part of every row, such that each class is shared out like the whole, to within a row."""
    names, codes, counts = np.unique(classes, return_inverse=True, return_counts=True)
    table = _shared_out(counts, sizes)
    for number, shares in enumerate(table):
        absent = [role for role, size, share in zip(ROLES, sizes, shares, strict=True) if size and not share]
        if absent:
            raise DeepkitValueError(
                f"the class {str(names[number])!r} has {counts[number]} of {counts.sum()} rows, too few to "
                f"reach {' and '.join(absent)}. Use stratify=False, merge it with another class, or give "
                f"{' and '.join(absent)} a larger proportion."
            )
    assigned = np.empty(len(classes), dtype=np.int64)
    for number, shares in enumerate(table):
        rows = np.flatnonzero(codes == number)
        assigned[generator.permutation(rows)] = _blocks(tuple(shares))
    return assigned


def _shared_out(counts: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Whole rows per class and part, with exactly these row and column sums, near `count × size / total`.

    Test is filled first, then dev: every class gets the whole part of its share, and the rows still to be
    given go to the classes for which most is left over. Train takes the rest.
    """
    shares = counts[:, None] * np.asarray(sizes) / counts.sum()
    whole = np.floor(shares + 1e-9).astype(np.int64)
    table = np.zeros_like(whole)
    for part in (2, 1):
        table[:, part] = whole[:, part]
        left_over = counts - table.sum(axis=1) - shares[:, :part].sum(axis=1)
        extra = sizes[part] - int(whole[:, part].sum())
        table[np.argsort(-left_over, kind="stable")[:extra], part] += 1
    table[:, 0] = counts - table.sum(axis=1)
    return table


# Groups.


def _group_numbers(whole: Dataset, groups: Any) -> np.ndarray:
    name = "groups"
    if isinstance(groups, str):
        if groups not in getattr(whole.x, "columns", ()):
            raise DeepkitValueError(f"groups={groups!r} is not a column of x. Give a column, or one value per row.")
        name, groups = groups, whole.x[groups]
    values = np.asarray(groups, dtype=object)
    if values.shape != (len(whole),):
        raise DeepkitValueError(f"groups has shape {values.shape} for {len(whole)} rows. Give one group for every row.")
    levels = levels_of(name, values.tolist())
    if None in levels:
        raise DeepkitValueError(f"row {levels.index(None)} has no group. Give every row one.")
    return np.unique(np.array(levels), return_inverse=True)[1]


def _by_group(groups: np.ndarray, sizes: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """The part of every row: big groups first, each where most rows are still wanted."""
    counts = np.bincount(groups)
    wanted = np.asarray(sizes, dtype=np.int64)
    used = wanted > 0
    if len(counts) < used.sum():
        raise DeepkitValueError(
            f"{len(counts)} groups cannot fill {used.sum()} parts. Give a part the proportion 0, or use smaller groups."
        )
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
