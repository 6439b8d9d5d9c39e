"""Adadelta: steps as large as the recent steps, so that the unit of the gradient cancels."""

from __future__ import annotations

import optax

from deepkit.configuration import parameter
from deepkit.converters import fraction, positive_number
from deepkit.optimizers.optimizer import Optimizer


class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012), with running means E of squares:

        E[g²] ← rho · E[g²] + (1 − rho) · g²
        d = √(E[d²] + epsilon) / √(E[g²] + epsilon) · g,   p ← p − learning_rate · d
        E[d²] ← rho · E[d²] + (1 − rho) · d²

    Args:
        learning_rate: By default 0.001, as in Keras; usually far too small (the paper and PyTorch: 1.0).
        rho: Weight of the old means, in [0, 1).
        epsilon: Keeps the denominator from 0, and sets the size of the first steps.
    """

    rho: float = parameter(default=0.95, convert=fraction)
    epsilon: float = parameter(default=1e-7, convert=positive_number)

    def direction(self) -> optax.GradientTransformation:
        return optax.scale_by_adadelta(self.rho, self.epsilon)
