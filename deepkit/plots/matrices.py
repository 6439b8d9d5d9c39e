"""Numbers in rows and columns as colours: correlations, accuracies over two settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WRITTEN = 16
"""Up to so many columns the numbers are written into the cells."""


def heat_map(
    matrix: Any,
    *,
    quantity: str,
    title: str = "",
    rows: Sequence[Any] | None = None,
    columns: Sequence[Any] | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """A matrix as coloured cells; values on both sides of zero get two colours, white at zero.

    Args:
        matrix: `(rows, columns)` numbers, or a DataFrame, such as `frame.corr()`; NaN stays grey.
        quantity: What the numbers are, with unit; it labels the colour scale.
        title: Of the figure.
        rows, columns: Names; a DataFrame brings its own.
        limits: Ends of the colour scale, `(-1, 1)` for correlations; by default least and greatest value of the matrix.

    Raises:
        DeepkitValueError: for another shape, or another number of names.
    """
    rows = list(getattr(matrix, "index", range(len(matrix)))) if rows is None else rows
    values = np.asarray(matrix, float)
    if values.ndim != 2 or not values.size:
        raise DeepkitValueError(f"heat_map was given an array of shape {values.shape}. Pass one with rows and columns.")
    columns = list(getattr(matrix, "columns", range(values.shape[1]))) if columns is None else columns
    if values.shape != (len(rows), len(columns)):
        raise DeepkitValueError(
            f"heat_map was given a matrix of shape {values.shape}, but {len(rows)} names of rows and {len(columns)} of "
            "columns. Pass a name for each."
        )
    low, high = limits or (np.nanmin(values), np.nanmax(values))
    diverging = low < 0 < high
    if diverging:
        low, high = -max(-low, high), max(-low, high)
    figure, ((panel,),) = new_figure(size=(max(4.5, 0.5 * len(columns) + 2.5), max(3.2, 0.4 * len(rows) + 1.8)))
    panel.set_facecolor("lightgrey")
    image = panel.imshow(values, cmap="PuOr_r" if diverging else "cividis", vmin=low, vmax=high, aspect="auto")
    figure.colorbar(image, ax=panel, label=quantity)
    panel.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    panel.set_yticks(range(len(rows)), rows)
    panel.set_title(title)
    for (row, column), value in np.ndenumerate(values):
        if len(columns) <= WRITTEN and len(rows) <= WRITTEN and np.isfinite(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            panel.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=8, color="w" if dark else "k")
    return figure
