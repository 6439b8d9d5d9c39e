"""The strategy for data that comes batch by batch: one compiled step, called from the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import numpy as np

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
        self._iterator: Iterator[Batch] = iter(())
        self._next: Batch | None = None
        self.steps_per_epoch = steps_per_epoch

    def ended(self, step: int) -> bool:
        """Whether the running epoch has no batch left after so many steps."""
        return step > 0 and self._next is None

    def advance(self, s: TrainState, until_epoch: int, until_step: int) -> TrainState:
        """Train until `until_step` steps of epoch `until_epoch` are done, or to the end of its batches."""
        epoch, step, stop = int(s.epoch), int(s.step), bool(s.stop)
        self.state = s
        while (epoch, step) < (until_epoch, until_step):
            if step == 0:
                if stop:
                    break
                self._iterator = self._batches(epoch)
                self._fetch(step)
                if self._next is None:
                    raise DeepkitValueError(
                        f"the batches ran out: epoch {epoch + 1} has none. A generator can be read only once; pass a "
                        "loader that can be iterated again, or set steps_per_epoch so that the epochs share it."
                    )
            if self._next is not None and not stop:
                self.state, step = self._train_batch(self.state, self._next), step + 1
                self._fetch(step)
            elif epoch < until_epoch:
                self.state = self._end_epoch(self.state, self._validation)
                epoch, step, stop = epoch + 1, 0, bool(self.state.stop)
            else:
                break
        return jax.block_until_ready(self.state)

    def _fetch(self, step: int) -> None:
        """Take the next batch while the device still computes: whoever asks then knows whether the epoch is over."""
        self._next = None if step == self._limit else next(self._iterator, None)
        if self._next is None:
            self.steps_per_epoch = step


def padded(batch: Batch, size: int) -> Batch:
    """The batch filled up to `size` rows with copies of its last row, masked: every step has one shape."""
    count = batch.inputs[0].shape[0]
    positions = np.minimum(np.arange(size), count - 1)
    # Through NumPy, which indexes without compiling a program for every count.
    fill = lambda array: jax.device_put(np.asarray(array)[positions])  # noqa: E731
    full = jax.tree.map(fill, batch) if count < size else batch
    return Batch(full.inputs, full.targets, full.weights, jax.device_put(np.arange(size) < count))
