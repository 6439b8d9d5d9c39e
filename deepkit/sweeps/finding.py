"""One sentence about a comparison that shows less than it seems to, and how its figures are written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

NAMED = 4
"""So many values at most are listed in a sentence."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a sweep does not show, or shows mixed with something else.

    Attributes:
        kind: What it is about: `"not finite"`, `"never learned"`, `"undefined"`, `"noise"`, `"interaction"`,
            `"updates"`, `"penalty"`, `"training mode"`, `"size"`, `"effective rate"` or `"linear layers"`.
        text: One plain sentence, with the figures.
        values: The figures by name.
    """

    kind: str
    text: str
    values: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


def number(value: float) -> str:
    """Three digits, which is more than a few seeds are good for; whole numbers in full."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share in per cent, without a 0 % of some or a 100 % of not quite all."""
    return f"{100 * share:.2g} %" if 0 < share < 0.01 or 0.99 < share < 1 else f"{100 * share:.0f} %"


def setting(value: Any) -> str:
    """A value of an axis."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def listed(values: Iterable[Any]) -> str:
    """`8, 16 and 32`; of many the first, and how many more."""
    names = [setting(value) for value in values]
    if len(names) > NAMED:
        return f"{', '.join(names[: NAMED - 1])} and {len(names) - NAMED + 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def evenly(things: Sequence[Any], count: int) -> list[Any]:
    """At most so many of them, spread over the whole sequence."""
    if len(things) <= count:
        return list(things)
    return [things[place] for place in np.linspace(0, len(things) - 1, count).round().astype(int)]


def main_figure(figures: Sequence[str]) -> str:
    """What a sweep is judged by: a metric of development rows, else their loss, else a metric, else the loss.

    Metrics come first because a loss holds the weight penalties, which may be what differs.
    """
    order = sorted(figures, key=lambda name: (not name.startswith("dev_"), name.endswith("loss")))
    return next((name for name in order if name != "learning_rate"), "loss")
