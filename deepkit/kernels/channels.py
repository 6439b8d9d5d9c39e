"""Sums over everything but the channels, and their transpose, in two stages.

XLA's CPU backend sums `(batch, height, width, channels)` down to `(channels,)` some two to five times slower than
first over the batch, which adds whole rows of memory, and then over the rest. Left alone it makes one sum of the two
again.

A sum of more than 32 rows is a tree of windows to XLA, and what is summed is computed before. Of fewer, it computes
each number where it is added, once for every sum and without vectors: a step of two convolutions with batch
normalisation took three to four times as long per image with batches of 32 as with 33. So small batches are made more
rows of.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

ROWS_AT_ONCE = 32
"""Rows that XLA sums at once, without a tree."""


def channel_sums(x: jax.Array) -> jax.Array:
    """`(batch, …, channels)` → `(channels,)`."""
    if x.ndim == 2 or jax.default_backend() != "cpu":
        return x.sum(tuple(range(x.ndim - 1)))
    return lax.optimization_barrier(x.reshape(_in_rows(x.shape)).sum(0)).reshape(-1, x.shape[-1]).sum(0)


def per_channel(values: jax.Array, x: jax.Array) -> jax.Array:
    """`(channels,)` → something that broadcasts against `x`; its gradient is summed as in `channel_sums`."""
    if x.ndim == 2 or jax.default_backend() != "cpu":
        return values
    shape = _in_rows(x.shape)
    row = lax.optimization_barrier(jnp.broadcast_to(values, shape[1:]))
    return row if shape == x.shape else jnp.broadcast_to(row, shape).reshape(x.shape)


def _in_rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with as much of its second axis in the first as makes more than `ROWS_AT_ONCE` of that.

    At most half of it: moving all of it costs more than it saves.
    """
    rows, length, *rest = shape
    n = next((n for n in range(1, length // 2 + 1) if length % n == 0 and rows * n > ROWS_AT_ONCE), 1)
    return rows * n, length // n, *rest
