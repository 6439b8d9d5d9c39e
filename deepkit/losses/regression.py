"""Losses for numbers: some function of prediction minus target, averaged over the units of a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deepkit.configuration import parameter
from deepkit.converters import positive_number
from deepkit.errors import DeepkitValueError, warn
from deepkit.graph.spec import Meaning, Spec
from deepkit.losses import outputs, targets
from deepkit.losses.clipping import EPSILON
from deepkit.losses.loss import Loss


class RegressionLoss(Loss):
    """Base of the losses for numbers: what they have to say about outputs and targets."""

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Warns of a sigmoid or softmax output."""
        super().check_output(output, label, activation)
        outputs.warn_if_squashed(type(self).__name__, output, label, activation)

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Warns of targets that the output's activation can never reach."""
        y = super().check_targets(y, output, name)
        low, high = REACH.get(output.meaning, (-np.inf, np.inf))
        if y.min() < low or y.max() > high:
            limit = f"between {low:g} and {high:g}" if np.isfinite(high) else f"of at least {low:g}"
            warn(
                f"{name} runs from {y.min():g} to {y.max():g}, but the activation of this output only gives "
                f"numbers {limit}: the rest can never be learnt. Leave the activation out, or rescale {name}."
            )
        return y


REACH = {
    Meaning.NON_NEGATIVE: (0.0, np.inf),
    Meaning.BOUNDED: (-1.0, 1.0),
    Meaning.PROBABILITY: (0.0, 1.0),
    Meaning.DISTRIBUTION: (0.0, 1.0),
}
"""The numbers that an output of a meaning can take."""


class MeanSquaredError(RegressionLoss):
    """Mean over the units of (ŷ − y)², without the textbook's ½. Least squares: its minimum is the mean of y.

    `y_true`, `y_pred`: `(batch, ..., units)` → `(batch, ...)`, in squared units of the target.
    Source: Gauss 1809. As Keras; `optax.squared_error` is this before the mean, `optax.l2_loss` half of it.
    """

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean((ŷ − y)²)"""
        y_true, y_pred = self._matched(y_true, y_pred)
        return jnp.mean(optax.losses.squared_error(y_pred, y_true), axis=-1)


class MeanAbsoluteError(RegressionLoss):
    """Mean over the units of |ŷ − y|: robust to outliers, minimal at the median of y. Gradient 0 at ŷ = y.

    `y_true`, `y_pred`: `(batch, ..., units)` → `(batch, ...)`, in units of the target. As Keras.
    """

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean(|ŷ − y|)"""
        y_true, y_pred = self._matched(y_true, y_pred)
        return jnp.mean(jnp.abs(y_pred - y_true), axis=-1)


class MeanAbsolutePercentageError(RegressionLoss):
    """Mean over the units of 100·|ŷ − y| / |y|, in per cent; |y| below 1e-7 counts as 1e-7, as in Keras.

    `y_true`, `y_pred`: `(batch, ..., units)` → `(batch, ...)`.
    """

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """100 · mean(|ŷ − y| / max(|y|, ε))"""
        y_true, y_pred = self._matched(y_true, y_pred)
        return 100 * jnp.mean(jnp.abs(y_pred - y_true) / jnp.maximum(jnp.abs(y_true), EPSILON), axis=-1)

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Warns of zeros, whose percentage error is not defined."""
        y = super().check_targets(y, output, name)
        zeros = np.abs(y) < EPSILON
        if zeros.any():
            warn(
                f"{name} holds {int(zeros.sum())} zeros, the first in row {targets.first_row(zeros)}: a "
                "percentage of zero is not defined, and such a row counts ten million times over. Use "
                "loss='mae' or 'msle'."
            )
        return y


class MeanSquaredLogarithmicError(RegressionLoss):
    """Mean over the units of (ln(1+ŷ) − ln(1+y))²: relative errors of numbers of at least zero.

    `y_true`, `y_pred`: `(batch, ..., units)` → `(batch, ...)`. As in Keras, numbers below 1e-7 count as 1e-7
    (the gradient there is 0).
    """

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean((ln(1 + ŷ) − ln(1 + y))²)"""
        y_true, y_pred = self._matched(y_true, y_pred)
        predicted, true = (jnp.log1p(jnp.maximum(y, EPSILON)) for y in (y_pred, y_true))
        return jnp.mean(optax.losses.squared_error(predicted, true), axis=-1)

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Warns of outputs that may be negative."""
        super().check_output(output, label, activation)
        if output.meaning is not Meaning.LOG_DISTRIBUTION:
            consequence = "negative predictions count as 0 and learn nothing"
            outputs.warn_if_negative(type(self).__name__, output, label, activation, consequence)

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Refuses negative targets."""
        y = super().check_targets(y, output, name)
        require_non_negative(y, name, type(self).__name__, "Use loss='mse', or shift the target.")
        return y


class Huber(RegressionLoss):
    """Squared near the target, absolute far from it: ½e² for |e| ≤ δ, δ·|e| − ½δ² beyond; a mean over units.

    `y_true`, `y_pred`: `(batch, ..., units)` → `(batch, ...)`. Source: Huber 1964. As Keras and optax
    (PyTorch's `HuberLoss` too; its `SmoothL1Loss` is this divided by δ).

    Args:
        delta: Error at which the loss turns from squared to absolute, in units of the target; 1 as in Keras.
    """

    delta: float = parameter(default=1.0, convert=positive_number)

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean(½e² if |e| ≤ δ else δ|e| − ½δ²), e = ŷ − y"""
        y_true, y_pred = self._matched(y_true, y_pred)
        return jnp.mean(optax.losses.huber_loss(y_pred, y_true, delta=self.delta), axis=-1)


class LogCosh(RegressionLoss):
    """Mean over the units of ln cosh(ŷ − y): smooth; about ½e² near the target, |e| − ln 2 far from it.

    `y_true`, `y_pred`: `(batch, ..., units)` → `(batch, ...)`. Source: Chen et al. 2019. As Keras and optax.
    """

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean(ln cosh(ŷ − y))"""
        y_true, y_pred = self._matched(y_true, y_pred)
        return jnp.mean(optax.losses.log_cosh(y_pred, y_true), axis=-1)


def require_non_negative(y: np.ndarray, name: str, loss: str, mend: str) -> None:
    """Refuse targets below zero."""
    if y.min() < 0:
        row = targets.first_row(y < 0)
        raise DeepkitValueError(
            f"{name} holds negative numbers down to {y.min():g}, the first in row {row}, but {loss} is "
            f"defined for numbers of at least 0. {mend}"
        )
