"""Pooling over all of space: one number per channel."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from deepkit.graph import Spec
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.pooling import AVERAGED, LARGEST
from deepkit.layers.specs import floating, to_float
from deepkit.layers.windows import require_space


class GlobalPooling(Layer):
    """Base of the global pooling layers."""

    RANK: ClassVar[int]
    """Axes of space: 1, 2 or 3."""

    keepdims: bool = False

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of space."""
        return tuple(range(1, self.RANK + 1))

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, channels)`, or with the axes of space as ones in between."""
        require_space(self, x, self.RANK)
        return x.replace(shape=(None, *(1,) * (self.RANK if self.keepdims else 0), x.features))

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """None: no steps are left."""
        return None


class GlobalMaxPooling(GlobalPooling):
    """Base of GlobalMaxPooling1D, GlobalMaxPooling2D and GlobalMaxPooling3D."""

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, channels)`, the input's dtype."""
        return super().output_spec(x).replace(meaning=LARGEST.get(x.meaning, x.meaning))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """max over space."""
        return x.max(self.axes, keepdims=self.keepdims)


class GlobalAveragePooling(GlobalPooling):
    """Base of GlobalAveragePooling1D, GlobalAveragePooling2D and GlobalAveragePooling3D."""

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, channels)`; integers become float32."""
        return floating(super().output_spec(x)).replace(meaning=AVERAGED.get(x.meaning, x.meaning))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The mean over space."""
        return to_float(x).mean(self.axes, keepdims=self.keepdims)


class GlobalMaxPooling2D(GlobalMaxPooling):
    """The largest number of every channel: `(batch, height, width, channels)` → `(batch, channels)`.

    Args:
        keepdims: Whether the axes of space stay, with size 1: `(batch, 1, 1, channels)`.
    """

    RANK = 2


class GlobalMaxPooling1D(GlobalMaxPooling):
    """`GlobalMaxPooling2D` along one axis: `(batch, steps, channels)` → `(batch, channels)`.

    As in Keras, it does not heed masks: give masked steps small values, or use an average.
    """

    RANK = 1


class GlobalMaxPooling3D(GlobalMaxPooling):
    """`GlobalMaxPooling2D` along three axes: `(batch, depth, height, width, channels)` → `(batch, channels)`."""

    RANK = 3


class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of every channel: `(batch, height, width, channels)` → `(batch, channels)`. Integers become float32.

    Args:
        keepdims: Whether the axes of space stay, with size 1: `(batch, 1, 1, channels)`.

    Reference: Lin et al., 2013, https://arxiv.org/abs/1312.4400
    """

    RANK = 2


class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of every channel over the steps: `(batch, steps, channels)` → `(batch, channels)`.

    With a mask, the mean over the steps that count. Where none counts it is 0 (Keras: NaN).

    Args:
        keepdims: Whether the axis of steps stays, with size 1: `(batch, 1, channels)`.
    """

    RANK = 1

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """Σ over the steps that count / their number."""
        if context.mask is None:
            return super().call(weights, x, context)
        x, mask = to_float(x), context.mask[..., None]
        count = jnp.maximum(mask.sum(1, keepdims=self.keepdims), 1).astype(x.dtype)
        return jnp.where(mask, x, 0).sum(1, keepdims=self.keepdims) / count


class GlobalAveragePooling3D(GlobalAveragePooling):
    """`GlobalAveragePooling2D` along three axes: `(batch, depth, height, width, channels)` → `(batch, channels)`."""

    RANK = 3


GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
