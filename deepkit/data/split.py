"""Cutting a data set into train, dev and test, once and reproducibly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deepkit.data.duplicates import warn_of_copies
from deepkit.data.part import Part, Split
from deepkit.data.rows import by_group, by_time, check_seed, classes_of, group_numbers, moments, whole_of
from deepkit.datasets import Dataset
from deepkit.errors import DeepkitValueError, from_user_line
from deepkit.preprocessing.sealed import refuse_sealed

__all__ = ["split"]

ROLES = ("train", "dev", "test")


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
    time: Any = None,
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
            never divided, so the sizes are as near as whole groups allow. `"duplicates"` keeps rows with the same
            inputs together.
        time: When each row was seen: a column's name, or one value per row. The earliest rows are train, the latest
            test, for a model is asked about the future; rows of one moment stay in one part. Nothing is drawn.

    Returns:
        A `Split` with `train`, `dev` and `test`.

    Raises:
        DeepkitValueError: Proportions that do not sum to 1; too few rows, rows of a class, or groups to reach
            every part; or test data.
    """
    refuse_sealed(data, "dk.split")
    whole = whole_of(data, y, "dk.split")
    count = len(whole)
    sizes = _sizes(count, train, dev, test)
    generator = np.random.default_rng(check_seed(seed))
    if time is not None:
        if stratify is True or groups is not None:
            raise DeepkitValueError(
                f"time decides about every row, so {'groups' if groups is not None else 'stratify=True'} cannot. "
                "Leave one of them out."
            )
        used = [number for number, size in enumerate(sizes) if size]
        order, cuts = by_time(moments(whole, time), [int(cut) for cut in np.cumsum([sizes[n] for n in used])[:-1]])
        pieces = dict(zip(used, np.split(order, cuts), strict=True))
        parts = [Part(whole, role, pieces.get(number, order[:0])) for number, role in enumerate(ROLES)]
        return Split(parts[0], parts[1], parts[2], seed=int(seed), how="in the order of time")
    if groups is not None:
        if stratify not in ("auto", False):
            raise DeepkitValueError(
                "stratify=True and groups cannot both hold exactly: a group takes all its classes with it. "
                "Leave one of them out."
            )
        numbers = group_numbers(whole, groups)
        _check_groups(int(numbers.max()) + 1, sizes)
        assigned = by_group(numbers, sizes, generator)
        how = f"whole groups{'' if not isinstance(groups, str) else f' of {groups}'}"
    elif (classes := classes_of(whole, stratify, declared=isinstance(data, Dataset), purpose="dk.split")) is not None:
        assigned = _by_class(classes, sizes, generator)
        how = f"stratified by {whole.target}"
    else:
        assigned = _blocks(sizes)[generator.permutation(count)]
        how = "at random"
    order = generator.permutation(count)
    parts = [Part(whole, role, order[assigned[order] == number]) for number, role in enumerate(ROLES)]
    if groups is None:
        warn_of_copies(
            whole, parts, "a score",
            "dk.split(…, groups='duplicates') keeps them together; data.select(dk.duplicates(data).first) drops them.",
        )  # fmt: skip
    return Split(parts[0], parts[1], parts[2], seed=int(seed), how=how)


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


# Strata and groups.


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


def _check_groups(count: int, sizes: tuple[int, ...]) -> None:
    used = sum(size > 0 for size in sizes)
    if count < used:
        raise DeepkitValueError(
            f"{count} groups cannot fill {used} parts. Give a part the proportion 0, or use smaller groups."
        )
