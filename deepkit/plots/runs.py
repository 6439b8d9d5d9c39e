"""One run is not a result: every run of every setting, with median, mean and interval."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import GREY, OKABE_ITO, legend_below, new_figure, numbers_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def spread_over_runs(
    runs: Mapping[Any, Any],
    *,
    quantity: str,
    setting: str = "",
    baselines: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """A dot per run, the median as a bar, and the mean with its 95 % interval (Student's t), setting by setting.

    The interval says how well the mean over seeds is known, not where the next run falls: the dots show that. Runs
    without a finite result are told under their setting, and neither drawn nor counted.

    Args:
        runs: `{setting: results of its runs}`, such as `{8: [.81, .84, .79], 16: …}`.
        quantity: What is measured, with unit.
        setting: What the keys of `runs` are.
        baselines: `{label: value}`, drawn across: the majority class, the linear model.
        title: Of the figure.

    Raises:
        DeepkitValueError: if there are no runs.
    """
    results = {str(key): numbers_of(values, f"runs[{key!r}]") for key, values in runs.items()}
    if not results or not all(map(len, results.values())):
        raise DeepkitValueError("spread_over_runs needs at least one run of every setting. Pass {setting: results}.")
    width = min(max(5.0, 0.55 * len(results) + 2), 12.0)
    figure, ((panel,),) = new_figure(size=(width, 4.0))
    blue, orange, *_ = OKABE_ITO
    names = []
    for place, (name, values) in enumerate(results.items()):
        finite = values[np.isfinite(values)]
        lost = len(values) - len(finite)
        names.append(name + (f"\n{lost} of {len(values)}\nnot finite" if lost else ""))
        if not len(finite):
            continue
        panel.plot(
            place + _beside(finite), finite, "o", color=blue, alpha=0.5, markersize=4, markeredgewidth=0, label="a run"
        )
        panel.hlines(np.median(finite), place - 0.3, place + 0.3, color="black", linewidth=2, label="median")
        panel.errorbar(
            place + 0.38, finite.mean(), _half_interval(finite), fmt="D", color=orange, markersize=5, capsize=3,
            label="mean, 95 % interval",
        )  # fmt: skip
    for (label, value), style in zip((baselines or {}).items(), itertools.cycle(("--", ":", "-.")), strict=False):
        panel.axhline(value, color=GREY, linestyle=style, label=label)
    panel.set_xticks(range(len(names)), names)
    longest = max(len(line) for name in results for line in name.splitlines() or [""])
    panel.tick_params("x", rotation=90 if longest * len(names) > 10 * width else 0)
    panel.set(xlabel=setting, ylabel=quantity, title=title, xlim=(-0.6, len(names) - 0.3))
    legend_below(figure)
    return figure


def _beside(values: np.ndarray) -> np.ndarray:
    """Offsets that part equal values: within each of twenty bands, runs stand side by side."""
    span = np.ptp(values) or 1.0
    bands = np.floor((values - values.min()) / span * 20)
    offsets = np.zeros(len(values))
    for band in np.unique(bands):
        members = np.flatnonzero(bands == band)
        width = min(0.25, 0.04 * (len(members) - 1))
        offsets[members] = np.linspace(-width, width, len(members))
    return offsets


def _half_interval(values: np.ndarray) -> float:
    """Half the 95 % interval of the mean: t · s / √n; none for a single run."""
    if len(values) < 2:
        return 0.0
    from scipy.stats import t  # type: ignore[import-untyped]

    return float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
