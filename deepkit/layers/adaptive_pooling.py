"""Pooling to a given size: the windows follow from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.graph import Spec
from deepkit.kernels import average_pool, max_pool
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.pooling import AVERAGED, LARGEST
from deepkit.layers.specs import floating, to_float
from deepkit.layers.windows import Geometry, Sizes, geometry_of, per_axis, require_space


class AdaptivePooling(Layer):
    """Base of the adaptive pooling layers."""

    RANK: ClassVar[int]
    """Axes of space: 1, 2 or 3."""

    output_size: Any = parameter()

    def geometry(self, x: Spec) -> Geometry | None:
        """The windows on this input, or `None` where they are not all of one size."""
        return self.geometry_on(x.row_shape[:-1])

    def geometry_on(self, space: Sizes) -> Geometry | None:
        """The geometry on an input whose axes of space have these sizes."""
        if any(size % out for size, out in zip(space, self.output_size, strict=True)):
            return None
        window = tuple(size // out for size, out in zip(space, self.output_size, strict=True))
        return geometry_of(space, window, window, "valid")

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *output_size, channels)`."""
        require_space(self, x, self.RANK)
        return x.replace(shape=(None, *self.output_size, x.features))

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """None: a window may hold masked places and others."""
        return None

    def pooled(self, x: jax.Array, evenly: Callable[..., jax.Array], reduce: Callable[..., jax.Array]) -> jax.Array:
        """`evenly` with equal windows; else `reduce` over each window, axis by axis."""
        geometry = self.geometry_on(x.shape[1:-1])
        if geometry is not None:
            return evenly(x, geometry.window, geometry.strides, geometry.padding)
        for axis, out in enumerate(self.output_size, start=1):
            size = x.shape[axis]
            ends = [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]
            x = jnp.stack([reduce(jax.lax.slice_in_dim(x, a, b, axis=axis), axis) for a, b in ends], axis)
        return x


class AdaptiveMaxPooling(AdaptivePooling):
    """Base of AdaptiveMaxPooling1D, AdaptiveMaxPooling2D and AdaptiveMaxPooling3D."""

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *output_size, channels)`, the input's dtype."""
        return super().output_spec(x).replace(meaning=LARGEST.get(x.meaning, x.meaning))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The maximum over each window."""
        return self.pooled(x, max_pool, jnp.max)


class AdaptiveAveragePooling(AdaptivePooling):
    """Base of AdaptiveAveragePooling1D, AdaptiveAveragePooling2D and AdaptiveAveragePooling3D."""

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *output_size, channels)`; integers become float32."""
        return floating(super().output_spec(x)).replace(meaning=AVERAGED.get(x.meaning, x.meaning))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The mean over each window."""
        return self.pooled(to_float(x), average_pool, jnp.mean)


class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The mean of windows that divide the input as evenly as whole numbers allow.

    Window `i` of `n` along an axis of size W runs from ⌊i · W / n⌋ to ⌈(i + 1) · W / n⌉ (not included), as in PyTorch
    and Keras; neighbours overlap where n does not divide W. Input `(batch, height, width, channels)`, output
    `(batch, *output_size, channels)`. Channels are always last.

    Args:
        output_size: n, one number or one per axis.
    """

    RANK = 2
    output_size: Any = parameter(convert=per_axis(2))


class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """`AdaptiveAveragePooling2D` along one axis: input `(batch, steps, channels)`."""

    RANK = 1
    output_size: Any = parameter(convert=per_axis(1))


class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """`AdaptiveAveragePooling2D` along three axes: input `(batch, depth, height, width, channels)`."""

    RANK = 3
    output_size: Any = parameter(convert=per_axis(3))


class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The largest number in the windows of AdaptiveAveragePooling2D.

    Args:
        output_size: Windows, one number or one per axis.
    """

    RANK = 2
    output_size: Any = parameter(convert=per_axis(2))


class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """`AdaptiveMaxPooling2D` along one axis: input `(batch, steps, channels)`."""

    RANK = 1
    output_size: Any = parameter(convert=per_axis(1))


class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """`AdaptiveMaxPooling2D` along three axes: input `(batch, depth, height, width, channels)`."""

    RANK = 3
    output_size: Any = parameter(convert=per_axis(3))
