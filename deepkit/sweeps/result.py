"""What a sweep found: named axes, tables, and ordinary trained models."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, did_you_mean, shown
from deepkit.layers.layer import Weights
from deepkit.program.holders import store
from deepkit.sweeps.engine import Pace
from deepkit.sweeps.members import Member, Source, arguments_of
from deepkit.sweeps.spaces import Settings
from deepkit.training.transitions import minimizes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from deepkit.sweeps.finding import Finding

__all__ = ["Sweep", "Trained"]


@dataclasses.dataclass(frozen=True)
class Trained:
    """One member of a sweep.

    Attributes:
        number: Its place in the sweep.
        settings: Its point of the grid.
        seed: Its seed.
        figures: The figures of its last epoch.
        history: The figures of every epoch, an array per name.
    """

    number: int
    settings: Settings
    seed: int
    figures: dict[str, float]
    history: dict[str, np.ndarray]
    _make: Callable[[], Any]

    @property
    def model(self) -> Any:
        """The trained model, built anew and given the member's weights; an ordinary `Model`, compiled."""
        return self._make()

    def __repr__(self) -> str:
        listed = [f"{name}={value!r}" for name, value in self.settings.items()]
        figures = " · ".join(f"{name} {value:.4g}" for name, value in self.figures.items())
        return f"Trained({', '.join([*listed, f'seed={self.seed}'])}: {figures})"


