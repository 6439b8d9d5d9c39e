"""Where a classifier of two inputs changes its mind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.graph import Meaning
from deepkit.plots.canvas import class_names, class_numbers, colours, marker, new_figure, require_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 200
"""Points of the grid along each axis."""


def decision_boundary(model: Any, x: Any, y: Any, classes: Sequence[Any] | None = None) -> Figure:
    """The class that the model predicts everywhere on the plane, and the rows: wrongly classified ones are crossed.

    One output unit decides at probability ½ (sigmoid), else at 0; several units by the greatest.

    Args:
        model: A `dk.Model` with two inputs in a row, one output and at least one unit.
        x: The rows, `(rows, 2)`; a DataFrame's column names become those of the axes.
        y: Class numbers `(rows,)` from 0, or one-hot rows; for one unit anything above 0 is the second class.
        classes: Names of the classes.

    Raises:
        DeepkitValueError: if the rows are not two numbers, or y has other classes than the model.
    """
    points = np.asarray(x, float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise DeepkitValueError(
            f"decision_boundary draws a plane, but x has shape {points.shape}. Pass rows of two numbers."
        )
    units = model.graph.outputs[0].spec.features
    count = max(units, 2)
    true = class_numbers(np.asarray(y) > 0 if units == 1 else y, count, "y")
    require_rows({"x": len(points), "y": len(true)})
    names, shades = class_names(classes, count), colours(count)
    margin = 0.08 * np.ptp(points, axis=0) + 1e-9
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    across, up = np.meshgrid(np.linspace(low[0], high[0], STEPS), np.linspace(low[1], high[1], STEPS))
    regions = _predicted(model, x, np.column_stack([across.ravel(), up.ravel()])).reshape(across.shape)
    wrong = _predicted(model, x, points) != true
    figure, ((panel,),) = new_figure(size=(5.6, 5.0))
    edges = np.arange(count + 1) - 0.5
    panel.contourf(across, up, regions, levels=edges, colors=shades, alpha=0.18)
    if np.ptp(regions):
        panel.contour(across, up, regions, levels=edges[1:-1], colors="black", linewidths=1)
    for index, (name, shade) in enumerate(zip(names, shades, strict=True)):
        panel.plot(*points[true == index].T, marker(index), color=shade, markersize=5, markeredgecolor="white",
                   markeredgewidth=0.4, label=name)  # fmt: skip
    panel.plot(*points[wrong].T, "x", color="black", markersize=8, label=f"wrong: {wrong.sum()} of {len(points)}")
    axes = [str(name) for name in getattr(x, "columns", ("x₁", "x₂"))]
    panel.set(xlabel=axes[0], ylabel=axes[1], title="Predicted class")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def _predicted(model: Any, x: Any, points: np.ndarray) -> np.ndarray:
    """Class numbers; a table stays a table, so that the model's encoder finds its columns."""
    rows = type(x)(points, columns=x.columns) if hasattr(x, "columns") else points
    outputs = np.asarray(model.predict(rows))
    if outputs.shape[1] > 1:
        return outputs.argmax(axis=1)
    threshold = 0.5 if model.graph.outputs[0].spec.meaning is Meaning.PROBABILITY else 0.0
    return (outputs[:, 0] > threshold).astype(int)
