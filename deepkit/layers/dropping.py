"""Which numbers a dropout keeps."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.kernels.threefry import is_threefry, threefry


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
    # Joined, because XLA fuses nothing across this: otherwise every use of the mask would run the generator again.
    words = jnp.concatenate(threefry(jax.random.key_data(key), numbers[:blocks], numbers[blocks:]))
    # All lower halves first, then the upper ones: next to each other, they would keep a processor from using vectors.
    halves = words >> jnp.array([[0], [16]], jnp.uint32) & jnp.uint32(0xFFFF)
    return halves.reshape(-1)[:count].reshape(shape).astype(jnp.float32) >= 65_536 * rate