class Sweep:
    """The result of `dk.sweep`.

    Attributes:
        axes: Per axis its values; of a sample, whose points lie on no grid, the one axis `sample`.
        seeds: The seeds.
        figures: Names of what was measured in every epoch; those of the development rows begin with `dev_`.
        members: Every run, also those that failed, in C order of axes and seeds.
        history: `(members, epochs, figures)`, float32; NaN where a run had fewer epochs, or failed.
        epochs: Epochs that each member was trained for; 0 for one that failed.
        seconds: What the sweep took.
        programs: How many programs were compiled.
        paces: What the clock said about each width that was tried.
    """

    def __init__(
        self, build: Callable[..., Any], source: Source, axes: dict[str, tuple[Any, ...]], seeds: Sequence[int],
        members: list[Member], figures: Sequence[str], directions: dict[str, str | None], epochs: int,
    ) -> None:  # fmt: skip
        self.axes = axes
        self.seeds = tuple(seeds)
        self.members = members
        self.figures = tuple(figures)
        self.history = np.full((len(members), epochs, len(self.figures)), np.nan, np.float32)
        self.epochs = np.zeros(len(members), np.int32)
        self.seconds = 0.0
        self.programs = 0
        self.paces: list[Pace] = []
        self.stopped: str | None = None
        self._build = build
        self._source = source
        self._directions = directions
        self._weights: dict[int, tuple[Weights, Weights]] = {}

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        axes = " × ".join(f"{len(values)} {name}" for name, values in self.axes.items())
        failed = sum(member.failure is not None for member in self.members)
        return (
            f"Sweep({axes or 'one setting'} × {len(self.seeds)} seeds = {len(self)} members"
            f"{f', {failed} of them failed' if failed else ''}; {', '.join(self.figures)})"
        )

    # What came out.

    def final(self, figure: str) -> np.ndarray:
        """A figure of every member's last epoch: `(members,)`, NaN for one that failed."""
        column = self.history[:, :, self._place(figure)]
        last = np.maximum(self.epochs - 1, 0)
        values = column[np.arange(len(self)), last].astype(np.float64)
        return np.where(self.epochs > 0, values, np.nan)

    def array(self, figure: str) -> np.ndarray:
        """`final`, with an axis per axis of the sweep, in their order, and the seeds last."""
        return self.final(figure).reshape(*map(len, self.axes.values()), len(self.seeds))

    def frame(self, history: bool = False) -> Any:
        """A `DataFrame` with a row per member: settings, `seed`, final figures, and why a run failed, if any did.

        With `history=True`, a row per member and epoch.
        """
        import pandas as pd

        names = list(self.members[0].settings) if self.members else []
        columns: dict[str, Any] = {name: [member.settings[name] for member in self.members] for name in names}
        columns["seed"] = [member.seed for member in self.members]
        if history:
            counts = self.epochs
            table = pd.DataFrame(columns).loc[np.repeat(np.arange(len(self)), counts)].reset_index(drop=True)
            table["epoch"] = np.concatenate([np.arange(1, count + 1) for count in counts]) if len(table) else []
            used = np.arange(self.history.shape[1])[None] < counts[:, None]
            for number, figure in enumerate(self.figures):
                table[figure] = self.history[:, :, number][used]
            return table
        columns["epochs"] = self.epochs
        columns |= {figure: self.final(figure) for figure in self.figures}
        if any(member.failure for member in self.members):
            columns["failure"] = [member.failure for member in self.members]
        return pd.DataFrame(columns)

    def xarray(self) -> Any:
        """An `xarray.Dataset` with a variable per figure over axes × seed × epoch. Needs xarray."""
        try:
            import xarray
        except ImportError:
            raise DeepkitTypeError(
                "result.xarray() needs the package xarray: pip install xarray. result.array(figure) and "
                "result.frame() need nothing more than deepkit has."
            ) from None
        sizes = tuple(map(len, self.axes.values()))
        shape = (*sizes, len(self.seeds), self.history.shape[1])
        dims = (*self.axes, "seed", "epoch")
        coordinates: dict[str, Any] = {name: _coordinate(values) for name, values in self.axes.items()}
        coordinates |= {"seed": list(self.seeds), "epoch": np.arange(1, shape[-1] + 1)}
        variables = {
            figure: (dims, self.history[:, :, number].reshape(shape)) for number, figure in enumerate(self.figures)
        }
        return xarray.Dataset(variables, coordinates)

    def failures(self) -> dict[int, str]:
        """Why members have no figures, by their number."""
        return {member.number: member.failure for member in self.members if member.failure is not None}

    # Models.

    def member(self, number: int) -> Trained:
        """A member by its number, counted from 0 as in `frame()`."""
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not -len(self) <= number < len(self):
            raise DeepkitValueError(f"there is no member {shown(number)}: the sweep has {len(self)}, counted from 0.")
        member = self.members[int(number)]
        if member.failure is not None:
            raise DeepkitValueError(f"member {member.number} has no model, because its run failed. {member.failure}")
        rows = self.history[member.number, : self.epochs[member.number]]
        history = {figure: rows[:, place].copy() for place, figure in enumerate(self.figures)}
        figures = {figure: float(values[-1]) for figure, values in history.items() if len(values)}
        return Trained(member.number, dict(member.settings), member.seed, figures, history, lambda: self._model(member))

    def best(self, figure: str, mode: str = "auto") -> Trained:
        """The member with the best last value of a figure, NaN aside.

        Args:
            figure: One of `figures`. Choose by development rows: a figure of training rows favours whatever overfits.
            mode: `"min"` or `"max"`; by default as the metric says.

        Raises:
            DeepkitValueError: No such figure, or no member that has one.
        """
        values = self.final(figure)
        if np.isnan(values).all():
            raise DeepkitValueError(f"no member has a number as its last {figure}. See failures() and frame().")
        return self.member(int(np.nanargmin(values) if self.less_is_better(figure, mode) else np.nanargmax(values)))

    def less_is_better(self, figure: str, mode: str = "auto") -> bool:
        """Whether a figure should fall."""
        if mode not in ("auto", "min", "max"):
            raise DeepkitValueError(f"mode={shown(mode)}: expected 'auto', 'min' or 'max'.")
        self._place(figure)
        return minimizes(figure.removeprefix("dev_"), mode, self._directions)

    # What it is worth, and how it looks.

    def findings(self) -> list[Finding]:
        """Where a comparison is empty, or mixed with something else: one plain sentence each, with the figures.

        Settings that the seeds do not tell apart, or of which the best is another one at other values of another axis;
        unequal numbers of updates, a penalty too small to matter, runs that never learned and why, figures taken with
        dropout on beside others, models of different sizes. `print` one for its sentence; `.values` has the figures.
        """
        from deepkit.sweeps.findings import findings

        return findings(self)

    def plot(self, x: Any, figure: Any, *, hue: str | None = None, y: str | None = None) -> Figure:
        """A figure of the last epoch over an axis: median, quartiles and every run; with `y`, a map over two axes.

        See `dk.plots.sweep_axis` and `dk.plots.sweep_map`; several figures, or several axes (a list), get panels with
        common axes.
        """
        from deepkit.plots import sweep_axis, sweep_map

        return sweep_axis(self, x, figure, hue=hue) if y is None else sweep_map(self, x, y, figure)

    def plot_learned(
        self, x: str, figure: str, *, above: float | None = None, below: float | None = None, hue: str | None = None
    ) -> Figure:
        """P(learns): the share of runs beyond a threshold. See `dk.plots.sweep_learned`."""
        from deepkit.plots import sweep_learned

        return sweep_learned(self, x, figure, above=above, below=below, hue=hue)

    def plot_distribution(self, figure: str, x: str | None = None) -> Figure:
        """How the runs are distributed, over an axis and in all. See `dk.plots.sweep_distribution`."""
        from deepkit.plots import sweep_distribution

        return sweep_distribution(self, figure, x)

    def curves(self, figure: Any, *, hue: str | None = None) -> Figure:
        """Figures over the epochs: median, quartiles and some runs. See `dk.plots.sweep_curves`."""
        from deepkit.plots import sweep_curves

        return sweep_curves(self, figure, hue=hue)

    def _model(self, member: Member) -> Any:
        model = self._build(**arguments_of(self._build, member.settings, self._source))
        store(model.program, *self._weights[member.number])
        return model

    def _place(self, figure: str) -> int:
        if figure not in self.figures:
            raise DeepkitValueError(
                f"the sweep has no figure {shown(figure)}. {did_you_mean(str(figure), self.figures)}"
            )
        return self.figures.index(figure)

    def save(self, path: Any) -> None:
        """Write the result to one file: settings, figures of every epoch, and weights of every member, no code.

        `dk.sweeps.load(path, build)` reads it. A setting that no JSON can hold (a function of yours) comes back as its
        name.
        """
        from deepkit.sweeps.journal import save

        save(self, path)

    def put(self, number: int, rows: np.ndarray, epochs: int, weights: tuple[Weights, Weights]) -> None:
        """Take in what a member left: `(epochs, figures)`, and its weights."""
        self.history[number, :epochs] = rows[:epochs]
        self.epochs[number] = epochs
        self._weights[number] = weights


def _coordinate(values: Sequence[Any]) -> list[Any]:
    simple = all(isinstance(value, int | float | str | bool) for value in values)
    return (
        list(values)
        if simple and all(not isinstance(v, float) or math.isfinite(v) for v in values)
        else [str(value) for value in values]
    )
