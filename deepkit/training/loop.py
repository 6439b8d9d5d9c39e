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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import jax
import numpy as np

from deepkit.training.callbacks import BATCH_HOOKS, EPOCH_HOOKS, Callback, ModelCheckpoint, defines
from deepkit.training.history import History
from deepkit.training.progress import Progress
from deepkit.training.state import TrainState
from deepkit.training.transitions import Transition

CHUNK_SECONDS = 0.2
"""Aim for the time between two visits to the host: often enough for a live line, rare enough to cost nothing."""
CHUNK_STEPS = 8
"""Fewer steps than this make a chunk only where they would take longer than `LONGEST_CHUNK`. Whenever the program is
entered, the system hands it fresh memory for what it computes on the way: a sixth of a step of a CNN on a CPU."""
LONGEST_CHUNK = 4.0
"""Seconds for which a run of slow steps may stay silent, and for which Ctrl-C may have to wait."""


class Strategy(Protocol):
    """Resident or streaming: trains up to a position and waits for it.

    Attributes:
        steps_per_epoch: As far as it is known.
        state: The last state; what there is to save when `advance` raises.
    """

    steps_per_epoch: Any
    state: TrainState

    def ended(self, step: int) -> bool:
        """Whether the running epoch has no batch left after so many steps."""

    def advance(self, s: TrainState, until_epoch: int, until_step: int) -> TrainState:
        """Train until `until_step` steps of epoch `until_epoch` are done, but not beyond the end of its batches.

        An epoch that is over ends (validation, transitions, history) only if `until_epoch` lies behind it.
        """


