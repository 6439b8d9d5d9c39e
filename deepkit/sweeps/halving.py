"""Successive halving: many settings for a short time, the best of them for longer, and so on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, did_you_mean, from_user_line, shown
from deepkit.sweeps.members import Source, arguments_of
from deepkit.sweeps.result import Sweep, Trained
from deepkit.sweeps.spaces import Settings, grid_points, listed_points, sampled_points
from deepkit.sweeps.study import sweep
from deepkit.training.arguments import whole_number

__all__ = ["Halving", "Rung", "halving"]


@dataclasses.dataclass(frozen=True)
class Rung:
    """One round of a halving.

    Attributes:
        epochs: Epochs that every setting got in it.
        numbers: Which settings took part, counted from 0 as in `Halving.settings`.
        scores: The figure of each: the mean over its seeds of the last epoch, NaN if one of them failed or diverged.
        kept: Which of them went on.
        result: The sweep.
    """

    epochs: int
    numbers: tuple[int, ...]
    scores: np.ndarray
    kept: tuple[int, ...]
    result: Sweep


class Halving:
    """The result of `dk.sweeps.halving`.

    Attributes:
        settings: All that were tried.
        figure: What they were chosen by.
        rungs: The rounds, the shortest first.
    """

    def __init__(self, settings: Sequence[Settings], figure: str, rungs: Sequence[Rung]) -> None:
        self.settings = tuple(settings)
        self.figure = figure
        self.rungs = tuple(rungs)

    def __repr__(self) -> str:
        steps = " → ".join(f"{len(rung.numbers)} × {rung.epochs}" for rung in self.rungs)
        return f"Halving(settings × epochs: {steps}; {self.figure})"

    @property
    def best(self) -> Trained:
        """The best member of the last round."""
        return self.rungs[-1].result.best(self.figure)

    @property
    def epochs(self) -> int:
        """Epochs that were trained, all rounds and seeds together."""
        return int(sum(rung.result.epochs.sum() for rung in self.rungs))

    def frame(self) -> Any:
        """A `DataFrame` with a row per setting: its figure after each round, and `dropped_after`: the epochs of the
        round that it did not survive, missing for those that came through all.
        """
        import pandas as pd

        table = pd.DataFrame(list(self.settings))
        dropped: dict[int, int] = {}
        for rung in self.rungs:
            column = np.full(len(table), np.nan)
            column[list(rung.numbers)] = rung.scores
            table[f"{self.figure} after {rung.epochs}"] = column
            dropped |= {number: rung.epochs for number in rung.numbers if number not in rung.kept}
        table["dropped_after"] = pd.array([dropped.get(number) for number in range(len(table))], dtype="Int64")
        return table


@from_user_line
def halving(
    build: Callable[..., Any],
    data: Any,
    *,
    grid: Mapping[str, Any] | Sequence[Settings] | None = None,
    space: Mapping[str, Any] | None = None,
    samples: int | None = None,
    sampling: str = "random",
    seeds: int | Sequence[int] = 1,
    epochs: int = 1,
    factor: int = 3,
    figure: str = "dev_loss",
    mode: str = "auto",
    **options: Any,
) -> Halving:
    """Search for a setting by successive halving: train all for a few epochs, keep the best 1 in `factor`, train those
    `factor` times as long, and so on, until `factor` or fewer had the longest training.

    Every round costs about the same, and n settings cost about n · epochs · log n / log factor, where training
    all of them to the end costs n² · epochs / factor. It errs where settings that learn slowly at first end best
    (small learning rates): then begin with more `epochs`. Survivors start anew in every round, so that each is the
    model that `fit` with so many epochs trains, learning-rate schedule included.

    Args:
        build, data, grid, space, samples, sampling, seeds: As in `dk.sweep`.
        epochs: Of the first round.
        factor: How many settings compete for one place in the next round, and how much longer that is; at least 2.
        figure: What is compared, the mean over the seeds. Of development rows: a figure of training rows favours
            whatever overfits.
        mode: `"min"` or `"max"`; by default as the metric says.
        **options: Others of `dk.sweep`: `batch_size`, `shuffle`, `callbacks`, `executor`, `verbose`, …

    Returns:
        A `Halving`: `best.model`, `frame()`, `rungs`.

    Raises:
        DeepkitError: A figure that is not measured, or whatever `dk.sweep` refuses.

    Reference: Jamieson & Talwalkar 2016, https://arxiv.org/abs/1502.07943
    """
    whole_number(epochs, "epochs")
    whole_number(factor, "factor", 2, "3")
    for name in ("updates", "resume", "equal"):
        if name in options:
            raise DeepkitTypeError(
                f"halving takes no {name}: its epochs grow from round to round. Pass epochs, those of the first round."
            )
    settings = _all_settings(grid, space, samples, sampling)
    if "epochs" in settings[0]:
        raise DeepkitValueError(
            "halving decides how many epochs a setting gets, so epochs can be no axis. Leave it out."
        )
    _check_figure(build, data, settings[0], seeds, figure)
    rungs: list[Rung] = []
    numbers = tuple(range(len(settings)))
    while True:
        passes = epochs * factor ** len(rungs)
        result = sweep(
            build, data, grid=[settings[number] for number in numbers], seeds=seeds, epochs=passes, **options
        )
        less = result.less_is_better(figure, mode)
        scores = result.array(figure).mean(axis=1)
        order = np.argsort(np.where(np.isnan(scores), np.inf, scores if less else -scores), kind="stable")
        best = [numbers[place] for place in order if not np.isnan(scores[place])]
        if not best:
            raise DeepkitValueError(
                f"after {passes} epochs no setting has a number as its {figure}, so none can be preferred. Look for "
                "the reason with dk.sweep(…), or begin with smaller learning rates."
            )
        last = len(numbers) <= factor or result.stopped is not None
        kept = tuple(best[: 1 if last else math.ceil(len(numbers) / factor)])
        rungs.append(Rung(passes, numbers, scores, kept, result))
        if last:
            return Halving(settings, figure, rungs)
        numbers = kept


def _all_settings(grid: Any, space: Any, samples: int | None, sampling: str) -> list[Settings]:
    if (grid is None) == (space is None):
        raise DeepkitValueError("halving needs settings to choose from: grid={…}, or space={…} with samples=27.")
    if space is not None:
        if samples is None:
            raise DeepkitValueError("a space has no end of points. Say how many to try: samples=27.")
        return sampled_points(space, whole_number(samples, "samples"), sampling, 0)
    return listed_points(grid) if isinstance(grid, list | tuple) else list(grid_points(grid)[1])


def _check_figure(build: Callable[..., Any], data: Any, first: Settings, seeds: Any, figure: str) -> None:
    """What can be seen in the model of the first setting, before a round is trained."""
    try:
        source = Source(data, first)
        keys = build(**arguments_of(build, first, source))._require_trainer("halving").objective.keys
        validated = source.of(first, seeds[0] if isinstance(seeds, Sequence) else 0)[2] is not None
    except Exception:  # the sweep will name it, with its setting
        return
    figures = [*keys, *(f"dev_{key}" for key in keys if validated)]
    if figure not in figures:
        raise DeepkitValueError(
            f"figure={shown(figure)} is no figure of the model. {did_you_mean(str(figure), figures)} Metrics are chosen"
            " in compile(metrics=[…]); what begins with dev_ needs development rows in data."
        )
