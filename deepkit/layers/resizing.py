"""Layers that add, cut off or repeat places of space."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.errors import DeepkitValueError, did_you_mean
from deepkit.graph import Meaning, Spec
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.specs import floating, to_float
from deepkit.layers.windows import pairs, per_axis, require_space

_WITH_ZEROS = {Meaning.DISTRIBUTION: Meaning.NON_NEGATIVE, Meaning.LOG_DISTRIBUTION: Meaning.REAL}
"""What values mean when zeros stand among them, where it changes."""


class Resizing(Layer):
    """Base of the layers below."""

    RANK: ClassVar[int]
    """Axes of space: 1, 2 or 3."""

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """None, as in Keras: the steps are not the input's."""
        return None


class ZeroPadding(Resizing):
    """Base of ZeroPadding1D, ZeroPadding2D and ZeroPadding3D."""

    padding: Any = 1

    def output_spec(self, x: Spec) -> Spec:
        """Every size of space with its padding."""
        require_space(self, x, self.RANK)
        space = (low + size + high for size, (low, high) in zip(x.row_shape, self.padding, strict=False))
        return x.replace(shape=(None, *space, x.features), meaning=_WITH_ZEROS.get(x.meaning, x.meaning))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """Zeros around the input."""
        return jnp.pad(x, ((0, 0), *self.padding, (0, 0)))


class ZeroPadding2D(ZeroPadding):
    """Zeros around an image: `(batch, height, width, channels)` → `(batch, height + …, width + …, channels)`.

    Convolutions and pooling take such numbers themselves, as their `padding`. Channels are always last.

    Args:
        padding: A number of zeros for every side; one per axis; or pairs `((top, bottom), (left, right))`.
    """

    RANK = 2
    padding: Any = parameter(default=1, convert=pairs(2))


class ZeroPadding1D(ZeroPadding):
    """Zeros before and after the steps: `(batch, steps, channels)`.

    Args:
        padding: A number of zeros for both sides, or `(before, after)`.
    """

    RANK = 1
    padding: Any = parameter(default=1, convert=pairs(1))


class ZeroPadding3D(ZeroPadding):
    """Zeros around a volume: `(batch, depth, height, width, channels)`.

    Args:
        padding: A number of zeros for every side; one per axis; or one pair `(low, high)` per axis.
    """

    RANK = 3
    padding: Any = parameter(default=1, convert=pairs(3))


class Cropping(Resizing):
    """Base of Cropping1D, Cropping2D and Cropping3D."""

    cropping: Any = 1

    def output_spec(self, x: Spec) -> Spec:
        """Every size of space without what is cut off."""
        require_space(self, x, self.RANK)
        space = tuple(size - low - high for size, (low, high) in zip(x.row_shape, self.cropping, strict=False))
        if min(space) < 1:
            raise DeepkitValueError(
                f"{self.label} would cut {self.cropping} off an input of shape {x.shape}, and nothing would be left "
                "along some axis. Crop less."
            )
        return x.replace(shape=(None, *space, x.features))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """A slice."""
        cuts = (slice(low, size - high) for size, (low, high) in zip(x.shape[1:], self.cropping, strict=False))
        return x[:, *cuts]


class Cropping2D(Cropping):
    """Cuts off the borders of an image: `(batch, height, width, channels)`, both sizes smaller afterwards.

    Args:
        cropping: Places to cut off every side; one number per axis; or pairs `((top, bottom), (left, right))`. None by
            default, as in Keras.

    Raises:
        DeepkitValueError: when called on an input of which nothing would be left.
    """

    RANK = 2
    cropping: Any = parameter(default=0, convert=pairs(2))


class Cropping1D(Cropping):
    """Cuts off the first and last steps: `(batch, steps, channels)`.

    Args:
        cropping: Steps to cut off both sides, or `(first, last)`.
    """

    RANK = 1
    cropping: Any = parameter(default=1, convert=pairs(1))


class Cropping3D(Cropping):
    """Cuts off the borders of a volume: `(batch, depth, height, width, channels)`.

    Args:
        cropping: Places to cut off every side; one number per axis; or one pair `(low, high)` per axis.
    """

    RANK = 3
    cropping: Any = parameter(default=1, convert=pairs(3))


class UpSampling(Resizing):
    """Base of UpSampling1D, UpSampling2D and UpSampling3D: every place repeated."""

    size: Any = 2

    @property
    def sizes(self) -> tuple[int, ...]:
        """Repetitions per axis."""
        return self.size if isinstance(self.size, tuple) else (self.size,)

    def output_spec(self, x: Spec) -> Spec:
        """Every size of space times its repetitions."""
        require_space(self, x, self.RANK)
        space = (n * factor for n, factor in zip(x.row_shape, self.sizes, strict=False))
        return x.replace(shape=(None, *space, x.features))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """Copies, axis by axis."""
        for axis, factor in enumerate(self.sizes, start=1):
            x = jnp.repeat(x, factor, axis)
        return x


METHODS = {
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}
"""Keras's names of interpolations, and those of jax.image."""


def _interpolation(value: Any) -> str:
    name = str(value).lower()
    if name not in METHODS:
        raise DeepkitValueError(f"no such interpolation. {did_you_mean(name, METHODS)}")
    return name


class UpSampling2D(UpSampling):
    """A larger image: `(batch, height, width, channels)` → `(batch, size · height, size · width, channels)`.

    Args:
        size: Factor, one number or one per axis.
        interpolation: "nearest" repeats every place; "bilinear", "bicubic", "lanczos3" and "lanczos5" compute what lies
            between, by `jax.image.resize` (half-pixel centres), as Keras on JAX does. Integers then become float32.
    """

    RANK = 2
    size: Any = parameter(default=2, convert=per_axis(2))
    interpolation: str = parameter(default="nearest", convert=_interpolation)

    def output_spec(self, x: Spec) -> Spec:
        """Height and width times their factors."""
        output = super().output_spec(x)
        if self.interpolation == "nearest":
            return output
        # Weights of a mean keep what is true of each value; the higher methods overshoot.
        mean = self.interpolation == "bilinear" and x.meaning is not Meaning.LOG_DISTRIBUTION
        return floating(output).replace(meaning=x.meaning if mean else Meaning.REAL)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """Copies, or a weighted sum of neighbours."""
        if self.interpolation == "nearest":
            return super().call(weights, x, context)
        rows, height, width, channels = x.shape
        shape = (rows, height * self.size[0], width * self.size[1], channels)
        return jax.image.resize(to_float(x), shape, METHODS[self.interpolation])


class UpSampling1D(UpSampling):
    """Every step repeated: `(batch, steps, channels)` → `(batch, size · steps, channels)`.

    Args:
        size: Repetitions.
    """

    RANK = 1
    size: Any = parameter(default=2, convert=positive_integer)


class UpSampling3D(UpSampling):
    """Every place of a volume repeated: `(batch, depth, height, width, channels)`.

    Args:
        size: Repetitions, one number or one per axis.
    """

    RANK = 3
    size: Any = parameter(default=2, convert=per_axis(3))
