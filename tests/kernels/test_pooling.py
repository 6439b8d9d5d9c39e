"""The CPU's window maximum against XLA's own, ties and all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from deepkit.kernels import max_pool

DRAW = np.random.default_rng(0)


def by_xla(x, window, strides, padding):
    whole = ((0, 0), *padding, (0, 0))
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, *window, 1), (1, *strides, 1), whole)


GEOMETRIES = [
    ((6, 8), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((7, 9), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((9, 8), (3, 3), (2, 2), ((0, 0), (0, 0))),
    ((7, 7), (3, 3), (1, 1), ((1, 1), (1, 1))),
    ((7, 5), (3, 2), (2, 3), ((1, 0), (0, 1))),
    ((8, 8), (2, 2), (3, 3), ((0, 0), (0, 0))),
    ((9,), (3,), (3,), ((0, 0),)),
    ((4, 5, 6), (2, 2, 2), (2, 2, 2), ((0, 0), (0, 1), (0, 0))),
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("ties", [False, True])
def test_values_and_gradients(geometry, ties):
    size, *geometry = geometry
    x = DRAW.normal(size=(2, *size, 3)).astype(np.float32)
    if ties:
        x = np.maximum(np.round(x), 0)  # as after a ReLU: many equal numbers

    def loss(pool):
        return lambda x: (jnp.cos(pool(x, *geometry)) * jnp.arange(1.0, 4.0)).sum()

    ours, xlas = jax.jit(lambda x: [jax.value_and_grad(loss(pool))(x) for pool in (max_pool, by_xla)])(x)
    np.testing.assert_allclose(ours[0], xlas[0], rtol=1e-6)
    np.testing.assert_allclose(ours[1], xlas[1], rtol=1e-6)


def test_vmap_forward_mode_and_second_derivatives():
    x = DRAW.normal(size=(2, 1, 4, 4, 1)).astype(np.float32)

    def loss(x):
        return (max_pool(x, (2, 2), (2, 2), ((0, 0), (0, 0))) ** 3).sum()

    both = jax.jit(lambda x: ([loss(part) for part in x], jax.vmap(loss)(x)))
    one, mapped = both(x)
    np.testing.assert_allclose(mapped, one, rtol=1e-6)
    flat = x[0].reshape(-1)
    second = jax.jit(jax.hessian(lambda flat: loss(flat.reshape(1, 4, 4, 1))))(flat)
    chosen = np.asarray(max_pool(x[0], (2, 2), (2, 2), ((0, 0), (0, 0)))).reshape(-1)
    expected = np.where(np.isin(flat, chosen), 6 * flat, 0)
    np.testing.assert_allclose(second, np.diag(expected), rtol=1e-5, atol=1e-6)


def test_nan_and_integers():
    x = np.full((1, 2, 2, 1), np.nan, np.float32)
    assert np.isnan(max_pool(x, (2, 2), (2, 2), ((0, 0), (0, 0)))).all()
    whole = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    pooled = max_pool(jnp.asarray(whole), (3, 3), (2, 2), ((1, 0), (1, 0)))
    np.testing.assert_array_equal(pooled[0, :, :, 0], [[5, 7], [13, 15]])
    assert pooled.dtype == np.uint8
