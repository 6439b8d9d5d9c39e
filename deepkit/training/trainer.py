"""What `compile` makes: the functions that train and evaluate one model, and what they carry between runs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from deepkit import metrics, optimizers
from deepkit.cache import enable_compilation_cache
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, did_you_mean, warn
from deepkit.kept import Kept, kept_value
from deepkit.kernels import compiler_options
from deepkit.layers.layer import Weights
from deepkit.optimizers import Optimizer
from deepkit.program.description import LEARNING_RATE, describe, written
from deepkit.program.holders import store, stored
from deepkit.program.memory import check_weights_fit
from deepkit.program.objective import Batch, Head, Objective
from deepkit.program.program import Program, combine, partition
from deepkit.training.arguments import rows_at_once
from deepkit.training.callbacks import (
    Callback,
    LearningRateScheduler,
    ModelCheckpoint,
    warn_of_unknown_hooks,
)
from deepkit.training.history import History
from deepkit.training.loop import Run, Strategy, stopped
from deepkit.training.progress import make_progress
from deepkit.training.resident import Resident, batch_shapes, make_advance
from deepkit.training.state import TrainState
from deepkit.training.steps import Carried, Shapes, Steps
from deepkit.training.streaming import Streaming, make_stream_functions
from deepkit.training.transitions import ReduceLROnPlateau, Transition


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

    def steps(self, transitions: tuple[Transition, ...]) -> Steps:
        """What training of the present heads, optimizer and frozen layers is made of."""
        return self._steps(transitions)[1]

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

    def _identity(self, *more: Any) -> str | None:
        """Text that says everything a program of this model is made from, if text can."""
        description = describe(self.program.graph, self.optimizer, self.heads, *more)
        # The rate is an argument; the numbers of a schedule are not.
        values = [(number.path, number.value) for number in description.numbers if number.path != LEARNING_RATE]
        structure = written(description.structure)
        return None if structure is None else f"{structure}{values}"

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
        measured = validation_batch_size or max(batch_size, rows_at_once(self.program.graph))
        how = batch_size, shuffle, measured, plan.with_rate
        advance = self._once(
            ("advance", key, how),
            lambda: Kept(make_advance(steps, *how), self._identity("advance", plan.transitions, how)),
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
        measured = validation_batch_size or max(first.inputs[0].shape[0], rows_at_once(self.program.graph))
        functions = self._once(
            ("stream", key, measured, plan.with_rate),
            lambda: make_stream_functions(steps, measured, plan.with_rate),
        )
        strategy = Streaming(functions, batches, plan.validation, steps_per_epoch)
        return self._run(model, strategy, steps, key, jax.eval_shape(lambda: first), plan)

    def _run(self, model: Any, strategy: Strategy, steps: Steps, key: Any, batch: Batch, plan: Plan) -> History:
        enable_compilation_cache()
        what = _signature(batch), plan.validation is not None, plan.with_rate
        shapes = self._once(
            ("shapes", key, what),
            lambda: kept_value(
                self._identity("shapes", plan.transitions), what,
                lambda: steps.shapes(batch, validated=plan.validation is not None, with_rate=plan.with_rate),
            ),
        )  # fmt: skip
        _check_monitors(plan, shapes, self.objective.directions)
        last = plan.initial_epoch + plan.epochs
        progress = make_progress(plan.verbose, last, plan.initial_epoch)
        run = Run(
            strategy, shapes.figures, self.objective.directions, plan.epochs, plan.initial_epoch, plan.callbacks,
            plan.transitions, progress, publish=lambda s: self._publish(s, plan),
            collect=lambda s: self._collect(s, steps, model), measure=self._measure,
        )  # fmt: skip
        for callback in plan.callbacks:
            callback.set_model(model)
            callback.set_params({"epochs": last, "steps": strategy.steps_per_epoch, "verbose": plan.verbose})
        model.stop_training = False
        if plan.callbacks:
            model.history = run.history
        try:
            s = run.train(self._begin(steps, key, shapes, plan))
        except BaseException:
            self._rescue(run, model, steps, plan)
            raise
        self._finish(s, run.history, plan, steps)
        run.end()
        run.history.validation_rows = plan.validation_rows
        return run.history

    def _begin(self, steps: Steps, key: Any, shapes: Shapes, plan: Plan) -> TrainState:
        carried, weights = self._carried, stored(self.program)
        if weights is None:
            check_weights_fit(self.program, self.optimizer, copies=2)  # those of the layers, and those in training
            store(self.program, *self.program.draw(plan.seed), overwrite=False)
            weights = stored(self.program)
            assert weights is not None
        # Layers may have been frozen or thawed since: then the optimizer's memory is of other parameters.
        if carried is None or self._carried_flags != _flags(steps):
            fresh = self._once(
                ("fresh", key),
                lambda: Kept(
                    jax.jit(steps.fresh, compiler_options=compiler_options(hasty=True)),
                    self._identity("fresh", plan.transitions),
                ),
            )
            carried = fresh(partition(weights[0], steps.trainable)[0])
        rate = np.float32(0) if self.optimizer.scheduled else self._rate()
        return _copied(steps.begin(weights, carried, np.uint32(plan.seed), rate, shapes))

    def _rate(self) -> np.float32:
        """The optimizer's learning rate as the program knows it; only where no schedule sets it."""
        return np.float32(self.optimizer.learning_rate)  # type: ignore[arg-type]

    def _publish(self, s: TrainState, plan: Plan) -> None:
        """Copies of the weights for callbacks: the state itself is given away to the next chunk."""
        if not plan.callbacks:
            return
        trained, frozen, state = _copied((s.trained, s.frozen, s.state))
        self._published = (combine(trained, frozen), state)
        store(self.program, *self._published)
        self._tell_rate(s)

    def _tell_rate(self, s: TrainState) -> None:
        """Leave a rate that the program changed in the optimizer, as the shortest number that means it."""
        rate = np.float32(s.learning_rate)
        if not self.optimizer.scheduled and self._rate() != rate:
            self.optimizer.learning_rate = float(str(rate))

    def _measure(self, s: TrainState) -> dict[str, Any]:
        report = self._once(("report", self.heads), lambda: jax.jit(self.objective.report))
        return {key: _plain(value) for key, value in jax.device_get(report(s.statistics)).items()}

    def _collect(self, s: TrainState, steps: Steps, model: Any) -> TrainState:
        """The state with what callbacks changed: weights, learning rate, and whether to stop."""
        weights = stored(self.program)
        changed = weights is not None and any(
            a is not b for a, b in zip(jax.tree.leaves(weights), jax.tree.leaves(self._published), strict=True)
        )
        if changed:
            assert weights is not None
            params, state = _copied(weights)
            trained, frozen = partition(params, steps.trainable)
            s = s.replace(trained=trained, frozen=frozen, state=state)
            self._published = weights
        if not self.optimizer.scheduled and self._rate() != np.float32(s.learning_rate):
            s = s.replace(learning_rate=jax.device_put(self._rate()))
        return stopped(s) if model.stop_training else s

    def _finish(self, s: TrainState, history: History, plan: Plan, steps: Steps) -> None:
        """Leave the final weights in the layers, and the rest for the next run."""
        trained, state = self.optimizer.averaged(s.optimizer, s.trained), s.state
        offset = int(s.epoch) - len(history.epoch) - plan.initial_epoch
        for transition, memory in zip(plan.transitions, s.memories, strict=True):
            restored = transition.finish(memory, lambda number: number - offset)
            if restored is not None:
                trained, state = restored
        self._keep(s.replace(trained=trained, state=state), steps)
        _explain_nan(history)

    def _keep(self, s: TrainState, steps: Steps) -> None:
        store(self.program, combine(s.trained, s.frozen), s.state)
        self._carried, self._carried_flags = Carried(s.optimizer, s.iteration, s.epoch), _flags(steps)
        self._tell_rate(s)

    def _rescue(self, run: Run, model: Any, steps: Steps, plan: Plan) -> None:
        """After an error in a callback, in the data or by Ctrl-C, leave the weights of that moment and the history."""
        model.history = run.history
        s = getattr(run, "state", None)
        if s is not None and not any(leaf.is_deleted() for leaf in jax.tree.leaves(s)):
            self._keep(self._collect(s, steps, model) if plan.callbacks else s, steps)
        run.fail()

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


