"""Predicted numbers against true ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import GREY, colours, new_figure, numbers_of, require_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def predicted_against_true(true: Any, predicted: Any, units: str = "") -> Figure:
    """Every row as a dot at (true, predicted); on the identity line the prediction is right.

    The title has Pearson's r, which forgives any shift and scale, and R² = 1 − Σ(true−predicted)² / Σ(true−mean)²,
    which does not, and is below 0 for predictions worse than the mean. A dash stands for what is not defined: r of
    constant predictions, both for constant targets.

    Rows that are not finite are not drawn, and their number is told.

    Args:
        true: Numbers, one per row; or `{label: numbers}`, such as training and test, for panels with common axes.
        predicted: The same for the predictions.
        units: Unit of both.

    Raises:
        DeepkitValueError: if labels or numbers of rows differ, or no row is finite.
    """
    truths, predictions = _labelled(true), _labelled(predicted)
    if list(truths) != list(predictions):
        raise DeepkitValueError(
            f"true has the labels {list(truths)}, predicted {list(predictions)}. Give both the same."
        )
    pairs = {label: _finite(truths[label], predictions[label]) for label in truths}
    figure, panels = new_figure(1, len(pairs), size=(4.4, 4.8), share_x=True, share_y=True)
    figure.set_layout_engine("compressed", w_pad=0.08, h_pad=0.08)  # squares, side by side
    unit = f" ({units})" if units else ""
    for (label, (t, p, told)), panel in zip(pairs.items(), panels.flat, strict=True):
        panel.plot(t, p, "o", color=colours(1)[0], markersize=4, alpha=0.5, markeredgewidth=0, label=told)
        panel.axline((t.mean(), t.mean()), slope=1, color=GREY, linestyle="--", label="predicted = true")
        panel.set_title(f"{label}: {_scores(t, p)}" if label else _scores(t, p))
        panel.set(xlabel=f"true{unit}", box_aspect=1)
        panel.legend(loc="upper left", frameon=False)
    panels[0, 0].set_ylabel(f"predicted{unit}")
    everything = np.concatenate([[*t, *p] for t, p, _ in pairs.values()])
    margin = 0.05 * np.ptp(everything) or 1.0
    limits = everything.min() - margin, everything.max() + margin
    panels[0, 0].set(xlim=limits, ylim=limits)
    return figure


def _labelled(results: Any) -> dict[str, Any]:
    """`{label: result}`; a single result gets an empty label."""
    return {str(label): value for label, value in results.items()} if isinstance(results, Mapping) else {"": results}


def _finite(true: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray, str]:
    """The rows where both are finite, and how many those are."""
    t, p = numbers_of(true, "true"), numbers_of(predicted, "predicted")
    require_rows({"true": len(t), "predicted": len(p)})
    drawn = np.isfinite(t) & np.isfinite(p)
    if not drawn.any():
        raise DeepkitValueError(
            f"of {len(t)} rows none has a finite true and predicted number. Did the training diverge?"
        )
    lost = np.count_nonzero(~drawn)
    return t[drawn], p[drawn], f"{drawn.sum()} rows" + (f", {lost} not finite" if lost else "")


def _scores(true: np.ndarray, predicted: np.ndarray) -> str:
    around, total = true - true.mean(), np.sum((true - true.mean()) ** 2)
    # Of equal numbers, the sum of squares may differ from 0 by rounding: their range does not.
    constant, flat = np.ptp(true) == 0, np.ptp(predicted) == 0
    spread = np.sum((predicted - predicted.mean()) ** 2)
    r = "–" if constant or flat else f"{np.sum(around * (predicted - predicted.mean())) / np.sqrt(total * spread):.3f}"
    r2 = "–" if constant else f"{1 - np.sum((true - predicted) ** 2) / total:.3f}"
    return f"r = {r}, R² = {r2}"
