"""Margin losses: the right side by at least 1, and no more is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deepkit.errors import DeepkitValueError, warn
from deepkit.graph.spec import Meaning, Spec
from deepkit.losses import outputs, targets
from deepkit.losses.loss import Loss


class Hinge(Loss):
    """max(0, 1 − y·ŷ) for labels −1 and 1; mean over the units. Source: Cortes and Vapnik 1995.

    `y_true`: −1 and 1, or 0 and 1 (0 then means −1), `(batch, ..., units)`; `y_pred`: scores, any real
    numbers → `(batch, ...)`. As Keras, except that 0 means −1 in every batch, whatever else the batch holds.
    """

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean(max(0, 1 − y·ŷ))"""
        return jnp.mean(self._margins(y_true, y_pred), axis=-1)

    def _margins(self, y_true: Any, y_pred: Any) -> jax.Array:
        y_true, y_pred = self._matched(y_true, y_pred)
        return optax.losses.hinge_loss(y_pred, jnp.where(y_true == 0, -1, y_true))

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuses outputs that cannot reach −1."""
        super().check_output(output, label, activation)
        if output.meaning not in (Meaning.REAL, Meaning.BOUNDED):
            loss, end = type(self).__name__, outputs.ending(output, activation)
            raise DeepkitValueError(
                f"{loss} pushes scores beyond −1 and 1, but {label} ends in {end}, which cannot reach both. "
                "Leave its activation out (or use 'tanh'); for probabilities use a cross-entropy."
            )

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Refuses anything but −1 and 1, or 0 and 1."""
        y = super().check_targets(y, output, name)
        wrong = ~np.isin(y, (-1, 0, 1))
        if wrong.any():
            row = targets.first_row(wrong)
            raise DeepkitValueError(
                f"{name} holds {y[wrong][0]:g} in row {row}, but {type(self).__name__} needs the labels −1 "
                "and 1 (or 0 and 1). Pass np.where(y == positive, 1, -1)."
            )
        if (y == -1).any() and (y == 0).any():
            raise DeepkitValueError(
                f"{name} holds −1, 0 and 1 (or −1 and 0), and 0 would count as −1. Pass two labels: −1 and 1."
            )
        return y


class SquaredHinge(Hinge):
    """max(0, 1 − y·ŷ)², mean over the units: the hinge with a gradient that fades towards the margin.

    Shapes, labels and checks as in `Hinge`. As Keras.
    """

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean(max(0, 1 − y·ŷ)²)"""
        return jnp.mean(self._margins(y_true, y_pred) ** 2, axis=-1)


class CategoricalHinge(Loss):
    """max(0, 1 + n − s), s the score of the true class, n the largest of 0 and the other scores.

    The multi-class support vector machine of Crammer and Singer (2001), with Keras's quirk that n is at least
    0 (their n, and that of `optax.multiclass_hinge_loss`, is the largest other score even if it is negative).

    `y_true`: one-hot, `y_pred`: scores, `(batch, ..., classes)` → `(batch, ...)`.
    """

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """max(0, 1 + max((1−y)·ŷ) − Σ y·ŷ)"""
        y, scores = self._matched(y_true, y_pred)
        positive = jnp.sum(y * scores, axis=-1)
        negative = jnp.max((1 - y) * scores, axis=-1)
        return jnp.maximum(1 + negative - positive, 0)

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuses one unit, and warns of scores that are squashed."""
        super().check_output(output, label, activation)
        if output.features == 1:
            raise DeepkitValueError(
                f"CategoricalHinge chooses among the units of {label}, but there is only one. "
                "Use loss='hinge' for two classes, or give it one unit per class."
            )
        if output.meaning in (Meaning.PROBABILITY, Meaning.DISTRIBUTION, Meaning.LOG_DISTRIBUTION):
            warn(
                f"CategoricalHinge asks for a lead of 1 between scores, but {label} ends in "
                f"{outputs.ending(output, activation)}, where that lead is hardly reached and the gradient "
                "vanishes. Leave its activation out, or use loss='crossentropy'."
            )

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Refuses what is not one-hot."""
        y = targets.numbers(y, name)
        if y.shape[1:] in (output.row_shape[:-1], (*output.row_shape[:-1], 1)):
            raise DeepkitValueError(
                f"{name} has shape {y.shape}, one number per row, but CategoricalHinge needs one-hot rows. "
                f"Pass dk.preprocessing.one_hot(y, {output.features})."
            )
        y = super().check_targets(y, output, name)
        wrong = (~np.isin(y, (0, 1))).any(axis=-1) | (y.sum(axis=-1) != 1)
        if wrong.any():
            row = targets.first_row(wrong)
            raise DeepkitValueError(
                f"row {row} of {name} is {np.ravel(y[row])[:5].tolist()}, but CategoricalHinge needs one-hot "
                "rows: one 1, the rest 0. Pass dk.preprocessing.one_hot(class numbers, classes)."
            )
        return y
