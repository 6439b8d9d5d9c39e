"""Learning curves: every figure over the epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import GREY, colours, legend_below, new_figure, whole_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_curves(history: Any, *, keys: Any = None, log: bool = False) -> Figure:
    """A panel per figure (loss, accuracy, …): training solid, validation dashed in the same colour.

    A dot marks the best epoch of the validation curve, or of the training curve where there is none. The first
    epoch is number 1.

    Args:
        history: What `fit` returned, its `.history`, or a dict `{label: history}` of several runs.
        keys: Which figures, without `val_`, such as `["loss"]`; by default all that are one number per epoch.
        log: Logarithmic axis for figures of which less is better, where they are all above zero.

    Raises:
        DeepkitValueError: if there is no such figure, or none at all.
    """
    runs = _runs(history)
    known = list(dict.fromkeys(key.removeprefix("val_") for _, figures in runs.values() for key in figures))
    keys = [keys] if isinstance(keys, str) else keys
    for key in keys or ():
        if key not in known:
            raise DeepkitValueError(f"the history has no figure {key!r}. It has: {', '.join(known)}.")
    keys = known if keys is None else keys
    if not keys:
        raise DeepkitValueError(
            "the history has no figure with one number per epoch. Call fit with at least one epoch."
        )
    columns = min(len(keys), 3)
    figure, panels = new_figure(math.ceil(len(keys) / columns), columns, size=(4.6, 3.6), share_x=True)
    for panel in panels.flat[len(keys) :]:
        panel.remove()
    for panel, key in zip(panels.flat, keys, strict=False):
        for colour, (epochs, figures) in zip(colours(len(runs)), runs.values(), strict=True):
            _draw(panel, epochs, figures, key, colour)
        _set_axes(panel, key, log)
    figure.suptitle("Learning curves")
    legend_below(figure, _legend(list(runs), runs.values()))
    return figure


def _runs(history: Any) -> dict[str, tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Per label the numbers of the epochs, from 1, and the figures with one number per epoch."""
    several = isinstance(history, Mapping) and any(
        isinstance(item, Mapping) or hasattr(item, "history") for item in history.values()
    )
    runs = {}
    for label, run in (history if several else {"": history}).items():
        recorded = getattr(run, "history", run)
        figures = {key: np.asarray(values, float) for key, values in recorded.items() if np.ndim(values) == 1}
        length = max(map(len, figures.values()), default=0)
        runs[str(label)] = (np.asarray(getattr(run, "epoch", range(length))) + 1, figures)
    return runs


def _draw(panel: Any, epochs: np.ndarray, figures: dict[str, np.ndarray], key: str, colour: Any) -> None:
    from deepkit.training.transitions import minimizes

    marked = None
    for name, style in ((key, "-"), (f"val_{key}", "--")):
        if name in figures:
            marked = figures[name]
            dot = "." if len(marked) == 1 else ""
            panel.plot(epochs[: len(marked)], marked, style, marker=dot, color=colour, linewidth=1.4)
    if key == "learning_rate":
        return  # no epoch's rate is better than another's
    if marked is not None and np.isfinite(marked).any():
        finite = np.where(np.isfinite(marked), marked, np.nan)
        best = int(np.nanargmin(finite) if minimizes(key, "auto") else np.nanargmax(finite))
        panel.plot(epochs[best], marked[best], "o", color=colour, markeredgecolor="white", markersize=7)


def _set_axes(panel: Any, key: str, log: bool) -> None:
    from deepkit.training.transitions import minimizes

    panel.set(title=key.replace("_", " "), xlabel="epoch", ylabel=key.replace("_", " "))
    whole_ticks(panel)
    panel.tick_params(labelbottom=True)
    drawn = np.concatenate([line.get_ydata() for line in panel.lines]) if panel.lines else np.empty(0)
    if log and minimizes(key, "auto") and (drawn[np.isfinite(drawn)] > 0).all():
        panel.set_yscale("log")


def _legend(labels: list[str], runs: Any) -> list[Any]:
    from matplotlib.lines import Line2D

    several = len(labels) > 1
    colour = GREY if several else colours(1)[0]
    validated = any(key.startswith("val_") for _, figures in runs for key in figures)
    handles = [Line2D([], [], color=c, label=n) for n, c in zip(labels, colours(len(labels)), strict=True) if several]
    handles.append(Line2D([], [], color=colour, label="training"))
    if validated:
        handles.append(Line2D([], [], color=colour, linestyle="--", label="validation"))
    best = "best epoch of validation" if validated else "best epoch"
    handles.append(Line2D([], [], color=colour, marker="o", linestyle="", markeredgecolor="white", label=best))
    return handles
