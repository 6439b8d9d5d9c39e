"""Means and sums of squares that keep their digits: computed per batch around the batch's mean, then joined.

The textbook's Σy² − (Σy)²/n loses every digit in float32 when the mean is a thousand standard deviations.
Here a batch is centred first, with Björck's correction for the rounding of its mean, and two batches are
joined by the pairwise update of Chan, Golub & LeVeque, "Algorithms for computing the sample variance" (The
American Statistician 37, 1983).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from deepkit.metrics.rows import ratio


def as_columns(array: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`(rows, columns)` with the last axis as columns, and a weight for each of those rows, as a column."""
    if array.ndim == 1:
        array = array[:, None]
    columns = array.reshape(-1, array.shape[-1])
    return columns, jnp.repeat(weights, len(columns) // len(weights))[:, None]


def centred(columns: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Weighted mean of each column, and the columns without it."""
    count = jnp.sum(weights)
    mean = ratio(jnp.sum(weights * columns, axis=0), count)
    mean = mean + ratio(jnp.sum(weights * (columns - mean), axis=0), count)
    return mean, columns - mean


def share(left: jax.Array, right: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`n_right / n` and `n_left · n_right / n`: what a difference of means weighs when sets are joined."""
    of_right = ratio(right, left + right)
    return of_right, left * of_right
