"""How much of the loss the weight penalties are: next to nothing, or so much that losses no longer compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from deepkit.sweeps.confounders import Line
from deepkit.sweeps.finding import Finding, evenly, percent, setting
from deepkit.sweeps.numbers import describe

NEGLIGIBLE = 0.01
"""A penalty below this share of the loss is told."""
SMALL = 0.05
"""And one below this share that leaves the weights as large as they were without it, to `NEGLIGIBLE`."""
LOOKED_INTO = 60
"""Settings at most whose models are built again."""


class Look(NamedTuple):
    """The penalty of a run, as a share of its final loss, and the length of its weights as one vector."""

    run: int
    share: float
    size: float


def penalties(result: Any, along: list[Line]) -> Iterator[Finding]:
    """Weight penalties beside the loss, of the runs with the first seed; nothing where there are none."""
    if not any(model._require_trainer("findings").objective.penalises for line in along for model in line.models):
        return
    losses = result.final("loss")
    numbers = [n for n in range(0, len(result), len(result.seeds)) if np.isfinite(losses[n]) and losses[n]]
    looks: list[Look] = []
    declared = set()
    for n in evenly(numbers, LOOKED_INTO):
        model = result.member(n).model
        share = float(model._require_trainer("findings").objective.penalty(model.params)) / abs(losses[n])
        size = np.sqrt(sum(float(np.square(leaf).sum()) for leaf in jax.tree.leaves(model.params)))
        looks.append(Look(n, share, float(size)))
        declared.add(tuple(each.value for each in describe(model).numbers if "regularizer" in each.path))
    if not looks or not max(look.share for look in looks):
        return
    if _is_negligible(looks):
        yield _negligible("The", looks, result)
        return
    for name in result.members[0].settings:
        for value, part in _by_name(result, name, looks).items():
            if _is_negligible(part):
                yield _negligible(f"With {name}={value} the", part, result)
    if len(declared) > 1:
        most = max(looks, key=lambda look: look.share)
        yield Finding(
            "penalty",
            f"The weight penalty differs between settings and is part of the loss, up to {percent(most.share)} of it"
            f"{_at(result, most.run)}: compare their metrics, not their losses.",
            {"share": most.share, "member": most.run},
        )


def _ends(looks: list[Look]) -> tuple[Look, Look]:
    """Those with the least and the most."""
    return min(looks, key=lambda look: look.share), max(looks, key=lambda look: look.share)


def _is_negligible(looks: list[Look]) -> bool:
    least, most = _ends(looks)
    unmoved = least is not most and abs(most.size / least.size - 1) < NEGLIGIBLE
    return 0 < most.share < (SMALL if unmoved else NEGLIGIBLE)


def _negligible(which: str, looks: list[Look], result: Any) -> Finding:
    least, most = _ends(looks)
    change = abs(most.size / least.size - 1)
    unmoved = least is not most and change < NEGLIGIBLE
    effect = f" and changes the size of the weights by {percent(change)}" if unmoved else ""
    share = f"{'at most ' if len(looks) > 1 else ''}{percent(most.share)}"
    return Finding(
        "penalty",
        f"{which} weight penalty is too small to matter: it is {share} of the final loss{_at(result, most.run)}"
        f"{effect}; raise it, if it is meant to change what is learned.",
        {"share": most.share, "member": most.run},
    )


def _by_name(result: Any, name: str, looks: list[Look]) -> dict[str, list[Look]]:
    """The runs by the values of an axis, if these are names: of numbers the small ones are no surprise."""
    parts: dict[str, list[Look]] = {}
    for look in looks:
        value = result.members[look.run].settings[name]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {}
        parts.setdefault(setting(value), []).append(look)
    return parts if len(parts) > 1 else {}


def _at(result: Any, number: int) -> str:
    """` (l2=0.1, biases=out)`: the settings of a run."""
    settings = result.members[number].settings.items()
    return f" ({', '.join(f'{name}={setting(value)}' for name, value in settings)})" if settings else ""
