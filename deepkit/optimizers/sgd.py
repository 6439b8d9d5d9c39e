"""Gradient descent, with momentum in either of its two forms."""

from __future__ import annotations

import optax

from deepkit.configuration import known_to_be, parameter
from deepkit.converters import flag, fraction
from deepkit.optimizers.optimizer import Optimizer
from deepkit.optimizers.schedules.schedule import Rate, learning_rate


class SGD(Optimizer):
    """p ← p − learning_rate · v, where the velocity v is the gradient g, or remembers earlier ones:

        heavy ball (default)   v ← momentum · v + g
        averaging=True         v ← momentum · v + (1 − momentum) · g

    Under a steady gradient the heavy ball ends at v = g / (1 − momentum): its **effective rate** is
    learning_rate / (1 − momentum), ten times the rate for momentum 0.9. The averaging form keeps the rate as
    it is and only smooths the gradient; it equals the heavy ball at (1 − momentum) times the rate.

    Nesterov's form looks ahead: p ← p − learning_rate · (momentum · v + g), with the new v.

    The heavy ball is `optax.trace` and PyTorch's momentum. Keras multiplies g by the rate before it enters v,
    which is the same while the rate is constant; when it changes, Keras's velocity keeps the old rates, and
    ours, like optax's and PyTorch's, follows at once. Polyak, 1964; Sutskever et al., 2013.

    Args:
        learning_rate: By default 0.01.
        momentum: In [0, 1); 0 is plain gradient descent.
        nesterov: Look ahead.
        averaging: The second form above (not in Keras; dampening in PyTorch).
    """

    learning_rate: Rate = parameter(default=0.01, convert=learning_rate)
    momentum: float = parameter(default=0.0, convert=fraction)
    nesterov: bool = parameter(default=False, convert=flag)
    averaging: bool = parameter(default=False, convert=flag, kw_only=True)

    def direction(self) -> optax.GradientTransformation:
        if known_to_be(self.momentum, 0):
            return optax.identity()
        heavy_ball = optax.trace(self.momentum, self.nesterov)
        return optax.chain(heavy_ball, optax.scale(1 - self.momentum)) if self.averaging else heavy_ball
