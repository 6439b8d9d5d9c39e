"""Lion: only the sign of the momentum counts."""

from __future__ import annotations

import optax

from deepkit.configuration import parameter
from deepkit.converters import fraction
from deepkit.optimizers.optimizer import Optimizer


class Lion(Optimizer):
    """p ← p − learning_rate · sign(beta_1 · m + (1 − beta_1) · g), then m ← beta_2 · m + (1 − beta_2) · g.

    Every parameter moves by exactly the rate, so the rate is 3 to 10 times smaller, and the weight decay as
    many times larger, than Adam's (Chen et al., Symbolic Discovery of Optimization Algorithms, 2023).

    Args:
        learning_rate: By default 0.001.
        beta_1: Weight of the momentum in the step, in [0, 1).
        beta_2: Weight of the old momentum, in [0, 1).
    """

    beta_1: float = parameter(default=0.9, convert=fraction)
    beta_2: float = parameter(default=0.99, convert=fraction)

    def direction(self) -> optax.GradientTransformation:
        return optax.scale_by_lion(self.beta_1, self.beta_2)
