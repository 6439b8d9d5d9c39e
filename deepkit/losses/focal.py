"""The cross-entropy that looks away from easy rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deepkit.configuration import known_to_be, parameter
from deepkit.converters import flag, fraction, non_negative_number, share
from deepkit.graph.spec import Meaning, Spec
from deepkit.losses import outputs
from deepkit.losses.binary import binary_targets
from deepkit.losses.clipping import clip_probabilities
from deepkit.losses.fields import logits_flag
from deepkit.losses.loss import Loss
from deepkit.losses.smoothing import smooth, smoothing_convention


class BinaryFocalCrossentropy(Loss):
    """(1−p_t)^γ times the binary cross-entropy, p_t the probability of the true answer; mean over the units.

    Easy rows (p_t near 1) count less; γ = 0 is the plain cross-entropy. Source: Lin et al. 2017. Shapes,
    logits and clipping as in `BinaryCrossentropy`; from logits it is `optax.sigmoid_focal_loss`.

    Args:
        apply_class_balancing: Multiply by α for the positive class and 1−α for the negative one.
        alpha: α in [0, 1]; the paper's .25.
        gamma: γ, at least 0; the paper's 2.
        from_logits, label_smoothing, smoothing_convention: As in `BinaryCrossentropy`.
    """

    FUSES: ClassVar[Meaning | None] = Meaning.PROBABILITY

    apply_class_balancing: bool = parameter(default=False, convert=flag)
    alpha: float = parameter(default=0.25, convert=share)
    gamma: float = parameter(default=2.0, convert=non_negative_number)
    from_logits: bool | None = parameter(default=None, convert=logits_flag)
    label_smoothing: float = parameter(default=0.0, convert=fraction)
    smoothing_convention: str = parameter(default="optax", convert=smoothing_convention, kw_only=True)

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean(α_t·(1−p_t)^γ·(−y·ln p − (1−y)·ln(1−p)))"""
        y, p = self._matched(y_true, y_pred)
        y, clipped = self._smooth(y), clip_probabilities(p)
        crossentropy = -y * jnp.log(clipped) - (1 - y) * jnp.log1p(-clipped)
        true_probability = y * p + (1 - y) * (1 - p)
        values = (1 - true_probability) ** self.gamma * crossentropy
        if self.apply_class_balancing:
            values = (y * self.alpha + (1 - y) * (1 - self.alpha)) * values
        return jnp.mean(values, axis=-1)

    def values_from_logits(self, y_true: Any, logits: Any) -> jax.Array:
        """The same with p = sigmoid(logits)."""
        y, logits = self._matched(y_true, logits)
        alpha = self.alpha if self.apply_class_balancing else None
        values = optax.losses.sigmoid_focal_loss(logits, self._smooth(y), alpha=alpha, gamma=self.gamma)
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
