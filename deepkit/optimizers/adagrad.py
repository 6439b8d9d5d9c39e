"""Adagrad: each parameter's rate falls with all the gradients it has seen."""

from __future__ import annotations

import optax

from deepkit.configuration import parameter
from deepkit.converters import non_negative_number, positive_number
from deepkit.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """a ← a + g², p ← p − learning_rate · g / √(a + epsilon) (Duchi et al., 2011).

    Args:
        learning_rate: By default 0.001, as in Keras; usually far too small (the paper: 1.0, PyTorch: 0.01).
        initial_accumulator_value: Where the sum of squares a starts; 0.1 as in Keras and optax, 0 in the
            paper.
        epsilon: Keeps the denominator from 0.
    """

    initial_accumulator_value: float = parameter(default=0.1, convert=non_negative_number)
    epsilon: float = parameter(default=1e-7, convert=positive_number)

    def direction(self) -> optax.GradientTransformation:
        return optax.scale_by_rss(self.initial_accumulator_value, self.epsilon)
