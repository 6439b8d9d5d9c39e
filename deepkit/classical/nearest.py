"""k nearest neighbours, exactly: float64 distances in pieces that fit in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np

from deepkit.classical.numbers import flat_rows, targets_of
from deepkit.errors import DeepkitTypeError, DeepkitValueError, did_you_mean, from_user_line, shown
from deepkit.preprocessing.sealed import refuse_sealed

__all__ = ["KNearest"]

METRICS = {"l1": "cityblock", "l2": "sqeuclidean", "linf": "chebyshev"}


class KNearest:
    """Answers with the majority, or the mean, of the `k` nearest training rows.

    Nothing is left to chance. Of training rows at equal distances those that come first count as nearer. Of classes
    with equally many neighbours the one with the nearest neighbour wins, and of those at the same distance the one with
    the smallest number. Distances are float64, and for integers such as pixels exact.

    Args:
        k: Neighbours.
        metric: `"l1"` (sum of absolute differences), `"l2"` (Euclidean) or `"linf"` (the largest difference).
        memory: Bytes for distances and for rows as float64; the data are compared in pieces that fit.
    """

    @from_user_line
    def __init__(self, k: int = 1, metric: str = "l2", memory: int = 2**28) -> None:
        if metric not in METRICS:
            raise DeepkitValueError(f"metric={shown(metric)} is unknown. {did_you_mean(str(metric), METRICS)}")
        self.k = _neighbours(k)
        self.metric = metric
        self.memory = memory
        self.classes: int | None = None
        self._x: np.ndarray | None = None
        self._y: np.ndarray | None = None

    @from_user_line
    def fit(self, x: Any, y: Any = None) -> Self:
        """Keep the training rows.

        Args:
            x: A training part, or an array with rows first; images are read pixel by pixel.
            y: Integers `(rows,)` are classes, floats quantities.
        """
        refuse_sealed(x, "KNearest.fit")
        self._x = flat_rows(x)
        self._y = targets_of(x, y, len(self._x))
        self.classes = int(self._y.max()) + 1 if self._y.dtype.kind in "iub" else None
        self._check(self.k)
        return self

    @from_user_line
    def predict(self, x: Any) -> np.ndarray:
        """`(rows,)`: the class, or the mean, of the nearest."""
        return self.predict_each(x, [self.k])[self.k]

    @from_user_line
    def predict_each(self, x: Any, ks: Sequence[int]) -> dict[int, np.ndarray]:
        """`predict` for several numbers of neighbours, with the work of the largest."""
        ks = [self._check(_neighbours(k)) for k in ks]
        distances, rows = self.neighbours(x, max(ks))
        assert self._y is not None
        return {k: self._answer(distances[:, :k], self._y[rows[:, :k]]) for k in ks}

    def neighbours(self, x: Any, k: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Distances and row numbers of the nearest training rows, nearest first: both `(rows, k)`."""
        k = self._check(self.k if k is None else k)
        assert self._x is not None
        asked = flat_rows(x)
        if asked.shape[1] != self._x.shape[1]:
            raise DeepkitValueError(
                f"the training rows have {self._x.shape[1]} numbers, but these have {asked.shape[1]}. "
                "Pass rows of the same kind."
            )
        train, width = self._x, self._x.shape[1]
        columns = max(1, min(len(train), self.memory // (8 * width * 2)))
        lines = max(1, min(256, len(asked), self.memory // (8 * columns * 4)))
        distances = np.full((len(asked), k), np.inf)
        rows = np.zeros((len(asked), k), np.int64)
        for start in range(0, len(train), columns):
            some = train[start : start + columns].astype(np.float64)
            norms = np.einsum("ij,ij->i", some, some) if self.metric == "l2" else None

            def improve(first: int, some: Any = some, norms: Any = norms, start: int = start) -> None:
                place = slice(first, first + lines)
                new = self._distances(asked[place].astype(np.float64), some, norms)
                near, numbers = _nearest(new, min(k, len(some)))
                joined = np.concatenate([distances[place], near], axis=1)
                # Sorting is stable, and what is there has the smaller row numbers: so those win ties.
                order = np.argsort(joined, axis=1, kind="stable")[:, :k]
                distances[place] = np.take_along_axis(joined, order, axis=1)
                rows[place] = np.take_along_axis(np.concatenate([rows[place], numbers + start], axis=1), order, axis=1)

            with ThreadPoolExecutor(1 if self.metric == "l2" else os.cpu_count()) as pool:  # BLAS has its own threads
                list(pool.map(improve, range(0, len(asked), lines)))
        return (np.sqrt(distances) if self.metric == "l2" else distances), rows

    def _distances(self, asked: np.ndarray, train: np.ndarray, norms: Any) -> np.ndarray:
        if norms is not None:
            products = asked @ train.T
            return np.maximum(np.einsum("ij,ij->i", asked, asked)[:, None] - 2 * products + norms, 0)
        from scipy.spatial.distance import cdist  # type: ignore[import-untyped]

        return np.asarray(cdist(asked, train, METRICS[self.metric]))

    def _answer(self, distances: np.ndarray, targets: np.ndarray) -> np.ndarray:
        if self.classes is None:
            return np.asarray(targets.mean(axis=1))
        counts = np.zeros((len(targets), self.classes), np.int64)
        nearest = np.full(counts.shape, np.inf)
        places = np.arange(len(targets))
        for column in range(targets.shape[1]):
            counts[places, targets[:, column]] += 1
            at = (places, targets[:, column])
            nearest[at] = np.minimum(nearest[at], distances[:, column])
        return np.asarray(np.where(counts == counts.max(axis=1, keepdims=True), nearest, np.inf).argmin(axis=1))

    def _check(self, k: int) -> int:
        if self._x is None:
            raise DeepkitValueError("KNearest has seen no rows yet. Call fit(x, y) first.")
        if k > len(self._x):
            raise DeepkitValueError(f"k={k} neighbours, but there are {len(self._x)} training rows. Use fewer.")
        return k


def _neighbours(k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise DeepkitTypeError(f"k={shown(k)} neighbours: expected a whole number of at least 1.")
    if k < 1:
        raise DeepkitValueError(f"k={k} neighbours: expected a whole number of at least 1.")
    return int(k)


def _nearest(distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k smallest of every row in order, and where they stand; of equal ones the first."""
    if k == 1:
        chosen = distances.argmin(axis=1)[:, None]
        return np.take_along_axis(distances, chosen, axis=1), chosen
    chosen = np.sort(np.argpartition(distances, k - 1, axis=1)[:, :k], axis=1)
    last = np.take_along_axis(distances, chosen, axis=1).max(axis=1, keepdims=True)
    for row in _tied(distances, last, k):  # which of several equal ones the partition took is chance
        order = np.argsort(distances[row], kind="stable")[:k]
        chosen[row] = np.sort(order)
    values = np.take_along_axis(distances, chosen, axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(chosen, order, axis=1)


def _tied(distances: np.ndarray, last: np.ndarray, k: int) -> Iterator[Any]:
    return iter(np.flatnonzero((distances <= last).sum(axis=1) > k))
