"""Activations that read a whole axis at once and make it a probability distribution."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike


def softmax(x: ArrayLike, axis: int = -1) -> jax.Array:
    """`exp(x_i) / Σ_j exp(x_j)`: numbers within (0, 1) that sum to 1 along `axis`.

    Computed after subtracting the maximum, which changes nothing but prevents overflow. A model computes its
    cross-entropy from the logits `x`, not from the result.

    Args:
        x: Logits, an array of any shape with at least one axis.
        axis: The axis that becomes a distribution.
    """
    return jax.nn.softmax(x, axis)


def log_softmax(x: ArrayLike, axis: int = -1) -> jax.Array:
    """`x_i − log Σ_j exp(x_j)`: the logarithm (base e) of `softmax`, finite where softmax would round to 0.

    Args:
        x: Logits, an array of any shape with at least one axis.
        axis: The axis that becomes a distribution.
    """
    return jax.nn.log_softmax(x, axis)
