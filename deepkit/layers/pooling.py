"""Pooling over moving windows: every channel by itself, nothing to learn."""

from __future__ import annotations

from typing import Any, ClassVar

import jax

from deepkit.configuration import parameter
from deepkit.converters import optional
from deepkit.errors import DeepkitValueError
from deepkit.graph import Meaning, Spec
from deepkit.kernels import average_pool, max_pool
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.specs import floating, to_float
from deepkit.layers.windows import (
    Geometry,
    Sizes,
    geometry_of,
    padding_of,
    per_axis,
    require_room,
    require_space,
    warn_of_gaps,
)

LARGEST = {Meaning.DISTRIBUTION: Meaning.NON_NEGATIVE, Meaning.LOG_DISTRIBUTION: Meaning.REAL}
"""What the largest of some values means, where it is not what the values mean: maxima don't sum to 1."""

AVERAGED = {Meaning.LOG_DISTRIBUTION: Meaning.REAL}
"""The same of a mean."""


class Pooling(Layer):
    """Base of the pooling layers with a window."""

    RANK: ClassVar[int]
    """Axes of space: 1, 2 or 3."""

    pool_size: Any = parameter()
    strides: Any = None
    padding: Any = "valid"
    strict: bool = parameter(default=False, kw_only=True)

    def geometry(self, x: Spec) -> Geometry | None:
        """Window, strides and padding on this input, and whether its output size is floored."""
        return self.geometry_on(x.row_shape[:-1])

    def geometry_on(self, space: Sizes) -> Geometry:
        """The geometry on an input whose axes of space have these sizes."""
        return geometry_of(space, self.pool_size, self.strides or self.pool_size, self.padding)

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *out, channels)`."""
        require_space(self, x, self.RANK)
        space = x.row_shape[:-1]
        geometry = self.geometry_on(space)
        require_room(self, x, geometry, strict=self.strict)
        if any(max(sides) >= w for sides, w in zip(geometry.padding, geometry.window, strict=True)):
            raise DeepkitValueError(
                f"{self.label}: with padding={geometry.padding} a window of {geometry.window} can lie beside the "
                f"input, where there is nothing to pool. Give a padding below {min(geometry.window)}."
            )
        warn_of_gaps(self, space, geometry)
        return x.replace(shape=(None, *geometry.output_sizes(space), x.features))

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """None, as in Keras: a window may hold masked places and others."""
        return None


class MaxPooling(Pooling):
    """Base of MaxPooling1D, MaxPooling2D and MaxPooling3D."""

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *out, channels)`, the input's dtype."""
        output = super().output_spec(x)
        return output.replace(meaning=LARGEST.get(x.meaning, x.meaning))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The maximum over each window."""
        geometry = self.geometry_on(x.shape[1:-1])
        return max_pool(x, geometry.window, geometry.strides, geometry.padding)


class AveragePooling(Pooling):
    """Base of AveragePooling1D, AveragePooling2D and AveragePooling3D."""

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *out, channels)`; integers become float32."""
        output = floating(super().output_spec(x))
        return output.replace(meaning=AVERAGED.get(x.meaning, x.meaning))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The mean over each window."""
        geometry = self.geometry_on(x.shape[1:-1])
        return average_pool(to_float(x), geometry.window, geometry.strides, geometry.padding)


class MaxPooling2D(MaxPooling):
    """The largest number of every window, channel by channel.

    Input `(batch, height, width, channels)`, output `(batch, *out, channels)` with out = ⌊(W − w + 2·pad)/stride⌋ + 1
    along each axis; windows may overlap. Padding is smaller than every number. Channels are always last (Keras's
    `data_format` is left out). The gradient goes to the largest number of each window, of several to the first.

    Args:
        pool_size: w, one number or one per axis; 2 by default.
        strides: Distance between windows, one number or one per axis; `None` puts them side by side.
        padding: "valid", nothing; "same", so that ⌈W / stride⌉ windows come out; a number of places for every side; one
            per axis; or pairs `((top, bottom), (left, right))`, below w. Keras has only the words.
        strict: Whether an output size that is no whole number is refused, with the two nearest legal input sizes. By
            default it is floored, as in Keras, and `summary` marks it. (deepkit's own.)

    Raises:
        DeepkitError: for an input of another rank, a window larger than the padded input, a padding as large as the
            window.

    Warns of strides larger than a window of more than one place.
    """

    RANK = 2
    pool_size: Any = parameter(default=2, convert=per_axis(2))
    strides: Any = parameter(default=None, convert=optional(per_axis(2)))
    padding: Any = parameter(default="valid", convert=padding_of(2))


class MaxPooling1D(MaxPooling):
    """`MaxPooling2D` along one axis: input `(batch, steps, channels)`. A padding `(low, high)` is one pair."""

    RANK = 1
    pool_size: Any = parameter(default=2, convert=per_axis(1))
    strides: Any = parameter(default=None, convert=optional(per_axis(1)))
    padding: Any = parameter(default="valid", convert=padding_of(1))


class MaxPooling3D(MaxPooling):
    """`MaxPooling2D` along three axes: input `(batch, depth, height, width, channels)`."""

    RANK = 3
    pool_size: Any = parameter(default=2, convert=per_axis(3))
    strides: Any = parameter(default=None, convert=optional(per_axis(3)))
    padding: Any = parameter(default="valid", convert=padding_of(3))


class AveragePooling2D(AveragePooling):
    """The mean of every window, channel by channel. What lies in the padding is not counted, as in Keras.

    Shapes, arguments and errors are those of MaxPooling2D; `pool_size` has no default. Integers are read as float32.
    """

    RANK = 2
    pool_size: Any = parameter(convert=per_axis(2))
    strides: Any = parameter(default=None, convert=optional(per_axis(2)))
    padding: Any = parameter(default="valid", convert=padding_of(2))


class AveragePooling1D(AveragePooling):
    """`AveragePooling2D` along one axis: input `(batch, steps, channels)`. A padding `(low, high)` is one pair."""

    RANK = 1
    pool_size: Any = parameter(convert=per_axis(1))
    strides: Any = parameter(default=None, convert=optional(per_axis(1)))
    padding: Any = parameter(default="valid", convert=padding_of(1))


class AveragePooling3D(AveragePooling):
    """`AveragePooling2D` along three axes: input `(batch, depth, height, width, channels)`."""

    RANK = 3
    pool_size: Any = parameter(convert=per_axis(3))
    strides: Any = parameter(default=None, convert=optional(per_axis(3)))
    padding: Any = parameter(default="valid", convert=padding_of(3))


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
