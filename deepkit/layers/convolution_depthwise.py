"""Convolutions that look at every channel by itself, and then, where separable, mix the channels place by place."""

from __future__ import annotations

from typing import Any

import jax

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.graph import Spec
from deepkit.kernels import convolve
from deepkit.layers.convolution import WindowedWeights
from deepkit.layers.layer import Context, Weight, Weights
from deepkit.layers.specs import to_float
from deepkit.layers.windows import padding_of, per_axis, require_space


class ByChannel(WindowedWeights):
    """Base of the layers whose windows see one channel each. Has no fields: each family orders its own."""

    def by_channel(self, kernel: jax.Array, x: jax.Array) -> jax.Array:
        """`(batch, *out, channels · multiplier)` with a kernel `(*window, channels, multiplier)`."""
        geometry = self.geometry_on(x.shape[1:-1])
        channels = x.shape[-1]
        kernel = kernel.reshape(*kernel.shape[:-2], 1, -1)
        return convolve(x, kernel, geometry.strides, geometry.padding, geometry.dilation, groups=channels)


class DepthwiseConvolution(ByChannel):
    """Base of DepthwiseConv1D and DepthwiseConv2D."""

    kernel_size: Any = parameter()
    strides: Any = 1
    padding: Any = "valid"
    depth_multiplier: int = parameter(default=1, convert=positive_integer)
    dilation_rate: Any = 1
    activation: Any = parameter(default=None, convert=activations.get)
    use_bias: bool = True
    depthwise_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    depthwise_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    depthwise_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    strict: bool = parameter(default=False, kw_only=True)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`kernel (*kernel_size, channels, depth_multiplier)` and `bias (channels · depth_multiplier,)`."""
        kernel = self.weight("depthwise", (*self.kernel_size, x.features, self.depth_multiplier), x)
        bias = self.weight("bias", (x.features * self.depth_multiplier,), x)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *out, channels · depth_multiplier)`."""
        require_space(self, x, self.RANK)
        return self.output_of(x, x.features * self.depth_multiplier)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """One convolution with a group per channel, the bias, the activation."""
        return self.finished(weights, self.by_channel(weights["kernel"], to_float(x)))


class DepthwiseConv2D(DepthwiseConvolution):
    """Every channel of an image with windows of its own; the channels don't meet.

    Input `(batch, height, width, channels)`, output `(batch, *out, channels · depth_multiplier)`: the results of the
    first channel, then those of the second, …. Sizes as in Conv2D. Weights: `kernel (*kernel_size, channels,
    depth_multiplier)`, `bias (channels · depth_multiplier,)`.

    Args:
        kernel_size, strides, padding, dilation_rate, activation, use_bias, strict: As in Conv2D; strides and dilation
            may be given together, as Keras allows it here.
        depth_multiplier: Windows per channel.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: Of the kernel.
        bias_initializer, bias_regularizer, bias_constraint: Of the bias.
        activity_regularizer: Penalty on the output after the activation, divided by the number of rows.

    Raises:
        DeepkitError: for an input of another rank, or a window larger than the padded input.
    """

    RANK = 2
    kernel_size: Any = parameter(convert=per_axis(2))
    strides: Any = parameter(default=1, convert=per_axis(2))
    padding: Any = parameter(default="valid", convert=padding_of(2))
    dilation_rate: Any = parameter(default=1, convert=per_axis(2))


class DepthwiseConv1D(DepthwiseConvolution):
    """`DepthwiseConv2D` along one axis: input `(batch, steps, channels)`; `padding` may be "causal" as well."""

    RANK = 1
    kernel_size: Any = parameter(convert=per_axis(1))
    strides: Any = parameter(default=1, convert=per_axis(1))
    padding: Any = parameter(default="valid", convert=padding_of(1, "causal"))
    dilation_rate: Any = parameter(default=1, convert=per_axis(1))


class SeparableConvolution(ByChannel):
    """Base of SeparableConv1D and SeparableConv2D."""

    filters: int = parameter(convert=positive_integer)
    kernel_size: Any = parameter()
    strides: Any = 1
    padding: Any = "valid"
    dilation_rate: Any = 1
    depth_multiplier: int = parameter(default=1, convert=positive_integer)
    activation: Any = parameter(default=None, convert=activations.get)
    use_bias: bool = True
    depthwise_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    pointwise_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    depthwise_regularizer: Any = parameter(default=None, convert=regularizers.get)
    pointwise_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    depthwise_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    pointwise_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    strict: bool = parameter(default=False, kw_only=True)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`depthwise_kernel`, `pointwise_kernel` and `bias`."""
        between = x.features * self.depth_multiplier
        kernels = {
            "depthwise_kernel": self.weight("depthwise", (*self.kernel_size, x.features, self.depth_multiplier), x),
            "pointwise_kernel": self.weight("pointwise", (*(1,) * self.RANK, between, self.filters), x),
        }
        return kernels | ({"bias": self.weight("bias", (self.filters,), x)} if self.use_bias else {})

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *out, filters)`."""
        require_space(self, x, self.RANK)
        return self.output_of(x, self.filters)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The channels by themselves, a matrix product over them at every place, the bias, the activation."""
        y = self.by_channel(weights["depthwise_kernel"], to_float(x))
        pointwise = weights["pointwise_kernel"]
        return self.finished(weights, y @ pointwise.reshape(pointwise.shape[-2:]))


class SeparableConv2D(SeparableConvolution):
    """A window per channel, then a mixture of the channels at every place: a convolution of few weights.

    Input `(batch, height, width, channels)`, output `(batch, *out, filters)`. Sizes as in Conv2D. Weights:
    `depthwise_kernel (*kernel_size, channels, depth_multiplier)`, `pointwise_kernel (1, 1, channels · depth_multiplier,
    filters)`, `bias (filters,)`. There is no bias or activation in between.

    Args:
        filters: Channels of the output.
        kernel_size, strides, padding, dilation_rate, activation, use_bias, strict: As in Conv2D; strides and dilation
            may be given together, as Keras allows it here.
        depth_multiplier: Windows per channel.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: Of the first kernel.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: Of the second.
        bias_initializer, bias_regularizer, bias_constraint: Of the bias.
        activity_regularizer: Penalty on the output after the activation, divided by the number of rows.

    Raises:
        DeepkitError: for an input of another rank, or a window larger than the padded input.

    Reference: Chollet, 2016, https://arxiv.org/abs/1610.02357
    """

    RANK = 2
    kernel_size: Any = parameter(convert=per_axis(2))
    strides: Any = parameter(default=1, convert=per_axis(2))
    padding: Any = parameter(default="valid", convert=padding_of(2))
    dilation_rate: Any = parameter(default=1, convert=per_axis(2))


class SeparableConv1D(SeparableConvolution):
    """`SeparableConv2D` along one axis: input `(batch, steps, channels)`; `padding` may be "causal" as well."""

    RANK = 1
    kernel_size: Any = parameter(convert=per_axis(1))
    strides: Any = parameter(default=1, convert=per_axis(1))
    padding: Any = parameter(default="valid", convert=padding_of(1, "causal"))
    dilation_rate: Any = parameter(default=1, convert=per_axis(1))
