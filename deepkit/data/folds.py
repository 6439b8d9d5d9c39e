"""Cutting a data set into folds: every fold is left out once, and measures what was learnt from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from deepkit.data.duplicates import warn_of_copies
from deepkit.data.part import Part, Split
from deepkit.data.rows import by_group, by_time, check_seed, classes_of, group_numbers, joined, moments, whole_of
from deepkit.datasets import Dataset
from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line, shown
from deepkit.preprocessing.sealed import refuse_sealed

__all__ = ["Folds", "folds"]

EACH = "leave-one-out"

Places = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""Number of a fold → which rows are train, which are dev. Only made when asked for: leaving one out has many."""


class Folds(Sequence[Split]):
    """Splits of the same rows, each with another part left out as its `dev`. Made by `dk.folds`.

    Rows of a fold are copied when it is asked for: `folds[0].train`, `for train, dev, test in folds`.

    Attributes:
        k: Folds of one division.
        repeats: Divisions; fold `i` is number `i % k` of division `i // k`.
        pool: All rows that take part, as a training part: what a chosen model is fitted on in the end.
        test: The sealed part of the split that was given, in none of the folds; without rows if there was no split.
        seed, how: As in `Split`.
    """

    def __init__(
        self, whole: Dataset, rows: np.ndarray, test: Part, places: Places, k: int, repeats: int, seed: int, how: str,
        kept: dict[str, np.ndarray], stratified: bool = False,
    ) -> None:  # fmt: skip
        self.k = k
        self.repeats = repeats
        self.test = test
        self.seed = seed
        self.how = how
        self.pool = Part(whole, "train", np.arange(len(whole)))
        self.pool.rows = rows
        self._places = places
        self._kept = kept
        self._stratified = stratified

    def __len__(self) -> int:
        return self.k * self.repeats

    @overload
    def __getitem__(self, number: int) -> Split: ...
    @overload
    def __getitem__(self, number: slice) -> list[Split]: ...
    def __getitem__(self, number: int | slice) -> Split | list[Split]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        place = range(len(self))[number]
        train, dev = self._places(place)
        division = f" of division {place // self.k + 1}" if self.repeats > 1 else ""
        how = f"fold {place % self.k + 1} of {self.k}{division}, {self.how}"
        return Split(self._part("train", train), self._part("dev", dev), self.test, self.seed, how)

    def __iter__(self) -> Iterator[Split]:
        return (self[number] for number in range(len(self)))

    def _part(self, role: str, places: np.ndarray) -> Part:
        part = Part(self.pool, role, places)
        part.rows = self.pool.rows[places]
        return part

    def within(self, number: int, k: int) -> Folds:
        """Folds of a fold's training rows, divided in the same way: to choose in, while the fold's dev rows measure."""
        rows, _ = self._places(range(len(self))[number])
        kept = {name: values[rows] for name, values in self._kept.items()}
        part = self._part("train", rows)
        return folds_of(part, None, k=k, repeats=1, seed=self.seed, stratify=self._stratified, look=False, **kept)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Rows of train and dev, fold by fold."""
        return [(len(train), len(dev)) for train, dev in map(self._places, range(len(self)))]

    def __repr__(self) -> str:
        dev = sorted({size for _, size in self.sizes})
        rows = f"{dev[0]} to {dev[-1]}" if len(dev) > 1 else f"{dev[0]}"
        times = f" × {self.repeats}" if self.repeats > 1 else ""
        sealed = f", {len(self.test)} test rows apart" if len(self.test) else ""
        folds = f"{self.k} folds{times} of {rows} rows out of {len(self.pool)}"
        return f"Folds({self.pool.name}: {folds}, {self.how}{sealed}, seed {self.seed})"


@from_user_line
def folds(
    data: Any,
    y: Any = None,
    *,
    k: int | str = 5,
    repeats: int = 1,
    seed: int = 0,
    stratify: str | bool = "auto",
    groups: Any = None,
    time: Any = None,
) -> Folds:
    """Divide the rows into `k` folds; each is left out once as `dev`, and the others are `train`.

    Which row is in which fold is decided here, before anything is fitted: encoders and other statistics are fitted on
    `fold.train`. Fold sizes differ by one row at most, also within every class.

    Args:
        data: A split, whose train and dev rows are divided while its test part stays sealed; a `Dataset`; or the
            inputs: a DataFrame, an array with rows first, or a dict of them.
        y: The targets, if `data` are inputs.
        k: Number of folds; 5 and 10 are usual (Kohavi 1995). `"leave-one-out"` leaves out one row at a time, or one
            group if there are groups.
        repeats: How often the rows are divided anew: `k · repeats` folds.
        seed: The same seed gives the same folds, and those of one division whatever `repeats` is.
        stratify: As in `dk.split`.
        groups: Rows that belong together, as in `dk.split`: never on both sides. Folds are as equal as whole groups
            allow.
        time: When each row was seen, as in `dk.split`. The rows are cut in `k + 1` stretches of time; fold `i` trains
            on the first `i + 1` and is measured on the next, so the future is never learnt from.

    Returns:
        `Folds`, a sequence of `Split`s.

    Raises:
        DeepkitError: k below 2; more folds than rows, than rows of a class, than groups, or than times; test data.
    """
    return folds_of(data, y, k=k, repeats=repeats, seed=seed, stratify=stratify, groups=groups, time=time)


def folds_of(
    data: Any,
    y: Any,
    *,
    k: int | str,
    repeats: int,
    seed: int = 0,
    stratify: str | bool = "auto",
    groups: Any = None,
    time: Any = None,
    look: bool = True,
) -> Folds:
    """`folds`; `look` for copies of training rows in the first fold."""
    refuse_sealed(data, "dk.folds")
    if isinstance(data, Split):
        if y is not None:
            raise DeepkitTypeError("a split already has its targets. Pass dk.folds(split), or dk.folds(x, y).")
        parts = [part for part in (data.train, data.dev) if len(part)]
        whole, rows, test = joined(parts), np.concatenate([part.rows for part in parts]), data.test
    else:
        whole = whole_of(data, y, "dk.folds")
        rows = data.rows if isinstance(data, Part) else np.arange(len(whole))
        test = Part(whole, "test", np.arange(0))
    if stratify is True and (groups is not None or time is not None):
        other = "time" if groups is None else "groups"
        raise DeepkitValueError(
            f"stratify=True and {other} cannot both hold exactly, for {other} decides about every row. Leave one out."
        )
    if isinstance(data, Split) and stratify == "auto":
        stratify = data.how.startswith("stratified") or whole.classes is not None
    check_seed(seed)
    if isinstance(repeats, bool) or not isinstance(repeats, int | np.integer) or repeats < 1:
        raise DeepkitTypeError(f"repeats={shown(repeats)}: expected a whole number of at least 1.")
    if isinstance(data, Split):
        groups, time = (_of_the_whole(values, rows, name) for values, name in ((groups, "groups"), (time, "time")))
    if time is not None:
        if groups is not None or repeats > 1:
            other = "groups" if groups is not None else "repeats"
            raise DeepkitValueError(f"time decides about every row, so {other} cannot. Leave one of them out.")
        count = _number(k, len(whole), "rows")
        ranks = moments(whole, time)
        stretches = _in_time(ranks, count)
        how = "in the order of time"
        return Folds(whole, rows, test, stretches.__getitem__, count, 1, seed, how, {"time": ranks})
    numbers = classes = None
    if groups is not None:
        numbers = group_numbers(whole, groups)
        count = _number(k, int(numbers.max()) + 1, "groups")
        how = f"whole groups{f' of {groups}' if isinstance(groups, str) else ''}"
    else:
        count, how = _number(k, len(whole), "rows"), "at random"
        if k != EACH:
            classes = classes_of(whole, stratify, declared=isinstance(data, Dataset), purpose="dk.folds")
        if classes is not None:
            _check_classes(classes, count)
            how = f"stratified by {whole.target}"
    if k == EACH and repeats > 1:
        raise DeepkitValueError(f"repeats={repeats}, but leave-one-out has only one division. Leave repeats out.")
    divisions = []
    for number in range(repeats):
        generator = np.random.default_rng((seed, number))
        if numbers is not None:
            base, more = divmod(len(whole), count)
            fold = by_group(numbers, [base + (place < more) for place in range(count)], generator)
        else:
            fold = _dealt(np.zeros(len(whole), str) if classes is None else classes, count, generator)
        order = generator.permutation(len(whole))
        divisions.append((order, fold[order]))

    def places(number: int) -> tuple[np.ndarray, np.ndarray]:
        order, fold = divisions[number // count]
        left_out = fold == number % count
        return order[~left_out], order[left_out]

    if numbers is None and look:
        _warn_of_copies(whole, places(0))
    kept = {} if numbers is None else {"groups": numbers}
    return Folds(whole, rows, test, places, count, repeats, seed, how, kept, classes is not None)


def _number(k: Any, most: int, what: str) -> int:
    """How many folds, of so many rows or groups."""
    if k == EACH:
        if most < 2:
            raise DeepkitValueError(f"leave-one-out needs at least 2 {what}, there is {most}. Get more data.")
        return most
    wanted = f"expected a whole number of at least 2, or {EACH!r}"
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise DeepkitTypeError(f"k={shown(k)} folds: {wanted}.")
    if k < 2:
        raise DeepkitValueError(
            f"k={k} folds: {wanted}. With a single fold nothing would be left to learn from; for one division into "
            "parts use dk.split."
        )
    if k > most:
        raise DeepkitValueError(
            f"{most} {what} cannot fill k={k} folds: {k - most} would be empty. Use k={most} or fewer"
            + (", or smaller groups." if what == "groups" else ".")
        )
    return int(k)


def _check_classes(classes: np.ndarray, k: int) -> None:
    names, counts = np.unique(classes, return_counts=True)
    smallest = int(np.argmin(counts))
    if counts[smallest] < k:
        rows = f"{counts[smallest]} row{'s' * int(counts[smallest] != 1)}"
        fewer = f"k={counts[smallest]}, " if counts[smallest] > 1 else ""
        raise DeepkitValueError(
            f"the class {str(names[smallest])!r} has {rows}, fewer than k={k} folds, so some would have none of it. "
            f"Use {fewer}stratify=False, or merge it with another class."
        )


def _dealt(classes: np.ndarray, k: int, generator: np.random.Generator) -> np.ndarray:
    """The fold of every row: shuffled, sorted by class, and dealt like cards."""
    shuffled = generator.permutation(len(classes))
    order = shuffled[np.argsort(classes[shuffled], kind="stable")]
    fold = np.empty(len(classes), np.int64)
    fold[order] = np.arange(len(classes)) % k
    return fold


def _in_time(ranks: np.ndarray, k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    count = len(ranks)
    size = count // (k + 1)
    if size == 0:
        raise DeepkitValueError(
            f"{count} rows cannot fill k={k} folds in the order of time, which takes {k + 1} stretches. "
            f"Use k={count - 1} or fewer."
        )
    order, cuts = by_time(ranks, [count - (k - place) * size for place in range(k)])
    ends = [*cuts[1:], count]
    return [(order[:start], order[start:end]) for start, end in zip(cuts, ends, strict=True)]


def _of_the_whole(values: Any, rows: np.ndarray, name: str) -> Any:
    """One value per row of the data that were split, for those of its rows that are divided."""
    if values is None or isinstance(values, str):
        return values
    array = np.asarray(values)
    if array.ndim != 1 or len(array) <= rows.max():
        raise DeepkitValueError(
            f"{name} has shape {array.shape}, but a split numbers its rows as in the data it was made of, here up to "
            f"{rows.max()}. Give one value for every row of those data, or a column's name."
        )
    return array[rows]


def _warn_of_copies(whole: Dataset, places: tuple[np.ndarray, np.ndarray]) -> None:
    parts = [Part(whole, role, rows) for role, rows in zip(("train", "dev"), places, strict=True)]
    warn_of_copies(
        whole, parts, "the first fold's score",
        "dk.folds(…, groups='duplicates') keeps them together; data.select(dk.duplicates(data).first) drops them.",
    )  # fmt: skip
