"""The activation that does nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def linear(x: ArrayLike) -> jax.Array:
    """`x` itself: for outputs that are any real number, and for logits."""
    return jnp.asarray(x)
