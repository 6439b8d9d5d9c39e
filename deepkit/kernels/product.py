"""The product of rows with a small matrix, as XLA's CPU backend runs it fast.

A product of matrices is a call of a library there, whose beginning takes longer than a few numbers do, and which
nothing is fused with. Small networks spent 5 to 13 % of their training on those of their first layer.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

FEW_INPUTS, FEW_NUMBERS = 4, 16
"""Inputs and numbers of a matrix up to which a sum of products is faster, in training and more so in predictions."""


def product(x: jax.Array, matrix: jax.Array) -> jax.Array:
    """`x @ matrix` of rows `(…, inputs)` and `(inputs, outputs)`: `(…, outputs)`, to within rounding."""
    inputs = matrix.shape[0]
    few = inputs <= FEW_INPUTS and matrix.size <= FEW_NUMBERS
    if few and x.dtype == matrix.dtype == jnp.float32 and jax.default_backend() == "cpu":
        return sum((x[..., i, None] * matrix[i] for i in range(1, inputs)), start=x[..., 0, None] * matrix[0])
    return x @ matrix
