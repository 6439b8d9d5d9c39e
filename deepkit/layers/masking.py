"""Steps of a sequence that only fill it up."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import finite_number
from deepkit.graph import Spec
from deepkit.layers.layer import Context, Layer, Weights, require_rank


class Masking(Layer):
    """Leaves out the steps of a sequence in which every number is `mask_value`; there it puts out zeros.

    Input `(batch, steps, …)`, output of the same shape and dtype. Recurrent layers repeat their state over such steps,
    and loss and metrics of an output with steps leave them out. The mask goes along through all layers that keep the
    steps. A step may have several axes, such as the pixels of an image: one step either counts or does not (Keras
    masks row by row of the last axis then).

    Args:
        mask_value: The number that fills up.
    """

    mask_value: float = parameter(default=0.0, convert=finite_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's."""
        require_rank(self, x, at_least=3)
        return x.real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The input, with zeros in the steps left out."""
        keep = self._counting(x)
        return jnp.where(keep.reshape(*keep.shape, *[1] * (x.ndim - 2)), x, jnp.zeros_like(x))

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """True for the steps that count, by this layer and by the ones before it."""
        counting = self._counting(inputs[0])
        before = super().output_mask(masks, inputs, output)
        return counting if before is None else counting & before

    def _counting(self, x: jax.Array) -> jax.Array:
        return (x != self.mask_value).any(axis=tuple(range(2, x.ndim)))
