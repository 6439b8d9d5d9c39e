"""The angle between predicted and true vectors."""

from __future__ import annotations

from typing import ClassVar, Literal

import jax

from deepkit import losses
from deepkit.metrics.mean import MeanMetric
from deepkit.metrics.rows import require_same_shape


class CosineSimilarity(MeanMetric):
    """Mean over rows of Σ y ŷ / (‖y‖ ‖ŷ‖), in [−1, 1]: 1 where both point the same way, whatever their lengths.

    Keras's sign: the loss of this name is its negative, to be made small.

    Shapes: `y_true` and `y_pred` alike, `(batch, ..., size)`; the vectors lie along the last axis.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        require_same_shape(self.key, y_true, y_pred)
        return -losses.CosineSimilarity(axis=-1).values(y_true, y_pred)
