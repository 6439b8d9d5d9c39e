"""Any curves on common axes: losses, likelihoods, gradient norms."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import GREY, colours, legend_below, marker, new_figure, numbers_of, require_rows, whole_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curves(
    lines: Mapping[str, tuple[Any, Any]],
    *,
    x: str,
    y: str,
    title: str = "",
    points: Mapping[str, tuple[float, float]] | None = None,
    levels: Mapping[str, float] | None = None,
    log: bool = False,
) -> Figure:
    """Labelled curves on common axes, with points and horizontal levels to compare them with.

    Args:
        lines: `{label: (x values, y values)}`, each of its own length.
        x, y: Names of the axes, with units.
        title: Of the figure.
        points: `{label: (x, y)}` to mark, such as a minimum.
        levels: `{label: y}` to draw across, such as a threshold.
        log: Logarithmic vertical axis.

    Raises:
        DeepkitValueError: if the two arrays of a line differ in length, or there is no line.
    """
    if not lines:
        raise DeepkitValueError("curves was given no line. Pass {label: (x values, y values)}.")
    figure, ((panel,),) = new_figure()
    whole = True
    for (label, (across, up)), colour in zip(lines.items(), colours(len(lines)), strict=True):
        across, up = numbers_of(across, f"x of {label!r}"), numbers_of(up, f"y of {label!r}")
        require_rows({f"x of {label!r}": len(across), f"y of {label!r}": len(up)})
        whole &= bool((across % 1 == 0).all())
        panel.plot(across, up, color=colour, marker="." if len(up) == 1 else "", label=label)
    for index, (label, (across, up)) in enumerate((points or {}).items()):
        panel.plot(across, up, marker(index), color="black", markersize=7, linestyle="", label=label)
    for (label, level), style in zip((levels or {}).items(), itertools.cycle(("--", ":", "-.")), strict=False):
        panel.axhline(level, color=GREY, linestyle=style, label=label)
    panel.set(xlabel=x, ylabel=y, title=title)
    if whole:  # epochs, steps, counts
        whole_ticks(panel)
    if log:
        panel.set_yscale("log")
    legend_below(figure)
    return figure
