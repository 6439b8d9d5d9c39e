"""Whether the true class is among the k most probable."""

from __future__ import annotations

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.errors import DeepkitValueError
from deepkit.graph.spec import Spec
from deepkit.metrics.mean import MeanMetric
from deepkit.metrics.metric import Metric
from deepkit.metrics.outputs import describe, refuse_one_unit_softmax, require_classes, units
from deepkit.metrics.rows import class_indices


class TopKCategoricalAccuracy(MeanMetric):
    """Share of rows where fewer than `k` classes are more probable than the true one.

    Targets are one-hot rows or class indices: the shapes tell. Ties count in favour, as in Keras: a model
    whose outputs are all equal scores 1. A row with NaN counts as wrong.

    Args:
        k: How many of the most probable classes count. Default 5, from the ImageNet contests (1000 classes).

    Shapes: `y_pred (batch, ..., classes)`; `y_true` the same, or `(batch, ...)` of indices.

    Raises:
        DeepkitError: at `compile` where `k` is not smaller than the number of classes: every row would count
            as right.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    k: int = parameter(default=5, convert=positive_integer)

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_one_unit_softmax(self.key, output, label)
        require_classes(self.key, output, label)
        if self.k >= units(output):
            fewer = max(1, units(output) // 2)
            raise DeepkitValueError(
                f"{self.key} with k={self.k} counts every row as right: "
                f"{describe(output, label)} has only {units(output)} classes. "
                f"Use a smaller k, such as TopKCategoricalAccuracy(k={fewer})."
            )
        return self

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        true_class = class_indices(self.key, y_true, y_pred)
        of_true_class = jnp.take_along_axis(y_pred, true_class[..., None], axis=-1)
        # "Not at most" rather than "greater": a comparison with NaN is false, and must not help.
        ahead = jnp.sum(~(y_pred <= of_true_class), axis=-1)
        return ahead < self.k


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """`TopKCategoricalAccuracy` under Keras's name for class indices. Both take either form of targets."""
