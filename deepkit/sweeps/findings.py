"""What a sweep says by itself: where a comparison is empty, or mixed with something else."""

from __future__ import annotations

from typing import Any

import jax

from deepkit.errors import warn
from deepkit.sweeps.comparisons import noise
from deepkit.sweeps.confounders import effective_rates, linear_layers, lines, sizes, training_mode, updates
from deepkit.sweeps.finding import Finding
from deepkit.sweeps.interactions import interactions
from deepkit.sweeps.lost_runs import never_learned, not_finite, undefined
from deepkit.sweeps.penalties import penalties

__all__ = ["Finding", "findings", "say"]


def findings(result: Any) -> list[Finding]:
    """Every finding about a sweep, what went wrong first; none where there is nothing to object to."""
    if not result.epochs.any():
        return []
    first = next(member for member in result.members if result.epochs[member.number])
    x, y, _ = result._source.of(first.settings, first.seed)
    rows = len(x) if hasattr(x, "iloc") else len(jax.tree.leaves(x)[0])
    along = lines(result)
    return [
        *not_finite(result),
        *never_learned(result),
        *undefined(result),
        *noise(result),
        *interactions(result),
        *updates(result, rows),
        *penalties(result, along),
        *training_mode(result, along, (x, y)),
        *sizes(along),
        *effective_rates(along),
        *linear_layers(along),
    ]


def say(result: Any) -> None:
    """Print the findings at the end of a sweep. Whatever goes wrong with them, its result must not be lost."""
    try:
        for finding in findings(result):
            print(finding)
    except Exception as error:
        warn(f"the findings failed with {type(error).__name__}: {error} The result itself is complete.")
