"""Does the best value of one axis depend on another one, so that means over that one answer no question?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from deepkit.sweeps.comparisons import CONFIDENCE, NOTHING, Compared, compare
from deepkit.sweeps.finding import Finding, main_figure, number, setting


class _Part:
    """The runs of a sweep at one value of an axis, as `compare` reads them."""

    def __init__(self, result: Any, axis: str, place: int) -> None:
        self._result = result
        self._axis = list(result.axes).index(axis)
        self._place = place
        self.axes = {name: values for name, values in result.axes.items() if name != axis}
        self.seeds = result.seeds
        self.less_is_better = result.less_is_better

    def array(self, figure: str) -> np.ndarray:
        return np.take(self._result.array(figure), self._place, axis=self._axis)


class _Crossing(NamedTuple):
    """Two values of an axis, each ahead of the other at some value of another axis."""

    strength: float
    axis: str
    other: str
    places: tuple[Any, Any]
    best: tuple[Any, Any]
    means: tuple[float, float]
    gaps: tuple[float, float]
    halves: tuple[float, float]


def interactions(result: Any) -> Iterator[Finding]:
    """One finding per pair of axes, if the best value of one is another at different values of the other.

    Both must be ahead by more than their interval, at places where everything else is equal or averaged. The intervals
    hold for all places together (Bonferroni), and in each for all pairs of values (Tukey).
    """
    figure = main_figure(result.figures)
    several = [axis for axis, values in result.axes.items() if len(values) > 1]
    if len(result.seeds) < 2:
        return
    for pair in itertools.combinations(several, 2):
        crossings = [_crossing(result, figure, *axes) for axes in (pair, pair[::-1])]
        found = max((each for each in crossings if each is not None), default=None, key=lambda each: each.strength)
        if found is not None:
            yield _finding(found, figure)


def _crossing(result: Any, figure: str, axis: str, other: str) -> _Crossing | None:
    values = result.axes[other]
    confidence = 1 - (1 - CONFIDENCE) / len(values)
    tables = [compare(_Part(result, other, place), figure, axis, confidence) for place in range(len(values))]
    found: list[_Crossing] = []
    for (a, first), (b, second) in itertools.combinations(zip(values, tables, strict=True), 2):
        if first is None or second is None or first.values[0] == second.values[0]:
            continue
        best = first.values[0], second.values[0]
        gaps = _gap(first, best[1]), _gap(second, best[0])
        if all(gap > max(t.half, NOTHING * abs(t.means).max()) for gap, t in zip(gaps, (first, second), strict=True)):
            halves, means = (first.half, second.half), (float(first.means[0]), float(second.means[0]))
            strength = min(gap / max(half, 1e-30) for gap, half in zip(gaps, halves, strict=True))
            found.append(_Crossing(strength, axis, other, (a, b), best, means, gaps, halves))
    return max(found, default=None, key=lambda each: each.strength)


def _gap(table: Compared, value: Any) -> float:
    """How far the best value is ahead of this one; of one without figures nobody knows."""
    if value not in table.values:
        return -np.inf
    return float(abs(table.means[table.values.index(value)] - table.means[0]))


def _finding(found: _Crossing, figure: str) -> Finding:
    axis, other = found.axis, found.other
    sides = [
        f"with {other}={setting(place)} it is {setting(best)} ({number(mean)}), ahead of {setting(worse)} by "
        f"{number(gap)} (95 % interval {number(gap - half)} to {number(gap + half)})"
        for place, best, worse, mean, gap, half in zip(
            found.places, found.best, found.best[::-1], found.means, found.gaps, found.halves, strict=True
        )
    ]
    text = f"The best {axis} depends on {other}: by {figure}, {sides[0]}, and {sides[1]}; means over {other} mix them."
    return Finding(
        "interaction",
        text,
        {"axis": axis, "other": other, "figure": figure, "places": found.places, "best": found.best}
        | {"differences": found.gaps, "half_widths": found.halves},
    )
