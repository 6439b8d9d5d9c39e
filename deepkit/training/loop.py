"""The host's side of a run: how far to go before looking up, and whom to tell.

The program runs in chunks. A chunk is as long as measured time allows for a live display (and for Ctrl-C), and
ends earlier only where a user's callback wants to be called. Chunking never changes a number.
"""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np

from deepkit.training.callbacks import BATCH_HOOKS, EPOCH_HOOKS, Callback, ModelCheckpoint, defines
from deepkit.training.history import History
from deepkit.training.progress import Progress
from deepkit.training.state import HISTORY_CAPACITY, TrainState
from deepkit.training.transitions import Transition

CHUNK_SECONDS = 0.2
"""Aim for the time between two visits to the host: often enough for a live line, rare enough to cost nothing."""

STREAM_LOOKAHEAD = 2**30


class Strategy(Protocol):
    """Resident or streaming: trains up to a position and waits for it."""

    steps_per_epoch: int | None

    def advance(self, s: TrainState, until_epoch: int, until_step: int) -> TrainState: ...


@dataclasses.dataclass
class Run:
    """One call of `fit`, seen from the host.

    Attributes:
        strategy: Trains.
        figures: Shape of every figure by history key, as in a history row.
        epochs: Number of epochs to train.
        initial_epoch: Number that the first of them goes by in the history.
        callbacks: On the host, in order.
        transitions: In the program, in order.
        progress: The display.
        publish: Puts copies of the state's weights and learning rate where callbacks look for them.
        collect: Takes over what callbacks changed (weights, learning rate, `stop_training`).
    """

    strategy: Strategy
    figures: dict[str, tuple[int, ...]]
    epochs: int
    initial_epoch: int
    callbacks: Sequence[Callback]
    transitions: Sequence[Transition]
    progress: Progress
    publish: Callable[[TrainState], None]
    collect: Callable[[TrainState], TrainState]

    def __post_init__(self) -> None:
        self.history = History()
        self._watching = [c for c in self.callbacks if not c.REPLAYED and not _saves_best(c)]
        self._each_batch = [c for c in self._watching if defines(c, BATCH_HOOKS)]
        self._each_epoch = [c for c in self._watching if defines(c, EPOCH_HOOKS) or c in self._each_batch]
        self._interrupted = False

    def train(self, s: TrainState) -> TrainState:
        """Run to the end, to a stop, or to Ctrl-C; returns the last state. `history` is filled on the way."""
        self._first = self._fetched = int(s.epoch)
        self._written: dict[int, float] = {}
        self.progress.start()
        self.publish(s)
        for callback in self.callbacks:
            callback.on_train_begin()
        s = self.strategy.advance(s, self._first, 0)  # compiles, and trains nothing
        with _ctrl_c(self._interrupt):
            s = self._chunks(s)
        self._settle(s)
        return s

    def _interrupt(self) -> None:
        self._interrupted = True

    def _chunks(self, s: TrainState) -> TrainState:
        last = self._first + self.epochs
        epoch, step, stop = self._first, 0, False
        seconds_per_step = math.inf
        while epoch < last and not stop and not self._interrupted:
            s = self._begin_hooks(s, epoch, step)
            if bool(s.stop):
                break
            until = self._until(epoch, step, last, seconds_per_step)
            begun = time.perf_counter()
            s = self.strategy.advance(s, *until)
            seconds = time.perf_counter() - begun
            steps = self.strategy.steps_per_epoch or STREAM_LOOKAHEAD
            now, now_step = int(s.epoch), int(s.step)
            done = (now - epoch) * steps + now_step - step
            if done:
                seconds_per_step = seconds / done
            epoch, step = now, now_step
            s = self._report(s, epoch, step)
            stop = bool(s.stop)
        self.history.stopped = self._reason(s, epoch, last)
        return s

    def _until(self, epoch: int, step: int, last: int, seconds_per_step: float) -> tuple[int, int]:
        """Where the next chunk ends: after the measured time's worth of steps, but never past a callback's call."""
        steps = self.strategy.steps_per_epoch or STREAM_LOOKAHEAD
        if self._each_batch:
            return (epoch, step + 1) if step < steps else (epoch + 1, 0)
        if step >= steps:
            return epoch + 1, 0
        ahead = max(1, int(CHUNK_SECONDS / seconds_per_step)) if seconds_per_step else 1
        target, within = divmod(epoch * steps + step + ahead, steps)
        if target > epoch:
            within = 0
        target = min(target, last, epoch + HISTORY_CAPACITY, *([epoch + 1] if self._each_epoch else []))
        return (target, within) if target > epoch or within > step else (epoch + 1, 0)

    def _begin_hooks(self, s: TrainState, epoch: int, step: int) -> TrainState:
        steps = self.strategy.steps_per_epoch or STREAM_LOOKAHEAD
        if not self._each_epoch:
            return s
        if step == 0:
            for callback in self._each_epoch:
                callback.on_epoch_begin(epoch - self._first + self.initial_epoch)
        if step < steps:
            for callback in self._each_batch:
                callback.on_batch_begin(step)
                callback.on_train_batch_begin(step)
        return self.collect(s)

    def _report(self, s: TrainState, epoch: int, step: int) -> TrainState:
        """Fetch the figures of the epochs that ended, and tell everyone."""
        told = False
        if self._each_batch and step:
            self.publish(s)
            for callback in self._each_batch:
                callback.on_batch_end(step - 1)
                callback.on_train_batch_end(step - 1)
            told = True
        if epoch > self._fetched:
            rows = np.asarray(s.history)
            if self._each_epoch:
                self.publish(s)
                told = True
            for number in range(self._fetched, epoch):
                self._end_of_epoch(number, rows[number % HISTORY_CAPACITY])
            self._fetched = epoch
            self._write_best(s)
        steps = self.strategy.steps_per_epoch
        done = epoch - self._first + (step / steps if steps else 0.0)
        self.progress.position(done, self._last_figures() if self.history.epoch else {})
        return self.collect(s) if told else s

    def _end_of_epoch(self, number: int, row: np.ndarray) -> None:
        figures: dict[str, Any] = {}
        position = 0
        for key, shape in self.figures.items():
            size = math.prod(shape)
            values = row[position : position + size]
            figures[key] = values.reshape(shape).copy() if shape else float(values[0])
            position += size
        epoch = number - self._first + self.initial_epoch
        self.history.append(epoch, figures)
        self.progress.epoch(epoch + 1, figures)
        for callback in self.callbacks:
            if callback.REPLAYED:
                callback.on_epoch_begin(epoch)
            if callback.REPLAYED or callback in self._each_epoch:
                callback.on_epoch_end(epoch, dict(figures))

    def _last_figures(self) -> dict[str, Any]:
        return {key: values[-1] for key, values in self.history.history.items()}

    def _write_best(self, s: TrainState) -> None:
        """Let checkpoints write the best weights, which the program kept, if they are newer than the file."""
        for callback in self.callbacks:
            if not _saves_best(callback):
                continue
            assert isinstance(callback, ModelCheckpoint)
            memory = s.memories[list(self.transitions).index(callback.transition)]
            best = float(memory["best"])
            if math.isfinite(best) and callback.improved(best):
                number = int(memory["best_epoch"]) - self._first
                trained, state = memory["weights"]
                self.publish(s.replace(trained=trained, state=state))
                callback.write(
                    self.history.epoch[number],
                    {key: values[number] for key, values in self.history.history.items()},
                )
                self.publish(s)

    def _reason(self, s: TrainState, epoch: int, last: int) -> str | None:
        number = epoch - self._first + self.initial_epoch
        if self._interrupted:
            return f"Interrupted in epoch {number + 1}; the model has the weights of that moment."
        if epoch < last and bool(s.stop):
            return f"Stopped after epoch {number}."
        return None

    def _settle(self, s: TrainState) -> None:
        self.history.seconds = self.progress.seconds()
        self.progress.stop(self.history)


def _saves_best(callback: Callback) -> bool:
    return isinstance(callback, ModelCheckpoint) and callback.save_best_only


@contextmanager
def _ctrl_c(interrupt: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C end the run at the next chunk, and the second at once. Only the main thread has signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        interrupt()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def stopped(s: TrainState) -> TrainState:
    """The state with its stop flag set, as a callback's `stop_training` does."""
    return s.replace(stop=jnp.ones((), bool))
