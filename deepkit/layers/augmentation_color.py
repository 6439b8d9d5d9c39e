"""Augmentation that changes colours: brightness, contrast, saturation and hue of images."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import non_negative_number, optional
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Spec
from deepkit.layers.augmentation import Augmentation, span, value_range


def _contrast(value: Any) -> tuple[float, float]:
    """`f` → `(f, f)`: how far below 1 and above 1 the contrast may go."""
    pair = value if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2:
        raise DeepkitTypeError("expected a number or a pair (how far below 1, how far above 1).")
    below, above = non_negative_number(pair[0]), non_negative_number(pair[1])
    if below > 1:
        raise DeepkitValueError("expected at most 1 below, which is no contrast at all.")
    return below, above


_share = span(0, 1, from_low=True)


class RandomBrightness(Augmentation):
    """In training, adds one number to all pixels of an image, cut off at the ends of the range. Shape as the input.

    Args:
        factor: Share of the range: 0.2 draws from −0.2 to 0.2, a pair `(lowest, highest)` between the two.
        value_range: `(lowest, highest)` value of the images: `(0, 1)` after `Rescaling(1 / 255)`.

    Raises:
        DeepkitError: for factors beyond 1, a range without width, an input that is not of images, or training without
            a key.
    """

    factor: Any = parameter(convert=span(-1, 1))
    value_range: Any = parameter(default=(0, 255), convert=value_range)

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """The image, lighter or darker."""
        return brightened(key, image, self.factor, self.value_range)


class RandomContrast(Augmentation):
    """In training, `(x − mean)·f + mean` with f drawn for each image and the mean of each channel. Shape as the input.

    Args:
        factor: 0.2 draws f from 0.8 to 1.2; a pair `(below, above)` from 1 − below to 1 + above.
        value_range: `(lowest, highest)` value of the images, where the result is cut off.

    Raises:
        DeepkitError: for negative factors, more than 1 below, a range without width, an input that is not of images,
            or training without a key.
    """

    factor: Any = parameter(convert=_contrast)
    value_range: Any = parameter(default=(0, 255), convert=value_range)

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """The image, with more or less contrast."""
        return contrasted(key, image, self.factor, self.value_range)


class RandomColorJitter(Augmentation):
    """In training, brightness, contrast, saturation and hue of each image at random, in this order. Shape as the input.

    Args:
        value_range: `(lowest, highest)` value of the images.
        brightness_factor, contrast_factor: As in `RandomBrightness` and `RandomContrast`; `None` leaves them.
        saturation_factor: A share f between 0 (grey) and 1 (as strong as can be); 0.5 changes nothing: the saturation
            is multiplied by f / (1 − f). A single number draws between 0 and it, a pair between the two.
        hue_factor: Share of half the colour circle by which colours are turned, either way; a single number draws
            between 0 and it.

    Raises:
        DeepkitError: for factors outside their range, images without three channels where saturation or hue is
            changed, or training without a key.
    """

    value_range: Any = parameter(default=(0, 255), convert=value_range)
    brightness_factor: Any = parameter(default=None, convert=optional(span(-1, 1)))
    contrast_factor: Any = parameter(default=None, convert=optional(_contrast))
    saturation_factor: Any = parameter(default=None, convert=optional(_share))
    hue_factor: Any = parameter(default=None, convert=optional(_share))

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        spec = super().output_spec(x)
        if x.features != 3 and not (self.saturation_factor is None and self.hue_factor is None):
            raise DeepkitValueError(
                f"{self.label} changes saturation or hue, which only images of three channels have; the input has "
                f"shape {x.shape}. Leave out saturation_factor and hue_factor."
            )
        return spec

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """The image in other colours."""
        steps = (
            (brightened, self.brightness_factor), (contrasted, self.contrast_factor),
            (saturated, self.saturation_factor), (turned, self.hue_factor),
        )  # fmt: skip
        for subkey, (step, factor) in zip(jax.random.split(key, len(steps)), steps, strict=True):
            if factor is not None:
                image = step(subkey, image, factor, self.value_range)
        return image


Pair = tuple[float, float]


def brightened(key: jax.Array, image: jax.Array, factor: Pair, ends: Pair) -> jax.Array:
    """One number added to all pixels."""
    more = jax.random.uniform(key, (), image.dtype, *factor) * (ends[1] - ends[0])
    return jnp.clip(image + more, *ends)


def contrasted(key: jax.Array, image: jax.Array, factor: Pair, ends: Pair) -> jax.Array:
    """Distance from each channel's mean, multiplied."""
    f = jax.random.uniform(key, (), image.dtype, 1 - factor[0], 1 + factor[1])
    mean = image.mean((0, 1))
    return jnp.clip((image - mean) * f + mean, *ends)


def _ends(image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Every pixel's greatest and least channel.

    Not by `image.max`: its gradient looks for the entries that equal the maximum, and finds none where a compiler has
    rounded the two differently; then it is 0 / 0.
    """
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    return jnp.maximum(jnp.maximum(red, green), blue), jnp.minimum(jnp.minimum(red, green), blue)


def saturated(key: jax.Array, image: jax.Array, factor: Pair, ends: Pair) -> jax.Array:
    """Saturation (HSV) multiplied: every colour moves along its line to the grey of its greatest channel."""
    f = jax.random.uniform(key, (), image.dtype, *factor)
    image = image - ends[0]
    value, least = (each[..., None] for each in _ends(image))
    # No colour can be more than saturated: its least channel is then 0.
    most = value / jnp.where(value > least, value - least, 1)
    times = jnp.minimum(f / (1 - f + 1e-7), jnp.maximum(most, 1))
    return value - (value - image) * times + ends[0]


def turned(key: jax.Array, image: jax.Array, factor: Pair, ends: Pair) -> jax.Array:
    """Hue (HSV) turned; value and saturation stay."""
    keys = jax.random.split(key)
    share = jax.random.uniform(keys[0], (), image.dtype, *factor)
    turn = 3 * jnp.where(jax.random.bernoulli(keys[1]), share, -share)  # in sixths of the circle
    image = image - ends[0]
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    value, least = _ends(image)
    chroma = value - least
    width = jnp.where(chroma > 0, chroma, 1)
    # By number, not by `value == red`: a compiler may round the two differently.
    greatest = jnp.argmax(image, -1)
    by_channel = ((green - blue) / width, 2 + (blue - red) / width, 4 + (red - green) / width)
    hue = jnp.select([greatest == 0, greatest == 1], by_channel[:2], by_channel[2])
    offsets = jnp.asarray((5, 3, 1), image.dtype)
    place = (offsets + hue[..., None] + turn) % 6
    shade = jnp.clip(jnp.minimum(place, 4 - place), 0, 1)
    return value[..., None] - chroma[..., None] * shade + ends[0]
