"""What cross-validation found: figures of rows left out, the setting that they choose, and its model."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.data.folds import Folds
from deepkit.errors import DeepkitValueError, shown
from deepkit.sweeps.members import RUN_ARGUMENTS
from deepkit.sweeps.result import Sweep
from deepkit.sweeps.spaces import Settings
from deepkit.training.arguments import listed_callbacks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CrossValidation", "Estimate", "Nested", "Refit"]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure of rows that were left out: its mean over the folds, and where the mean of all such folds lies.

    Attributes:
        mean: Over the folds, each by its number of rows left out, of the means over seeds.
        low, high: The 95 % interval: Student's t with the deviation between folds, widened because folds share
            training rows: half = t · s · √(1/J + left out / trained on) with J folds (Nadeau and Bengio 2003).
        deviation: s, between folds.
        seeds: The deviation between seeds within a fold, root mean square; NaN with one seed.
    """

    mean: float
    low: float
    high: float
    deviation: float
    seeds: float

    def __str__(self) -> str:
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclasses.dataclass(frozen=True)
class Nested:
    """What nested cross-validation says.

    Attributes:
        estimate: The figure of the whole procedure, choice of the setting included.
        settings: The setting that the inner folds chose in each fold.
        figures: What that setting reached on the rows of the fold: `(folds,)`, means over seeds.
    """

    estimate: Estimate
    settings: tuple[Settings, ...]
    figures: np.ndarray


class Refit:
    """Trains a setting on everything that is not test: what `cross_validate` was told about training."""

    def __init__(self, build: Callable[..., Any], batch_size: int | None, shuffle: bool, callbacks: Any) -> None:
        self._build = build
        self._parameters = inspect.signature(build).parameters
        self._batch_size = batch_size
        self._shuffle = shuffle
        # Without rows left out there is nothing to watch them by.
        self._callbacks = [
            each
            for each in listed_callbacks(callbacks)
            if not (getattr(each, "monitor", None) or "").startswith(("val_", "dev_"))
        ]

    def __call__(self, settings: Mapping[str, Any], folds: Folds, epochs: int, seed: int) -> Any:
        """The model of a setting, trained for so many epochs on the folds' pool."""
        given = {
            name: value for name, value in settings.items() if name in self._parameters or name not in RUN_ARGUMENTS
        }
        model = self._build(**given, **({"train": folds.pool} if "train" in self._parameters else {}))
        model.fit(
            folds.pool, batch_size=settings.get("batch_size", self._batch_size), epochs=epochs, shuffle=self._shuffle,
            callbacks=self._callbacks, seed=seed, verbose=0,
        )  # fmt: skip
        return model


