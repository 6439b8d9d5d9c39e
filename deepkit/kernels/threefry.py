"""JAX's random number generator as straight code.

On a CPU JAX runs the rounds of Threefry as a loop, some 80 tiny kernels, which costs a small model more than its
layers. Here XLA sees one expression and compiles it into one loop over the blocks, or into whatever uses a key.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Bits to rotate by, in turns of four rounds."""
PARITY = 0x1BD11BDA
"""What the third word of a key is made with."""
LEAST = np.nextafter(np.float32(-1), np.float32(0))
"""The least number whose erf⁻¹ a normal number is; that of −1 itself would be −∞."""


def enciphered(key: Any, first: Any, second: Any) -> Any:
    """Threefry-2x32 with 20 rounds, of NumPy's arrays or JAX's.

    Args:
        key: Its two words (uint32).
        first, second: The two words of every block, arrays of one shape (uint32).

    Returns:
        Both words of every block, enciphered.

    Reference: Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3",
    https://doi.org/10.1145/2063384.2063405
    """
    keys = key[0], key[1], key[0] ^ key[1] ^ np.uint32(PARITY)
    first, second = first + keys[0], second + keys[1]
    for turn in range(5):
        for distance in ROTATIONS[turn % 2]:
            first = first + second
            second = first ^ (second << np.uint32(distance) | second >> np.uint32(32 - distance))
        first = first + keys[(turn + 1) % 3]
        second = second + keys[(turn + 2) % 3] + np.uint32(turn + 1)
    return first, second


threefry = jax.jit(enciphered)
"""`enciphered` as a function of its own in a program: traced and lowered once, however many keys are made there."""


def is_threefry(key: jax.Array) -> bool:
    """Whether a key belongs to this generator, as it does unless the user has chosen another one."""
    return str(jax.random.key_impl(key)) == "threefry2x32"


def key_of(seed: jax.Array | int) -> jax.Array:
    """`jax.random.key(seed)` for a seed of at most 32 bits, traced or not, without a program to make it."""
    if getattr(jax.config, "jax_default_prng_impl") != "threefry2x32":  # noqa: B009
        return jax.random.key(seed)
    if isinstance(seed, jax.core.Tracer):
        return _key(jnp.uint32(0), seed)
    words: Any = np.array([0, seed], np.uint32)  # NumPy's, which are no program
    return jax.random.wrap_key_data(words, impl="threefry2x32")


def fold_in(key: jax.Array, number: jax.Array | int, above: jax.Array | int = 0) -> jax.Array:
    """`jax.random.fold_in(key, number)`, the same key; with `above`, of both numbers in one block instead of two."""
    if not is_threefry(key) or key.shape:
        folded = key if isinstance(above, int) and above == 0 else jax.random.fold_in(key, above)
        return jax.random.fold_in(folded, number)
    return _key(*threefry(jax.random.key_data(key), jnp.uint32(above), jnp.uint32(number)))


def shifted(key: jax.Array, number: int) -> jax.Array:
    """The key that lies `number` above this one: a stream of its own, as of any other key, without running the cipher.

    For small numbers; of another generator `jax.random.fold_in`.
    """
    if not is_threefry(key):
        return jax.random.fold_in(key, number)
    words = jax.random.key_data(key)
    moved = words[0], words[1] + np.uint32(number)
    return _key(*moved) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else jnp.stack(moved)


def _key(first: jax.Array, second: jax.Array) -> jax.Array:
    return jax.random.wrap_key_data(jnp.stack([first, second]), impl="threefry2x32")


def random_bits(key: jax.Array, count: int) -> jax.Array:
    """`jax.random.bits(key, (count,))`: so many uint32, the same ones."""
    if not is_threefry(key):
        return jax.random.bits(key, (count,))
    numbers = jnp.arange(count, dtype=jnp.uint32)
    first, second = threefry(jax.random.key_data(key), jnp.zeros_like(numbers), numbers)
    return first ^ second


def random_normal(key: jax.Array, shape: tuple[int, ...], dtype: jax.typing.DTypeLike) -> jax.Array:
    """`jax.random.normal(key, shape, dtype)`, to within rounding: √2 · erf⁻¹ of numbers between −1 and 1."""
    if not is_threefry(key) or dtype != jnp.float32:
        return jax.random.normal(key, shape, dtype)
    bits = random_bits(key, math.prod(shape)).reshape(shape)
    fractions = unit_fractions(bits)
    return np.float32(np.sqrt(2)) * jax.lax.erf_inv(jnp.maximum(LEAST, fractions * (1 - LEAST) + LEAST))


def unit_fractions(bits: Any) -> Any:
    """Numbers on [0, 1) in steps of 2⁻²³ from uint32, NumPy's or JAX's: the bits of a float from 1 to 2, less 1."""
    return (bits >> np.uint32(9) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)
