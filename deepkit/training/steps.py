"""The two moves of training, pure: one batch, and the end of an epoch."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.kernels.threefry import fold_in, key_of
from deepkit.layers.layer import Context, Weights
from deepkit.optimizers import Optimizer
from deepkit.program.objective import Batch, Objective, Statistics
from deepkit.program.program import combine, get, is_weight, partition
from deepkit.training.state import HISTORY_CAPACITY, HISTORY_NUMBERS, TrainState
from deepkit.training.transitions import Epoch, Transition

WORTH_AN_ORDER = 4096
"""Numbers of an array from which on no copy of it is made in every step: of a few hundred, a copy costs less."""


class Shapes(NamedTuple):
    """What a run's buffers look like.

    Attributes:
        statistics: A batch's statistics as `jax.ShapeDtypeStruct`s.
        figures: Shape of every figure of an epoch by history key, in the order of a history row.
    """

    statistics: Statistics
    figures: dict[str, tuple[int, ...]]


class Carried(NamedTuple):
    """What goes on from one `fit` to the next."""

    optimizer: Any
    iteration: jax.Array
    epoch: jax.Array


class Steps:
    """What the strategies (resident, streaming) are made of. Pure functions; all choices are fixed here.

    Args:
        objective: Loss, penalties and metrics.
        optimizer: Turns gradients into updates; its learning rate comes from the train state.
        trainable: Mask over the parameters.
        transitions: What happens at the end of an epoch inside the program.
        present: Per trained parameter, ones where it has weights and zeros where it is only filled up, if any is.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: Optimizer,
        trainable: Weights,
        transitions: tuple[Transition, ...],
        present: Weights | None = None,
    ) -> None:
        self.objective = objective
        self.optimizer = optimizer
        self.trainable = trainable
        self.transitions = transitions
        self.present = present
        self._constraints = [
            (tuple(entry.key for entry in path), weight.constraint)
            for path, weight in jax.tree_util.tree_leaves_with_path(objective.program.weight_tree(), is_leaf=is_weight)
            if weight.constraint is not None and get(trainable, tuple(entry.key for entry in path))
        ]

    def shapes(self, batch: Batch, *, validated: bool, with_rate: bool) -> Shapes:
        """Shapes of the statistics and of an epoch's figures, found without computing anything."""

        def measure(weights: tuple[Weights, Weights], seed: Any, batch: Batch) -> tuple[Statistics, list[jax.Array]]:
            context = Context(training=True, rng=jax.random.key(seed))
            statistics = self.objective(*weights, batch, context)[1][2]
            return statistics, list(self.objective.report(statistics).values())

        statistics, leaves = jax.eval_shape(measure, self.objective.program.shapes(), np.uint32(0), batch)
        figures = {key: leaf.shape for key, leaf in zip(self.objective.keys, leaves, strict=True)}
        if validated:
            figures |= {f"val_{name}": shape for name, shape in figures.items()}
        return Shapes(statistics, figures | ({"learning_rate": ()} if with_rate else {}))

    def fresh(self, trained: Weights) -> Carried:
        """What a run starts from that goes on from no other."""
        return Carried(self.optimizer.init(trained), _number(0, np.int32), _number(0, np.int32))

    def begin(
        self,
        weights: tuple[Weights, Weights],
        carried: Carried,
        seed: Any,
        learning_rate: Any,
        shapes: Shapes,
        capacity: int | None = None,
    ) -> TrainState:
        """The state before the first step of a run. Some of its arrays are those that were given, some are NumPy's.

        Args:
            weights: `(parameters, state)` to start from.
            carried: From `fresh`, or what an earlier run left.
            seed: Of the order of the rows, and of everything random in the layers (uint32).
            learning_rate: Of the first step (float32).
            shapes: From `shapes`.
            capacity: Epochs that the history holds before it is written over; as many as are fetched in time by
                default.
        """
        params, state = weights
        trained, frozen = partition(params, self.trainable)
        width = sum(map(math.prod, shapes.figures.values()))
        capacity = capacity or max(1, min(HISTORY_CAPACITY, HISTORY_NUMBERS // width))
        before = Epoch(
            carried.epoch, {}, trained, state, learning_rate, _number(False, bool), self.objective.directions
        )  # fmt: skip
        return TrainState(
            trained=trained, frozen=frozen, state=state, optimizer=carried.optimizer,
            memories=tuple(transition.start(before) for transition in self.transitions),
            learning_rate=learning_rate, iteration=carried.iteration, epoch=carried.epoch, step=_number(0, np.int32),
            stop=before.stop, statistics=jax.tree.map(lambda leaf: _zeros(leaf.shape, leaf.dtype), shapes.statistics),
            history=_zeros((capacity, width), np.float32), seed=seed,
        )  # fmt: skip

    def train_batch(self, s: TrainState, batch: Batch) -> TrainState:
        """One gradient step."""
        context = Context(training=True, rng=step_key(s))

        def loss(trained: Weights) -> tuple[jax.Array, tuple[Weights, Statistics]]:
            value, (_, state, statistics) = self.objective(combine(trained, s.frozen), s.state, batch, context)
            return value, (state, statistics)

        gradients, (state, statistics) = jax.grad(loss, has_aux=True)(s.trained)
        if self.present is not None:
            gradients = jax.tree.map(jnp.multiply, gradients, self.present)
        rate = s.learning_rate
        if self.optimizer.scheduled:
            rate = jnp.asarray(self.optimizer.schedule(s.iteration), jnp.float32)
        updates, optimizer = self.optimizer.update(gradients, s.optimizer, s.trained, rate)
        if jax.default_backend() == "cpu":
            updates = _behind(gradients, updates, never=s.epoch < 0)
        trained = jax.tree.map(lambda p, u: p + u.astype(p.dtype), s.trained, updates)
        return s.replace(
            trained=self._constrain(trained), state=state, optimizer=optimizer, learning_rate=rate,
            iteration=s.iteration + 1, step=s.step + 1,
            statistics=self.objective.merge(s.statistics, statistics),
        )  # fmt: skip

    def _constrain(self, trained: Weights) -> Weights:
        for path, constraint in self._constraints:
            trained = _replaced(trained, path, constraint(get(trained, path)))
        return trained

    def evaluate(self, params: Weights, state: Weights, rows: Batch, batch_size: int) -> Statistics:
        """Statistics over all rows in evaluation mode, in batches so that memory stays bounded."""
        count = rows.inputs[0].shape[0]

        def measure(batch: Batch) -> Statistics:
            return self.objective(params, state, batch, Context())[1][2]

        if count <= batch_size:
            return measure(rows)
        batches = -(-count // batch_size)

        def add(number: jax.Array, total: Statistics) -> Statistics:
            return self.objective.merge(total, measure(take(rows, number, batch_size)))

        shapes = jax.eval_shape(lambda: measure(take(rows, 0, batch_size)))
        empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return jax.lax.fori_loop(0, batches, add, empty)

    def end_epoch(
        self, s: TrainState, validation: Batch | None, validation_batch_size: int, with_rate: bool
    ) -> TrainState:
        """Validation, transitions, and the epoch's row in the history."""
        figures = self._figures(s, validation, validation_batch_size, with_rate)
        epoch = Epoch(s.epoch, figures, s.trained, s.state, s.learning_rate, s.stop, self.objective.directions)
        memories = []
        for transition, memory in zip(self.transitions, s.memories, strict=True):
            memory, epoch = transition.step(memory, epoch)
            memories.append(memory)
        row = jnp.concatenate([jnp.ravel(jnp.asarray(value, s.history.dtype)) for value in figures.values()])
        return s.replace(
            trained=epoch.trained, state=epoch.state,
            learning_rate=jnp.asarray(epoch.learning_rate, s.learning_rate.dtype), stop=jnp.asarray(epoch.stop, bool),
            memories=tuple(memories), epoch=s.epoch + 1, step=jnp.zeros_like(s.step),
            statistics=jax.tree.map(jnp.zeros_like, s.statistics),
            history=jax.lax.dynamic_update_index_in_dim(s.history, row, s.epoch % len(s.history), 0),
        )  # fmt: skip

    def _figures(
        self, s: TrainState, validation: Batch | None, validation_batch_size: int, with_rate: bool
    ) -> dict[str, jax.Array]:
        figures = self.objective.report(s.statistics)
        if validation is not None:
            params = combine(s.trained, s.frozen)
            measured = self.evaluate(params, s.state, validation, validation_batch_size)
            figures.update({f"val_{key}": value for key, value in self.objective.report(measured).items()})
        if with_rate:
            figures["learning_rate"] = s.learning_rate
        return figures


def _behind(gradients: Weights, updates: Weights, never: jax.Array) -> Weights:
    """The same updates; those of large arrays as numbers that XLA can't know before all gradients.

    A gradient is computed with other layers' weights, which an update writes over. Without an order between the two XLA
    copies large weights in every step; with it, updates come last.
    """

    def large(leaf: jax.Array) -> bool:
        return leaf.ndim > 1 and leaf.size >= WORTH_AN_ORDER

    if not any(map(large, jax.tree.leaves(updates))):
        return updates
    # Biases aside: the sums that their gradients are would no longer be part of their updates.
    known = sum(leaf[(0,) * leaf.ndim].astype(jnp.float32) for leaf in jax.tree.leaves(gradients) if leaf.ndim > 1)
    return jax.tree.map(lambda u: jnp.where(never, known.astype(u.dtype), u) if large(u) else u, updates)


def order_key(s: TrainState) -> jax.Array:
    """The key of the order of the rows in the running epoch.

    Keys are made from the numbers of epoch and step alone, so that they are the same however these are reached. They
    count down from the top of 32 bits; the weights were drawn with those that count up from 0.
    """
    return fold_in(key_of(s.seed), ~(2 * s.epoch))


def step_key(s: TrainState) -> jax.Array:
    """The key of the layers in the running step."""
    return fold_in(key_of(s.seed), s.step, above=~(2 * s.epoch + 1))


def take(rows: Batch, number: jax.Array | int, batch_size: int) -> Batch:
    """Batch `number` of the rows in their order; the last one filled up with copies of the last row, masked."""
    count = rows.inputs[0].shape[0]
    positions = number * batch_size + jnp.arange(batch_size)
    batch = jax.tree.map(lambda array: array[jnp.minimum(positions, count - 1)], rows)
    mask = None if count % batch_size == 0 else positions < count
    return Batch(batch.inputs, batch.targets, batch.weights, mask)


# NumPy's, because jax.numpy compiles a program even for a zero.


def _number(value: Any, dtype: Any) -> Any:
    return np.asarray(value, dtype)


def _zeros(shape: tuple[int, ...], dtype: Any) -> Any:
    return np.zeros(shape, dtype)


def _replaced(tree: Weights, path: tuple[str, ...], leaf: jax.Array) -> Weights:
    if len(path) == 1:
        return {**tree, path[0]: leaf}
    return {**tree, path[0]: _replaced(tree[path[0]], path[1:], leaf)}
