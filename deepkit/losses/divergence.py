"""How far one distribution is from another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deepkit.errors import DeepkitValueError
from deepkit.graph.spec import Meaning, Spec
from deepkit.losses import outputs, targets
from deepkit.losses.clipping import clip_probabilities
from deepkit.losses.loss import Loss


class KLDivergence(Loss):
    """Σ_k y_k·ln(y_k / p_k): the extra nats it costs to describe y by p.

    It is the cross-entropy minus the entropy of y: the same training, but its floor is 0. Source: Kullback and
    Leibler 1951. (PyTorch's `KLDivLoss` expects log-probabilities.)

    `y_true`, `y_pred`: distributions `(batch, ..., classes)` → `(batch, ...)`. On a softmax output the model
    computes it from the logits (`optax.kl_divergence`); probabilities given directly are clipped to [1e-7, 1],
    as in Keras.
    """

    FUSES: ClassVar[Meaning | None] = Meaning.DISTRIBUTION

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """Σ y·ln(y / p)"""
        y, p = (clip_probabilities(x, below_one=False) for x in self._matched(y_true, y_pred))
        return jnp.sum(y * (jnp.log(y) - jnp.log(p)), axis=-1)

    def values_from_logits(self, y_true: Any, logits: Any) -> jax.Array:
        """The same with p = softmax(logits)."""
        y, logits = self._matched(y_true, logits)
        return optax.losses.kl_divergence(jax.nn.log_softmax(logits, axis=-1), y)

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuses what is known not to be a distribution."""
        super().check_output(output, label, activation)
        end = outputs.ending(output, activation)
        unknown = output.meaning is Meaning.REAL and end != "linear"
        if output.features == 1:
            raise DeepkitValueError(
                f"KLDivergence compares distributions, but {label} has one unit. "
                "Give it one unit per class with activation='softmax', or use loss='binary_crossentropy'."
            )
        if output.meaning is not Meaning.DISTRIBUTION and not (unknown and outputs.is_users_own(activation)):
            raise DeepkitValueError(
                f"KLDivergence compares distributions over the last axis, but {label} ends in {end}. "
                "Give it activation='softmax'."
            )

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Refuses class numbers, and rows that do not sum to one."""
        return targets.distribution(y, output, name)
