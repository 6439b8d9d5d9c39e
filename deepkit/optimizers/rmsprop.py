"""RMSprop: each parameter's gradient divided by its own recent size."""

from __future__ import annotations

import optax

from deepkit.configuration import known_to_be, parameter
from deepkit.converters import flag, fraction, positive_number
from deepkit.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """v ← rho · v + (1 − rho) · g², p ← p − learning_rate · g / √(v + epsilon) (Hinton, 2012).

    Epsilon is under the root, as in Keras; PyTorch adds it outside. With `momentum` the quotients are
    gathered by a heavy ball (see `SGD` for what that does to the effective rate).

    Args:
        learning_rate: By default 0.001.
        rho: Weight of the old mean square, in [0, 1).
        momentum: Heavy-ball momentum on the quotients, in [0, 1).
        epsilon: Keeps the denominator from 0.
        centered: Divide by the standard deviation: also average g and use v − mean(g)².
    """

    rho: float = parameter(default=0.9, convert=fraction)
    momentum: float = parameter(default=0.0, convert=fraction)
    epsilon: float = parameter(default=1e-7, convert=positive_number)
    centered: bool = parameter(default=False, convert=flag)

    def direction(self) -> optax.GradientTransformation:
        scaled = (optax.scale_by_stddev if self.centered else optax.scale_by_rms)(self.rho, self.epsilon)
        return scaled if known_to_be(self.momentum, 0) else optax.chain(scaled, optax.trace(self.momentum))
