"""Area under the ROC curve or the precision-recall curve."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.errors import DeepkitValueError
from deepkit.graph.spec import Meaning, Spec
from deepkit.metrics import thresholds as convert
from deepkit.metrics.metric import Metric, Statistics
from deepkit.metrics.outputs import (
    describe,
    refuse_one_unit_softmax,
    refuse_regression,
    require_class_id,
    units,
)
from deepkit.metrics.rows import along_rows, class_indices, counted, ratio, require_same_shape


def number_of_thresholds(value: Any) -> int:
    """Converter: a whole number of at least 2."""
    if positive_integer(value) < 2:
        raise DeepkitValueError("a curve needs at least 2 thresholds.")
    return int(value)


def curve_name(value: Any) -> str:
    """Converter: `"ROC"` or `"PR"`."""
    if value not in ("ROC", "PR"):
        raise DeepkitValueError('expected "ROC" or "PR".')
    return str(value)


class AUC(Metric):
    """Area under a curve over all thresholds: true against false positive rate, or precision against recall.

    The first, ROC, is the probability that a positive row is ranked above a negative one.

    Keras's form: the predictions are counted in `num_thresholds − 1` equal bins of [0, 1], positives and
    negatives apart, so that batches add and memory stays constant. The ROC area is that of the trapezoids
    between the bins' corners; the PR area interpolates true positives linearly in each bin (Davis & Goadrich
    2006), not precision.

    scikit-learn's `roc_auc_score` sorts all predictions and is exact. Here a positive and a negative in one
    bin count as a tie, one half, so the ROC areas differ by at most half the share of (positive, negative)
    pairs that fall into one bin: 0.0025 where predictions spread evenly over [0, 1], much more where most lie
    near 0 or 1; then raise `num_thresholds`. scikit-learn's `average_precision_score` is another quantity
    than the PR area, a step function without interpolation.

    Args:
        num_thresholds: Number of thresholds, 0 and 1 included. Default 200, as in Keras.
        curve: `"ROC"` or `"PR"`.
        class_id: Only this class (or unit), counted from 0, against all others. Needed for a softmax over
            more than two classes; over two it is the second. Sigmoid units are by default counted together,
            as in Keras.

    Shapes: `y_true` and `y_pred` alike; or `y_pred (batch, ..., classes)` and indices `(batch, ...)`.
    With only positives or only negatives the ROC area is 0, as in Keras.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    num_thresholds: int = parameter(default=200, convert=number_of_thresholds)
    curve: str = parameter(default="ROC", convert=curve_name)
    class_id: int | None = parameter(default=None, convert=convert.class_id, kw_only=True)

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_regression(self.key, output, label)
        refuse_one_unit_softmax(self.key, output, label)
        require_class_id(self.key, self.class_id, units(output))
        if output.meaning is Meaning.LOG_DISTRIBUTION:
            raise DeepkitValueError(
                f"{self.key} counts probabilities between 0 and 1, but {describe(output, label)} holds their "
                'logarithms. Use activation="softmax".'
            )
        if output.meaning is Meaning.DISTRIBUTION and self.class_id is None:
            if units(output) > 2:
                raise DeepkitValueError(
                    f"{self.key} ranks rows by one probability, but {describe(output, label)} has "
                    f"{units(output)} per row. Name a class, as in AUC(class_id=0), for that class against "
                    'the rest; or use "balanced_accuracy" or "f1" for all classes.'
                )
            return self.replace(class_id=1)
        return self

    def statistics(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> Statistics:
        y_true, y_pred, weights = counted(y_true, y_pred, weights)
        if self.class_id is not None:
            require_class_id(self.key, self.class_id, y_pred.shape[-1])
            if y_true.shape != y_pred.shape:
                positive = class_indices(self.key, y_true, y_pred) == self.class_id
            else:
                positive = y_true[..., self.class_id] > convert.POSITIVE
            y_pred = y_pred[..., self.class_id]
        else:
            require_same_shape(self.key, y_true, y_pred)
            positive = y_true > convert.POSITIVE
        each = jnp.broadcast_to(along_rows(weights, y_pred), y_pred.shape).reshape(-1)
        bins = self.num_thresholds - 1
        # Bin i holds the predictions above threshold i and not above threshold i + 1; 0 belongs to the first.
        bin_of = jnp.clip(jnp.ceil(y_pred * bins).astype(jnp.int32) - 1, 0, bins - 1).reshape(-1)
        # Rows are added into their bins: on a CPU many times as fast as comparing every row with every bin.
        empty, positive = jnp.zeros(bins, weights.dtype), positive.reshape(-1)
        return {
            "positives": empty.at[bin_of].add(jnp.where(positive, each, 0)),
            "negatives": empty.at[bin_of].add(jnp.where(positive, 0, each)),
        }

    def result(self, statistics: Statistics) -> jax.Array:
        # From the highest threshold, which no row passes, to the lowest, which all do.
        true_positives = _running_sum(statistics["positives"])
        false_positives = _running_sum(statistics["negatives"])
        if self.curve == "PR":
            return _area_under_precision(true_positives, false_positives)
        recall = ratio(true_positives, true_positives[-1])
        false_positive_rate = ratio(false_positives, false_positives[-1])
        return jnp.sum(jnp.diff(false_positive_rate) * (recall[1:] + recall[:-1]) / 2)


def _running_sum(bins: jax.Array) -> jax.Array:
    return jnp.concatenate([jnp.zeros(1, bins.dtype), jnp.cumsum(bins[::-1])])


def _area_under_precision(true_positives: jax.Array, false_positives: jax.Array) -> jax.Array:
    """∫ TP/P dTP over the total positives, with TP linear in P = TP + FP between two thresholds.

    With TP = slope · P + intercept, one bin's part is slope · (ΔTP + intercept · ln(P₂ / P₁)); precision is
    constant in the first bin that is not empty.
    """
    predicted = true_positives + false_positives
    gained = jnp.diff(true_positives)
    slope = ratio(gained, jnp.diff(predicted))
    intercept = true_positives[:-1] - slope * predicted[:-1]
    growth = jnp.where(predicted[:-1] > 0, ratio(predicted[1:], predicted[:-1]), 1)
    areas = slope * (gained + intercept * jnp.log(growth))
    return ratio(jnp.sum(areas), true_positives[-1])
