"""The live line of a run: epoch, loss, metrics, time left."""

from __future__ import annotations

import sys
import time
from typing import Any, Literal

import numpy as np

from deepkit.errors import DeepkitValueError

Verbosity = Literal["auto", 0, 1, 2]


def describe(figures: dict[str, Any]) -> str:
    """`loss 0.3127 · accuracy 0.8571`, scalars only."""
    return " · ".join(f"{key} {float(value):.4g}" for key, value in figures.items() if np.ndim(value) == 0)


def duration(seconds: float) -> str:
    """`0.3 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def make_progress(verbose: Verbosity, epochs: int, initial_epoch: int = 0) -> Progress:
    """The display that fits: a live line on a terminal, one line at the end in notebooks and logs, or nothing.

    `verbose`: `"auto"`, `0` silent, `1` live if there is a terminal, `2` a line per epoch. `epochs` is the number of
    the last epoch, `initial_epoch` the number of those that were trained before.
    """
    if verbose not in ("auto", 0, 1, 2):
        raise DeepkitValueError(
            f"fit(verbose={verbose!r}): expected 'auto', 0 (silent), 1 (live) or 2 (a line an epoch)."
        )
    if verbose in (0, 2):
        return (EveryLine if verbose else Progress)(epochs, initial_epoch)
    return (LiveLine if sys.stdout.isatty() else LastLine)(epochs, initial_epoch)


class Progress:
    """Shows nothing; base of the displays."""

    def __init__(self, epochs: int, initial_epoch: int) -> None:
        self.epochs = epochs
        self.initial_epoch = initial_epoch
        self.begun = time.perf_counter()

    def start(self) -> None:
        """The run begins (it still has to compile)."""

    def epoch(self, number: int, figures: dict[str, Any]) -> None:
        """Epoch `number` (from 1) is finished."""

    def position(self, done: float, figures: dict[str, Any]) -> None:
        """`done` epochs of this run are finished, fractions included."""

    def stop(self, history: Any) -> None:
        """The run is over."""

    def abort(self) -> None:
        """An error ends the run: leave the terminal as it was found."""

    def seconds(self) -> float:
        """Time since the display was made."""
        return time.perf_counter() - self.begun


class EveryLine(Progress):
    """A line per epoch."""

    def epoch(self, number: int, figures: dict[str, Any]) -> None:
        print(f"epoch {number}/{self.epochs}: {describe(figures)}")

    def stop(self, history: Any) -> None:
        if history.stopped:
            print(history.stopped)


class LastLine(Progress):
    """One line when the run is over: for logs and notebooks."""

    def __init__(self, epochs: int, initial_epoch: int) -> None:
        super().__init__(epochs, initial_epoch)
        self._last: tuple[int, dict[str, Any]] = (initial_epoch, {})

    def epoch(self, number: int, figures: dict[str, Any]) -> None:
        self._last = (number, figures)

    def stop(self, history: Any) -> None:
        number, figures = self._last
        parts = [f"epoch {number}/{self.epochs} in {duration(self.seconds())}"]
        parts += [text for text in (describe(figures), history.stopped) if text]
        print(" · ".join(parts))


class LiveLine(LastLine):
    """One line that is rewritten in place (rich), and stays with its last figures."""

    def start(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (
            TextColumn("epoch {task.fields[number]}/{task.total:.0f}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[figures]}"),
            TextColumn("{task.fields[left]}"),
        )
        self._bar = Progress(*columns, transient=True)
        self._task = self._bar.add_task(
            "", total=self.epochs, completed=self.initial_epoch, number=self.initial_epoch,
            figures="compiling …", left="",
        )  # fmt: skip
        self._bar.start()

    def position(self, done: float, figures: dict[str, Any]) -> None:
        left = self.seconds() / done * (self.epochs - self.initial_epoch - done) if done else 0.0
        position = self.initial_epoch + done
        self._bar.update(
            self._task, completed=position, number=int(position), figures=describe(figures) or "training …",
            left=f"{duration(left)} left" if done else "",
        )  # fmt: skip

    def stop(self, history: Any) -> None:
        self._bar.stop()
        super().stop(history)

    def abort(self) -> None:
        self._bar.stop()
