"""Many runs at once: over an axis, over two, over the epochs; how they are distributed, and how many learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import OKABE_ITO, marker, new_figure
from deepkit.plots.matrices import heat_map
from deepkit.plots.sweep_reading import (
    LABELLED,
    Axis,
    axis_of,
    faintness,
    figure_names,
    finish,
    groups_of,
    panels_of,
    title,
    words,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAINT = 60
"""So many runs of each colour at most are drawn as curves; medians and quartiles are those of all."""
Z = 1.96
"""Of a 95 % interval."""


def sweep_axis(result: Any, x: Any, figures: Any, *, hue: str | None = None) -> Figure:
    """Figures of the last epoch over an axis: the median as a line, the middle half of the runs as a band, and every
    run as a faint dot.

    Runs without a finite figure are told in the title and left out. Over names instead of numbers there are bars from
    quartile to quartile. The axis is logarithmic where its values stand more evenly so.

    Args:
        result: What `dk.sweep` returned.
        x: The axis, or, of a sampled space, one of its settings. Or a list of them, with one figure: a panel each,
            over all runs whatever their other settings, with a common vertical axis.
        figures: One of `result.figures`, or a list: a panel each, over a common horizontal axis; a training figure and
            its `dev_` figure share the vertical one.
        hue: Another axis: a colour per value.

    Raises:
        DeepkitError: for a name that the sweep does not have, or several axes with several figures.
    """
    names = figure_names(result, figures)
    if not isinstance(x, str):
        return _over_axes(result, list(x), names, hue)
    axis, groups = axis_of(result, x), groups_of(result, hue)
    figure, panels = panels_of(names)
    for panel, name in zip(panels, names, strict=True):
        _draw_runs(panel, axis, result.final(name), groups)
        panel.set(ylabel=words(name), title=title(result, f"{words(name)} of the last epoch", result.final(name)))
    finish(figure, hue, groups)
    return figure


def _over_axes(result: Any, axes: list[str], names: list[str], hue: str | None) -> Figure:
    """A figure over several axes, a panel each."""
    if len(names) > 1 or not axes:
        raise DeepkitValueError(
            f"{len(axes)} axes and {len(names)} figures: one of them may be a list, of at least one. Draw one figure "
            "over several axes, or several figures over one."
        )
    groups, values = groups_of(result, hue), result.final(names[0])
    columns = min(len(axes), 3)
    figure, panels = new_figure(-(-len(axes) // columns), columns, size=(4.2, 3.8), share_y=True)
    for panel in panels.flat[len(axes) :]:
        panel.remove()
    for panel, x in zip(panels.flat, axes, strict=False):
        _draw_runs(panel, axis_of(result, x), values, groups)
    for panel in panels[:, 0]:
        panel.set_ylabel(words(names[0]))
    figure.suptitle(title(result, f"{words(names[0])} of the last epoch", values))
    finish(figure, hue, groups)
    return figure


def _draw_runs(panel: Any, axis: Axis, values: np.ndarray, groups: Sequence[tuple[str, np.ndarray, Any]]) -> None:
    """Every run, and per group the median and quartiles, over an axis."""
    for number, (label, chosen, colour) in enumerate(groups):
        aside = 0.0 if axis.scale else 0.8 * ((number + 0.5) / len(groups) - 0.5)
        places = axis.places + aside
        cells = [values[chosen & (axis.of_run == k) & np.isfinite(values)] for k in range(len(places))]
        for place, cell in zip(places, cells, strict=True):
            panel.plot(
                np.full(len(cell), place), cell, ".", color=colour, markeredgewidth=0, markersize=5,
                alpha=faintness(max(map(len, cells))),
            )  # fmt: skip
        _draw_quartiles(panel, places, cells, colour, label, number, bool(axis.scale))
    axis.set(panel)


def sweep_map(result: Any, x: str, y: str, figure: str) -> Figure:
    """The median of a figure's last values over two axes, as colours; over seeds and all other axes.

    Args:
        result: What `dk.sweep` returned.
        x, y: The axes, across and up.
        figure: One of `result.figures`.

    Raises:
        DeepkitError: for a name that the sweep does not have.
    """
    (name,) = figure_names(result, [figure])
    across, up, values = axis_of(result, x), axis_of(result, y), result.final(name)
    matrix = np.full((len(up.values), len(across.values)), np.nan)
    for row, column in np.ndindex(*matrix.shape):
        cell = values[(up.of_run == row) & (across.of_run == column) & np.isfinite(values)]
        if len(cell):
            matrix[row, column] = np.median(cell)
    drawn = heat_map(
        matrix, quantity=f"median {words(name)}", title=title(result, f"{words(name)} of the last epoch", values),
        rows=up.labels, columns=across.labels,
    )  # fmt: skip
    drawn.axes[0].set(xlabel=words(x), ylabel=words(y))
    drawn.axes[0].invert_yaxis()
    return drawn


def sweep_learned(
    result: Any,
    x: str,
    figure: str,
    *,
    above: float | None = None,
    below: float | None = None,
    hue: str | None = None,
) -> Figure:
    """P(learns) over an axis: the share of runs whose last figure is beyond a threshold, with its 95 % interval.

    The interval is Wilson's (1927), which stays between 0 and 1 and has a width where all runs or none have learned. A
    run whose figure is not finite has not learned; one that failed is not counted.

    Args:
        result: What `dk.sweep` returned.
        x: The axis.
        figure: One of `result.figures`.
        above, below: The threshold: `above=0.7` for an accuracy, `below=0.1` for a loss.
        hue: Another axis: a colour per value.

    Raises:
        DeepkitError: for a name that the sweep does not have, or not exactly one threshold.
    """
    if (above is None) == (below is None):
        raise DeepkitValueError(
            "sweep_learned needs one threshold: above=0.7 where more is better, or below=0.1 where less is."
        )
    (name,) = figure_names(result, [figure])
    axis, groups, values = axis_of(result, x), groups_of(result, hue), result.final(name)
    with np.errstate(invalid="ignore"):
        learned = values > above if above is not None else values < below
    drawn, ((panel,),) = new_figure(size=(6.4, 4.2))
    for number, (label, chosen, colour) in enumerate(groups):
        cells = [learned[chosen & (axis.of_run == k) & (result.epochs > 0)] for k in range(len(axis.values))]
        kept = [k for k, cell in enumerate(cells) if len(cell)]
        shares = np.array([cells[k].mean() for k in kept])
        low, high = _wilson(shares, np.array([len(cells[k]) for k in kept]))
        aside = 0.0 if axis.scale else 0.6 * ((number + 0.5) / len(groups) - 0.5)
        panel.errorbar(
            axis.places[kept] + aside, shares, (shares - low, high - shares), color=colour, marker=marker(number),
            markersize=4, linewidth=1.4 if axis.scale else 0, elinewidth=0.8, capsize=2, label=label or "share of runs",
        )  # fmt: skip
    axis.set(panel)
    condition = f"above {above:g}" if above is not None else f"below {below:g}"
    share = learned[result.epochs > 0].mean()
    panel.set(
        ylabel=f"share of runs with {words(name)} {condition}",
        ylim=(-0.03, 1.03),
        title=f"P(learns): {100 * share:.0f} % of {int((result.epochs > 0).sum()):,} runs, with 95 % intervals",
    )
    finish(drawn, hue, groups)
    return drawn


def sweep_distribution(result: Any, figure: str, x: str | None = None, *, bins: int = 40) -> Figure:
    """How the last values of a figure are distributed: over an axis as colours, and in all as a histogram beside it.

    A mean hides that runs fall into two kinds; this shows it.

    Args:
        result: What `dk.sweep` returned.
        figure: One of `result.figures`.
        x: An axis; without it, there is the histogram alone.
        bins: Intervals of the figure, between its least and greatest value.

    Raises:
        DeepkitError: for a name that the sweep does not have.
    """
    (name,) = figure_names(result, [figure])
    values = result.final(name)
    finite = np.isfinite(values)
    if not finite.any():
        raise DeepkitValueError(f"no run has a finite {name}. result.findings() and result.failures() say why.")
    edges = np.histogram_bin_edges(values[finite], bins)
    heading = title(result, f"{words(name)} of the last epoch", values)
    if x is None:
        drawn, ((panel,),) = new_figure()
        panel.hist(values[finite], edges, color=OKABE_ITO[0], edgecolor="white", linewidth=0.4)
        panel.set(xlabel=words(name), ylabel="runs", title=heading)
        return drawn
    axis = axis_of(result, x)
    counts = np.array([np.histogram(values[finite & (axis.of_run == k)], edges)[0] for k in range(len(axis.values))])
    drawn, ((left, right),) = new_figure(1, 2, size=(4.6, 4.2), share_y=True)
    left.get_gridspec().set_width_ratios([3, 1])
    # Every value has a column of equal width, so that none is hidden by the scale.
    columns = np.arange(len(axis.values))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = left.pcolormesh(columns, (edges[1:] + edges[:-1]) / 2, shares.T, cmap="cividis", shading="nearest")
    named = columns[:: -(-len(columns) // LABELLED)]
    left.set_xticks(named, [axis.labels[k] for k in named], rotation=45 if len(columns) > LABELLED // 2 else 0)
    drawn.colorbar(image, ax=right, label=f"share of the runs of one {words(x)}")
    right.barh(edges[:-1], counts.sum(axis=0), np.diff(edges), align="edge", color=OKABE_ITO[0], edgecolor="white")
    left.set(ylabel=words(name), xlabel=words(x), title=f"by {words(x)}")
    right.set(xlabel="runs", title="all runs")
    drawn.suptitle(heading)
    return drawn


def sweep_curves(result: Any, figures: Any, *, hue: str | None = None) -> Figure:
    """Figures over the epochs: the median of the runs, the band of their middle half, and some of the runs faintly.

    Where callbacks ended runs early, the median goes as far as half of them do.

    Args:
        result: What `dk.sweep` returned.
        figures: One of `result.figures`, or a list: a panel each, over common epochs; a training figure and its `dev_`
            figure share the vertical axis.
        hue: An axis: a colour per value.

    Raises:
        DeepkitError: for a name that the sweep does not have.
    """
    names = figure_names(result, figures)
    groups = groups_of(result, hue)
    figure, panels = panels_of(names)
    epochs = np.arange(1, result.history.shape[1] + 1)
    for panel, name in zip(panels, names, strict=True):
        history = result.history[:, :, result.figures.index(name)]
        for label, chosen, colour in groups:
            runs = history[chosen & (result.epochs > 0)]
            some = runs[np.linspace(0, len(runs) - 1, min(FAINT, len(runs))).astype(int)]
            panel.plot(epochs, some.T, color=colour, alpha=faintness(len(some)) / 2, linewidth=0.6)
            going = np.isfinite(runs).sum(axis=0) * 2 >= max(len(runs), 1)
            if going.any():
                low, middle, high = np.nanquantile(
                    np.where(np.isfinite(runs), runs, np.nan)[:, going], (0.25, 0.5, 0.75), axis=0
                )
                panel.fill_between(epochs[going], low, high, color=colour, alpha=0.2, linewidth=0)
                panel.plot(epochs[going], middle, color=colour, linewidth=1.8, label=label or "median")
        panel.tick_params(labelbottom=True)
        panel.set(xlabel="epoch", ylabel=words(name), title=title(result, words(name), result.final(name)))
    finish(figure, hue, groups)
    return figure


def _draw_quartiles(
    panel: Any, places: np.ndarray, cells: list[np.ndarray], colour: Any, label: str, number: int, line: bool
) -> None:
    """Median and quartiles of the cells that have any run: a line in its band, or a bar for each."""
    kept = [k for k, cell in enumerate(cells) if len(cell)]
    if not kept:
        return
    low, middle, high = np.array([np.quantile(cells[k], (0.25, 0.5, 0.75)) for k in kept]).T
    single = max(map(len, cells)) == 1
    label = label or ("a run" if single else "median, with the middle half of the runs")
    if line and not single:
        panel.fill_between(places[kept], low, high, color=colour, alpha=0.2, linewidth=0)
        panel.plot(places[kept], middle, color=colour, marker=marker(number), markersize=4, linewidth=1.6, label=label)
    elif line:  # one run for every value, as in a sampled space: its dot says it all
        panel.plot(places[kept], middle, marker(number), color=colour, markersize=4, label=label)
    else:
        panel.errorbar(
            places[kept], middle, (middle - low, high - middle), color=colour, marker=marker(number), markersize=7,
            linewidth=0, elinewidth=2, capsize=4, label=label,
        )  # fmt: skip


def _wilson(shares: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval of a binomial share; it always holds the share itself."""
    middle = (shares + Z**2 / (2 * counts)) / (1 + Z**2 / counts)
    half = Z / (1 + Z**2 / counts) * np.sqrt(shares * (1 - shares) / counts + Z**2 / (4 * counts**2))
    return np.minimum(middle - half, shares), np.maximum(middle + half, shares)
