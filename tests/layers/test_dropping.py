"""Masks of dropout: the right share at every place, independent numbers, no loop in the program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepkit as dk
from deepkit.kernels.threefry import enciphered
from deepkit.layers import Context
from deepkit.layers.dropping import kept


@pytest.mark.parametrize("shape", [(), (3,), (16, 128), (2, 3, 5, 7)])
def test_the_share_is_right_at_every_place(shape):
    """Also where the rate is an argument of the program, as in a sweep."""
    draws = 4000
    keys = jax.random.split(jax.random.key(1), draws)
    draw = jax.jit(lambda rate: jax.vmap(lambda key: kept(key, rate, shape))(keys))
    for rate in (0.1, 0.5, 0.9):
        masks = np.asarray(draw(rate))
        assert masks.shape == (draws, *shape) and masks.dtype == bool
        margin = 5 * np.sqrt(rate * (1 - rate) / draws)
        np.testing.assert_allclose(masks.mean(axis=0), 1 - rate, atol=margin)


def test_decisions_are_the_generators_own():
    """Four of a block: the lower halves of all first words, of all second ones, then the upper halves."""
    key, rate = jax.random.key(7), 0.3
    for count in (1, 4, 6, 17, 2048):
        blocks = np.arange(2 * -(-count // 4), dtype=np.uint32).reshape(2, -1)
        words = np.stack(enciphered(np.asarray(jax.random.key_data(key)), *blocks))
        draws = np.concatenate([words & 0xFFFF, words >> 16]).reshape(-1)[:count]
        np.testing.assert_array_equal(kept(key, rate, (count,)), draws >= np.float32(65_536 * rate))


def test_numbers_are_independent_of_each_other():
    """Also those that come from one word, or one block, of the generator."""
    draws, numbers = 20_000, 64
    masks = np.asarray(jax.vmap(lambda key: kept(key, 0.5, (numbers,)))(jax.random.split(jax.random.key(2), draws)))
    correlations = np.corrcoef(masks.T) - np.eye(numbers)
    assert np.abs(correlations).max() < 5 / np.sqrt(draws)


def test_members_side_by_side_draw_what_they_draw_alone():
    keys = jax.random.split(jax.random.key(3), 4)
    together = jax.vmap(lambda key: kept(key, 0.3, (6, 9)))(keys)
    np.testing.assert_array_equal(together, jnp.stack([kept(key, 0.3, (6, 9)) for key in keys]))


def test_extreme_rates():
    assert kept(jax.random.key(4), 0.0, (1000,)).all()
    assert kept(jax.random.key(4), 1e-6, (1000,)).mean() > 0.99
    assert not kept(jax.random.key(4), 1.0, (1000,)).any()


def test_a_mask_is_no_loop_of_its_own():
    """A loop over the generator's rounds cost a small model half of its step."""
    text = jax.jit(lambda key: kept(key, 0.3, (16, 128))).lower(jax.random.key(5)).as_text()
    assert "while" not in text


def test_the_generator_runs_once_for_a_mask_and_its_gradient():
    """XLA fuses what is cheap into every use, and would draw anew for every number there."""

    def loss(x, key):
        return (jnp.where(kept(key, 0.3, x.shape), x / 0.7, 0) ** 2).sum()

    program = jax.jit(jax.value_and_grad(loss)).lower(jnp.ones((16, 128)), jax.random.key(5)).compile()
    shifts = [kernel.count("shift-left(") for kernel in program.as_text().split("\n}\n")]
    assert max(shifts) >= 20 and sum(shifts) < 40, shifts  # 20 rounds, each with one


def test_other_generators_of_jax():
    mask = kept(jax.random.key(6, impl="rbg"), 0.25, (100, 100))
    assert abs(float(mask.mean()) - 0.75) < 0.03


def test_calls_and_models_inside_have_keys_of_their_own():
    """A model inside begins to count its calls anew; its layers must not draw as those outside do."""
    layer = dk.layers.Dropout(0.5)
    key = jax.random.key(4)
    outside = [Context(rng=key, call_number=number) for number in range(4)]
    inside = [Context(rng=one.key_inside(), call_number=number) for one in outside for number in range(4)]
    deeper = [Context(rng=one.key_inside(), call_number=number) for one in inside for number in range(4)]
    keys = [one.key_for(layer) for one in outside + inside + deeper]
    keys += [one.common_key_for(layer, "purpose") for one in outside[:1] + inside[::4]] + [key]
    assert len({jax.random.key_data(one).tobytes() for one in keys}) == len(keys)