@dataclasses.dataclass
class Run:
    """One call of `fit`, seen from the host.

    Attributes:
        strategy: Trains.
        figures: Shape of every figure by history key, as in a history row.
        directions: Which way a figure is better, by history key.
        epochs: Number of epochs to train.
        initial_epoch: Number that the first of them goes by in the history.
        callbacks: On the host, in order.
        transitions: In the program, in order.
        progress: The display.
        publish: Puts copies of the state's weights and learning rate where callbacks look for them.
        collect: Takes over what callbacks changed (weights, learning rate, `stop_training`).
        measure: Figures of the running epoch so far, for batch hooks.
    """

    strategy: Strategy
    figures: dict[str, tuple[int, ...]]
    directions: Mapping[str, str | None]
    epochs: int
    initial_epoch: int
    callbacks: Sequence[Callback]
    transitions: Sequence[Transition]
    progress: Progress
    publish: Callable[[TrainState], None]
    collect: Callable[[TrainState], TrainState]
    measure: Callable[[TrainState], dict[str, Any]]

    def __post_init__(self) -> None:
        self.history = History()
        watching = [c for c in self.callbacks if not c.REPLAYED and not _saves_best(c)]
        self._each_batch = [c for c in watching if defines(c, BATCH_HOOKS)]
        self._each_epoch = [c for c in watching if defines(c, EPOCH_HOOKS) or c in self._each_batch]
        self._logs: dict[str, Any] = {}
        self._interrupted = False

    def train(self, s: TrainState) -> TrainState:
        """Run to the end, to a stop, or to Ctrl-C; returns the last state. `history` is filled on the way.

        After an error, `state` is the last state there was.
        """
        self.state = s
        self._first = self._fetched = int(s.epoch)
        self.progress.start()
        try:
            with _ctrl_c(self._interrupt):
                self.publish(self.state)
                for callback in self.callbacks:
                    callback.on_train_begin({})
                if self.callbacks:
                    self.state = self.collect(self.state)
                self._advance(self._first, 0)  # compiles, and trains nothing
                self._chunks()
        except BaseException:
            self.progress.abort()
            raise
        self.history.seconds = self.progress.seconds()
        self.progress.stop(self.history)
        return self.state

    def end(self) -> None:
        """Tell the callbacks that the run is over and the weights are final."""
        for callback in self.callbacks:
            callback.on_train_end(dict(self._logs))

    def fail(self) -> None:
        """Let the callbacks that only keep records close their books: an error ended the run."""
        for callback in self.callbacks:
            if callback.REPLAYED:
                callback.on_train_end(dict(self._logs))

    def _interrupt(self) -> None:
        self._interrupted = True

    def _advance(self, until_epoch: int, until_step: int) -> None:
        try:
            self.state = self.strategy.advance(self.state, until_epoch, until_step)
        except BaseException:
            self.state = self.strategy.state
            raise

    def _position(self) -> tuple[int, int, bool]:
        epoch, step, stop = jax.device_get((self.state.epoch, self.state.step, self.state.stop))
        return int(epoch), int(step), bool(stop)

    def _chunks(self) -> None:
        last = self._first + self.epochs
        epoch, step, stop = self._position()
        seconds_per_step = math.inf
        while epoch < last and not stop and not self._interrupted:
            self._begin_hooks(epoch, step)
            until = self._until(epoch, step, last, seconds_per_step)
            begun, before = time.perf_counter(), (epoch, step)
            self._advance(*until)
            seconds = time.perf_counter() - begun
            epoch, step, stop = self._position()
            done = (epoch - before[0]) * (self.strategy.steps_per_epoch or 0) + step - before[1]
            if done > 0:
                seconds_per_step = seconds / done
            self._report(epoch, step)
            epoch, step, stop = self._position()
            if stop and step:  # A callback stopped it half way: the epoch ends here, with its figures so far.
                self._advance(epoch + 1, 0)
                epoch, step, stop = self._position()
                self._report(epoch, step)
        self.history.stopped = self._reason(epoch, last, stop)

    def _until(self, epoch: int, step: int, last: int, seconds_per_step: float) -> tuple[int, int]:
        """Where the next chunk ends: after the measured time's worth of steps, but never past a callback's call."""
        if self.strategy.ended(step):
            return epoch + 1, 0
        if self._each_batch:
            return epoch, step + 1
        seconds_per_step = max(seconds_per_step, 1e-9)
        ahead = max(1, int(CHUNK_SECONDS / seconds_per_step), min(CHUNK_STEPS, int(LONGEST_CHUNK / seconds_per_step)))
        steps = self.strategy.steps_per_epoch
        if steps is None or step + ahead < steps:
            return epoch, step + ahead
        target = epoch + (step + ahead) // steps
        return min(target, last, epoch + len(self.state.history), *([epoch + 1] if self._each_epoch else [])), 0

    def _begin_hooks(self, epoch: int, step: int) -> None:
        if not self._each_epoch:
            return
        if step == 0:
            for callback in self._each_epoch:
                callback.on_epoch_begin(epoch - self._first + self.initial_epoch, {})
        if not self.strategy.ended(step):
            for callback in self._each_batch:
                callback.on_train_batch_begin(step, {})
        self.state = self.collect(self.state)

    def _report(self, epoch: int, step: int) -> None:
        """Fetch the figures of the epochs that ended, and tell everyone."""
        if self._each_batch and step:
            self.publish(self.state)
            logs = self.measure(self.state)
            for callback in self._each_batch:
                callback.on_train_batch_end(step - 1, logs)
            self.state = self.collect(self.state)
        if epoch > self._fetched:
            rows = np.asarray(self.state.history)
            if self._each_epoch:
                self.publish(self.state)
            for number in range(self._fetched, epoch):
                self._end_of_epoch(number, rows[number % len(rows)])
            self._fetched = epoch
            self._write_best()
            if self._each_epoch:
                self.state = self.collect(self.state)
        steps = self.strategy.steps_per_epoch
        self.progress.position(epoch - self._first + (step / steps if steps else 0.0), self._logs)

    def _end_of_epoch(self, number: int, row: np.ndarray) -> None:
        figures: dict[str, Any] = {}
        position = 0
        for key, shape in self.figures.items():
            size = math.prod(shape)
            values = row[position : position + size]
            figures[key] = values.reshape(shape).copy() if shape else float(values[0])
            position += size
        epoch = number - self._first + self.initial_epoch
        self._logs = figures
        for callback in self.callbacks:
            if callback.REPLAYED:
                callback.on_epoch_begin(epoch, {})
            if callback.REPLAYED or callback in self._each_epoch:
                callback.on_epoch_end(epoch, figures)
        self.history.append(epoch, figures)
        self.progress.epoch(epoch + 1, figures)

    def _write_best(self) -> None:
        """Let checkpoints write the best weights, which the program kept, if they are newer than the file."""
        for callback in self.callbacks:
            if not _saves_best(callback):
                continue
            assert isinstance(callback, ModelCheckpoint)
            memory = self.state.memories[list(self.transitions).index(callback.transition)]
            best = float(memory["best"])
            if math.isfinite(best) and callback.improved(best, self.directions):
                number = int(memory["best_epoch"]) - self._first
                trained, state = memory["weights"]
                self.publish(self.state.replace(trained=trained, state=state))
                callback.write(
                    self.history.epoch[number],
                    {key: self.history.history[key][number] for key in self.figures},
                )
                self.publish(self.state)

    def _reason(self, epoch: int, last: int, stop: bool) -> str | None:
        number = epoch - self._first + self.initial_epoch
        if self._interrupted and epoch < last:
            return f"Interrupted in epoch {number + 1}; the model has the weights of that moment."
        if epoch < last and stop:
            return f"Stopped after epoch {number}."
        return None


def _saves_best(callback: Callback) -> bool:
    return isinstance(callback, ModelCheckpoint) and callback.save_best_only


@contextmanager
def _ctrl_c(interrupt: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C end the run at the next chunk, and the second at once. Only the main thread has signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT) or signal.default_int_handler

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
    return s.replace(stop=jax.device_put(np.bool_(True)))
