"""Metrics that are the mean of one value per row."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.metrics.metric import Metric, Statistics
from deepkit.metrics.rows import ratio, summing_dtype


class MeanMetric(Metric):
    """Weighted mean over rows: Σ wᵢ vᵢ / Σ wᵢ, where vᵢ is the mean of row i's values.

    A subclass defines `values`. Without any row the result is 0, as in Keras.
    """

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        """One value per row or per element: `(batch, ...)`."""
        raise DeepkitTypeError(
            f"{type(self).__name__} does not define values(self, y_true, y_pred). Return one value per row."
        )

    def statistics(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> Statistics:
        dtype = summing_dtype(y_pred)
        if jnp.issubdtype(y_true.dtype, jnp.floating):
            y_true = y_true.astype(dtype)
        values = jnp.asarray(self.values(y_true, y_pred.astype(dtype)))
        if values.shape[:1] != weights.shape:
            raise DeepkitValueError(
                f"{self.key} gave values of shape {values.shape} for {weights.shape[0]} rows. "
                "Return one value per row, not their mean: rows that only fill up the last batch must be "
                "left out of it."
            )
        rows = values.astype(dtype).reshape(len(values), -1).mean(axis=1)
        weights = weights.astype(dtype)
        total = jnp.sum(jnp.where(weights != 0, weights * rows, 0))
        return {"total": total, "count": jnp.sum(weights)}

    def result(self, statistics: Statistics) -> jax.Array:
        return ratio(statistics["total"], statistics["count"])
