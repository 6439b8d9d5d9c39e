"""The strategy for data that fits on the device: the whole run is one compiled program.

The program trains from where the state stands until a given epoch and step, which are arguments. So one
executable serves every length of chunk, from a single batch to all epochs, and gives the same bits whatever
the chunking.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.kernels.threefry import random_bits
from deepkit.program.objective import Batch
from deepkit.training.state import TrainState
from deepkit.training.steps import Steps, order_key

LEAST_RANDOM_BITS = 20
"""What an order is made of, per row: of a million pairs of rows, one keeps its order."""
Advance = Callable[..., TrainState]


def make_advance(steps: Steps, batch_size: int, shuffle: bool, validation_batch_size: int, with_rate: bool) -> Advance:
    """`advance_function`, compiled on its first call. The state is donated."""
    return jax.jit(advance_function(steps, batch_size, shuffle, validation_batch_size, with_rate), donate_argnums=0)


def advance_function(
    steps: Steps, batch_size: int, shuffle: bool, validation_batch_size: int, with_rate: bool
) -> Advance:
    """`advance(state, rows, validation, until_epoch, until_step) -> state`, pure.

    An epoch ends (validation, transitions, history) only if `until_epoch` lies behind it; one that is stopped half way
    ends there.
    """

    def advance(
        s: TrainState, rows: Batch, validation: Batch | None, until_epoch: jax.Array, until_step: jax.Array
    ) -> TrainState:
        count = rows.inputs[0].shape[0]
        batches = -(-count // batch_size)

        def unfinished(s: TrainState) -> jax.Array:
            to_train = (s.epoch < until_epoch) | ((s.epoch == until_epoch) & (s.step < until_step))
            to_end = (s.epoch < until_epoch) & (s.step > 0)
            return jnp.where(s.stop, to_end, to_train)

        def one_epoch(s: TrainState) -> TrainState:
            limit = jnp.where(s.stop, s.step, jnp.where(s.epoch == until_epoch, until_step, batches))
            if batches == 1:
                batch_of = lambda _: rows  # noqa: E731
            else:
                order = _order(order_key(s), count, batches * batch_size, shuffle)
                batch_of = lambda step: _gather(rows, order, step, batch_size)  # noqa: E731
            s = jax.lax.while_loop(
                lambda s: s.step < jnp.minimum(limit, batches),
                lambda s: steps.train_batch(s, batch_of(s.step)),
                s,
            )
            return jax.lax.cond(
                ((s.step == batches) | s.stop) & (s.epoch < until_epoch),
                lambda s: steps.end_epoch(s, validation, validation_batch_size, with_rate),
                lambda s: s,
                s,
            )

        return jax.lax.while_loop(unfinished, one_epoch, s)

    return advance


def whole_epochs_function(
    steps: Steps, batch_size: int, shuffle: bool, validation_batch_size: int, with_rate: bool
) -> Callable[[TrainState, Batch, Batch | None, Any], TrainState]:
    """`train(state, rows, validation, epochs) -> state`, pure: `advance` to the end of so many epochs, from the
    beginning of one. Nobody can stop it within an epoch, which spares a small model a seventh of its time.
    """

    def train(s: TrainState, rows: Batch, validation: Batch | None, epochs: Any) -> TrainState:
        count = rows.inputs[0].shape[0]
        batches = -(-count // batch_size)

        def one_epoch(s: TrainState) -> TrainState:
            if batches == 1:
                s = steps.train_batch(s, rows)
            else:
                order = _order(order_key(s), count, batches * batch_size, shuffle)
                s = jax.lax.while_loop(
                    lambda s: s.step < batches,
                    lambda s: steps.train_batch(s, _gather(rows, order, s.step, batch_size)),
                    s,
                )
            return steps.end_epoch(s, validation, validation_batch_size, with_rate)

        return jax.lax.while_loop(lambda s: ~s.stop & (s.epoch < epochs), one_epoch, s)

    return train


def _order(key: jax.Array, count: int, length: int, shuffle: bool) -> jax.Array:
    """Row numbers of an epoch in the order of training; filled up to whole batches with row 0, which is masked."""
    order = _shuffled(key, count) if shuffle else jnp.arange(count)
    return jnp.concatenate([order, jnp.zeros(length - count, order.dtype)])


def _shuffled(key: jax.Array, count: int) -> jax.Array:
    """The numbers below `count` in random order.

    Random bits with the number itself below them are sorted: single numbers, which XLA sorts four times as fast as
    pairs on a CPU, and without `jax.random.permutation`'s several passes. Where a number takes so many bits that few
    are random, once more from the order so far. Equal random bits keep their order, which nobody can notice.
    """
    width = max(count - 1, 1).bit_length()
    numbers = jnp.arange(count, dtype=jnp.uint32)
    passes = -(-LEAST_RANDOM_BITS // (32 - width))
    tagged = random_bits(key, passes * count).reshape(passes, count) >> np.uint32(width) << np.uint32(width) | numbers
    chosen = [jnp.sort(row, stable=False) & np.uint32((1 << width) - 1) for row in tagged]
    return functools.reduce(lambda order, places: order[places], chosen).astype(jnp.int32)


def _gather(rows: Batch, order: jax.Array, step: jax.Array, batch_size: int) -> Batch:
    count = rows.inputs[0].shape[0]
    chosen = jax.lax.dynamic_slice(order, (step * batch_size,), (batch_size,))
    batch = jax.tree.map(lambda array: array[chosen], rows)
    mask = None if count % batch_size == 0 else step * batch_size + jnp.arange(batch_size) < count
    return Batch(batch.inputs, batch.targets, batch.weights, mask)


class Resident:
    """Rows on the device, and the program that trains on them."""

    def __init__(self, advance: Advance, rows: Batch, validation: Batch | None, batch_size: int) -> None:
        self._advance = advance
        self._rows = rows
        self._validation = validation
        self.steps_per_epoch = -(-rows.inputs[0].shape[0] // batch_size)

    def ended(self, step: int) -> bool:
        """Whether an epoch has no batch left after so many steps."""
        return step >= self.steps_per_epoch

    def advance(self, s: TrainState, until_epoch: int, until_step: int) -> TrainState:
        """Train until `until_step` steps of epoch `until_epoch` are done, and wait for it."""
        self.state = s
        self.state = self._advance(s, self._rows, self._validation, until_epoch, until_step)
        return jax.block_until_ready(self.state)


def batch_shapes(rows: Batch, batch_size: int) -> Batch:
    """The shapes of a training batch of these rows."""
    count = rows.inputs[0].shape[0]
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct((batch_size, *a.shape[1:]), a.dtype), rows)
    mask: Any = None if count % batch_size == 0 else jax.ShapeDtypeStruct((batch_size,), jnp.bool_)
    return Batch(shapes.inputs, shapes.targets, shapes.weights, mask)
