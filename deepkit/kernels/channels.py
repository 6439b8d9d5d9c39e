"""Sums over everything but the channels, and their transpose, in two stages.

XLA's CPU backend sums `(batch, height, width, channels)` down to `(channels,)` some two to five times slower than
first over the batch, which adds whole rows of memory, and then over the rest. Left alone it makes one sum of the two
again.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax


def channel_sums(x: jax.Array) -> jax.Array:
    """`(batch, …, channels)` → `(channels,)`."""
    if x.ndim == 2 or jax.default_backend() != "cpu":
        return x.sum(tuple(range(x.ndim - 1)))
    return lax.optimization_barrier(x.sum(0)).reshape(-1, x.shape[-1]).sum(0)


def per_channel(values: jax.Array, x: jax.Array) -> jax.Array:
    """`(channels,)` → something that broadcasts against `x`; its gradient is summed as in `channel_sums`."""
    if x.ndim == 2 or jax.default_backend() != "cpu":
        return values
    return lax.optimization_barrier(jnp.broadcast_to(values, x.shape[1:]))
