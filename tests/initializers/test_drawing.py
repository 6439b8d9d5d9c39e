"""Drawing without compiling for every shape gives the numbers of `jax.random`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src import monitoring

import deepkit as dk
from deepkit.initializers.drawing import key_of

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


def test_another_shape_compiles_nothing():
    seen = []
    dk.Sequential([dk.Input(3), dk.layers.Dense(2)]).program.draw(0)
    monitoring.register_event_duration_secs_listener(lambda event, *_, **__: seen.append(event))
    model = dk.Sequential([dk.Input(7), dk.layers.Dense(9), dk.layers.Dense(5)])
    model.program.draw(1)
    assert not [event for event in seen if "backend_compile" in event]
