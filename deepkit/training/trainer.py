"""What `compile` makes: the functions that train and evaluate one model, and what they carry between runs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit import metrics, optimizers
from deepkit.cache import enable_compilation_cache
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, did_you_mean, warn
from deepkit.layers.layer import Weights
from deepkit.optimizers import Optimizer
from deepkit.program.holders import store, stored
from deepkit.program.objective import Batch, Head, Objective
from deepkit.program.program import Program, combine, partition
from deepkit.training.callbacks import Callback, LearningRateScheduler, ModelCheckpoint
from deepkit.training.history import History
from deepkit.training.loop import Run, Strategy, stopped
from deepkit.training.progress import make_progress
from deepkit.training.resident import Resident, batch_shapes, make_advance
from deepkit.training.state import TrainState
from deepkit.training.steps import Carried, Shapes, Steps
from deepkit.training.streaming import Streaming, make_stream_functions
from deepkit.training.transitions import ReduceLROnPlateau, Transition

EVALUATION_ROWS = 1024
"""Rows per batch in evaluation, unless training batches are larger: sums are exact for any size, memory is bounded."""


@dataclasses.dataclass
class Plan:
    """Everything that a call of `fit` decides, checked.

    Attributes:
        epochs, initial_epoch, seed, verbose: As in `fit`.
        callbacks: Host callbacks, in order.
        transitions: Callbacks inside the program, in order.
        validation: Rows on the device, or `None`.
        validation_rows: Which rows `validation_split` took.
    """

    epochs: int
    initial_epoch: int
    seed: int
    verbose: Any
    callbacks: tuple[Callback, ...]
    transitions: tuple[Transition, ...]
    validation: Batch | None
    validation_rows: np.ndarray | None = None

    @property
    def with_rate(self) -> bool:
        """Whether the learning rate is a column of the history."""
        return any(t.REPORTS_RATE for t in self.transitions) or any(
            isinstance(c, LearningRateScheduler) for c in self.callbacks
        )


class Trainer:
    """Trains and evaluates the weights in a program's layers.

    Args:
        program: The pure functions of the model.
        optimizer: Kept; its `learning_rate` may be set at any time.
        heads: Losses and metrics per output, all concrete.
    """

    def __init__(self, program: Program, optimizer: Optimizer, heads: tuple[Head, ...]) -> None:
        self.program = program
        self.optimizer = optimizer
        self.heads = heads
        self._carried: Carried | None = None
        self._carried_flags: tuple[bool, ...] = ()
        self._functions: dict[Any, Any] = {}

    def forget(self) -> None:
        """Start the next run with a fresh optimizer."""
        self._carried = None

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        """The function under this key, made on first use: what is traced once is not traced again."""
        if key not in self._functions:
            self._functions[key] = make()
        return self._functions[key]

    @property
    def objective(self) -> Objective:
        """Loss, penalties and metrics as a pure function."""
        return self._once(("objective", self.heads), lambda: Objective(self.program, self.heads))

    def _steps(self, transitions: tuple[Transition, ...]) -> tuple[Any, Steps]:
        mask = self.program.trainable_mask()
        flags = tuple(jax.tree.leaves(mask))
        if not flags:
            raise DeepkitValueError(
                "the model has no parameters, so there is nothing to train. Add a layer that learns, such as Dense."
            )
        if not any(flags):
            raise DeepkitValueError(
                "every parameter is frozen, so there is nothing to train. "
                "Set layer.trainable = True on at least one layer."
            )
        schedule = self.optimizer.learning_rate if self.optimizer.scheduled else None
        key = ("steps", self.heads, transitions, flags, schedule)
        return key, self._once(key, lambda: Steps(self.objective, self.optimizer, mask, transitions))

    def train_resident(
        self,
        model: Any,
        rows: Batch,
        batch_size: int,
        shuffle: bool,
        validation_batch_size: int | None,
        plan: Plan,
    ) -> History:
        """Train on rows that stay on the device."""
        key, steps = self._steps(plan.transitions)
        count = rows.inputs[0].shape[0]
        batch_size = min(batch_size, count)
        measured = validation_batch_size or max(batch_size, EVALUATION_ROWS)
        advance = self._once(
            ("advance", key, batch_size, shuffle, measured, plan.with_rate),
            lambda: make_advance(steps, batch_size, shuffle, measured, plan.with_rate),
        )
        strategy = Resident(advance, rows, plan.validation, batch_size)
        return self._run(model, strategy, steps, key, batch_shapes(rows, batch_size), plan)

    def train_streaming(
        self,
        model: Any,
        batches: Callable[[int], Iterator[Batch]],
        first: Batch,
        steps_per_epoch: int | None,
        validation_batch_size: int | None,
        plan: Plan,
    ) -> History:
        """Train on batches as they come; `first` is one of them, for its shapes."""
        key, steps = self._steps(plan.transitions)
        measured = validation_batch_size or max(first.inputs[0].shape[0], EVALUATION_ROWS)
        functions = self._once(
            ("stream", key, measured, plan.with_rate),
            lambda: make_stream_functions(steps, measured, plan.with_rate),
        )
        strategy = Streaming(functions, batches, plan.validation, steps_per_epoch)
        return self._run(model, strategy, steps, key, jax.eval_shape(lambda: first), plan)

    def _run(self, model: Any, strategy: Strategy, steps: Steps, key: Any, batch: Batch, plan: Plan) -> History:
        enable_compilation_cache()
        weights = stored(self.program)
        if weights is None and self._some_stored():
            self.initialize(plan.seed)
            weights = stored(self.program)
        shapes, begin = self._once(
            ("begin", key, _signature(batch), plan.validation is not None, plan.with_rate),
            lambda: self._make_begin(steps, batch, plan),
        )
        _check_monitors(plan, shapes)
        rate = 0.0 if self.optimizer.scheduled else float(self.optimizer.learning_rate)  # type: ignore[arg-type]
        # Layers may have been frozen or thawed since: then the optimizer's memory is of other parameters.
        carried = self._carried if self._carried_flags == _flags(steps) else None
        progress = make_progress(plan.verbose, plan.initial_epoch + plan.epochs)
        s = begin(weights, plan.seed, rate, carried)
        run = Run(
            strategy, shapes.figures, plan.epochs, plan.initial_epoch, plan.callbacks, plan.transitions, progress,
            publish=lambda s: self._publish(s, steps, plan), collect=lambda s: self._collect(s, steps, model),
        )  # fmt: skip
        for callback in plan.callbacks:
            callback.set_model(model)
            callback.set_params({"epochs": plan.epochs, "steps": strategy.steps_per_epoch, "verbose": plan.verbose})
        model.stop_training = False
        s = run.train(s)
        self._finish(s, run.history, plan, steps)
        for callback in plan.callbacks:
            callback.on_train_end()
        run.history.validation_rows = plan.validation_rows
        return run.history

    def _some_stored(self) -> bool:
        return any(layer.holder.params is not None or layer.holder.state for layer in self.program.places.values())

    def _make_begin(self, steps: Steps, batch: Batch, plan: Plan) -> tuple[Shapes, Any]:
        params, state = jax.eval_shape(lambda: self.program.init(jax.random.key(0)))
        shapes = steps.shapes(params, state, batch, validated=plan.validation is not None, with_rate=plan.with_rate)
        return shapes, jax.jit(lambda weights, seed, rate, carried: steps.begin(weights, seed, rate, carried, shapes))

    def initialize(self, seed: int) -> None:
        """Draw the weights of all layers that have none yet."""
        draw = self._once("init", lambda: jax.jit(lambda seed: self.program.init(jax.random.key(seed))))
        enable_compilation_cache()
        store(self.program, *draw(seed), overwrite=False)

    def _publish(self, s: TrainState, steps: Steps, plan: Plan) -> None:
        """Copies of the weights for callbacks: the state itself is given away to the next chunk."""
        if not plan.callbacks:
            return
        trained, frozen, state = jax.tree.map(jnp.copy, (s.trained, s.frozen, s.state))
        params = combine(trained, frozen)
        store(self.program, params, state)
        self._published = (params, state)
        if not self.optimizer.scheduled:
            self.optimizer.learning_rate = float(s.learning_rate)

    def _collect(self, s: TrainState, steps: Steps, model: Any) -> TrainState:
        """The state with what callbacks changed: weights, learning rate, and whether to stop."""
        weights = stored(self.program)
        changed = weights is not None and any(
            a is not b for a, b in zip(jax.tree.leaves(weights), jax.tree.leaves(self._published), strict=True)
        )
        if changed:
            assert weights is not None
            trained, frozen = partition(jax.tree.map(jnp.copy, weights[0]), steps.trainable)
            s = s.replace(trained=trained, frozen=frozen, state=jax.tree.map(jnp.copy, weights[1]))
            self._published = weights
        if not self.optimizer.scheduled and float(self.optimizer.learning_rate) != float(s.learning_rate):  # type: ignore[arg-type]
            s = s.replace(learning_rate=jnp.asarray(self.optimizer.learning_rate, jnp.float32))
        return stopped(s) if model.stop_training else s

    def _finish(self, s: TrainState, history: History, plan: Plan, steps: Steps) -> None:
        """Leave the final weights in the layers, and the rest for the next run."""
        trained, state = self.optimizer.averaged(s.optimizer, s.trained), s.state
        first = int(s.epoch) - len(history.epoch)
        for transition, memory in zip(plan.transitions, s.memories, strict=True):
            restored = transition.finish(memory, first, len(history.epoch))
            if restored is not None:
                trained, state = restored
        store(self.program, combine(trained, s.frozen), state)
        self._carried, self._carried_flags = Carried(s.optimizer, s.iteration, s.epoch), _flags(steps)
        if any(t.REPORTS_RATE for t in plan.transitions) and not self.optimizer.scheduled:
            self.optimizer.learning_rate = float(s.learning_rate)
        _explain_nan(history)

    def evaluate(self, weights: tuple[Weights, Weights], rows: Batch, batch_size: int) -> dict[str, Any]:
        """The figures over all rows, in evaluation mode."""
        enable_compilation_cache()
        measure = self._once(("evaluate", self.heads, batch_size), lambda: self._make_evaluate(batch_size))
        values = jax.device_get(measure(*weights, rows))
        return dict(zip(self.objective.keys, (_plain(value) for value in values), strict=True))

    def _make_evaluate(self, batch_size: int) -> Any:
        steps = Steps(self.objective, self.optimizer, self.program.trainable_mask(), ())

        def measure(params: Weights, state: Weights, rows: Batch) -> list[jax.Array]:
            return list(self.objective.report(steps.evaluate(params, state, rows, batch_size)).values())

        return jax.jit(measure)


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)


def _signature(batch: Batch) -> Any:
    leaves, structure = jax.tree.flatten(batch)
    return structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)


def _flags(steps: Steps) -> tuple[bool, ...]:
    return tuple(jax.tree.leaves(steps.trainable))


def _check_monitors(plan: Plan, shapes: Shapes) -> None:
    scalars = [key for key, shape in shapes.figures.items() if not shape]
    # Checkpoints first: the transition that one brings along is not what the user wrote.
    watchers = [
        *(c for c in plan.callbacks if isinstance(c, ModelCheckpoint) and c.save_best_only),
        *plan.transitions,
    ]
    for watcher in watchers:
        monitor = watcher.monitored() if isinstance(watcher, Transition) else watcher.monitor  # type: ignore[attr-defined]
        if monitor is None or monitor in scalars:
            continue
        if monitor.startswith("val_") and plan.validation is None:
            mend = f"Pass validation_data or validation_split, or monitor {monitor.removeprefix('val_')!r}."
        elif monitor.removeprefix("val_") in metrics.NAMES:
            mend = f"Let the run measure it: compile(…, metrics=[{monitor.removeprefix('val_')!r}])."
        else:
            mend = did_you_mean(monitor, scalars)
        raise DeepkitValueError(
            f"{type(watcher).__name__} monitors {monitor!r}, but this run reports {', '.join(scalars)}. {mend}"
        )


def _explain_nan(history: History) -> None:
    losses = history.history.get("loss", [])
    bad = next((epoch for epoch, loss in zip(history.epoch, losses, strict=True) if not math.isfinite(loss)), None)
    if bad is not None:
        warn(
            f"the loss became {losses[history.epoch.index(bad)]} in epoch {bad + 1}, and the weights are of no use. "
            "Most often the learning rate is too high: try a tenth of it, standardise the inputs, or clip the "
            "gradients (optimizer(…, global_clipnorm=1.0))."
        )


def split_callbacks(callbacks: Sequence[Any], scheduled: bool) -> tuple[tuple[Callback, ...], tuple[Transition, ...]]:
    """Host callbacks and program transitions; checkpoints of the best weights bring a transition along."""
    hosts: list[Callback] = []
    transitions: list[Transition] = []
    for callback in callbacks:
        if isinstance(callback, type) and issubclass(callback, Callback | Transition):
            raise DeepkitTypeError(f"callbacks holds the class {callback.__name__}. Make one: {callback.__name__}(…).")
        if isinstance(callback, Transition):
            transitions.append(callback)
        elif isinstance(callback, Callback):
            hosts.append(callback)
            if isinstance(callback, ModelCheckpoint) and callback.save_best_only:
                transitions.append(callback.transition)
        else:
            raise DeepkitTypeError(
                f"callbacks holds {described(callback)}, which is no callback. Derive its class from "
                "dk.callbacks.Callback, or wrap a function: dk.callbacks.LambdaCallback(on_epoch_end=function)."
            )
        if scheduled and isinstance(callback, ReduceLROnPlateau | LearningRateScheduler):
            raise DeepkitValueError(
                f"{type(callback).__name__} changes the learning rate, but the optimizer follows a schedule, which "
                "would overrule it. Give the optimizer a number, or leave the callback out."
            )
    return tuple(hosts), tuple(transitions)


def compiled_optimizer(optimizer: Any) -> Optimizer:
    """The model's own copy of an optimizer: setting its learning rate must not reach another model."""
    return optimizers.get(optimizer).replace()


def resident_bytes() -> float:
    """How many bytes of data may stay on the device: half of its memory; no bound where it tells none (CPU)."""
    statistics = jax.local_devices()[0].memory_stats()
    limit = (statistics or {}).get("bytes_limit")
    return math.inf if limit is None else limit / 2


def to_device(
    inputs: Sequence[np.ndarray], targets: Sequence[np.ndarray], weights: Sequence[np.ndarray | None]
) -> Batch:
    """Checked arrays as device rows."""
    return Batch(
        tuple(jnp.asarray(a) for a in inputs),
        tuple(jnp.asarray(a) for a in targets),
        tuple(None if a is None else jnp.asarray(a, jnp.float32) for a in weights),
    )
