"""Which numbers a dropout keeps."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.kernels.threefry import is_threefry, threefry

MORE_THAN_FOUR_BITS = np.uint32(17)
"""The remainder of four decisions by this is themselves."""


def kept(key: jax.Array, rate: Any, shape: tuple[int, ...]) -> jax.Array:
    """Independently for every number of `shape`, True with probability `1 − rate`, to within 1/65,536.

    Sixteen random bits per number, four numbers per block of the generator. With `jax.random.bernoulli`, which spends a
    block on each number and runs the generator's rounds as a loop, masks took most of a small model's step on a CPU.
    """
    if not is_threefry(key):
        return jax.random.bernoulli(key, 1 - rate, shape)
    count = math.prod(shape)
    blocks = -(-count // 4)
    numbers = jnp.arange(2 * blocks, dtype=jnp.uint32)
    first, second = threefry(jax.random.key_data(key), numbers[:blocks], numbers[blocks:])
    half, least = np.uint32(16), jnp.ceil(65_536 * jnp.asarray(rate, jnp.float32)).astype(jnp.uint32)
    draws = first & np.uint32(0xFFFF), second & np.uint32(0xFFFF), first >> half, second >> half
    decisions = sum((draw >= least).astype(jnp.uint32) << np.uint32(place) for place, draw in enumerate(draws))
    # The same numbers, but XLA holds a division of integers dear and does it once, with the generator before it. What
    # is cheap it fuses into every use, and there the generator would run again for every number.
    decisions = jax.lax.rem(decisions, jnp.full_like(decisions, MORE_THAN_FOUR_BITS))
    # All first draws, then all second ones: next to each other, they would keep a processor from using vectors.
    taken = decisions >> jnp.arange(4, dtype=jnp.uint32)[:, None] & np.uint32(1)
    return taken.reshape(-1)[:count].reshape(shape) != 0
