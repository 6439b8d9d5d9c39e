"""How metrics read a batch: which rows count, in which dtype they are summed, and what the targets are."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from deepkit.errors import DeepkitValueError


def summing_dtype(y_pred: jax.Array) -> jnp.dtype:
    """The dtype of `y_pred`, at least float32."""
    return jnp.promote_types(y_pred.dtype, jnp.float32)


def along_rows(weights: jax.Array, like: jax.Array) -> jax.Array:
    """`(batch,)` weights with as many axes as `like`, to broadcast over everything behind the batch."""
    return weights.reshape(weights.shape + (1,) * (like.ndim - 1))


def counted(y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The three arrays ready to be summed: rows of weight 0 hold zeros instead of whatever filled them.

    They are replaced, not multiplied by 0, because 0 · NaN is NaN.
    """
    dtype = summing_dtype(y_pred)
    if jnp.issubdtype(y_true.dtype, jnp.floating):
        y_true = y_true.astype(dtype)
    y_true = jnp.where(along_rows(weights, y_true) != 0, y_true, 0)
    y_pred = jnp.where(along_rows(weights, y_pred) != 0, y_pred.astype(dtype), 0)
    return y_true, y_pred, weights.astype(dtype)


def require_same_shape(metric: str, y_true: jax.Array, y_pred: jax.Array) -> None:
    """Refuse what NumPy would broadcast: (N,) against (N, 1) would compare every row with every other."""
    if y_true.shape != y_pred.shape:
        raise DeepkitValueError(
            f"{metric} compares number by number, but y_true has shape {y_true.shape} and y_pred "
            f"{y_pred.shape}. "
            "Bring y_true to the shape of y_pred; class indices need dk.preprocessing.one_hot first."
        )


def class_indices(metric: str, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    """True classes as int32, from indices (one axis less than `y_pred`) or from one-hot rows."""
    if y_true.shape == y_pred.shape:
        return jnp.argmax(y_true, axis=-1).astype(jnp.int32)
    if y_true.shape == y_pred.shape[:-1]:
        return y_true.astype(jnp.int32)
    raise DeepkitValueError(
        f"{metric} got y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape}. "
        f"Give class indices of shape {y_pred.shape[:-1]} or one-hot rows of shape {y_pred.shape}."
    )


def ratio(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """Their quotient, and 0 where the denominator is 0."""
    return jnp.where(denominator != 0, numerator / jnp.where(denominator != 0, denominator, 1), 0)
