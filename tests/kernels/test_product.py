"""Products with small matrices are those of `@`, with their derivatives, under every transformation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepkit.kernels import product

DRAW = np.random.default_rng(0)
SUMS = [
    *[((rows,), shape) for rows in (1, 16) for shape in [(1, 1), (2, 128), (32, 8), (16, 16), (32, 1)]],
    *[((rows,), shape) for rows in (17, 64) for shape in [(16, 8), (2, 8)]],
    *[((rows,), shape) for rows in (65, 256) for shape in [(8, 4), (4, 8)]],
    ((257,), (4, 8)),
    ((2, 8), (2, 128)),  # rows of sequences are rows
]
PRODUCTS = [
    *[((16,), shape) for shape in [(33, 1), (1, 129), (16, 17)]],
    *[((17,), shape) for shape in [(17, 1), (1, 9)]],
    *[((65,), shape) for shape in [(9, 1), (8, 5)]],
    *[((257,), shape) for shape in [(5, 1), (4, 9)]],
    ((2, 9), (2, 128)),
]


def arrays(rows, shape, dtype="float32"):
    return (jnp.asarray(DRAW.normal(size=size), dtype) for size in ((*rows, shape[0]), shape, (*rows, shape[1])))


@pytest.mark.parametrize(("rows", "shape"), [*SUMS, *PRODUCTS], ids=str)
def test_values_and_derivatives(rows, shape):
    x, matrix, ct = arrays(rows, shape)
    for ours, theirs in zip(jax.vjp(product, x, matrix)[1](ct), jax.vjp(jnp.matmul, x, matrix)[1](ct), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    tangents = (jnp.cos(x), jnp.sin(matrix))
    for ours, theirs in zip(
        jax.jvp(product, (x, matrix), tangents), jax.jvp(jnp.matmul, (x, matrix), tangents), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_many_matrices_side_by_side():
    x, matrix, _ = arrays((6,), (2, 8))
    matrices = jnp.stack([matrix, -matrix, matrix + 1])
    np.testing.assert_allclose(jax.vmap(product, (None, 0))(x, matrices), x @ matrices, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("rows", "shape"), [*SUMS, *PRODUCTS], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_which_are_sums(rows, shape, dtype):
    """Half precision is added up in single, which a sum of products would not do."""
    x, matrix, _ = arrays(rows, shape, dtype)
    is_sum = "dot_general" not in str(jax.make_jaxpr(product)(x, matrix))
    assert is_sum == ((rows, shape) in SUMS and dtype == "float32" and jax.default_backend() == "cpu")
