"""Mean errors of predicted numbers."""

from __future__ import annotations

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from deepkit.metrics.mean import MeanMetric
from deepkit.metrics.metric import Statistics
from deepkit.metrics.rows import require_same_shape


class MeanAbsoluteError(MeanMetric):
    """MAE = mean |y − ŷ|, in the target's unit. `y_true` has the shape of `y_pred`; nothing is broadcast."""

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "down"

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        require_same_shape(self.key, y_true, y_pred)
        return jnp.abs(y_true - y_pred)


class MeanSquaredError(MeanMetric):
    """MSE = mean (y − ŷ)², in the target's unit squared. On probabilities it is the Brier score (1950).

    `y_true` has the shape of `y_pred`; nothing is broadcast. With K classes it is, as in Keras, the mean over
    the K columns; Brier's own form is their sum, K times as large.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "down"

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        require_same_shape(self.key, y_true, y_pred)
        return jnp.square(y_true - y_pred)


class RootMeanSquaredError(MeanSquaredError):
    """RMSE = √MSE, in the target's unit. The root is taken once, of the mean over all rows."""

    def result(self, statistics: Statistics) -> jax.Array:
        return jnp.sqrt(super().result(statistics))
