"""The share of right classes."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import finite_number
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph.spec import Meaning, Spec
from deepkit.metrics.mean import MeanMetric
from deepkit.metrics.metric import Metric, Statistics
from deepkit.metrics.outputs import (
    describe,
    refuse_one_unit_softmax,
    refuse_regression,
    require_classes,
)
from deepkit.metrics.rows import class_indices, require_same_shape
from deepkit.metrics.thresholds import POSITIVE


class Accuracy(Metric):
    """Share of right predictions: by threshold or by arg-max, as the output's meaning says.

    At `compile` it becomes `BinaryAccuracy` on sigmoid outputs and `CategoricalAccuracy` on softmax outputs,
    under the same key. Keras decides by the shapes of targets and outputs instead, and takes a sigmoid layer
    of several units (several yes/no questions) for a choice among classes.

    Raises:
        DeepkitError: at `compile` on outputs without classes (a regression), or a softmax over one unit.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_regression(self.key, output, label)
        refuse_one_unit_softmax(self.key, output, label)
        binary = output.meaning is Meaning.PROBABILITY
        return (BinaryAccuracy() if binary else CategoricalAccuracy()).under(self.key)

    def statistics(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> Statistics:
        raise DeepkitTypeError(
            "Accuracy takes its form from a model's output, and there is no model here. "
            "Use BinaryAccuracy() for probabilities of yes, CategoricalAccuracy() for one column per class."
        )


class BinaryAccuracy(MeanMetric):
    """Share of right yes/no answers: an answer is yes where `y_pred > threshold`.

    Several units count as several answers. A target is yes above one half, which holds for 0/1, for −1/+1
    (with a hinge loss use `threshold=0`) and for soft labels; Keras counts soft labels as always wrong.

    Args:
        threshold: Smallest probability that still means no. With a value outside (0, 1) the output may be any
            score.

    Shapes: `y_true` and `y_pred` alike, `(batch, ...)`.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    threshold: float = parameter(default=0.5, convert=finite_number)

    def resolve(self, output: Spec, label: str) -> Metric:
        if output.meaning in (Meaning.DISTRIBUTION, Meaning.LOG_DISTRIBUTION):
            raise DeepkitValueError(
                f"{self.key} asks each unit for yes or no, but {describe(output, label)} chooses among "
                'classes. Use "accuracy" or "categorical_accuracy".'
            )
        if 0 < self.threshold < 1:
            refuse_regression(self.key, output, label)
        return self

    def of_logits(self) -> Metric | None:
        if type(self) is not BinaryAccuracy or not 0 < self.threshold < 1:
            return None
        return self.replace(threshold=math.log(self.threshold / (1 - self.threshold)))

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        require_same_shape(self.key, y_true, y_pred)
        return (y_true > POSITIVE) == (y_pred > self.threshold)


class CategoricalAccuracy(MeanMetric):
    """Share of rows whose largest output is the true class.

    Targets are one-hot rows or class indices: the shapes tell. Of equal outputs the first counts, as in
    Keras.

    Shapes: `y_pred (batch, ..., classes)`; `y_true` the same, or `(batch, ...)` of indices.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_one_unit_softmax(self.key, output, label)
        require_classes(self.key, output, label)
        return self

    def of_logits(self) -> Metric | None:
        return self if type(self) in (CategoricalAccuracy, SparseCategoricalAccuracy) else None

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        return class_indices(self.key, y_true, y_pred) == jnp.argmax(y_pred, axis=-1)


class SparseCategoricalAccuracy(CategoricalAccuracy):
    """`CategoricalAccuracy` under Keras's name for class indices. Both take either form of targets."""
