"""Numbers in rows and columns as colours: correlations, accuracies over two settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WRITTEN = 16
"""Up to so many rows and columns the numbers are written into the cells."""

NAMED = 25
"""So many names at most stand along an axis; of more, every second, third, …"""


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
    values = np.asarray(matrix, float)
    finite = values[np.isfinite(values)]
    if values.ndim != 2 or not finite.size:
        raise DeepkitValueError(
            f"heat_map was given an array of shape {values.shape} with {finite.size} finite numbers. "
            "Pass one with rows and columns."
        )
    if hasattr(matrix, "columns"):
        rows, columns = rows or list(matrix.index), columns or list(matrix.columns)
    rows = range(len(values)) if rows is None else rows
    columns = range(values.shape[1]) if columns is None else columns
    if values.shape != (len(rows), len(columns)):
        raise DeepkitValueError(
            f"heat_map was given a matrix of shape {values.shape}, but {len(rows)} names of rows and {len(columns)} of "
            "columns. Pass a name for each."
        )
    low, high = limits or (finite.min(), finite.max())
    diverging = low < 0 < high
    if diverging:
        low, high = -max(-low, high), max(-low, high)
    size = np.clip(0.5 * len(columns) + 2.5, 4.5, 10), np.clip(0.4 * len(rows) + 1.8, 3.2, 10)
    figure, ((panel,),) = new_figure(size=size)
    panel.set_facecolor("lightgrey")
    image = panel.imshow(values, cmap="PuOr_r" if diverging else "cividis", vmin=low, vmax=high, aspect="auto")
    figure.colorbar(image, ax=panel, label=quantity)
    across, up = (range(0, count, math.ceil(count / NAMED)) for count in values.shape[::-1])
    panel.set_xticks(across, [columns[place] for place in across], rotation=45, ha="right", rotation_mode="anchor")
    panel.set_yticks(up, [rows[place] for place in up])
    panel.set_title(title)
    if max(values.shape) <= WRITTEN:
        decimals = ".2f" if max(-low, high) < 10 else ".3g"
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                red, green, blue, _ = image.cmap(image.norm(value))
                colour = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"
                panel.text(column, row, f"{value:{decimals}}", ha="center", va="center", fontsize=8, color=colour)
    return figure
