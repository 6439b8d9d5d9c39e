"""The loss that only sees directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from deepkit.configuration import parameter
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph.spec import Spec
from deepkit.losses.clipping import EPSILON
from deepkit.losses.loss import Loss


def axis_number(value: Any) -> int:
    """Converter: the number of an axis."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise DeepkitTypeError("expected the number of an axis, such as -1.")
    return int(value)


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between prediction and target: −1 alike, 0 orthogonal, 1 opposite.

    −Σ ŷ·y / (‖ŷ‖ ‖y‖), norms below 1e-7 counting as 1e-7, so a zero vector has similarity 0. As Keras;
    `optax.cosine_distance` is this plus 1.

    `y_true`, `y_pred`: `(batch, ..., units)` → `(batch, ...)`.

    Args:
        axis: Axis of the vectors; the last one by default.
    """

    axis: int = parameter(default=-1, convert=axis_number)

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """−cos(ŷ, y)"""
        y_true, y_pred = self._matched(y_true, y_pred)
        return -optax.losses.cosine_similarity(y_pred, y_true, epsilon=EPSILON**2, axis=self.axis)

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuses vectors of one number, and an axis that is not there or is the batch."""
        super().check_output(output, label, activation)
        if not 1 <= self.axis % output.rank < output.rank or not -output.rank <= self.axis < output.rank:
            raise DeepkitValueError(
                f"CosineSimilarity(axis={self.axis}) compares along an axis that the output of {label}, "
                f"shape {output.shape}, does not have behind the batch. Use axis=-1."
            )
        if output.shape[self.axis] == 1:
            raise DeepkitValueError(
                f"CosineSimilarity compares directions, but {label} gives one number, shape {output.shape}: "
                "its cosine is only its sign. Give it several units, or use loss='mse'."
            )
