"""Transposed convolutions: the gradient of a convolution by its input, as a layer that makes images larger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import non_negative_integer, optional, positive_integer
from deepkit.errors import DeepkitValueError
from deepkit.graph import Spec
from deepkit.kernels import convolve
from deepkit.layers.activation import activated
from deepkit.layers.convolution import WindowedWeights, refuse_stride_and_dilation
from deepkit.layers.layer import Context, Weight, Weights
from deepkit.layers.specs import to_float, weight_dtype
from deepkit.layers.windows import Geometry, Sizes, padding_of, per_axis, require_space


def _output_padding(rank: int) -> Callable[[Any], Sizes | None]:
    return optional(per_axis(rank, non_negative_integer))


def _cut(padding: str, reach: int, stride: int, extra: int | None) -> tuple[int, int]:
    """What Keras cuts off the full output, (in − 1) · s + reach places, before and after; below 0 adds zeros."""
    if padding == "valid":
        return 0, -(max(reach, stride) - reach if extra is None else extra)
    # Without output_padding in · s places are to come out, else (in − 1) · s + reach % 2 + output_padding.
    total = reach - (stride if extra is None else reach % 2 + extra)
    low = max(total // 2, 0)
    return low, total - low


class ConvolutionTranspose(WindowedWeights):
    """Base of Conv1DTranspose, Conv2DTranspose and Conv3DTranspose."""

    filters: int = parameter(convert=positive_integer)
    kernel_size: Any = parameter()
    strides: Any = 1
    padding: Any = "valid"
    output_padding: Any = None
    dilation_rate: Any = 1
    activation: Any = parameter(default=None, convert=activations.get)
    use_bias: bool = True
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_stride_and_dilation(self)
        if self.output_padding and any(e >= s for e, s in zip(self.output_padding, self.strides, strict=True)):
            raise DeepkitValueError(
                f"{self!r}: output_padding={self.output_padding} must be below strides={self.strides} along every "
                "axis: it chooses among the sizes that the stride floors to one."
            )

    def geometry_on(self, space: Sizes) -> Geometry:
        """The geometry of the convolution that this one is the transpose of."""
        geometry = Geometry(self.kernel_size, self.strides, self.dilation_rate, ())
        extras = self.output_padding or (None if isinstance(self.padding, str) else 0,) * self.RANK
        if isinstance(self.padding, str):
            sides = zip(geometry.reach, self.strides, extras, strict=True)
            padding = tuple(_cut(self.padding, reach, s, extra) for reach, s, extra in sides)
        else:
            padding = tuple((low, high - extra) for (low, high), extra in zip(self.padding, extras, strict=True))
        return Geometry(self.kernel_size, self.strides, self.dilation_rate, padding)

    def sizes_from(self, space: Sizes) -> Sizes:
        """Output sizes, (in − 1) · s + reach − low − high, for an input of these sizes."""
        geometry = self.geometry_on(space)
        axes = zip(space, geometry.strides, geometry.reach, geometry.padding, strict=True)
        return tuple((size - 1) * s + reach - low - high for size, s, reach, (low, high) in axes)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`kernel (*kernel_size, filters, channels)` and `bias (filters,)`."""
        kernel = self.weight("kernel", (*self.kernel_size, self.filters, x.features), x)
        return {"kernel": kernel} | ({"bias": self.weight("bias", (self.filters,), x)} if self.use_bias else {})

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *out, filters)`."""
        require_space(self, x, self.RANK)
        sizes = self.sizes_from(x.row_shape[:-1])
        if min(sizes) < 1:
            raise DeepkitValueError(
                f"{self.label} would turn an input of shape {x.shape} into the sizes {sizes}: padding={self.padding} "
                "cuts everything off. Give a smaller padding."
            )
        return activated(self, Spec((None, *sizes, self.filters), weight_dtype(x)), self.activation)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The transpose of one convolution, the bias, the activation."""
        x, kernel = to_float(x), weights["kernel"]
        geometry = self.geometry_on(x.shape[1:-1])
        dtype = jnp.result_type(x, kernel)
        larger = jax.ShapeDtypeStruct((x.shape[0], *self.sizes_from(x.shape[1:-1]), self.filters), dtype)

        def convolution(y: jax.Array) -> jax.Array:
            return convolve(y, kernel, geometry.strides, geometry.padding, geometry.dilation)

        (y,) = jax.linear_transpose(convolution, larger)(x.astype(dtype))
        return self.finished(weights, y)


class Conv2DTranspose(ConvolutionTranspose):
    """The transpose of Conv2D: every place of the input writes a window, scaled by it; overlapping windows add up.

    Input `(batch, height, width, channels)`, output `(batch, *out, filters)`. It takes the shapes of a convolution
    backwards: a stride s makes the image s times as large. With r = d · (w − 1) + 1 along each axis:

    - "valid": out = (in − 1) · s + max(r, s)
    - "same": out = in · s
    - numbers: out = (in − 1) · s + r − low − high, what Conv2D with this padding would turn into `in`.

    With `output_padding` p: (in − 1) · s + r + p for "valid", (in − 1) · s + r % 2 + p for "same", and p more for
    numbers. Weights: `kernel (*kernel_size, filters, channels)`, `bias (filters,)`.

    Args:
        filters: Channels of the output, at least 1.
        kernel_size, strides, dilation_rate, activation, use_bias: As in Conv2D.
        padding: "valid", "same", or what is cut off every side: a number, one per axis, or pairs. (Keras has only the
            words.)
        output_padding: One number or one per axis, below the stride; `None` chooses it as above.
        kernel_initializer, kernel_regularizer, kernel_constraint: Of the kernel.
        bias_initializer, bias_regularizer, bias_constraint: Of the bias.
        activity_regularizer: Penalty on the output after the activation, divided by the number of rows.

    Raises:
        DeepkitError: for an input of another rank, a padding that leaves nothing, an output padding that is not below
            the stride, strides together with dilation.

    Reference: Dumoulin and Visin, 2016, https://arxiv.org/abs/1603.07285
    """

    RANK = 2
    kernel_size: Any = parameter(convert=per_axis(2))
    strides: Any = parameter(default=1, convert=per_axis(2))
    padding: Any = parameter(default="valid", convert=padding_of(2))
    output_padding: Any = parameter(default=None, convert=_output_padding(2))
    dilation_rate: Any = parameter(default=1, convert=per_axis(2))


class Conv1DTranspose(ConvolutionTranspose):
    """`Conv2DTranspose` along one axis: input `(batch, steps, channels)`, output `(batch, out, filters)`."""

    RANK = 1
    kernel_size: Any = parameter(convert=per_axis(1))
    strides: Any = parameter(default=1, convert=per_axis(1))
    padding: Any = parameter(default="valid", convert=padding_of(1))
    output_padding: Any = parameter(default=None, convert=_output_padding(1))
    dilation_rate: Any = parameter(default=1, convert=per_axis(1))


class Conv3DTranspose(ConvolutionTranspose):
    """`Conv2DTranspose` along three axes: input `(batch, depth, height, width, channels)`."""

    RANK = 3
    kernel_size: Any = parameter(convert=per_axis(3))
    strides: Any = parameter(default=1, convert=per_axis(3))
    padding: Any = parameter(default="valid", convert=padding_of(3))
    output_padding: Any = parameter(default=None, convert=_output_padding(3))
    dilation_rate: Any = parameter(default=1, convert=per_axis(3))
