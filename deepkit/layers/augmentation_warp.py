"""Augmentation that moves pixels: rotation, zoom and translation of images, each by numbers of its own."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from deepkit.configuration import parameter
from deepkit.converters import finite_number, optional
from deepkit.errors import DeepkitValueError, did_you_mean
from deepkit.layers.augmentation import Augmentation, span

FILL_MODES = ("constant", "reflect", "wrap", "nearest")
ORDERS = {"nearest": 0, "bilinear": 1}


def _fill_mode(value: Any) -> str:
    if value not in FILL_MODES:
        raise DeepkitValueError(did_you_mean(str(value), FILL_MODES))
    return str(value)


def _interpolation(value: Any) -> str:
    if value not in ORDERS:
        raise DeepkitValueError(did_you_mean(str(value), ORDERS))
    return str(value)


def warped(layer: Any, image: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """Image whose pixel (i, j) is the old one's at (rows[i, j], columns[i, j]), interpolated."""

    def plane(values: jax.Array) -> jax.Array:
        order, mode = ORDERS[layer.interpolation], layer.fill_mode
        return map_coordinates(values, [rows, columns], order, mode, cval=layer.fill_value)

    return jax.vmap(plane, -1, -1)(image)


def from_centre(image: jax.Array) -> tuple[jax.Array, jax.Array, float, float]:
    """Every pixel's row and column counted from the middle, and the middle's own."""
    height, width = image.shape[:2]
    middle = (height - 1) / 2, (width - 1) / 2
    rows, columns = jnp.meshgrid(
        jnp.arange(height, dtype=image.dtype) - middle[0],
        jnp.arange(width, dtype=image.dtype) - middle[1],
        indexing="ij",
    )
    return rows, columns, *middle


class RandomRotation(Augmentation):
    """In training, turns each image about its middle, by an angle drawn uniformly. Shape as the input.

    Args:
        factor: Share of a full turn: 0.1 draws from −36° to 36°, a pair `(lowest, highest)` between the two. Positive
            is counter-clockwise.
        fill_mode: What lies outside the image: "reflect" `(d c b a | a b c d | d c b a)`, "constant" (`fill_value`),
            "nearest" or "wrap".
        interpolation: "bilinear" or "nearest".
        fill_value: For "constant".

    Raises:
        DeepkitError: for factors beyond 1, unknown names, an input that is not of images, or training without a key.
    """

    factor: Any = parameter(convert=span(-1, 1))
    fill_mode: str = parameter(default="reflect", convert=_fill_mode)
    interpolation: str = parameter(default="bilinear", convert=_interpolation)
    fill_value: float = parameter(default=0.0, convert=finite_number)

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """The image, turned."""
        low, high = (2 * math.pi * end for end in self.factor)
        angle = jax.random.uniform(key, (), image.dtype, low, high)
        rows, columns, middle_row, middle_column = from_centre(image)
        c, s = jnp.cos(angle), jnp.sin(angle)
        return warped(self, image, c * rows + s * columns + middle_row, c * columns - s * rows + middle_column)


class RandomZoom(Augmentation):
    """In training, zooms each image about its middle. Shape as the input.

    Args:
        height_factor: 0.2 draws a share z from −0.2 to 0.2, a pair between the two. The image shows 1 + z of its
            height: positive zooms out, negative in.
        width_factor: The same for the width; `None` takes the height's draw, so that the proportions stay.
        fill_mode, interpolation, fill_value: As in `RandomRotation`.

    Raises:
        DeepkitError: for factors of −1 or less, unknown names, an input that is not of images, or training without a
            key.
    """

    height_factor: Any = parameter(convert=span(-0.999, 100))
    width_factor: Any = parameter(default=None, convert=optional(span(-0.999, 100)))
    fill_mode: str = parameter(default="reflect", convert=_fill_mode)
    interpolation: str = parameter(default="bilinear", convert=_interpolation)
    fill_value: float = parameter(default=0.0, convert=finite_number)

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """The image, nearer or farther."""
        keys = jax.random.split(key)
        height = width = 1 + jax.random.uniform(keys[0], (), image.dtype, *self.height_factor)
        if self.width_factor is not None:
            width = 1 + jax.random.uniform(keys[1], (), image.dtype, *self.width_factor)
        rows, columns, middle_row, middle_column = from_centre(image)
        return warped(self, image, height * rows + middle_row, width * columns + middle_column)


class RandomTranslation(Augmentation):
    """In training, shifts each image. Shape as the input.

    Args:
        height_factor: Share of the height: 0.2 draws from −0.2 to 0.2, a pair between the two. Positive is down.
        width_factor: The same for the width. Positive is to the right.
        fill_mode, interpolation, fill_value: As in `RandomRotation`.

    Raises:
        DeepkitError: for factors beyond 1, unknown names, an input that is not of images, or training without a key.
    """

    height_factor: Any = parameter(convert=span(-1, 1))
    width_factor: Any = parameter(convert=span(-1, 1))
    fill_mode: str = parameter(default="reflect", convert=_fill_mode)
    interpolation: str = parameter(default="bilinear", convert=_interpolation)
    fill_value: float = parameter(default=0.0, convert=finite_number)

    def change(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """The image, shifted."""
        keys = jax.random.split(key)
        down = jax.random.uniform(keys[0], (), image.dtype, *self.height_factor) * image.shape[0]
        right = jax.random.uniform(keys[1], (), image.dtype, *self.width_factor) * image.shape[1]
        rows, columns, middle_row, middle_column = from_centre(image)
        return warped(self, image, rows + middle_row - down, columns + middle_column - right)
