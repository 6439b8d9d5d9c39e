"""Bagging: every member learns from a draw of the training rows of its own."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from deepkit.datasets.dataset import number_of_rows, take_rows
from deepkit.sweeps.members import unpacked

__all__ = ["Bootstrap"]


class Bootstrap:
    """The data function of bagging: as many training rows as there are, drawn with replacement by the seed.

        draws = dk.ensembles.Bootstrap(split)
        result = dk.sweep(build, draws, seeds=10, epochs=100)
        together = dk.ensemble(result)

    Every draw leaves out about 1/e = 37 % of the rows: `out_of_bag(seed)` says which, and on them that member can be
    measured without any development rows. Development rows, if there are any, stay the same for all.

    Args:
        data: As in `dk.sweep`: a split, `(x, y)`, or `(x, y, validation_data)`.

    Reference: Breiman 1996, https://doi.org/10.1007/BF00058655
    """

    def __init__(self, data: Any) -> None:
        self._x, self._y, self._validation = unpacked(data)
        self._count = number_of_rows(self._x)

    def rows(self, seed: int) -> np.ndarray:
        """Numbers of the rows that this seed draws."""
        return np.random.default_rng((seed, self._count)).integers(self._count, size=self._count)

    def out_of_bag(self, seed: int) -> np.ndarray:
        """Numbers of the rows that this seed does not draw."""
        return np.setdiff1d(np.arange(self._count), self.rows(seed))

    def __call__(self, seed: int) -> tuple[Any, ...]:
        """`(x, y)`, and the validation data if there are any."""
        rows = self.rows(seed)
        x, y = (
            jax.tree.map(lambda leaf: take_rows(leaf, rows), part, is_leaf=_is_array) for part in (self._x, self._y)
        )
        return (x, y) if self._validation is None else (x, y, self._validation)


def _is_array(data: Any) -> bool:
    return hasattr(data, "iloc") or hasattr(data, "shape")
