"""Is a difference between settings larger than that between seeds?"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from deepkit.sweeps.finding import Finding, listed, main_figure, number, setting

CONFIDENCE = 0.95
NOTHING = 1e-6
"""A difference below this share of the figures themselves is rounding."""


class Compared(NamedTuple):
    """The values of an axis, told apart by runs with the same seeds.

    Attributes:
        values: Of the axis, the best first.
        means: Of the figure, over seeds and all other axes.
        half: Half the interval of every difference of two means.
        seeds: How many were compared.
        spread: Standard deviation between the seeds of one value.
    """

    values: list[Any]
    means: np.ndarray
    half: float
    seeds: int
    spread: float


def noise(result: Any) -> Iterator[Finding]:
    """One finding per axis whose values the seeds do not tell apart."""
    figure = main_figure(result.figures)
    compared = {axis: values for axis, values in result.axes.items() if len(values) > 1}
    if compared and len(result.seeds) == 1:
        yield Finding(
            "noise",
            f"Every setting was trained with one seed, so nothing can be said about noise: a difference in {figure} "
            "may be the seed's as well as the setting's, and seeds=10 would tell.",
            {"seeds": 1},
        )
        return
    for axis in compared:
        table = compare(result, figure, axis)
        if table is not None:
            yield from _of_axis(table, figure, axis, result)


def compare(result: Any, figure: str, axis: str, confidence: float = CONFIDENCE) -> Compared | None:
    """The values of an axis by a figure of the last epoch; `None` where too few runs have a finite one.

    Every seed is a block: it trains all values on the same draws, so that what seeds do to all of them cancels in the
    paired differences. The interval is Tukey's (1949), ± q · √(s²/n), valid for all pairs at once: the best and
    second-best are picked by the same runs, and the more values there are, the further apart chance alone sets the
    best and worst. For two values it is Student's paired interval. It holds in a share of `confidence` of studies.
    """
    runs = np.moveaxis(result.array(figure), list(result.axes).index(axis), 0)
    runs = runs.reshape(len(runs), -1, len(result.seeds))
    # A value, or a point of the other axes, at which most runs are not finite is left out; then seeds with any.
    kept = np.isfinite(runs).mean(axis=(1, 2)) > 0.5
    runs = runs[kept]
    runs = runs[:, np.isfinite(runs).mean(axis=(0, 2)) > 0.5] if len(runs) else runs
    table = runs.mean(axis=1) if runs.size else np.empty((0, 0))
    table = table[:, np.isfinite(table).all(axis=0)]
    count, seeds = table.shape
    if count < 2 or seeds < 2:
        return None
    means = table.mean(axis=1)
    order = np.argsort(means if result.less_is_better(figure) else -means, kind="stable")
    rest = table - means[:, None] - table.mean(axis=0) + table.mean()
    freedom = (count - 1) * (seeds - 1)
    half = _studentized_range(count, freedom, confidence) * np.sqrt((rest**2).sum() / freedom / seeds)
    values = [value for value, keep in zip(result.axes[axis], kept, strict=True) if keep]
    spread = float(np.sqrt(table.var(axis=1, ddof=1).mean()))
    return Compared([values[place] for place in order], means[order], float(half), seeds, spread)


def _of_axis(table: Compared, figure: str, axis: str, result: Any) -> Iterator[Finding]:
    best, worst = table.values[0], table.values[-1]
    gaps = abs(table.means - table.means[0])
    figures = {"axis": axis, "figure": figure, "seeds": table.seeds, "spread": table.spread}
    others = " (means over all other axes)" if len(result.axes) > 1 else ""
    scale = max(float(abs(table.means).max()), 1e-30)
    if gaps[-1] <= NOTHING * scale and table.half <= NOTHING * scale:
        yield Finding(
            "noise", f"The axis {axis} changes nothing: {figure} is the same for all its values, seed by seed.", figures
        )
        return
    alike = [value for value, gap in zip(table.values[1:], gaps[1:], strict=True) if gap <= table.half]
    if not alike:
        return
    place = len(table.values) - 1 if len(alike) == len(table.values) - 1 else 1
    low, high = gaps[place] - table.half, gaps[place] + table.half
    of_all = f"the {table.seeds} of {len(result.seeds)} seeds with a {figure} everywhere"
    which = of_all if table.seeds < len(result.seeds) else f"{table.seeds} seeds"
    interval = (
        f"the paired difference over {which} is {number(gaps[place])} with a 95 % interval from "
        f"{number(low)} to {number(high)}, which contains 0"
    )
    figures |= {"difference": float(gaps[place]), "low": float(low), "high": float(high)}
    if place > 1 or len(table.values) == 2:
        text = (
            f"{figure} does not tell the values of {axis} apart{others}: between the best, {setting(best)} "
            f"({number(table.means[0])}), and the worst, {setting(worst)} ({number(table.means[-1])}), {interval}; "
            f"seeds of one value alone spread by {number(table.spread)} (standard deviation)."
        )
    else:
        text = (
            f"By {figure} the best {axis}, {setting(best)} ({number(table.means[0])}), is not told apart from "
            f"{_counted(alike, len(table.values) - 1)}{others}: to the second, {setting(table.values[1])} "
            f"({number(table.means[1])}), {interval}."
        )
    yield Finding("noise", text, figures)


def _counted(alike: Sequence[Any], others: int) -> str:
    return f"{len(alike)} of the {others} others ({listed(alike)})"


@functools.lru_cache(maxsize=64)
def _studentized_range(count: int, freedom: int, confidence: float) -> float:
    """The range of `count` normal numbers over an independent estimate of their deviation is below this in such a share
    of draws. Drawn, to about 1 %: SciPy's exact one takes longer to import than a small sweep to train.
    """
    draw = np.random.default_rng(0)
    draws = int(np.clip(4_000_000 // count, 10_000, 200_000))
    ranges = np.ptp(draw.standard_normal((draws, count), np.float32), axis=1)
    return float(np.quantile(ranges / np.sqrt(draw.chisquare(freedom, draws) / freedom), confidence))
