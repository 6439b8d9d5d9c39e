"""What the pictures of a sweep read from it: axes, colours, names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from deepkit.errors import DeepkitValueError, did_you_mean, shown
from deepkit.plots.canvas import OKABE_ITO, colours, legend_below, new_figure

LABELLED = 12
"""An axis with at most so many values has a label for each."""


class Axis(NamedTuple):
    """Where the values of an axis stand.

    Attributes:
        name, values: Of the axis, numbers in ascending order.
        places: Per value where it is drawn.
        of_run: Per run the number of its value.
        scale: `"linear"`, `"log"` or `"symlog"`; `""` where the values are names.
    """

    name: str
    values: list[Any]
    places: np.ndarray
    of_run: np.ndarray
    scale: str

    @property
    def labels(self) -> list[str]:
        """The values, written."""
        return [f"{value:.3g}" if isinstance(value, float) else str(value) for value in self.values]

    def set(self, panel: Any) -> None:
        """Scale, ticks and name of a panel's horizontal axis."""
        panel.set_xlabel(words(self.name))
        panel.tick_params(labelbottom=True)
        if self.scale == "symlog":
            panel.set_xscale("symlog", linthresh=self.places[self.places > 0].min())
        elif self.scale:
            panel.set_xscale(self.scale)
        if len(self.values) <= LABELLED or not self.scale:
            panel.set_xticks(self.places, self.labels)
            panel.set_xticks([], minor=True)
            panel.tick_params("x", rotation=45 if sum(map(len, self.labels)) > 40 else 0)
        if not self.scale:
            panel.set_xlim(-0.6, len(self.values) - 0.4)


def axis_of(result: Any, name: str) -> Axis:
    """An axis of the sweep, or a setting of its sampled points."""
    column = _column(result, name)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in column):
        values: list[Any] = sorted(set(column))
        places = np.array(values, float)
        scale = _scale(places)
    else:
        values = list({repr(value): value for value in column}.values())
        places, scale = np.arange(float(len(values))), ""
    number = {repr(value): k for k, value in enumerate(values)}
    return Axis(name, values, places, np.array([number[repr(value)] for value in column]), scale)


def _column(result: Any, name: str) -> list[Any]:
    known = dict.fromkeys([*result.axes, *result.members[0].settings, "seed"])
    if name not in known:
        raise DeepkitValueError(f"the sweep has no axis {shown(name)}. {did_you_mean(str(name), known)}")
    if name == "seed":
        return [member.seed for member in result.members]
    if name not in result.members[0].settings:  # the one axis of a sampled space
        return [member.number // len(result.seeds) for member in result.members]
    return [member.settings[name] for member in result.members]


def _scale(places: np.ndarray) -> str:
    """Logarithmic where the values span a decade and stand more evenly so; with a zero among them, linear around it."""

    def unevenness(values: np.ndarray) -> float:
        gaps = np.diff(values)
        return float(gaps.std() / gaps.mean())

    positive = places[places > 0]
    if len(positive) < 3 or places[0] < 0 or positive[-1] < 10 * positive[0]:
        return "linear"
    if unevenness(np.log(positive)) >= unevenness(positive):
        return "linear"
    return "log" if len(positive) == len(places) else "symlog"


def groups_of(result: Any, hue: str | None) -> list[tuple[str, np.ndarray, Any]]:
    """Per value of the axis its label, which runs have it, and a colour; without one, all runs in blue."""
    if hue is None:
        return [("", np.ones(len(result), bool), OKABE_ITO[0])]
    axis = axis_of(result, hue)
    return [
        (label, axis.of_run == k, colour)
        for k, (label, colour) in enumerate(zip(axis.labels, colours(len(axis.values)), strict=True))
    ]


def figure_names(result: Any, figures: Any) -> list[str]:
    """One name, or several, all of them known."""
    names = [figures] if isinstance(figures, str) else list(figures)
    for name in names or [""]:
        if name not in result.figures:
            raise DeepkitValueError(f"the sweep has no figure {shown(name)}. {did_you_mean(str(name), result.figures)}")
    return names


def panels_of(names: list[str]) -> tuple[Any, list[Any]]:
    """A panel per figure; those of one quantity, of training and of development rows, share its axis."""
    columns = 2 if len(names) in (2, 4) else min(len(names), 3)
    rows = -(-len(names) // columns)
    figure, panels = new_figure(rows, columns, size=(5.0 if len(names) > 1 else 6.4, 4.0), share_x=True)
    for panel in panels.flat[len(names) :]:
        panel.remove()
    used = list(panels.flat[: len(names)])
    first: dict[str, Any] = {}
    for panel, name in zip(used, names, strict=True):
        other = first.setdefault(name.removeprefix("dev_"), panel)
        if other is not panel:
            panel.sharey(other)
    return figure, used


def title(result: Any, what: str, values: np.ndarray) -> str:
    """What is shown, of how many runs, and how many have nothing to show."""
    ran = result.epochs > 0
    lost = int((ran & ~np.isfinite(values)).sum())
    return f"{what}, {int(ran.sum()):,} runs" + (f"\n{lost:,} of them not finite" if lost else "")


def words(name: str) -> str:
    """A name as it is read."""
    return name.replace("_", " ")


def faintness(count: int) -> float:
    """Opacity of one of so many things that lie over each other."""
    return float(np.clip(6 / max(count, 1), 0.12, 0.5))


def finish(figure: Any, hue: str | None, groups: list[tuple[str, np.ndarray, Any]]) -> None:
    """The legend; of many colours, a scale with their names beside the panels."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    if hue is None or len(groups) <= len(OKABE_ITO):
        legend_below(figure)
        if hue is not None:
            figure.legends[0].set_title(words(hue))
        return
    count = len(groups)
    mapped = ScalarMappable(BoundaryNorm(np.arange(count + 1) - 0.5, count), ListedColormap([c for *_, c in groups]))
    named = np.arange(0, count, -(-count // LABELLED))
    scale = figure.colorbar(mapped, ax=figure.axes, label=words(hue), ticks=named)
    scale.ax.set_yticklabels([groups[k][0] for k in named])
    scale.ax.minorticks_off()
