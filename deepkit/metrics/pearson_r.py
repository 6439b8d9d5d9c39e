"""The correlation of predictions with targets."""

from __future__ import annotations

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from deepkit.graph.spec import Spec
from deepkit.metrics.metric import Metric, Statistics
from deepkit.metrics.moments import as_columns, centred, share
from deepkit.metrics.outputs import refuse_distribution
from deepkit.metrics.rows import counted, require_same_shape


class PearsonR(Metric):
    """Whether predictions rise with the targets: r = Σ dy dŷ / √(Σ dy² Σ dŷ²), d from the mean of the rows.

    Offset and scale of the predictions don't matter, so a high r doesn't mean small errors. With several
    outputs it is the mean of each output's r. Where targets or predictions are constant it is undefined: NaN,
    as in SciPy. Keras's `PearsonCorrelation` is another quantity: it correlates the outputs within each row
    and averages over rows.

    Shapes: `y_true` and `y_pred` alike; the last axis holds the outputs, all axes before it are rows.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "up"

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_distribution(self.key, output, label)
        return self

    def statistics(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> Statistics:
        require_same_shape(self.key, y_true, y_pred)
        y_true, y_pred, weights = counted(y_true, y_pred, weights)
        truth, each = as_columns(y_true.astype(y_pred.dtype), weights)
        predicted, _ = as_columns(y_pred, weights)
        true_mean, true_deviation = centred(truth, each)
        predicted_mean, predicted_deviation = centred(predicted, each)
        return {
            "count": jnp.sum(each),
            "true_mean": true_mean,
            "predicted_mean": predicted_mean,
            "true_spread": jnp.sum(each * jnp.square(true_deviation), axis=0),
            "predicted_spread": jnp.sum(each * jnp.square(predicted_deviation), axis=0),
            "joint_spread": jnp.sum(each * true_deviation * predicted_deviation, axis=0),
        }

    def merge(self, left: Statistics, right: Statistics) -> Statistics:
        of_right, weight = share(left["count"], right["count"])
        true_difference = right["true_mean"] - left["true_mean"]
        predicted_difference = right["predicted_mean"] - left["predicted_mean"]
        return {
            "count": left["count"] + right["count"],
            "true_mean": left["true_mean"] + true_difference * of_right,
            "predicted_mean": left["predicted_mean"] + predicted_difference * of_right,
            "true_spread": left["true_spread"] + right["true_spread"] + true_difference * weight * true_difference,
            "predicted_spread": left["predicted_spread"]
            + right["predicted_spread"]
            + predicted_difference * weight * predicted_difference,
            "joint_spread": left["joint_spread"]
            + right["joint_spread"]
            + true_difference * weight * predicted_difference,
        }

    def result(self, statistics: Statistics) -> jax.Array:
        # Two roots, not the root of a product that may overflow.
        scale = jnp.sqrt(statistics["true_spread"]) * jnp.sqrt(statistics["predicted_spread"])
        correlation = jnp.where(scale > 0, statistics["joint_spread"] / jnp.where(scale > 0, scale, 1), jnp.nan)
        return jnp.mean(jnp.clip(correlation, -1, 1))