class CrossValidation:
    """The result of `dk.cross_validate`. Printed: the best settings, each with its mean and interval.

    Attributes:
        sweep: The sweep that trained all members: its axes are the grid's, then `fold`, counted from 0, and with inner
            folds `inner`, where 0 is the fold itself and 1, 2, … are folds of its training rows. Settings of a list or
            a space lie on no grid: there its one axis is `setting`, over all of these.
        folds: Which rows were where.
        settings: Every setting, in the order of the grid, or as they were drawn.
        monitor: The figure that chooses.
    """

    def __init__(
        self, sweep: Sweep, settings: Sequence[Settings], folds: Folds, inner: int, monitor: str, mode: str,
        refit: Refit,
    ) -> None:  # fmt: skip
        self.sweep = sweep
        self.folds = folds
        self.monitor = monitor
        self.settings = tuple(settings)
        self._inner = inner
        self._less = sweep.less_is_better(monitor, mode)
        self._refit = refit
        self._model: Any = None
        self._test: dict[str, Any] | None = None

    # Figures.

    def array(self, figure: str) -> np.ndarray:
        """A figure of every member's last epoch: `(settings, folds, seeds)`, NaN where a run failed."""
        return self._all(figure)[:, :, 0]

    def _all(self, figure: str) -> np.ndarray:
        values = self.sweep.final(figure)
        return values.reshape(len(self.settings), len(self.folds), self._inner + 1, len(self.sweep.seeds))

    def frame(self) -> Any:
        """A `DataFrame` with a row per member: settings, `fold`, `seed`, figures; inner folds are left out."""
        table = self.sweep.frame()
        if self._inner:
            table = table[table["inner"] == 0].drop(columns="inner").reset_index(drop=True)
        if self.folds.repeats > 1:
            table.insert(list(table.columns).index("fold"), "repeat", table["fold"] // self.folds.k)
        return table

    def estimate(self, settings: Mapping[str, Any] | None = None, figure: str | None = None) -> Estimate:
        """A setting's figure with its interval; by default of the best setting and the figure that chose it."""
        values = self.array(figure or self.monitor)
        return self._estimate(values[self._number(self.best if settings is None else settings)])

    def table(self, figure: str | None = None) -> Any:
        """A `DataFrame` with a row per setting: `mean`, `low`, `high`, `deviation` between folds, and between seeds."""
        import pandas as pd

        values = self.array(figure or self.monitor)
        rows = [
            {**setting, **dataclasses.asdict(self._estimate(of))}
            for setting, of in zip(self.settings, values, strict=True)
        ]
        return pd.DataFrame(rows)

    def _estimate(self, values: np.ndarray) -> Estimate:
        """Of `(folds, seeds)`."""
        from scipy.stats import t  # type: ignore[import-untyped]

        by_fold = values.mean(axis=1)
        train, dev = (np.array(sizes) for sizes in zip(*self.folds.sizes, strict=True))
        mean, count = float(np.average(by_fold, weights=dev)), len(by_fold)
        deviation = float(by_fold.std(ddof=1))
        half = float(t.ppf(0.975, count - 1)) * deviation * math.sqrt(1 / count + float(np.mean(dev / train)))
        seeds = float(np.sqrt(values.var(axis=1, ddof=1).mean())) if values.shape[1] > 1 else math.nan
        return Estimate(mean, mean - half, mean + half, deviation, seeds)

    # The choice.

    @property
    def best(self) -> Settings:
        """The setting with the best mean of `monitor` over folds and seeds."""
        return dict(self.settings[self._choice(self.array(self.monitor), self.folds.sizes)])

    def _choice(self, values: np.ndarray, sizes: Any) -> int:
        """The best of `(settings, folds, seeds)`; a setting of which a run failed or diverged is none."""
        means = np.average(values.mean(axis=2), axis=1, weights=[dev for _, dev in sizes])
        if np.isnan(means).all():
            raise DeepkitValueError(
                f"no setting has a number as its last {self.monitor} in every fold. See result.sweep.failures() and "
                "result.frame()."
            )
        return int(np.nanargmin(means) if self._less else np.nanargmax(means))

    def _number(self, settings: Mapping[str, Any]) -> int:
        if dict(settings) not in self.settings:
            raise DeepkitValueError(f"there is no setting {shown(dict(settings))}. See result.settings.")
        return self.settings.index(dict(settings))

    @property
    def nested(self) -> Nested:
        """What the procedure is worth: in every fold the inner folds choose, and the fold measures."""
        if not self._inner:
            raise DeepkitValueError("there were no inner folds. Ask for them: dk.cross_validate(…, inner=5).")
        values = self._all(self.monitor)
        chosen = [
            self._choice(values[:, fold, 1:], self.folds.within(fold, self._inner).sizes)
            for fold in range(len(self.folds))
        ]
        measured = values[chosen, np.arange(len(self.folds)), 0]
        settings = tuple(dict(self.settings[number]) for number in chosen)
        return Nested(self._estimate(measured), settings, measured.mean(axis=1))

    # The model.

    @property
    def model(self) -> Any:
        """The best setting's model, trained on everything that is not test, by the first seed; made when first asked
        for.

        It is trained for as many epochs as that setting's members were on average; callbacks that watch rows left out
        are no part of it.
        """
        if self._model is None:
            best = self._number(self.best)
            trained = self.sweep.epochs.reshape(len(self.settings), -1, self._inner + 1, len(self.sweep.seeds))
            epochs = max(1, round(float(trained[best, :, 0].mean())))
            self._model = self._refit(self.settings[best], self.folds, epochs, self.sweep.seeds[0])
        return self._model

    def test(self) -> dict[str, Any]:
        """The figures of `model` on the test part, which is opened by this; asked again, the same ones.

        Raises:
            DeepkitValueError: There is no test part.
        """
        if not len(self.folds.test):
            raise DeepkitValueError(
                "there is no test part: all rows were in the folds. Seal one before: "
                "dk.cross_validate(build, dk.split(data, train=.8, dev=0, test=.2), …)."
            )
        if self._test is None:
            self._test = self.model.evaluate(self.folds.test)
        return dict(self._test)

    def plot(self, figure: str | None = None) -> Figure:
        """Every fold of every setting, as means over seeds, with median and mean: `dk.plots.spread_over_runs`."""
        from deepkit.plots import spread_over_runs

        figure = figure or self.monitor
        values = self.array(figure).mean(axis=2)
        names = [", ".join(f"{value}" for value in setting.values()) or "one setting" for setting in self.settings]
        return spread_over_runs(
            dict(zip(names, values, strict=True)), quantity=figure, setting=", ".join(self.settings[0]),
            title=f"{len(self.folds)} folds, {self.folds.how}",
        )  # fmt: skip

    def summary(self) -> str:
        """A few lines: what was trained, the best settings with their intervals, and the nested estimate."""
        values = self.array(self.monitor)
        lines = [
            f"{len(self.settings)} settings × {len(self.folds)} folds × {len(self.sweep.seeds)} seeds = "
            f"{values.size} models, {self.folds.how}, in {self.sweep.programs} programs and {self.sweep.seconds:.1f} s"
        ]
        means = np.array([self._estimate(of).mean for of in values])
        order = np.argsort(means if self._less else -means, kind="stable")
        width = max(len(_text(setting)) for setting in self.settings)
        lines += [
            f"  {_text(self.settings[number]):{width}}  {self.monitor} {self._estimate(values[number])}"
            for number in order[:5]
        ]
        if len(order) > 5:
            lines.append(f"  … and {len(order) - 5} more: result.table()")
        if self._inner:
            lines.append(f"nested, with the choice in every fold: {self.monitor} {self.nested.estimate}")
        elif len(self.settings) > 1:
            lines.append("The first is the best of several, so its mean flatters it: result.test(), or inner=5.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()


def _text(settings: Mapping[str, Any]) -> str:
    values = {name: f"{v:.4g}" if isinstance(v, float) else repr(v) for name, v in settings.items()}
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "one setting"
