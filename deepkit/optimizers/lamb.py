"""Lamb: Adam for large batches, each layer's step in proportion to its weights."""

from __future__ import annotations

import optax

from deepkit.configuration import parameter
from deepkit.converters import fraction, positive_number
from deepkit.optimizers.optimizer import Optimizer


class Lamb(Optimizer):
    """u = m̂ / (√v̂ + epsilon) as in Adam, p ← p − learning_rate · ‖p‖ / ‖u‖ · u (You et al., 2020).

    The norms are of each array by itself; the ratio is 1 where one of them is 0 (biases at the start).
    Weight decay is decoupled as in Keras; the paper and `optax.lamb` add it to u before the norm.

    Args:
        learning_rate: By default 0.001.
        beta_1: Weight of the old mean gradient, in [0, 1).
        beta_2: Weight of the old mean square, in [0, 1).
        epsilon: Keeps the denominator from 0; here, unlike in `Adam`, beside the corrected √v̂, as in Keras.
    """

    beta_1: float = parameter(default=0.9, convert=fraction)
    beta_2: float = parameter(default=0.999, convert=fraction)
    epsilon: float = parameter(default=1e-7, convert=positive_number)

    def direction(self) -> optax.GradientTransformation:
        return optax.chain(optax.scale_by_adam(self.beta_1, self.beta_2, self.epsilon), optax.scale_by_trust_ratio())