def _copied(tree: Any) -> Any:
    """The same numbers on the device, in memory of their own; unlike `jnp.copy` it compiles nothing."""
    return jax.device_put(tree, may_alias=False)


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)


def _signature(batch: Batch) -> Any:
    leaves, structure = jax.tree.flatten(batch)
    return structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)


def _flags(steps: Steps) -> tuple[bool, ...]:
    return tuple(jax.tree.leaves(steps.trainable))


def _check_monitors(plan: Plan, shapes: Shapes, directions: Mapping[str, str | None]) -> None:
    scalars = [key for key, shape in shapes.figures.items() if not shape]
    # Checkpoints first: the transition that one brings along is not what the user wrote.
    watchers = [
        *(c for c in plan.callbacks if isinstance(c, ModelCheckpoint) and c.save_best_only),
        *plan.transitions,
    ]
    for watcher in watchers:
        monitor = watcher.monitored() if isinstance(watcher, Transition) else watcher.monitor  # type: ignore[attr-defined]
        if monitor in scalars and getattr(watcher, "mode", None) == "auto":
            figure = monitor.removeprefix("val_")
            if directions.get(figure, "") is None:
                raise DeepkitValueError(
                    f"{type(watcher).__name__} monitors {monitor!r}, a figure of which nobody can say whether more or "
                    "less is better. Say mode='max' or mode='min'."
                )
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
            f"the loss became {losses[history.epoch.index(bad)]} in epoch {bad + 1}, and what came after is of no use. "
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
            warn_of_unknown_hooks(callback)
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
    # Not jnp.asarray, which compiles a program for every new shape.
    rows: Any = (inputs, targets, [None if a is None else np.asarray(a, np.float32) for a in weights])
    moved: Any = jax.device_put(rows)
    return Batch(tuple(moved[0]), tuple(moved[1]), tuple(moved[2]))
