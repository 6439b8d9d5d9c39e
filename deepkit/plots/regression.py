"""Predicted numbers against true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import GREY, colours, labelled, new_figure, numbers_of, require_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def predicted_against_true(true: Any, predicted: Any, units: str = "") -> Figure:
    """Every row as a dot at (true, predicted); on the identity line the prediction is right.

    The title has Pearson's r, which forgives any shift and scale, and R² = 1 − Σ(true−predicted)² / Σ(true−mean)²,
    which does not, and is below 0 for predictions worse than the mean. A dash stands for what is not defined: r of
    constant predictions, both for constant targets.

    Args:
        true: Numbers, one per row; or `{label: numbers}`, such as training and test, for panels with common axes.
        predicted: The same for the predictions.
        units: Unit of both.

    Raises:
        DeepkitValueError: if labels or numbers of rows differ.
    """
    truths, predictions = labelled(true), labelled(predicted)
    if list(truths) != list(predictions):
        raise DeepkitValueError(
            f"true has the labels {list(truths)}, predicted {list(predictions)}. Give both the same."
        )
    figure, panels = new_figure(1, len(truths), size=(4.4, 4.6), share_x=True, share_y=True)
    unit = f" ({units})" if units else ""
    pairs = {
        label: (numbers_of(truths[label], "true"), numbers_of(predictions[label], "predicted")) for label in truths
    }
    for (label, (t, p)), panel in zip(pairs.items(), panels.flat, strict=True):
        require_rows({"true": len(t), "predicted": len(p)})
        panel.plot(t, p, "o", color=colours(1)[0], markersize=4, alpha=0.5, markeredgewidth=0, label=f"{len(t)} rows")
        panel.axline((t.mean(), t.mean()), slope=1, color=GREY, linestyle="--", label="predicted = true")
        panel.set_title(f"{label}: {_scores(t, p)}" if label else _scores(t, p))
        panel.set(xlabel=f"true{unit}", aspect="equal")
        panel.legend(loc="upper left", frameon=False)
    panels[0, 0].set_ylabel(f"predicted{unit}")
    everything = np.concatenate([np.concatenate(pair) for pair in pairs.values()])
    low, high = np.nanmin(everything), np.nanmax(everything)
    margin = 0.05 * (high - low) or 1.0
    panels[0, 0].set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    return figure


def _scores(true: np.ndarray, predicted: np.ndarray) -> str:
    around, total = true - true.mean(), np.sum((true - true.mean()) ** 2)
    spread = np.sum((predicted - predicted.mean()) ** 2)
    r = f"{np.sum(around * (predicted - predicted.mean())) / np.sqrt(total * spread):.3f}" if total * spread else "–"
    r2 = f"{1 - np.sum((true - predicted) ** 2) / total:.3f}" if total else "–"
    return f"r = {r}, R² = {r2}"
