"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import class_names, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


WRITTEN = 20
"""Up to so many classes the numbers and names are written."""


def confusion_matrix(matrix: Any, classes: Sequence[Any] | None = None) -> Figure:
    """True class (row) against predicted class (column): the count, and its share of the row in per cent.

    The shade is the share of the row, so that rare classes are seen as clearly as frequent ones. The diagonal's
    shares are the classes' recalls.

    Args:
        matrix: Counts or summed weights `(classes, classes)`, as `dk.metrics.ConfusionMatrix` gives them.
        classes: Names of the classes.

    Raises:
        DeepkitValueError: for another shape, negative counts, no rows, or another number of names.
    """
    counts = np.asarray(matrix, float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not (counts >= 0).all() or not counts.any():
        raise DeepkitValueError(
            f"confusion_matrix was given shape {counts.shape}, numbers below 0, or no rows at all. "
            "Pass counts of shape (classes, classes), true classes in rows: evaluate gives them with "
            "metrics=[dk.metrics.ConfusionMatrix()]."
        )
    names = class_names(classes, len(counts))
    rows = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, rows, out=np.full_like(counts, np.nan), where=rows > 0)
    written = len(counts) <= WRITTEN
    side = max(3.6, 0.7 * len(counts) + 1.2) if written else 9.0
    figure, ((panel,),) = new_figure(size=(side + 0.8, side))
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=panel, label="share of the true class", shrink=0.8)
    for (row, column), share in np.ndenumerate(shares if written else shares[:0]):
        text = f"{counts[row, column]:,.10g}" + ("" if np.isnan(share) else f"\n{100 * share:.0f} %")
        panel.text(column, row, text, ha="center", va="center", color="white" if share > 0.55 else "black")
    if written:
        slanted = max(map(len, names)) * len(names) > 12 * (side - 1)
        slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        panel.set_xticks(range(len(names)), names, **slant)
        panel.set_yticks(range(len(names)), names)
    panel.spines[:].set_visible(False)
    right = np.trace(counts) / counts.sum()
    panel.set(
        xlabel="predicted class",
        ylabel="true class",
        title=f"{counts.sum():,.10g} rows, {100 * right:.1f} % on the diagonal",
    )
    return figure
