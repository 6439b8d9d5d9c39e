"""Where in a sequence a step stands, as vectors to add to what it is."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit import initializers
from deepkit.configuration import parameter
from deepkit.converters import positive_integer, positive_number
from deepkit.errors import DeepkitValueError
from deepkit.graph import Spec
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.specs import floating, to_float, weight_dtype


def _check_sequence(layer: Layer, x: Spec) -> None:
    if x.rank < 3:
        raise DeepkitValueError(
            f"{layer.label} needs an input (batch, steps, features), got shape {x.shape}. "
            "Call it on the embedded tokens, and add the two: Add()([tokens, positions])."
        )


class PositionEmbedding(Layer):
    """A learned vector per step, in the shape of the input: add it to the embedded tokens.

    `h = Add()([tokens, PositionEmbedding(64)(tokens)])`. Input `(batch, …, steps, features)`, of which only the shape
    is used; output the same shape. A sequence shorter than `sequence_length` takes the first vectors. KerasHub's name;
    its `start_index` of the call is left out.

    Args:
        sequence_length: The longest sequence.
        initializer: Of the vectors, `position_embeddings (sequence_length, features)`.

    Raises:
        DeepkitError: for a sequence that is longer.

    Reference: Gehring et al., 2017, https://arxiv.org/abs/1705.03122
    """

    sequence_length: int = parameter(convert=positive_integer)
    initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`position_embeddings (sequence_length, features)`."""
        return {
            "position_embeddings": Weight((self.sequence_length, x.features), self.initializer, dtype=weight_dtype(x))
        }

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        _check_sequence(self, x)
        steps = x.shape[-2]
        if steps is not None and steps > self.sequence_length:
            raise DeepkitValueError(
                f"{self.label} has vectors for {self.sequence_length} steps, and an input of shape {x.shape} has "
                f"{steps}. Write PositionEmbedding({steps}), or cut the sequence."
            )
        return x.real().replace(dtype=weight_dtype(x))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The first vectors, for every row alike."""
        return jnp.broadcast_to(weights["position_embeddings"][: x.shape[-2]], x.shape)


class SinePositionEncoding(Layer):
    """Fixed sines and cosines of the step's number, in the shape of the input: add it to the embedded tokens.

    Feature 2i of step p is `sin(p / max_wavelength^(2i / features))`, feature 2i + 1 the cosine of the same. Input
    `(batch, …, steps, features)`, of which only the shape is used; output the same shape. KerasHub's name; its
    `start_index` and `positions` of the call are left out.

    Args:
        max_wavelength: What the wavelengths grow to (times 2π).

    Raises:
        DeepkitError: for an input without steps.

    Reference: Vaswani et al., 2017, section 3.5, https://arxiv.org/abs/1706.03762
    """

    max_wavelength: float = parameter(default=10000, convert=positive_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        _check_sequence(self, x)
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The same table for every row."""
        x = to_float(x)
        steps, features = x.shape[-2:]
        number = jnp.arange(features)
        dtype = jnp.promote_types(x.dtype, jnp.float32)
        slowness = jnp.asarray(self.max_wavelength, dtype) ** (-2 * (number // 2) / features)
        angles = jnp.arange(steps, dtype=dtype)[:, None] * slowness
        return jnp.broadcast_to(jnp.where(number % 2, jnp.cos(angles), jnp.sin(angles)), x.shape).astype(x.dtype)
