"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import jax

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.graph import Spec
from deepkit.layers.activation import activated
from deepkit.layers.layer import Context, Layer, Weight, Weights, require_rank
from deepkit.layers.specs import to_float, weight_dtype


class Dense(Layer):
    """`activation(x · kernel + bias)` over the last axis.

    Input `(batch, …, features)`, output `(batch, …, units)`. An input of more than two axes is not flattened:
    the same kernel is applied at every position, as in Keras 3. Integers are read as float32.

    Args:
        units: Size of the last axis of the output, at least 1.
        activation: Name or function; `None` is linear.
        use_bias: Whether a bias `(units,)` is added.
        kernel_initializer: Of the kernel `(features, units)`. Glorot keeps the variance of signals and
            gradients alike through layers of linear, tanh or sigmoid units; for ReLU nets "he_normal" is the
            usual choice.
        bias_initializer: Of the bias.
        kernel_regularizer, bias_regularizer: Penalties on the weights, added to the loss.
        activity_regularizer: Penalty on the output after the activation, divided by the number of rows.
        kernel_constraint, bias_constraint: Projections after every step of the optimizer.

    Raises:
        DeepkitError: for units below 1, an unknown name, an input without features, or a softmax over one
            unit.
    """

    units: int = parameter(convert=positive_integer)
    activation: Any = parameter(default=None, convert=activations.get)
    use_bias: bool = True
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`kernel (features, units)` and `bias (units,)`."""
        dtype = weight_dtype(x)
        kernel = Weight(
            (x.features, self.units),
            self.kernel_initializer,
            dtype=dtype,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        bias = Weight(
            (self.units,),
            self.bias_initializer,
            dtype=dtype,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape with `units` as its last size."""
        require_rank(self, x, at_least=2)
        return activated(self, Spec((*x.shape[:-1], self.units), weight_dtype(x)), self.activation)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """One matrix product, the bias, the activation."""
        y = to_float(x) @ weights["kernel"]
        if self.use_bias:
            y = y + weights["bias"]
        return self.activation(y)
