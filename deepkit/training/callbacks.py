"""Callbacks that run on the host: Keras's hooks, and the callbacks built on them.

A callback with epoch hooks makes the run come back to the host after every epoch, one with batch hooks after
every batch; the numbers do not change. Callbacks that only read the epochs' figures (`REPLAYED`) are called
afterwards for several epochs at once and cost nothing.
"""

from __future__ import annotations

import csv
import inspect
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import IO, Any, ClassVar

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, did_you_mean, warn
from deepkit.training.transitions import BestWeights, minimizes

Logs = dict[str, Any]


class Callback:
    """Base of host callbacks; override the hooks you need. `self.model` and `self.params` are set by `fit`.

    Set `self.model.stop_training = True` to end the run, `self.model.optimizer.learning_rate = …` to change the
    rate (nothing recompiles), `self.model.set_weights(…)` to change the weights: all take effect at the next step.
    `logs` holds the figures of the epoch, in batch hooks those of its batches so far. What a hook adds to the logs of
    `on_epoch_end` goes into the history.
    """

    REPLAYED: ClassVar[bool] = False
    """True if the hooks only read the logs: then they may be called later, several epochs in a row. Such a callback
    gets its `on_train_end` also when an error ends the run."""

    model: Any = None
    params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None: ...
    def on_train_end(self, logs: Logs | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_end(batch, logs)


BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")


def defines(callback: Callback, hooks: tuple[str, ...]) -> bool:
    """Whether a callback overrides one of these hooks."""
    return any(
        getattr(type(callback), hook, None) is not getattr(Callback, hook) or hook in vars(callback) for hook in hooks
    )


def warn_of_unknown_hooks(callback: Callback) -> None:
    """Say which `on_…` methods nobody will call: misspelt ones, and Keras's hooks of evaluation and prediction."""
    for name in dir(callback):
        if name.startswith(("on_test_", "on_predict_")):
            warn(
                f"{type(callback).__name__}.{name} is never called: validation runs inside the compiled program. "
                "Use on_epoch_end, whose logs hold the val_ figures."
            )
        elif name.startswith("on_") and not hasattr(Callback, name):
            hooks = [hook for hook in dir(Callback) if hook.startswith("on_")]
            warn(f"{type(callback).__name__}.{name} is never called: no such hook. {did_you_mean(name, hooks)}")


class LambdaCallback(Callback):
    """Hooks given as functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))`."""

    def __init__(self, **hooks: Callable[..., None]) -> None:
        known = (*EPOCH_HOOKS, *BATCH_HOOKS, "on_train_begin", "on_train_end")
        for name, function in hooks.items():
            if name not in known:
                raise DeepkitTypeError(f"LambdaCallback({name}=…): no such hook. Hooks: {', '.join(known)}.")
            if not callable(function):
                raise DeepkitTypeError(f"LambdaCallback({name}={function!r}): expected a function.")
            setattr(self, name, function)


class LearningRateScheduler(Callback):
    """Set the learning rate at the start of every epoch: `schedule(epoch)` or `schedule(epoch, rate)`.

    Comes back to the host every epoch. A schedule of the optimizer (`dk.optimizers.schedules`) costs nothing.
    """

    def __init__(self, schedule: Callable[..., float]) -> None:
        if not callable(schedule):
            raise DeepkitTypeError(f"LearningRateScheduler(schedule={schedule!r}): expected a function of the epoch.")
        self.schedule = schedule
        self._wants_rate = len(inspect.signature(schedule).parameters) > 1

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        arguments = (epoch, self.model.optimizer.learning_rate) if self._wants_rate else (epoch,)
        rate = self.schedule(*arguments)
        if not isinstance(rate, int | float | np.floating | np.integer):
            raise DeepkitTypeError(
                f"LearningRateScheduler: the schedule returned {rate!r} for epoch {epoch}. Return a number."
            )
        self.model.optimizer.learning_rate = float(rate)


class CSVLogger(Callback):
    """Write the figures of every epoch to a CSV file, flushed as they come.

    Args:
        filename: The file.
        separator: Between columns.
        append: Go on in an existing file instead of replacing it.
    """

    REPLAYED = True

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename = pathlib.Path(filename)
        self.separator = separator
        self.append = append
        self._file: IO[str] | None = None
        self._writer: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._continues = self.append and self.filename.exists() and self.filename.stat().st_size > 0
        self._file = self.filename.open("a" if self.append else "w", newline="")
        self._writer = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        assert self._file is not None
        row = {"epoch": epoch, **{k: v for k, v in (logs or {}).items() if np.ndim(v) == 0}}
        if self._writer is None:
            self._writer = csv.DictWriter(
                self._file, list(row), restval="NA", extrasaction="ignore", delimiter=self.separator
            )
            if not self._continues:
                self._writer.writeheader()
        self._writer.writerow(row)
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class ModelCheckpoint(Callback):
    """Save the model, or its weights, after every epoch or whenever it became better.

    With `save_best_only` the best weights are kept inside the program and the file is written when the run comes
    back to the host, so that it costs no speed; otherwise every epoch comes back to the host.

    Args:
        filepath: File name; may hold `{epoch:02d}` (from 1, as in Keras) and history keys such as `{val_loss:.3f}`.
            `save_weights_only=True` needs a name that ends in .npz or .safetensors.
        monitor, mode: As in `EarlyStopping`; read with `save_best_only`.
        save_best_only: Write only when `monitor` improved.
        save_weights_only: Write the parameters instead of the whole model.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
    ) -> None:
        self.filepath = os.fspath(filepath)
        if save_weights_only and not self.filepath.endswith((".npz", ".safetensors")):
            raise DeepkitValueError(
                f"ModelCheckpoint({self.filepath!r}, save_weights_only=True): the name says the format. "
                "End it in .npz or .safetensors."
            )
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.transition = BestWeights(monitor, mode, restore=False)
        self.best: float | None = None

    @property
    def monitor(self) -> str:
        """History key that decides which epoch is best."""
        return self.transition.monitor

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if not self.save_best_only:
            self.write(epoch, logs or {})

    def improved(self, value: float, directions: Mapping[str, str | None]) -> bool:
        """Whether this value is the best so far, those of earlier runs included; remembers it."""
        less = minimizes(self.transition.monitor, self.transition.mode, directions)
        better = self.best is None or (value < self.best if less else value > self.best)
        if better:
            self.best = value
        return better

    def write(self, epoch: int, logs: Logs) -> None:
        """Write the model as it stands now."""
        try:
            path = self.filepath.format(epoch=epoch + 1, **logs)
        except KeyError as error:
            raise DeepkitValueError(
                f"ModelCheckpoint({self.filepath!r}): the run reports no {error.args[0]!r}, only {', '.join(logs)}."
            ) from None
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.export(path)
        else:
            self.model.save(path)
