"""Augmentation of images on the device: in training each image is changed at random, in prediction none is.

Images are `(batch, height, width, channels)`. Every row has a key of its own, made from the key of the call and the
row's number, so an image is changed in the same way however large its batch is. Keras's `seed` and `data_format` are
left out: the seed of the run decides, and channels come last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import finite_number, optional, positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError, did_you_mean
from deepkit.graph import Spec
from deepkit.kernels.threefry import fold_in
from deepkit.layers.layer import Context, Layer, Weights, require_rank
from deepkit.layers.specs import floating, to_float

FLIPS = {"horizontal": (1,), "vertical": (0,), "horizontal_and_vertical": (1, 0)}
"""By mode, the axes of an image that are flipped."""


def span(low: float, high: float, *, from_low: bool = False) -> Callable[[Any], tuple[float, float]]:
    """Converter: `f` → `(−f, f)` (or `(low, f)`), or a pair, within [low, high]."""

    def convert(value: Any) -> tuple[float, float]:
        if isinstance(value, list | tuple) and len(value) == 2:
            ends = finite_number(value[0]), finite_number(value[1])
        elif isinstance(value, list | tuple):
            raise DeepkitTypeError("expected a number or a pair (lowest, highest).")
        else:
            ends = (float(low) if from_low else -abs(finite_number(value)), abs(finite_number(value)))
        if not low <= ends[0] <= ends[1] <= high:
            raise DeepkitValueError(f"expected numbers between {low:g} and {high:g}, the lower one first.")
        return ends

    return convert


def value_range(value: Any) -> tuple[float, float]:
    """Converter: `(lowest, highest)` value of the images."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise DeepkitTypeError("expected the pair (lowest, highest) of values that images hold, such as (0, 255).")
    ends = finite_number(value[0]), finite_number(value[1])
    if ends[0] >= ends[1]:
        raise DeepkitValueError("expected the lowest value first, such as (0, 255).")
    return ends


def _probability(value: Any) -> tuple[float, float]:
    """Converter: `p` → `(p, p)`, or a pair, within [0, 1]."""
    return span(0, 1)(value if isinstance(value, list | tuple) else (value, value))


def _mode(value: Any) -> str:
    if value not in FLIPS:
        raise DeepkitValueError(did_you_mean(str(value), FLIPS))
    return str(value)


