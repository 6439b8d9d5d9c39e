"""Linear and polynomial least squares in closed form, which say what their data cannot tell."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from deepkit.classical.numbers import flat_rows
from deepkit.data.arrays import is_part
from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line, shown, warn
from deepkit.preprocessing.sealed import refuse_sealed

__all__ = ["LeastSquares"]

WORST_CONDITION = 1e8
"""Above it, half of the digits of float64 are lost in the coefficients."""


class LeastSquares:
    """`y ≈ b + Σ_c Σ_p w_cp z_c^p`, p = 1 … order, with the least sum of squared errors on the training rows.

    z are the columns, z-scored with the training rows; powers of different columns are not multiplied with each other.
    Solved by singular values (`numpy.linalg.lstsq`): where the columns depend on each other, of all best solutions the
    one with the smallest coefficients, and a warning.

    Args:
        order: Highest power; 1 is a linear model.

    Attributes:
        rank: Independent columns among `columns`.
        columns: Columns of the design: powers of all columns, and the constant.
        condition: Largest over smallest singular value, dependent columns aside.
        dependent: Names of columns that others make up.
        coefficients: `(columns, outputs)`; the constant is the first.
    """

    @from_user_line
    def __init__(self, order: int = 1) -> None:
        if isinstance(order, bool) or not isinstance(order, int | np.integer):
            raise DeepkitTypeError(f"order={shown(order)}: expected a whole number of at least 1.")
        if order < 1:
            raise DeepkitValueError(f"order={order}: expected a whole number of at least 1. The mean alone has none.")
        self.order = int(order)
        self.rank = 0
        self.columns = 0
        self.condition = float("nan")
        self.dependent: tuple[str, ...] = ()
        self.coefficients: np.ndarray | None = None

    @from_user_line
    def fit(self, x: Any, y: Any = None, *, quiet: bool = False) -> Self:
        """Solve for the training rows.

        Args:
            x: A training part, or an array or table with rows first.
            y: `(rows,)` or `(rows, outputs)`; several outputs, such as one-hot classes, are solved at once.
            quiet: Leave `note` to be read, instead of a warning.
        """
        refuse_sealed(x, "LeastSquares.fit")
        rows = flat_rows(x).astype(np.float64)
        values = np.asarray(x.y if y is None and is_part(x) else y, np.float64)
        if values.ndim not in (1, 2) or len(values) != len(rows):
            raise DeepkitValueError(
                f"y has shape {values.shape} for {len(rows)} rows. Pass (rows,) or (rows, outputs)."
            )
        self._single = values.ndim == 1
        self._mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        constant = rows.max(axis=0) == rows.min(axis=0)
        self._scale = np.where(constant, 1, deviation)
        design = self._design(rows)
        solved, _, rank, singular = np.linalg.lstsq(design, values.reshape(len(rows), -1))
        self.coefficients = solved
        self.rank, self.columns = int(rank), design.shape[1]
        self.condition = float(singular[0] / singular[self.rank - 1])
        self.dependent = self._dependent(design, self._names(x)) if self.rank < self.columns else ()
        self._rows = len(rows)
        if self.note and not quiet:
            warn(f"least squares of order {self.order}: {self.note}.")
        return self

    @property
    def note(self) -> str:
        """What is wrong with the training rows, if anything is."""
        if self.rank < self.columns:
            few = self._rows < self.columns
            names = ", ".join(self.dependent[:5]) + (", …" if len(self.dependent) > 5 else "")
            return (
                f"{self.columns} columns have rank {self.rank}, for "
                + (f"there are only {self._rows} rows" if few else f"{names} can be made of the others")
                + ". Many solutions fit equally well, and the smallest is taken; drop columns, lower the order, or get "
                "more rows"
            )
        if self.condition > WORST_CONDITION:
            return (
                f"the condition number is {self.condition:.2g}, so columns nearly depend on each other, and "
                "coefficients have few right digits. Drop columns or lower the order"
            )
        return ""

    @from_user_line
    def predict(self, x: Any) -> np.ndarray:
        """`(rows,)`, or `(rows, outputs)`."""
        if self.coefficients is None:
            raise DeepkitValueError("LeastSquares has seen no rows yet. Call fit(x, y) first.")
        rows = flat_rows(x)
        if rows.shape[1] != len(self._mean):
            raise DeepkitValueError(
                f"the training rows have {len(self._mean)} columns, but these have {rows.shape[1]}. Pass the same ones."
            )
        values = self._design(rows.astype(np.float64)) @ self.coefficients
        return np.asarray(values[:, 0] if self._single else values)

    def _design(self, rows: np.ndarray) -> np.ndarray:
        scaled = (rows - self._mean) / self._scale
        powers = [scaled**power for power in range(1, self.order + 1)]
        return np.concatenate([np.ones((len(rows), 1)), *powers], axis=1)

    def _names(self, x: Any) -> list[str]:
        table = x.x if is_part(x) else x
        names = [str(name) for name in getattr(table, "columns", (f"x[:, {n}]" for n in range(len(self._mean))))]
        powers = (f"^{power}" if power > 1 else "" for power in range(1, self.order + 1))
        return ["the constant", *(name + power for power in powers for name in names)]

    def _dependent(self, design: np.ndarray, names: list[str]) -> tuple[str, ...]:
        """The columns that add nothing to those before them."""
        found, kept = [], np.zeros((len(design), 0))
        for place, name in enumerate(names):
            column = design[:, place]
            rest = column - kept @ (kept.T @ column)
            rest -= kept @ (kept.T @ rest)  # twice is enough (Kahan)
            size = float(np.linalg.norm(rest))
            if size <= 1e-9 * max(float(np.linalg.norm(column)), 1e-300) or kept.shape[1] == self.rank:
                found.append(name)
            else:
                kept = np.concatenate([kept, (rest / size)[:, None]], axis=1)
        return tuple(found)
