"""Which numbers a dropout keeps."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Bits by which Threefry-2x32 rotates, in turns of four rounds."""
PARITY = 0x1BD11BDA
"""What the third word of a Threefry key is made with."""


def kept(key: jax.Array, rate: Any, shape: tuple[int, ...]) -> jax.Array:
    """Independently for every number of `shape`, True with probability `1 − rate`, to within 1/65,536.

    Sixteen random bits per number, four numbers per block of the generator. With `jax.random.bernoulli`, which spends a
    block on each number and runs the generator's rounds as a loop, masks took most of a small model's step on a CPU.
    """
    if str(jax.random.key_impl(key)) != "threefry2x32":
        return jax.random.bernoulli(key, 1 - rate, shape)
    count = math.prod(shape)
    blocks = -(-count // 4)
    numbers = jnp.arange(2 * blocks, dtype=jnp.uint32)
    # Joined, because XLA fuses nothing across this: otherwise every use of the mask would run the generator again.
    words = jnp.concatenate(threefry(jax.random.key_data(key), numbers[:blocks], numbers[blocks:]))
    # All lower halves first, then the upper ones: next to each other, they would keep a processor from using vectors.
    halves = words >> jnp.array([[0], [16]], jnp.uint32) & jnp.uint32(0xFFFF)
    return halves.reshape(-1)[:count].reshape(shape).astype(jnp.float32) >= 65_536 * rate


def threefry(key: jax.Array, first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 of 20 rounds, JAX's own generator, as straight code that XLA compiles to one loop over blocks.

    JAX's form for CPUs is a loop over rounds, which costs a small array more than the rounds.

    Args:
        key: Two words (uint32).
        first, second: The words of the blocks, arrays of one shape (uint32).

    Returns:
        Two arrays of that shape.

    Reference: Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3"
    """
    keys = key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(PARITY)
    first, second = first + keys[0], second + keys[1]
    for turn in range(5):
        for distance in ROTATIONS[turn % 2]:
            first = first + second
            second = first ^ (second << jnp.uint32(distance) | second >> jnp.uint32(32 - distance))
        first = first + keys[(turn + 1) % 3]
        second = second + keys[(turn + 2) % 3] + jnp.uint32(turn + 1)
    return first, second
