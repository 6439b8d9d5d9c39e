"""The strategy for data that comes batch by batch: one compiled step, called from the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp

from deepkit.errors import DeepkitValueError
from deepkit.program.objective import Batch
from deepkit.training.state import TrainState
from deepkit.training.steps import Steps

StreamFunctions = tuple[Callable[..., TrainState], Callable[..., TrainState]]


def make_stream_functions(steps: Steps, validation_batch_size: int, with_rate: bool) -> StreamFunctions:
    """`(train_batch, end_epoch)`, compiled on their first call. The state is donated."""

    def end_epoch(s: TrainState, validation: Batch | None) -> TrainState:
        return steps.end_epoch(s, validation, validation_batch_size, with_rate)

    return jax.jit(steps.train_batch, donate_argnums=0), jax.jit(end_epoch, donate_argnums=0)


class Streaming:
    """Batches from the host, and the two functions that train on them.

    Args:
        functions: From `make_stream_functions`.
        batches: A function that starts an epoch: `batches(epoch)` iterates over `Batch`es of one size.
        validation: Rows on the device, or `None`.
        steps_per_epoch: Steps after which an epoch ends even if batches are left; `None`: when they run out.
    """

    def __init__(
        self,
        functions: StreamFunctions,
        batches: Callable[[int], Iterator[Batch]],
        validation: Batch | None,
        steps_per_epoch: int | None,
    ) -> None:
        self._train_batch, self._end_epoch = functions
        self._batches = batches
        self._validation = validation
        self._limit = steps_per_epoch
        self.steps_per_epoch: int | None = steps_per_epoch
        self._iterator: Iterator[Batch] | None = None

    def advance(self, s: TrainState, until_epoch: int, until_step: int) -> TrainState:
        """Train until `until_step` steps of epoch `until_epoch` are done, or to the end of its batches."""
        epoch, step = int(s.epoch), int(s.step)
        while (epoch, step) < (until_epoch, until_step):
            if self._iterator is None:
                self._iterator = self._batches(epoch)
            batch = next(self._iterator, None) if step != self._limit else None
            if batch is not None:
                s, step = self._train_batch(s, batch), step + 1
                continue
            if step == 0:
                raise DeepkitValueError(
                    f"the batches ran out: epoch {epoch} has none. A generator can be read only once; pass a list or a "
                    "loader that can be iterated again, or set steps_per_epoch so that the epochs share it."
                )
            self.steps_per_epoch = step
            if epoch >= until_epoch:
                break
            s = self._end_epoch(s, self._validation)
            epoch, step, self._iterator = epoch + 1, 0, None
            if bool(s.stop):
                break
        return jax.block_until_ready(s)


def padded(batch: Batch, size: int) -> Batch:
    """The batch filled up to `size` rows with copies of its last row, masked: every step has one shape."""
    count = batch.inputs[0].shape[0]
    positions = jnp.minimum(jnp.arange(size), count - 1)
    full = jax.tree.map(lambda array: array[positions], batch) if count < size else batch
    return Batch(full.inputs, full.targets, full.weights, jnp.arange(size) < count)
