"""Histograms side by side: what scaling does to a column, what a split did to the target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import colours, new_figure, numbers_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def histograms(values: Mapping[str, Any], *, bins: int = 30, same_units: bool = False) -> Figure:
    """A panel per entry with its mean and standard deviation; counts on one common axis.

    Each panel has so many bins between its own least and greatest value: a column keeps its shape when it is
    shifted and scaled. NaN and infinite values are left out and their number is told.

    Args:
        values: `{label with unit: numbers}`.
        bins: Number of bins of every panel.
        same_units: Whether all entries are in one unit: then they share the horizontal axis and the bins.

    Raises:
        DeepkitValueError: if there are no numbers.
    """
    arrays = {str(label): numbers_of(array, f"values[{label!r}]") for label, array in values.items()}
    finite = {label: array[np.isfinite(array)] for label, array in arrays.items()}
    empty = [label for label, array in finite.items() if not len(array)]
    if not finite or empty:
        raise DeepkitValueError(f"histograms has no finite number in {empty or 'values'}. Pass {{label: numbers}}.")
    columns = min(len(arrays), 3)
    rows = math.ceil(len(arrays) / columns)
    figure, panels = new_figure(rows, columns, size=(3.8, 3.2), share_x=same_units, share_y=True)
    for panel in panels.flat[len(arrays) :]:
        panel.remove()
    everything = np.concatenate(list(finite.values()))
    span = (everything.min(), everything.max()) if same_units else None
    for number, (label, panel) in enumerate(zip(arrays, panels.flat, strict=False)):
        left_out = len(arrays[label]) - len(finite[label])
        panel.hist(finite[label], bins=bins, range=span, color=colours(1)[0], edgecolor="white", linewidth=0.4)
        mean, deviation = finite[label].mean(), finite[label].std()
        # Rounding leaves a z-score with a mean of about 1e-16: told as 0.
        told = f"mean {mean if abs(mean) > 1e-6 * deviation else 0:.4g}, standard deviation {deviation:.4g}"
        panel.set_title(told + (f"\n{left_out} of {len(arrays[label])} not finite" if left_out else ""), fontsize=9)
        panel.set(xlabel=label, ylabel="" if number % columns else "count")
        panel.tick_params(labelbottom=True)
    return figure
