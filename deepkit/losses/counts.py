"""The loss of counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.graph.spec import Spec
from deepkit.losses import outputs
from deepkit.losses.clipping import EPSILON
from deepkit.losses.loss import Loss
from deepkit.losses.regression import require_non_negative


class Poisson(Loss):
    """ŷ − y·ln(ŷ + 1e-7), mean over the units: the negative log-likelihood of a count y with expectation ŷ.

    The term ln y!, which no weight changes, is left out, as in Keras; so the value may be negative.
    `y_true`: counts, `y_pred`: expected counts, `(batch, ..., units)` → `(batch, ...)`.
    """

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean(ŷ − y·ln(ŷ + ε))"""
        y_true, y_pred = self._matched(y_true, y_pred)
        return jnp.mean(y_pred - y_true * jnp.log(y_pred + EPSILON), axis=-1)

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Warns of outputs that may be negative."""
        super().check_output(output, label, activation)
        consequence = "the logarithm of a negative number is NaN"
        outputs.warn_if_negative(type(self).__name__, output, label, activation, consequence)

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Refuses negative counts."""
        y = super().check_targets(y, output, name)
        require_non_negative(y, name, type(self).__name__, "Use loss='mse' for numbers of either sign.")
        return y
