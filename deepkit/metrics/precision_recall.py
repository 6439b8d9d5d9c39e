"""Precision, recall and F1, of one class or averaged over several."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph.spec import Meaning, Spec
from deepkit.metrics import thresholds as convert
from deepkit.metrics.metric import Metric, Statistics
from deepkit.metrics.outputs import refuse_one_unit_softmax, refuse_regression, require_class_id, units
from deepkit.metrics.rows import along_rows, class_indices, counted, ratio, require_same_shape

AVERAGES = ("macro", "micro", "weighted", None)


def average_name(value: Any) -> str | None:
    """Converter: how several classes become one number."""
    if value not in AVERAGES:
        raise DeepkitValueError('expected "macro", "micro", "weighted" or None.')
    return value


class _OutcomeMetric(Metric):
    """Counts of true and false positives and of misses, each of shape `(thresholds, classes)`."""

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    CUT: ClassVar[str] = "thresholds"
    """The field that holds the threshold; Keras calls it differently in F1Score."""

    class_id: int | None = parameter(default=None, convert=convert.class_id, kw_only=True)
    average: str | None = parameter(default="macro", convert=average_name, kw_only=True)

    @property
    def cut(self) -> float | tuple[float, ...] | None:
        """The threshold or thresholds; `None` for the arg-max."""
        return getattr(self, self.CUT)

    def score(self, true_positives: jax.Array, false_positives: jax.Array, false_negatives: jax.Array) -> jax.Array:
        """The score that the counts give, element by element."""
        raise DeepkitTypeError(f"{type(self).__name__} does not define score(self, …) of the three counts.")

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_regression(self.key, output, label)
        refuse_one_unit_softmax(self.key, output, label)
        require_class_id(self.key, self.class_id, units(output))
        if output.meaning is Meaning.LOG_DISTRIBUTION and self.cut is not None:
            raise DeepkitValueError(
                f"{self.key} compares with a threshold between 0 and 1, but the output of {label} holds "
                "log-probabilities. "
                'Leave the threshold out (the arg-max decides), or use activation="softmax".'
            )
        if output.meaning is Meaning.PROBABILITY and self.cut is None:
            return self.replace(**{self.CUT: 0.5})
        return self

    def statistics(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> Statistics:
        y_true, y_pred, weights = counted(y_true, y_pred, weights)
        if y_pred.ndim == 1 or y_pred.shape[-1] == 1:
            require_same_shape(self.key, y_true, y_pred)
            y_true, y_pred = y_true.reshape(-1, 1), y_pred.reshape(-1, 1)
            weights = jnp.repeat(weights, len(y_pred) // len(weights))
        classes = y_pred.shape[-1]
        require_class_id(self.key, self.class_id, classes)
        by_largest = self.cut is None and classes > 1
        if y_true.shape == y_pred.shape and not by_largest:
            positive = y_true > convert.POSITIVE
        else:
            positive = class_indices(self.key, y_true, y_pred)[..., None] == jnp.arange(classes)
        if by_largest:
            predicted = (jnp.argmax(y_pred, axis=-1)[..., None] == jnp.arange(classes))[None]
        else:
            levels = jnp.atleast_1d(jnp.asarray(0.5 if self.cut is None else self.cut, y_pred.dtype))
            predicted = y_pred[None] > levels.reshape(-1, *(1,) * y_pred.ndim)
        if self.class_id is not None:
            positive, predicted = positive[..., self.class_id, None], predicted[..., self.class_id, None]
        each = along_rows(weights, positive)

        def total(outcome: jax.Array) -> jax.Array:
            return jnp.sum(jnp.where(outcome, each, 0), axis=tuple(range(1, outcome.ndim - 1)))

        return {
            "true_positives": total(positive & predicted),
            "false_positives": total(~positive & predicted),
            "false_negatives": total(positive & ~predicted),
        }

    def result(self, statistics: Statistics) -> jax.Array:
        names = ("true_positives", "false_positives", "false_negatives")
        counts = [statistics[name] for name in names]
        if self.average == "micro":
            counts = [count.sum(axis=-1, keepdims=True) for count in counts]
        true_positives, false_positives, false_negatives = counts
        scores = self.score(true_positives, false_positives, false_negatives)
        support = true_positives + false_negatives
        if self.average == "weighted":
            scores = ratio(jnp.sum(scores * support, axis=-1), jnp.sum(support, axis=-1))
        elif self.average is not None:
            occurs = (support + false_positives != 0).astype(scores.dtype)
            scores = ratio(jnp.sum(scores, axis=-1), jnp.sum(occurs, axis=-1))
        elif scores.shape[-1] == 1:
            scores = scores[..., 0]
        return scores if isinstance(self.cut, tuple) else scores[0]


class Precision(_OutcomeMetric):
    """Of the rows predicted positive, the share that is: TP / (TP + FP).

    On a sigmoid output a unit says yes where its probability is above the threshold. On a softmax output each
    row is predicted to be the class of its largest probability, and every class has its own precision.
    Several classes, or several sigmoid units, become one number by `average`. The same numbers as
    scikit-learn's `precision_score`. Keras instead puts one threshold to all columns of a softmax and adds
    their counts; `Precision(0.5, average="micro")` does that.

    Args:
        thresholds: One probability, or several for a vector of results. Default: 0.5 for sigmoid units,
            the arg-max for a softmax.
        class_id: Only this class (or unit), counted from 0, against all others.
        average: `"macro"` (default, as scikit-learn's reports): mean over the classes, each as important;
            classes that neither occur nor are predicted are left out. `"weighted"`: by the number of true
            rows. `"micro"`: from the summed counts. `None`: one value per class.

    Shapes: `y_pred (batch, ..., classes)` with `y_true` alike or indices `(batch, ...)`;
    or both `(batch, 1)`. A ratio without any row is 0, as in Keras and scikit-learn.
    """

    thresholds: float | tuple[float, ...] | None = parameter(default=None, convert=convert.probabilities)

    def score(self, true_positives: jax.Array, false_positives: jax.Array, false_negatives: jax.Array) -> jax.Array:
        return ratio(true_positives, true_positives + false_positives)


class Recall(_OutcomeMetric):
    """Of the rows that are positive, the share that was predicted so: TP / (TP + FN); the true positive rate.

    Arguments, shapes, averages and the difference from Keras as in `Precision`; the same numbers as
    scikit-learn's `recall_score`. The unaveraged recall of a class is what `PerClassAccuracy` reports.
    """

    thresholds: float | tuple[float, ...] | None = parameter(default=None, convert=convert.probabilities)

    def score(self, true_positives: jax.Array, false_positives: jax.Array, false_negatives: jax.Array) -> jax.Array:
        return ratio(true_positives, true_positives + false_negatives)


class F1Score(_OutcomeMetric):
    """Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN). Also called Dice score.

    The same numbers as scikit-learn's `f1_score`. Classes and averages as in `Precision`: the mean of the
    classes' F1, not the F1 of mean precision and mean recall.

    Args:
        average: As in `Precision`. Default `"macro"`; Keras's default is `None`, one value per class.
        threshold: One probability. Default: 0.5 for sigmoid units (Keras takes an arg-max, so that one unit
            says yes to every row), the arg-max for a softmax.
        class_id: Only this class (or unit), counted from 0, against all others.
    """

    CUT: ClassVar[str] = "threshold"

    average: str | None = parameter(default="macro", convert=average_name)
    threshold: float | None = parameter(default=None, convert=convert.probability)

    def score(self, true_positives: jax.Array, false_positives: jax.Array, false_negatives: jax.Array) -> jax.Array:
        return ratio(2 * true_positives, 2 * true_positives + false_positives + false_negatives)
