"""Initializers that draw nothing: zeros, ones, one constant, the identity matrix."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import finite_number
from deepkit.errors import DeepkitValueError
from deepkit.initializers.drawing import drawn_once, filled
from deepkit.initializers.initializer import Initializer


class Zeros(Initializer):
    """All values 0. The usual start of biases; a kernel of zeros gives every unit the same gradient."""

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return filled(key, shape, dtype, 0)


class Ones(Initializer):
    """All values 1."""

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return filled(key, shape, dtype, 1)


class Constant(Initializer):
    """All values the same number.

    Args:
        value: The number, 0 as in Keras. For a whole array of given values write a function,
            `kernel_initializer=lambda key, shape, dtype: array`, or use `model.set_weights`.
    """

    value: float = parameter(default=0.0, convert=finite_number)

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return filled(key, shape, dtype, self.value)


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere; the matrix need not be square.

    Args:
        gain: Factor of the identity matrix.

    Raises:
        DeepkitValueError: when called with a shape that is not two-dimensional.
    """

    gain: float = parameter(default=1.0, convert=finite_number)

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        if len(shape) != 2:
            raise DeepkitValueError(
                f"{self!r} makes matrices, but the array has shape {tuple(shape)}. "
                "Use it for the kernel of a Dense layer, and Zeros, Ones or Constant elsewhere."
            )
        return drawn_once(_diagonal, key, tuple(shape), dtype, self.gain)


def _diagonal(_: jax.Array, shape: tuple[int, ...], dtype: Any, gain: Any) -> jax.Array:
    return (gain * jnp.eye(shape[0], shape[1])).astype(dtype)
