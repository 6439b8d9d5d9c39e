"""The coefficient of determination."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.errors import DeepkitValueError
from deepkit.graph.spec import Spec
from deepkit.metrics.metric import Metric, Statistics
from deepkit.metrics.moments import as_columns, centred, share
from deepkit.metrics.outputs import refuse_distribution
from deepkit.metrics.rows import counted, ratio, require_same_shape


def aggregation_name(value: Any) -> str | None:
    """Converter: how several outputs become one number."""
    if value not in ("uniform_average", "variance_weighted_average", None):
        raise DeepkitValueError('expected "uniform_average", "variance_weighted_average" or None.')
    return value


class R2Score(Metric):
    """R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)²: 1 is perfect, 0 as good as the mean of these rows, less is worse.

    The mean is that of the rows under evaluation, so R² of a test set compares with the test set's own mean.
    As in scikit-learn's `r2_score`, a constant target gives 1 if met exactly, else 0; without any row the
    result is NaN. Sums are kept around the mean and joined by Chan's rule, where Keras's Σy² − (Σy)²/n loses
    its digits in float32.

    Args:
        class_aggregation: Keras's name for what becomes of several outputs: `"uniform_average"` (default) is
            the mean of their R², `"variance_weighted_average"` weighs them by Σ(y − ȳ)², `None` returns a
            vector.

    Shapes: `y_true` and `y_pred` alike; the last axis holds the outputs, all axes before it are rows.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    class_aggregation: str | None = parameter(default="uniform_average", convert=aggregation_name)

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_distribution(self.key, output, label)
        return self

    def statistics(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> Statistics:
        require_same_shape(self.key, y_true, y_pred)
        y_true, y_pred, weights = counted(y_true, y_pred, weights)
        truth, each = as_columns(y_true.astype(y_pred.dtype), weights)
        predicted, _ = as_columns(y_pred, weights)
        mean, deviation = centred(truth, each)
        return {
            "count": jnp.sum(each),
            "mean": mean,
            "spread": jnp.sum(each * jnp.square(deviation), axis=0),
            "residual": jnp.sum(each * jnp.square(truth - predicted), axis=0),
        }

    def merge(self, left: Statistics, right: Statistics) -> Statistics:
        of_right, weight = share(left["count"], right["count"])
        difference = right["mean"] - left["mean"]
        return {
            "count": left["count"] + right["count"],
            "mean": left["mean"] + difference * of_right,
            "spread": left["spread"] + right["spread"] + difference * weight * difference,
            "residual": left["residual"] + right["residual"],
        }

    def result(self, statistics: Statistics) -> jax.Array:
        residual, spread = statistics["residual"], statistics["spread"]
        if self.class_aggregation == "variance_weighted_average":
            residual, spread = residual.sum(), spread.sum()
        constant = jnp.where(residual == 0, 1.0, 0.0).astype(spread.dtype)
        scores = jnp.where(spread > 0, 1 - ratio(residual, spread), constant)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        return jnp.where(statistics["count"] > 0, scores, jnp.nan)
