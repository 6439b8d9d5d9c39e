"""How far a probability is kept from 0 and 1 before its logarithm is taken."""

from __future__ import annotations

import jax
import jax.numpy as jnp

EPSILON = 1e-7
"""Keras's `backend.epsilon()`: a probability of exactly 0 costs ln(1e7) = 16.1, not infinity."""


def clip_probabilities(p: jax.Array, *, below_one: bool = True) -> jax.Array:
    """`p` within [ε, 1−ε], or [ε, 1], as in Keras.

    In half precision ε is the step below 1, so that 1−ε is not rounded to 1.
    """
    epsilon = max(EPSILON, float(jnp.finfo(p.dtype).epsneg))
    return jnp.clip(p, epsilon, 1 - epsilon if below_one else 1)
