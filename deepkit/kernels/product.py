"""The product of rows with a small matrix, as XLA's CPU backend runs it fast.

A product of matrices is a call of a library there, whose beginning takes half a microsecond, and which nothing is fused
with.
"""

from __future__ import annotations

import math
import operator

import jax
import jax.numpy as jnp

SMALL = ((16, 32, 128, 256), (64, 16, 8, 128), (256, 8, 8, 32), (math.inf, 4, 8, 32))
"""Rows, inputs, outputs and numbers of a matrix up to which sums are faster in training, and mostly in predictions."""


def product(x: jax.Array, matrix: jax.Array) -> jax.Array:
    """`x @ matrix` of rows `(…, inputs)` and `(inputs, outputs)`: `(…, outputs)`, to within rounding."""
    size = math.prod(x.shape[:-1]), *matrix.shape, matrix.size
    small = any(all(map(operator.le, size, limits)) for limits in SMALL)
    if small and x.dtype == matrix.dtype == jnp.float32 and jax.default_backend() == "cpu":
        return (x[..., None] * matrix).sum(axis=-2)
    return x @ matrix
