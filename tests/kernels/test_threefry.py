"""The generator as straight code: JAX's own numbers, bit for bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32

from deepkit.kernels.threefry import fold_in, random_bits, random_normal, threefry

KEYS = [jax.random.key(0), jax.random.key(2**31 + 5), jax.random.fold_in(jax.random.key(7), 3)]


@pytest.mark.parametrize("blocks", [1, 7, 512])
def test_blocks(blocks):
    key = jnp.array([0x13198A2E, 0x03707344], jnp.uint32)
    numbers = jnp.arange(2 * blocks, dtype=jnp.uint32)
    ours = jnp.concatenate(threefry(key, numbers[:blocks], numbers[blocks:]))
    np.testing.assert_array_equal(ours, threefry_2x32(key, numbers))


@pytest.mark.parametrize("key", KEYS, ids=range(3))
@pytest.mark.parametrize("number", [0, 1, 2**32 - 1, np.uint32(2**32 - 1), jnp.int32(-1)])
def test_keys(key, number):
    wanted = jax.random.fold_in(key, jnp.uint32(number))
    np.testing.assert_array_equal(jax.random.key_data(fold_in(key, number)), jax.random.key_data(wanted))


@pytest.mark.parametrize("key", KEYS, ids=range(3))
@pytest.mark.parametrize("count", [1, 10, 1001])
def test_bits(key, count):
    np.testing.assert_array_equal(random_bits(key, count), jax.random.bits(key, (count,)))


@pytest.mark.parametrize("shape", [(), (3,), (40, 50)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_normal_numbers(shape, dtype):
    wanted = jax.random.normal(KEYS[1], shape, dtype)
    ours = random_normal(KEYS[1], shape, jnp.dtype(dtype))
    assert ours.dtype == wanted.dtype
    np.testing.assert_allclose(np.float32(ours), np.float32(wanted), rtol=1e-6, atol=1e-7)


def test_normal_numbers_are_finite_at_both_ends(monkeypatch):
    """Where all bits of a number are 0 or 1."""
    ends = jnp.array([0, 2**32 - 1], jnp.uint32)
    monkeypatch.setattr("deepkit.kernels.threefry.random_bits", lambda key, count: ends)
    low, high = random_normal(KEYS[0], (2,), jnp.float32)
    assert -6 < low < -5 and 5 < high < 6


def test_many_keys_at_once():
    keys = jax.random.split(jax.random.key(1), 5)
    wanted = jax.vmap(lambda key: jax.random.bits(jax.random.fold_in(key, 9), (6,)))(keys)
    np.testing.assert_array_equal(jax.vmap(lambda key: random_bits(fold_in(key, 9), 6))(keys), wanted)


@pytest.mark.parametrize("key", [jax.random.PRNGKey(3), jax.random.key(3, impl="rbg")], ids=["raw", "rbg"])
def test_other_keys_are_left_to_jax(key):
    wanted = jax.random.bits(jax.random.fold_in(key, 2), (4,))
    np.testing.assert_array_equal(random_bits(fold_in(key, 2), 4), wanted)
