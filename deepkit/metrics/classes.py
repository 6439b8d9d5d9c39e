"""True class against predicted class: the confusion matrix and what is read off it."""

from __future__ import annotations

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import finite_number
from deepkit.errors import DeepkitValueError
from deepkit.graph.spec import Meaning, Spec
from deepkit.metrics.metric import Metric, Statistics
from deepkit.metrics.outputs import describe, refuse_one_unit_softmax, refuse_regression, units
from deepkit.metrics.rows import along_rows, class_indices, counted, ratio, require_same_shape
from deepkit.metrics.thresholds import POSITIVE


class _ClassMetric(Metric):
    """What the metrics of this file share: the true and the predicted class of every row."""

    threshold: float = parameter(default=0.5, convert=finite_number)

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_regression(self.key, output, label)
        refuse_one_unit_softmax(self.key, output, label)
        if output.meaning is Meaning.PROBABILITY and units(output) > 1:
            raise DeepkitValueError(
                f"{self.key} needs one class per row, but {describe(output, label)} answers {units(output)} "
                "questions that don't exclude each other. Use precision or recall with average=None, one "
                'value per unit; or activation="softmax" if each row has one class.'
            )
        return self

    def one_hot(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        """True classes (times the weights) and predicted classes, as `(rows, classes)` of zeros and ones."""
        y_true, y_pred, weights = counted(y_true, y_pred, weights)
        if y_pred.ndim == 1 or y_pred.shape[-1] == 1:
            require_same_shape(self.key, y_true, y_pred)
            true_class = (y_true > POSITIVE).astype(jnp.int32)
            predicted = (y_pred > self.threshold).astype(jnp.int32)
            classes = 2
        else:
            true_class = class_indices(self.key, y_true, y_pred)
            predicted = jnp.argmax(y_pred, axis=-1)
            classes = y_pred.shape[-1]
        each = jnp.broadcast_to(along_rows(weights, predicted), predicted.shape)
        true_rows = jax.nn.one_hot(true_class.reshape(-1), classes, dtype=weights.dtype) * each.reshape(-1, 1)
        return true_rows, jax.nn.one_hot(predicted.reshape(-1), classes, dtype=weights.dtype)


class ConfusionMatrix(_ClassMetric):
    """How many rows of each true class (row) were taken for each class (column): `(classes, classes)`.

    The convention of scikit-learn and Keras; weights are summed where rows have weights. The matrix of a
    sigmoid output is `[[true negatives, false positives], [false negatives, true positives]]`.

    Args:
        threshold: Probability above which one sigmoid unit says class 1. Softmax outputs take the arg-max.

    Shapes: `y_pred (batch, ..., classes)` with `y_true` alike or indices `(batch, ...)`;
    or both `(batch, 1)`.
    """

    def statistics(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> Statistics:
        true_rows, predicted_rows = self.one_hot(y_true, y_pred, weights)
        # A sum of products by class, not a scatter, whose order and bits may change from run to run on a GPU.
        return {"matrix": jnp.matmul(true_rows.T, predicted_rows, precision="highest")}

    def result(self, statistics: Statistics) -> jax.Array:
        return statistics["matrix"]


class PerClassAccuracy(_ClassMetric):
    """For each class, the share of its rows that were recognised: a vector `(classes,)`.

    It is the recall of each class, the diagonal of the confusion matrix over its row sums. A class that no
    row belongs to has NaN.

    Args:
        threshold: Probability above which one sigmoid unit says class 1. Softmax outputs take the arg-max.

    Shapes: `y_pred (batch, ..., classes)` with `y_true` alike or indices `(batch, ...)`;
    or both `(batch, 1)`.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    def statistics(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> Statistics:
        true_rows, predicted_rows = self.one_hot(y_true, y_pred, weights)
        return {"correct": jnp.sum(true_rows * predicted_rows, axis=0), "count": jnp.sum(true_rows, axis=0)}

    def result(self, statistics: Statistics) -> jax.Array:
        share = ratio(statistics["correct"], statistics["count"])
        return jnp.where(statistics["count"] != 0, share, jnp.nan)


class BalancedAccuracy(PerClassAccuracy):
    """Mean of `PerClassAccuracy` over the classes that occur: chance is 1/K whatever the imbalance.

    As scikit-learn's `balanced_accuracy_score` (adjusted=False). Without any row it is 0.

    Args:
        threshold: Probability above which one sigmoid unit says class 1. Softmax outputs take the arg-max.
    """

    def result(self, statistics: Statistics) -> jax.Array:
        occurs = statistics["count"] != 0
        share = ratio(statistics["correct"], statistics["count"])
        return ratio(jnp.sum(share), jnp.sum(occurs).astype(share.dtype))