class Augmentation(Layer):
    """Base of layers that change each image by itself: a subclass defines `change(key, image)`, `(h, w, c)` each.

    Images are read as floats, and go through unchanged outside of training.
    """

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        require_rank(self, x, 4)
        return floating(x).real()

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """One image, changed at random."""
        raise NotImplementedError

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The images, in training each changed by its own key."""
        x = to_float(x)
        return jax.vmap(self.change)(row_keys(self, context, len(x)), x) if context.training else x


def row_keys(layer: Layer, context: Context, rows: int) -> jax.Array:
    """A key per row, the same for a row whatever the number of rows."""
    return jax.vmap(fold_in, (None, 0))(context.key_for(layer), jnp.arange(rows))


class RandomFlip(Augmentation):
    """In training, mirrors each image with probability ½: `(batch, h, w, c)` to the same shape.

    Args:
        mode: "horizontal" (left and right), "vertical", or "horizontal_and_vertical", each drawn by itself. Keras's
            default is both; photographs are usually flipped horizontally only.

    Raises:
        DeepkitError: for an unknown mode, an input that is not of images, or training without a key.
    """

    mode: str = parameter(default="horizontal_and_vertical", convert=_mode)

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """The image, mirrored or not."""
        axes = FLIPS[self.mode]
        for flipped, axis in zip(jax.random.bernoulli(key, 0.5, (len(axes),)), axes, strict=True):
            image = jnp.where(flipped, jnp.flip(image, axis), image)
        return image


class RandomCrop(Augmentation):
    """In training, cuts a window out of each image at random: `(batch, H, W, c)` to `(batch, height, width, c)`.

    In prediction the window is the middle one. (Keras cuts all images of a batch alike, and in prediction scales them
    to the window's size first.) The usual augmentation of CIFAR pads by 4 and cuts 32 × 32, of which prediction undoes
    all: `ZeroPadding2D(4)`, then `RandomCrop(32, 32)`.

    Args:
        height, width: Size of the window, at most that of the images.

    Raises:
        DeepkitError: for sizes below 1 or larger than the images, an input that is not of images, or training
            without a key.
    """

    height: int = parameter(convert=positive_integer)
    width: int = parameter(convert=positive_integer)

    def output_spec(self, x: Spec) -> Spec:
        """The window."""
        require_rank(self, x, 4)
        _, height, width, channels = x.shape
        if self.height > (height or 0) or self.width > (width or 0):
            raise DeepkitValueError(
                f"{self.label} cuts {self.height} × {self.width} out of images of {height} × {width}. "
                "Put dk.layers.ZeroPadding2D(…) before it, or cut a smaller window."
            )
        return floating(x).replace(shape=(None, self.height, self.width, channels)).real()

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """A window anywhere in the image."""
        room = jnp.asarray(image.shape[:2]) - jnp.asarray((self.height, self.width))
        top, left = jax.random.randint(key, (2,), 0, room + 1)
        return jax.lax.dynamic_slice(image, (top, left, jnp.zeros_like(top)), (self.height, self.width, image.shape[2]))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """A window of each image, in prediction the middle one."""
        if context.training:
            return super().call(weights, x, context)
        top, left = (x.shape[1] - self.height) // 2, (x.shape[2] - self.width) // 2
        return to_float(x)[:, top : top + self.height, left : left + self.width]


class RandomErasing(Augmentation):
    """In training, paints over a rectangle of each image. Shape as the input.

    Its sides are √u of the image's, with u uniform in `scale`, drawn for each side.

    Args:
        factor: Probability that an image is changed; a pair: it is drawn between the two. (Keras draws it between 0 and
            a single number, so that half as many images are changed.)
        scale: Least and greatest u.
        fill_value: What the rectangle is filled with; `None`: normal noise times the highest value.
        value_range: `(lowest, highest)` value of the images; the filling is cut off there.

    Raises:
        DeepkitError: for shares outside [0, 1], an input that is not of images, or training without a key.

    Source: Zhong et al., 2017, https://arxiv.org/abs/1708.04896
    """

    factor: Any = parameter(default=1.0, convert=_probability)
    scale: Any = parameter(default=(0.02, 0.33), convert=span(0, 1, from_low=True))
    fill_value: Any = parameter(default=None, convert=optional(finite_number))
    value_range: Any = parameter(default=(0, 255), convert=value_range)

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """The image, with or without a filled rectangle."""
        whether, sides, corner, noise = jax.random.split(key, 4)
        (draw, place), (low, high) = jax.random.uniform(whether, (2,)), self.factor
        u = jax.random.uniform(sides, (2,), minval=self.scale[0], maxval=self.scale[1])
        inside = rectangle(corner, jnp.sqrt(u), image.shape[:2])
        filling = (
            jax.random.normal(noise, image.shape, image.dtype) * self.value_range[1]
            if self.fill_value is None
            else jnp.full_like(image, self.fill_value)
        )
        painted = jnp.where(inside[:, :, None], jnp.clip(filling, *self.value_range), image)
        return jnp.where(draw < low + place * (high - low), painted, image)


def rectangle(key: jax.Array, shares: jax.Array, size: tuple[int, ...]) -> jax.Array:
    """Boolean `(height, width)`: a rectangle with these shares of the sides, anywhere in the image."""
    sides = shares * jnp.asarray(size)
    starts = jax.random.uniform(key, (2,)) * (jnp.asarray(size) - sides)
    within = [
        (jnp.arange(length) >= start) & (jnp.arange(length) < start + side)
        for length, start, side in zip(size, starts, sides, strict=True)
    ]
    return within[0][:, None] & within[1][None, :]
