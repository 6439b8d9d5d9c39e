"""Products with small matrices are those of `@`, with their derivatives, under every transformation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepkit.kernels import product

DRAW = np.random.default_rng(0)
ROWS = [(5,), (1,), (2, 3)]
MATRICES = [(1, 1), (2, 8), (4, 4), (3, 5), (4, 5), (5, 3), (1, 17)]
SMALL = [shape for shape in MATRICES if shape[0] <= 4 and shape[0] * shape[1] <= 16]


def arrays(rows, shape, dtype="float32"):
    return (jnp.asarray(DRAW.normal(size=size), dtype) for size in ((*rows, shape[0]), shape, (*rows, shape[1])))


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("shape", MATRICES, ids=str)
def test_values_and_derivatives(rows, shape):
    x, matrix, ct = arrays(rows, shape)
    for ours, theirs in zip(jax.vjp(product, x, matrix)[1](ct), jax.vjp(jnp.matmul, x, matrix)[1](ct), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    tangents = (jnp.cos(x), jnp.sin(matrix))
    for ours, theirs in zip(
        jax.jvp(product, (x, matrix), tangents), jax.jvp(jnp.matmul, (x, matrix), tangents), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_many_matrices_side_by_side():
    x, matrix, _ = arrays((6,), (2, 8))
    matrices = jnp.stack([matrix, -matrix, matrix + 1])
    np.testing.assert_allclose(jax.vmap(product, (None, 0))(x, matrices), x @ matrices, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", MATRICES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_which_are_sums(shape, dtype):
    """Half precision is added up in single, which a sum of products would not do."""
    x, matrix, _ = arrays((5,), shape, dtype)
    is_sum = "dot_general" not in str(jax.make_jaxpr(product)(x, matrix))
    assert is_sum == (shape in SMALL and dtype == "float32" and jax.default_backend() == "cpu")
