"""Where a classifier of two inputs changes its mind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.graph import Meaning
from deepkit.plots.canvas import (
    class_names,
    class_numbers,
    colours,
    legend_below,
    marker,
    new_figure,
    numbers_of,
    require_rows,
)

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
        DeepkitValueError: if the rows are not two numbers, the model has several outputs, or y has classes that
            the model has not.
    """
    points = np.asarray(x, float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise DeepkitValueError(
            f"decision_boundary draws a plane, but x has shape {points.shape}. Pass rows of two numbers."
        )
    if len(model.graph.outputs) != 1 or model.graph.outputs[0].spec.rank != 2:
        raise DeepkitValueError(
            f"decision_boundary needs one output with a number per class, but {model!r} has others. "
            "Draw a model of one output: dk.Model(inputs, output)."
        )
    units = model.graph.outputs[0].spec.features
    count = max(units, 2)
    true = class_numbers(numbers_of(y, "y") > 0 if units == 1 else y, count, "y")
    require_rows({"x": len(points), "y": len(true)})
    names, shades = class_names(classes, count), colours(count)
    margin = 0.08 * np.ptp(points, axis=0) + 1e-9
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    across, up = np.meshgrid(np.linspace(low[0], high[0], STEPS), np.linspace(low[1], high[1], STEPS))
    scores = _scores(model, x, np.column_stack([across.ravel(), up.ravel()]))
    wrong = _scores(model, x, points).argmax(axis=1) != true
    figure, ((panel,),) = new_figure(size=(5.6, 5.0))
    for index, shade in enumerate(shades):
        # How far the class is ahead of the best other one: the boundary is where that is 0.
        ahead = (scores[:, index] - np.delete(scores, index, axis=1).max(axis=1)).reshape(across.shape)
        if ahead.max() > 0:
            panel.contourf(across, up, ahead, levels=[0, ahead.max() * 1.01], colors=[shade], alpha=0.18)
        if ahead.min() < 0 < ahead.max():
            panel.contour(across, up, ahead, levels=[0], colors="black", linewidths=0.8)
    for index, (name, shade) in enumerate(zip(names, shades, strict=True)):
        panel.plot(*points[true == index].T, marker(index), color=shade, markersize=5, markeredgecolor="white",
                   markeredgewidth=0.4, label=name)  # fmt: skip
    panel.plot(
        *points[wrong].T, "x", color="black", markersize=11, zorder=1.9, label=f"wrong: {wrong.sum()} of {len(points)}"
    )
    axes = [str(name) for name in getattr(x, "columns", ("x₁", "x₂"))]
    panel.set(xlabel=axes[0], ylabel=axes[1], title="Predicted class (area) and true class (marker)")
    legend_below(figure)
    return figure


def _scores(model: Any, x: Any, points: np.ndarray) -> np.ndarray:
    """A column per class, the predicted one's greatest; a table stays a table, for the model's encoder."""
    rows = type(x)(points, columns=x.columns) if hasattr(x, "columns") else points
    outputs = np.asarray(model.predict(rows), float)
    if outputs.shape[1] > 1:
        return outputs
    threshold = 0.5 if model.graph.outputs[0].spec.meaning is Meaning.PROBABILITY else 0.0
    return np.column_stack([threshold - outputs, outputs - threshold])
