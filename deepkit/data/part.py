"""The three parts of a split. The test part is sealed: it measures, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from deepkit.datasets import Dataset
from deepkit.datasets.dataset import take_rows
from deepkit.preprocessing.sealed import ROLE, sealed_error

__all__ = ["Part", "Split"]


class Part(Dataset):
    """Some rows of a data set, and what they may be used for.

    Attributes:
        role: `"train"`, `"dev"` or `"test"`.
        rows: Which rows of the whole, counted from 0, in this part's (shuffled) order.
        openings: How often the targets of the test part were read, by `y`, `frame()` or an evaluation. A test
            score is honest when this is 1; reading `x` alone, as a prediction does, is not an opening.
    """

    def __init__(self, whole: Dataset, role: str, rows: np.ndarray) -> None:
        super().__init__(
            take_rows(whole.x, rows),
            None if whole.y is None else take_rows(whole.y, rows),
            name=whole.name,
            target=whole.target,
            classes=whole.classes,
            source=whole.source,
            dropped=whole.dropped,
        )
        self.role = role
        self.rows = rows
        self.openings = 0
        if self.sealed:
            inputs = self._x.values() if isinstance(self._x, Mapping) else (self._x,)
            for data in (*inputs, self._y):
                if hasattr(data, "attrs"):
                    data.attrs[ROLE] = role

    @property
    def sealed(self) -> bool:
        """Whether this is the test part."""
        return self.role == "test"

    @property
    def y(self) -> Any:
        """The targets; reading those of the test part is an opening."""
        self.openings += self.sealed
        return self._y

    def frame(self) -> Any:
        """Inputs and target as one `DataFrame`; of the test part, an opening."""
        self.openings += self.sealed
        return super().frame()

    def select(self, rows: Any) -> Part:
        """The part with some of its rows only, in the same role."""
        chosen = super().select(np.asarray(rows))
        part = Part(chosen, self.role, np.arange(len(chosen)))
        part.rows = take_rows(self.rows, np.arange(len(self))[np.asarray(rows)])
        return part

    def for_training(self, purpose: str) -> tuple[Any, Any]:
        """`(x, y)` for something that learns or chooses; `purpose` names it, as in `Model.fit`.

        Raises:
            DeepkitValueError: This is the test part.
        """
        if self.sealed:
            raise sealed_error(purpose)
        return self._x, self._y

    def __repr__(self) -> str:
        opened = f", opened {self.openings} times" if self.sealed else ""
        return f"Part({self.role}{opened}, {self._summary()})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Three parts that share no row. `train, dev, test = split` works too."""

    train: Part
    dev: Part
    test: Part
    seed: int
    how: str

    def __post_init__(self) -> None:
        rows = np.concatenate([part.rows for part in self])
        assert len(np.unique(rows)) == len(rows), "no row in two parts"

    def __iter__(self) -> Iterator[Part]:
        return iter((self.train, self.dev, self.test))

    def __repr__(self) -> str:
        total = sum(len(part) for part in self)
        sizes = " + ".join(f"{len(part)} {part.role}" for part in self)
        return f"Split({self.train.name}: {sizes} = {total} rows, {self.how}, seed {self.seed})"
