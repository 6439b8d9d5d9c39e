"""Callbacks that are pure: traced into the run's program, so that they cost no visit to the host.

A transition carries a pytree (its memory) from epoch to epoch and may change the parameters, the learning
rate, and whether the run stops. Write your own by defining `start` and `step` with jax.numpy.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import Configurable, parameter
from deepkit.converters import finite_number, non_negative_integer, non_negative_number
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, did_you_mean
from deepkit.layers.layer import Weights

Memory = Any
Mode = Literal["auto", "min", "max"]


@dataclasses.dataclass(frozen=True)
class Epoch:
    """What a transition sees at the end of an epoch, and may return changed.

    Attributes:
        number: Finished epochs before this one, since `compile` (int32 scalar).
        logs: Figures of the epoch by history key (traced scalars).
        trained: The trained parameters.
        state: The layers' state.
        learning_rate: Rate of the next step (float32 scalar).
        stop: True ends the run after this epoch.
        directions: Figures' names → "up" or "down", whichever is better; not traced.
    """

    number: jax.Array
    logs: dict[str, jax.Array]
    trained: Weights
    state: Weights
    learning_rate: jax.Array
    stop: jax.Array
    directions: Mapping[str, str | None] = dataclasses.field(default_factory=dict)

    def replace(self, **changes: Any) -> Epoch:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def less_is_better(self, monitor: str, mode: str) -> bool:
        """Whether a monitored figure should fall: as `mode` says, else as its metric says."""
        return minimizes(monitor, mode, self.directions)


class Transition(Configurable):
    """Base of the callbacks that run inside the program."""

    REPORTS_RATE: ClassVar[bool] = False
    """Whether the learning rate becomes a column of the history."""

    def monitored(self) -> str | None:
        """The history key it reads, checked before the run starts."""
        return getattr(self, "monitor", None)

    def start(self, epoch: Epoch) -> Memory:
        """Memory before the first epoch; `epoch` has the weights, and no logs yet."""
        return ()

    def step(self, memory: Memory, epoch: Epoch) -> tuple[Memory, Epoch]:
        """One epoch on: the new memory, and the epoch, changed or not."""
        return memory, epoch

    def finish(self, memory: Memory, names: Callable[[int], int]) -> tuple[Weights, Weights] | None:
        """After the run, on the host: `(trained, state)` to go back to, or `None`.

        `names` gives the number by which the history calls an epoch, for the number that `step` saw.
        """
        return None


def minimizes(monitor: str, mode: str, directions: Mapping[str, str | None] | None = None) -> bool:
    """Whether less is better: as `mode` says, else as the metric says, else by the name (accuracies and such grow)."""
    if mode != "auto":
        return mode == "min"
    figure = monitor.removeprefix("val_")
    direction = (directions or {}).get(figure)
    if direction is not None:
        return direction == "down"
    growing = ("acc", "auc", "precision", "recall", "f1", "r2", "pearson", "top_k", "cosine_similarity")
    return figure.endswith("loss") or not any(part in figure for part in growing)


def _mode(value: Any) -> str:
    if value not in ("auto", "min", "max"):
        raise DeepkitValueError(f"expected 'auto', 'min' or 'max'. {did_you_mean(str(value), ('auto', 'min', 'max'))}")
    return str(value)


def _monitor(value: Any) -> str:
    if not isinstance(value, str):
        raise DeepkitTypeError(f"expected a history key such as 'val_loss', got {described(value)}.")
    # What the tables of a sweep call the figures of development rows.
    return f"val_{value.removeprefix('dev_')}" if value.startswith("dev_") else value


def _factor(value: Any) -> float:
    if not 0 < finite_number(value) < 1:
        raise DeepkitValueError("expected a number between 0 and 1, such as 0.1.")
    return float(value)


def _better(value: jax.Array, best: jax.Array, margin: float, less: bool) -> jax.Array:
    """Strictly better by more than the margin; never true for NaN."""
    return value + margin < best if less else value - margin > best


def _choose(condition: jax.Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _worst(less: bool) -> np.float32:
    return np.float32(math.inf if less else -math.inf)


def _tell_best(transition: Transition, memory: Memory, names: Callable[[int], int]) -> bool:
    """Leave `best` and `best_epoch` on the callback, where Keras users look; whether there was a best at all."""
    found = bool(np.isfinite(memory["best"]))
    object.__setattr__(transition, "best", float(memory["best"]) if found else None)
    object.__setattr__(transition, "best_epoch", names(int(memory["best_epoch"])) if found else None)
    return found


class EarlyStopping(Transition):
    """Stop when a figure has not improved for `patience` epochs.

    After the run `best`, `best_epoch` and `stopped_epoch` (0 if it ran to its end) tell what happened. NaN is never
    an improvement. (In Keras a NaN in the first epoch is, and then no number ever beats it.)

    Args:
        monitor: History key; `"dev_loss"`, as in the tables of a sweep, is `"val_loss"`.
        min_delta: An improvement is more than this.
        patience: Epochs without improvement that are borne.
        mode: `"min"`, `"max"`, or `"auto"`: as the metric says.
        baseline: A value that must be beaten for an improvement to start the count of `patience` anew.
        restore_best_weights: Go back to the weights of the best epoch at the end of the run, as in Keras
            also when the run was not stopped early.
        start_from_epoch: Epochs to wait before watching.
    """

    monitor: str = parameter(default="val_loss", convert=_monitor)
    min_delta: float = parameter(default=0.0, convert=lambda value: abs(finite_number(value)))
    patience: int = parameter(default=0, convert=non_negative_integer)
    mode: str = parameter(default="auto", convert=_mode)
    baseline: float | None = None
    restore_best_weights: bool = False
    start_from_epoch: int = parameter(default=0, convert=non_negative_integer)

    best: ClassVar[float | None] = None
    best_epoch: ClassVar[int | None] = None
    stopped_epoch: ClassVar[int] = 0

    def start(self, epoch: Epoch) -> Memory:
        memory = {
            "best": _worst(epoch.less_is_better(self.monitor, self.mode)), "best_epoch": epoch.number,
            "wait": np.int32(0), "seen": np.int32(0), "stopped": np.int32(-1),
        }  # fmt: skip
        if self.restore_best_weights:
            memory["weights"] = (epoch.trained, epoch.state)
        return memory

    def step(self, memory: Memory, epoch: Epoch) -> tuple[Memory, Epoch]:
        less = epoch.less_is_better(self.monitor, self.mode)
        value = jnp.asarray(epoch.logs[self.monitor], jnp.float32)
        watching = memory["seen"] >= self.start_from_epoch
        first = memory["seen"] == self.start_from_epoch
        improved = watching & (first | _better(value, memory["best"], self.min_delta, less))
        counts = improved
        if self.baseline is not None:
            # As in Keras: patience is only reset by an improvement that also beats the baseline.
            counts = improved & _better(value, jnp.float32(self.baseline), self.min_delta, less)
        wait = jnp.where(watching, jnp.where(counts, 0, memory["wait"] + 1), 0)
        stop = watching & ~improved & (wait >= self.patience)
        updated = {
            "best": jnp.where(improved & ~jnp.isnan(value), value, memory["best"]),
            "best_epoch": jnp.where(improved, epoch.number, memory["best_epoch"]),
            "wait": wait, "seen": memory["seen"] + 1, "stopped": jnp.where(stop, epoch.number, memory["stopped"]),
        }  # fmt: skip
        if self.restore_best_weights:
            updated["weights"] = _choose(improved, (epoch.trained, epoch.state), memory["weights"])
        return updated, epoch.replace(stop=epoch.stop | stop)

    def finish(self, memory: Memory, names: Callable[[int], int]) -> tuple[Weights, Weights] | None:
        _tell_best(self, memory, names)
        stopped = int(memory["stopped"])
        object.__setattr__(self, "stopped_epoch", names(stopped) if stopped >= 0 else 0)
        watched = int(memory["seen"]) > self.start_from_epoch
        return memory["weights"] if self.restore_best_weights and watched else None


class ReduceLROnPlateau(Transition):
    """Multiply the learning rate by `factor` when a figure has not improved for `patience` epochs.

    Args: as in Keras. `min_delta` defaults to 1e-4, `cooldown` epochs follow each reduction in which nothing is
    counted, and the rate never falls below `min_lr`. Refused together with a learning-rate schedule. NaN is never an
    improvement.
    """

    REPORTS_RATE: ClassVar[bool] = True

    monitor: str = parameter(default="val_loss", convert=_monitor)
    factor: float = parameter(default=0.1, convert=_factor)
    patience: int = parameter(default=10, convert=non_negative_integer)
    mode: str = parameter(default="auto", convert=_mode)
    min_delta: float = parameter(default=1e-4, convert=non_negative_number)
    cooldown: int = parameter(default=0, convert=non_negative_integer)
    min_lr: float = parameter(default=0.0, convert=non_negative_number)

    def start(self, epoch: Epoch) -> Memory:
        worst = _worst(epoch.less_is_better(self.monitor, self.mode))
        return {"best": worst, "wait": np.int32(0), "cooldown": np.int32(0)}

    def step(self, memory: Memory, epoch: Epoch) -> tuple[Memory, Epoch]:
        less = epoch.less_is_better(self.monitor, self.mode)
        value = jnp.asarray(epoch.logs[self.monitor], jnp.float32)
        cooling = jnp.maximum(memory["cooldown"] - 1, 0)
        wait = jnp.where(memory["cooldown"] > 0, 0, memory["wait"])
        improved = _better(value, memory["best"], self.min_delta, less)
        wait = jnp.where(improved | (cooling > 0), jnp.where(improved, 0, wait), wait + 1)
        reduce = ~improved & (cooling == 0) & (wait >= self.patience)
        lowered = jnp.maximum(epoch.learning_rate * self.factor, self.min_lr)
        rate = jnp.where(reduce, jnp.minimum(lowered, epoch.learning_rate), epoch.learning_rate)
        updated = {
            "best": jnp.where(improved, value, memory["best"]),
            "wait": jnp.where(reduce, 0, wait),
            "cooldown": jnp.where(reduce, self.cooldown, cooling),
        }
        return updated, epoch.replace(learning_rate=rate)


class TerminateOnNaN(Transition):
    """End the run after an epoch whose loss is NaN or infinite."""

    def step(self, memory: Memory, epoch: Epoch) -> tuple[Memory, Epoch]:
        return memory, epoch.replace(stop=epoch.stop | ~jnp.isfinite(epoch.logs["loss"]))


class BestWeights(Transition):
    """Remember the weights of the best epoch; with `restore`, end the run on them.

    Unlike `EarlyStopping` it never stops a run. `best` and `best_epoch` tell afterwards which it was.

    Args:
        monitor: History key.
        mode: `"min"`, `"max"`, or `"auto"`: as the metric says.
        restore: Go back to the best weights at the end of the run.
    """

    monitor: str = parameter(default="val_loss", convert=_monitor)
    mode: str = parameter(default="auto", convert=_mode)
    restore: bool = True

    best: ClassVar[float | None] = None
    best_epoch: ClassVar[int | None] = None

    def start(self, epoch: Epoch) -> Memory:
        best = _worst(epoch.less_is_better(self.monitor, self.mode))
        return {"best": best, "best_epoch": epoch.number, "weights": (epoch.trained, epoch.state)}

    def step(self, memory: Memory, epoch: Epoch) -> tuple[Memory, Epoch]:
        value = jnp.asarray(epoch.logs[self.monitor], jnp.float32)
        improved = _better(value, memory["best"], 0.0, epoch.less_is_better(self.monitor, self.mode))
        now = {"best": value, "best_epoch": epoch.number, "weights": (epoch.trained, epoch.state)}
        return _choose(improved, now, memory), epoch

    def finish(self, memory: Memory, names: Callable[[int], int]) -> tuple[Weights, Weights] | None:
        improved = _tell_best(self, memory, names)
        return memory["weights"] if improved and self.restore else None
