"""Activations with a bounded range, element by element: sigmoid, tanh and their cheaper stand-ins."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def sigmoid(x: ArrayLike) -> jax.Array:
    """`1 / (1 + exp(−x))`, within (0, 1). Its derivative `s · (1 − s)` peaks at 0 with 1/4.

    As the last layer it gives independent probabilities. It is the softmax of two units, one of them at 0.
    """
    return jax.nn.sigmoid(x)


def tanh(x: ArrayLike) -> jax.Array:
    """`2 · sigmoid(2x) − 1`, within (−1, 1). Its derivative `1 − tanh²` peaks at 0 with 1."""
    return jnp.tanh(x)


def softsign(x: ArrayLike) -> jax.Array:
    """`x / (1 + |x|)`, within (−1, 1): saturates more slowly than tanh. Its derivative peaks at 0 with 1.

    Reference: Bergstra et al., Quadratic Polynomials Learn Better Image Features, 2009.
    """
    return jax.nn.soft_sign(x)


def hard_sigmoid(x: ArrayLike) -> jax.Array:
    """`relu6(x + 3) / 6`: 0 below −3, 1 above 3, a straight line between.

    The slope is 1/6 as in Keras 3, JAX and PyTorch; Keras 2 had 0.2.
    """
    return jax.nn.hard_sigmoid(x)


def hard_tanh(x: ArrayLike) -> jax.Array:
    """`x`, clipped to [−1, 1]."""
    return jax.nn.hard_tanh(x)
