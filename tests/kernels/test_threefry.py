"""The generator as straight code: JAX's own numbers, bit for bit."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32

from deepkit.kernels.threefry import fold_in, key_of, random_bits, random_normal, shifted, threefry

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


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg"])
def test_a_key_of_a_traced_seed(seed, implementation):
    with jax.default_prng_impl(implementation):
        key = jax.jit(lambda seed: key_of(seed))(np.uint32(seed))  # JAX does not see the setting in what it has traced
        wanted = jax.random.key(np.uint32(seed))
        assert jax.random.key_impl(key) == jax.random.key_impl(wanted)
    np.testing.assert_array_equal(jax.random.key_data(key), jax.random.key_data(wanted))


@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg"])
def test_keys_of_two_numbers_differ_from_each_other_and_from_those_of_one(implementation):
    key = jax.random.key(5, impl=implementation)
    made = [fold_in(key, low, above=high) for low in range(4) for high in range(1, 4)]
    made += [fold_in(key, number) for number in range(8)] + [shifted(key, number) for number in range(100, 108)]
    assert len({jax.random.key_data(one).tobytes() for one in made}) == len(made)


def test_shifted_keys_of_either_kind_are_the_same():
    raw, typed = jax.random.PRNGKey(9), jax.random.key(9)
    np.testing.assert_array_equal(shifted(raw, 3), jax.random.key_data(shifted(typed, 3)))
    assert int(shifted(jnp.array([7, 2**32 - 1], jnp.uint32), 2)[1]) == 1


def test_shifted_keys_give_independent_numbers():
    """Neighbours' bits agree as often as those of any keys: half of them, at every place of a word."""
    key = jax.random.key(11)
    streams = [np.asarray(random_bits(shifted(key, number), 4096)) for number in range(6)]
    places = np.arange(32, dtype=np.uint32)
    for first, second in itertools.combinations(streams, 2):
        differ = ((first ^ second)[:, None] >> places & 1).mean(axis=0)
        np.testing.assert_allclose(differ, 0.5, atol=5 * 0.5 / 4096**0.5)
        assert abs(np.corrcoef(first, second)[0, 1]) < 5 / 4096**0.5


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
