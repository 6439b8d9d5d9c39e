"""The divergence of predicted from true distributions."""

from __future__ import annotations

from typing import ClassVar, Literal

import jax

from deepkit import losses
from deepkit.errors import DeepkitValueError
from deepkit.graph.spec import Meaning, Spec
from deepkit.metrics.mean import MeanMetric
from deepkit.metrics.metric import Metric
from deepkit.metrics.outputs import describe, refuse_one_unit_softmax
from deepkit.metrics.rows import require_same_shape


class KLDivergence(MeanMetric):
    """Mean over rows of Σ y ln(y / ŷ), in nats (Kullback & Leibler 1951).

    Clipped as Keras and `dk.losses.KLDivergence` do. For one-hot targets it equals the cross-entropy.

    Shapes: `y_true` and `y_pred` alike, `(batch, ..., classes)`, each row a distribution.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "down"

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_one_unit_softmax(self.key, output, label)
        if output.meaning is not Meaning.DISTRIBUTION:
            raise DeepkitValueError(
                f"{self.key} compares distributions that sum to 1, but {describe(output, label)} is none. "
                'Use activation="softmax"; for a sigmoid output use "binary_crossentropy", for numbers "mae" '
                'or "mse".'
            )
        return self

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        require_same_shape(self.key, y_true, y_pred)
        return losses.KLDivergence().values(y_true, y_pred)
