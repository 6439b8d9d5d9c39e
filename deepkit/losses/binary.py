"""The cross-entropy of yes-or-no answers: every unit is a probability of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import known_to_be, parameter
from deepkit.converters import fraction, positive_number
from deepkit.errors import DeepkitValueError
from deepkit.graph.spec import Meaning, Spec
from deepkit.losses import outputs, targets
from deepkit.losses.clipping import clip_probabilities
from deepkit.losses.fields import logits_flag
from deepkit.losses.loss import Loss
from deepkit.losses.smoothing import smooth, smoothing_convention


class BinaryCrossentropy(Loss):
    """−y·ln p − (1−y)·ln(1−p), natural logarithm; mean over the units of a row.

    `y_true`: labels 0 and 1, or probabilities, `(batch, ..., units)`; `y_pred`: probabilities of the same
    shape → `(batch, ...)`. On a sigmoid output the model computes it from the logits, max(z, 0) − z·y + ln(1 + e^−|z|);
    probabilities given directly are clipped to [1e-7, 1−1e-7], as in Keras.

    With a `positive_weight` w: −w·y·ln p − (1−y)·ln(1−p), the weighted likelihood of King and Zeng (2001),
    PyTorch's `pos_weight`; w = negatives / positives balances the classes. Keras has only class weights,
    which also weigh rows.

    Args:
        from_logits: `None` lets the model's last activation decide (Keras's default is False); True says that
            the output is linear on purpose, False that an output of unknown meaning gives probabilities.
        label_smoothing: a in [0, 1): how far the labels are moved towards ½; 0 leaves them.
        smoothing_convention: `"optax"`, as Keras: 1 becomes 1−a/2; `"textbook"`: 1 becomes 1−a.
        positive_weight: Weight of the positive class, above 0; 1 by default.
    """

    FUSES: ClassVar[Meaning | None] = Meaning.PROBABILITY

    from_logits: bool | None = parameter(default=None, convert=logits_flag)
    label_smoothing: float = parameter(default=0.0, convert=fraction)
    smoothing_convention: str = parameter(default="optax", convert=smoothing_convention, kw_only=True)
    positive_weight: float = parameter(default=1.0, convert=positive_number, kw_only=True)

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean(−w·y·ln p − (1−y)·ln(1−p))"""
        y, p = self._matched(y_true, y_pred)
        y, p = self._smooth(y), clip_probabilities(p)
        return jnp.mean(-self.positive_weight * y * jnp.log(p) - (1 - y) * jnp.log1p(-p), axis=-1)

    def values_from_logits(self, y_true: Any, logits: Any) -> jax.Array:
        """The same with p = sigmoid(logits)."""
        y, logits = self._matched(y_true, logits)
        y = self._smooth(y)
        # One exponential and one logarithm; optax's takes two of each, in a small model a third of the time. Products,
        # because the slopes of `maximum` and `abs` at 0, both 0 in JAX, would make up a wrong one.
        positive = (logits >= 0).astype(logits.dtype)
        magnitude = logits * (2 * positive - 1)
        values = logits * (positive - y) + jnp.log1p(jnp.exp(-magnitude))
        if not known_to_be(self.positive_weight, 1):
            values = values - (self.positive_weight - 1) * y * jax.nn.log_sigmoid(logits)
        return jnp.mean(values, axis=-1)

    def _smooth(self, y: jax.Array) -> jax.Array:
        return (
            y if known_to_be(self.label_smoothing, 0) else smooth(y, self.label_smoothing, 2, self.smoothing_convention)
        )

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuses what is neither a sigmoid nor linear on purpose."""
        super().check_output(output, label, activation)
        outputs.require_binary(type(self).__name__, self.from_logits, output, label, activation)

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Refuses targets outside [0, 1], saying what they seem to be."""
        return binary_targets(y, output, name)


def binary_targets(y: Any, output: Spec, name: str) -> np.ndarray:
    """Dense targets in [0, 1]."""
    y = targets.numbers(y, name)
    units, columns = output.features, output.row_shape[:-1]
    if units == 1 and y.shape[1:] == (*columns, 2) and targets.is_distribution(y):
        raise DeepkitValueError(
            f"{name} has two columns, one per class, but the output has one unit, the probability of the "
            "second class. Pass y[..., 1], or use two units with activation='softmax' and "
            "loss='categorical_crossentropy'."
        )
    if units > 1 and y.shape[1:] in (columns, (*columns, 1)) and targets.is_whole(y):
        raise DeepkitValueError(
            f"{name} has shape {y.shape}, one number per row, but each of the {units} sigmoid units needs a "
            "0 or 1 of its own. If every row has one class, use activation='softmax' with "
            f"loss='sparse_categorical_crossentropy'; if several may hold at once, pass {units} columns of 0 "
            "and 1."
        )
    y = targets.dense(y, output, name)
    if y.min() >= 0 and y.max() <= 1:
        return y
    raise DeepkitValueError(_not_binary(y, name))


def _not_binary(y: np.ndarray, name: str) -> str:
    low, high, whole = y.min(), y.max(), targets.is_whole(y)
    if whole and low == -1 and high == 1 and (y != 0).all():
        return f"{name} holds −1 and 1, but binary targets are 0 and 1. Pass (y + 1) / 2, or use loss='hinge'."
    if whole and low == 1 and high == 2:
        return f"{name}: labels seem to run 1…2; subtract 1. Binary targets are 0 and 1."
    if whole and low >= 0 and high == 255:
        return f"{name} runs from {low:g} to 255, but binary targets lie between 0 and 1. Pass y / 255."
    row = targets.first_row((y < 0) | (y > 1))
    seen = f"{name} runs from {low:g} to {high:g}, first outside in row {row}, but binary targets are 0 and 1. "
    if whole and low >= 0:
        return seen + (
            f"For {high + 1:g} classes use {high + 1:g} units with activation='softmax' "
            "and loss='sparse_categorical_crossentropy'."
        )
    return seen + "To predict a number, use a linear output with loss='mse'."
