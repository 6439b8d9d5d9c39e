"""The CPU's window mean against XLA's own window sums."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from deepkit.kernels.average import average_pool

DRAW = np.random.default_rng(0)


def by_xla(x, window, strides, padding):
    def total(x):
        whole = ((0, 0), *padding, (0, 0))
        return lax.reduce_window(x, np.zeros((), x.dtype), lax.add, (1, *window, 1), (1, *strides, 1), whole)

    return total(x) / total(jnp.ones_like(x))


GEOMETRIES = [
    ((6, 8), (2, 2), (2, 2), ((0, 0), (0, 0))),  # few places: slice by slice
    ((7, 9), (3, 3), (2, 2), ((0, 0), (0, 0))),
    ((7, 5), (3, 2), (2, 3), ((1, 0), (0, 1))),
    ((8, 8), (2, 2), (3, 3), ((1, 1), (0, 0))),
    ((9, 13), (4, 4), (4, 4), ((0, 0), (0, 0))),  # many, side by side: a reshape
    ((9, 13), (4, 4), (4, 4), ((3, 0), (1, 2))),
    ((9, 11), (5, 4), (2, 3), ((2, 2), (0, 1))),  # many that overlap: axis by axis
    ((11,), (10,), (1,), ((4, 5),)),
    ((4, 5, 6), (2, 3, 2), (2, 2, 1), ((0, 0), (0, 1), (1, 1))),
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_values_and_derivatives(geometry):
    size, *geometry = geometry
    x = DRAW.normal(size=(2, *size, 3)).astype(np.float32)

    @jax.jit
    def both(x):
        return [
            (
                pool(x, *geometry),
                jax.grad(lambda x, pool=pool: (jnp.cos(pool(x, *geometry)) * jnp.arange(1.0, 4.0)).sum())(x),
            )
            for pool in (average_pool, by_xla)
        ]

    (mine, my_slope), (theirs, their_slope) = both(x)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(my_slope, their_slope, rtol=1e-5, atol=1e-6)


def test_other_backends_take_xlas_window_sum(monkeypatch):
    x = DRAW.normal(size=(2, 7, 5, 3)).astype(np.float32)
    geometry = (3, 2), (2, 1), ((1, 1), (0, 1))
    mine = average_pool(x, *geometry)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_allclose(mine, average_pool(x, *geometry), rtol=1e-6, atol=1e-6)
