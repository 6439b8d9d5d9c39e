"""Maxout: units that learn their own activation function."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit import initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.graph import Spec
from deepkit.initializers.drawing import split
from deepkit.layers.layer import Context, Layer, Weight, Weights, require_rank
from deepkit.layers.specs import to_float, weight_dtype


class Maxout(Layer):
    """`max over j of (x · kernel[j] + bias[j])`: every unit is the largest of several linear functions.

    The largest of lines is a convex function, whose bends are learned: two pieces can be ReLU or |x|, more come close
    to any convex function. Keras 1 had this layer as `MaxoutDense`; Keras 3 has none. Input `(batch, …, features)`,
    output `(batch, …, units)`. Integers are read as float32.

    Args:
        units: Size of the last axis of the output, at least 1.
        pieces: Linear functions per unit, at least 1 (then it is a Dense). 4 as in Keras 1.
        use_bias: Whether a bias `(pieces, units)` is added.
        kernel_initializer: Of the kernel `(pieces, features, units)`; every piece starts as a Dense of its own.
        bias_initializer: Of the bias.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint: As in Dense.

    Reference: Goodfellow et al., 2013, https://arxiv.org/abs/1302.4389
    """

    units: int = parameter(convert=positive_integer)
    pieces: int = parameter(default=4, convert=positive_integer)
    use_bias: bool = True
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`kernel (pieces, features, units)` and `bias (pieces, units)`."""
        dtype = weight_dtype(x)
        kernel = Weight(
            (self.pieces, x.features, self.units),
            initializers.FunctionInitializer(self._draw),
            dtype=dtype,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        bias = Weight(
            (self.pieces, self.units),
            self.bias_initializer,
            dtype=dtype,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def _draw(self, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        return jnp.stack([self.kernel_initializer(k, shape[1:], dtype) for k in split(key, shape[0])])

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape with `units` as its last size."""
        require_rank(self, x, at_least=2)
        return Spec((*x.shape[:-1], self.units), weight_dtype(x))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """One matrix product for all pieces, and the largest."""
        y = jnp.einsum("...f,pfu->...pu", to_float(x), weights["kernel"])
        if self.use_bias:
            y = y + weights["bias"]
        return y.max(-2)
