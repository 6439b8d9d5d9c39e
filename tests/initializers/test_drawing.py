"""Drawing without compiling for every shape gives the numbers of `jax.random`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src import monitoring

import deepkit as dk
from deepkit.initializers import on_host
from deepkit.kernels.threefry import key_of

DRAWN = [
    dk.initializers.GlorotUniform(), dk.initializers.HeNormal(), dk.initializers.RandomNormal(0.5, 2.0),
    dk.initializers.TruncatedNormal(), dk.initializers.RandomUniform(-1, 3), dk.initializers.TorchDefault(fan_in=4),
    dk.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal"), dk.initializers.Orthogonal(),
    dk.initializers.Identity(), dk.initializers.Constant(3.0),
]  # fmt: skip


# One of each distribution in every shape; what differs from it in its limits alone, and what is not drawn, in one.
SHAPES = [(1, 1), (7, 13), (300, 20), (1200, 1000)]
EVERY_SHAPE = ("GlorotUniform", "HeNormal", "RandomNormal", "Orthogonal")
CASES = [
    pytest.param(initializer, shape, id=f"{initializer!r}-{shape}")
    for initializer in DRAWN
    for shape in SHAPES
    if shape == (7, 13) or type(initializer).__name__ in EVERY_SHAPE
]


@pytest.mark.parametrize(("initializer", "shape"), CASES)
def test_the_same_numbers_as_inside_a_program(initializer, shape):
    orthogonal = isinstance(initializer, dk.initializers.Orthogonal)
    if orthogonal and shape == (1200, 1000):
        shape = (60, 50)
    key = jax.random.key(7)
    inside = jax.jit(lambda key: initializer(key, shape, jnp.float32))(key)
    outside = initializer(key, shape, jnp.float32)
    assert outside.shape == shape and outside.dtype == jnp.float32
    # The decomposition adds up in another order where the compiler optimises.
    np.testing.assert_allclose(outside, inside, rtol=3e-7, atol=2e-6 if orthogonal else 1e-7)


def test_uniform_numbers_are_those_of_jax():
    key = jax.random.key(0)
    limit = (6 / 20) ** 0.5
    expected = jax.random.uniform(key, (7, 13), jnp.float32, -limit, limit)
    # Within one rounding: multiplied and added in one instruction or in two.
    np.testing.assert_allclose(dk.initializers.GlorotUniform()(key, (7, 13)), expected, rtol=0, atol=1e-7)


def test_a_key_of_a_seed():
    for seed in (0, 7, 2**32 - 1):
        expected = jax.random.key_data(jax.random.key(np.uint32(seed)))
        np.testing.assert_array_equal(jax.random.key_data(key_of(seed)), expected)


def test_old_keys_other_generators_and_double_precision():
    draw = dk.initializers.HeNormal()
    old = jax.random.PRNGKey(1)
    np.testing.assert_array_equal(draw(old, (5, 4)), draw(jax.random.key(1), (5, 4)))
    other = jax.random.key(1, impl="rbg")
    np.testing.assert_allclose(draw(other, (5, 4)), jax.jit(lambda key: draw(key, (5, 4)))(other), rtol=1e-6)
    with jax.enable_x64(True):
        key = jax.random.key(1)
        values = draw(key, (5, 4), jnp.float64)
        assert values.dtype == jnp.float64
        np.testing.assert_allclose(values, jax.jit(lambda key: draw(key, (5, 4), jnp.float64))(key), rtol=1e-12)


def test_a_model_starts_with_the_weights_of_its_pure_init():
    x = dk.Input(5)
    h = dk.layers.BatchNormalization()(dk.layers.Dense(18, "relu")(x))
    h = dk.layers.Maxout(3, 2)(dk.layers.SpectralNormalization(dk.layers.Dense(4))(h))
    model = dk.Model(x, dk.layers.Dense(1)(h))
    drawn = model.program.draw(11)
    pure = jax.jit(model.program.init)(jax.random.key(11))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=3e-7, atol=1e-7), drawn, pure)


def test_no_program_is_compiled():
    events = []
    monitoring.register_event_duration_secs_listener(lambda event, *_, **__: events.append(event))
    x = dk.Input(23)
    h = dk.layers.BatchNormalization()(dk.layers.Dense(29, kernel_initializer="he_normal")(x))
    h = dk.layers.Dense(31, bias_initializer=dk.initializers.RandomNormal(1.0, 0.1))(h)
    dk.Model(x, dk.layers.Dense(37, kernel_initializer="random_uniform")(h)).program.draw(1)
    assert not [event for event in events if "backend_compile" in event]


WORDS = np.random.default_rng(0).integers(0, 2**32, (5, 2), dtype=np.uint32)
COUNTS = (1, 7, on_host.BLOCK, 2 * on_host.BLOCK + 3)


@pytest.mark.parametrize("count", COUNTS)
def test_keys_and_uniform_numbers_of_several_keys_are_those_of_jax(count):
    keys = jax.random.wrap_key_data(WORDS)
    split = jax.vmap(lambda key: jax.random.key_data(jax.random.split(key, count)))(keys)
    np.testing.assert_array_equal(on_host.split(WORDS, count), split)
    uniform = jax.vmap(lambda key: jax.random.uniform(key, (count,)))(keys)
    np.testing.assert_array_equal(on_host.uniform(WORDS, count, 0.0, 1.0), uniform)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("draw", "by_jax"),
    [
        (on_host.normal, jax.random.normal),
        (on_host.truncated_normal, lambda key, shape: jax.random.truncated_normal(key, -2.0, 2.0, shape)),
    ],
)
def test_normal_numbers_are_those_of_jax(draw, by_jax, count):
    expected = jax.vmap(lambda key: by_jax(key, (count,)))(jax.random.wrap_key_data(WORDS))
    drawn = draw(WORDS, count, 3.0, 0.5)
    assert drawn.shape == (5, count) and drawn.dtype == np.float32
    np.testing.assert_allclose((drawn - 3) / 0.5, expected, rtol=0, atol=3e-6)
    for words, row in zip(WORDS, drawn, strict=True):
        np.testing.assert_array_equal(draw(words[None], count, 3.0, 0.5)[0], row)


def test_the_tails_of_normal_numbers():
    # Of a million the rarest are 5 standard deviations out, where the inverse of erf has a polynomial of its own.
    drawn = on_host.normal(WORDS[:1], 2**20, 0.0, 1.0)[0]
    expected = jax.random.normal(jax.random.wrap_key_data(WORDS[0]), (2**20,))
    assert 4.5 < np.abs(drawn).max() < 6
    np.testing.assert_allclose(drawn, expected, rtol=1e-6, atol=1e-6)
