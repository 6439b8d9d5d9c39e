"""Initializers whose spread is given, not derived from the shape; and random orthogonal matrices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import finite_number, non_negative_number
from deepkit.errors import DeepkitValueError
from deepkit.initializers.drawing import drawn_once, normal, truncated_normal, uniform
from deepkit.initializers.initializer import Initializer


class RandomNormal(Initializer):
    """Independent draws from a normal distribution.

    Args:
        mean: Mean of the distribution.
        stddev: Its standard deviation (not its variance), 0.05 as in Keras.
    """

    mean: float = parameter(default=0.0, convert=finite_number)
    stddev: float = parameter(default=0.05, convert=non_negative_number)

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return normal(key, shape, dtype, self.mean, self.stddev)


class TruncatedNormal(Initializer):
    """Independent draws from a normal distribution cut off two standard deviations from its mean.

    Args:
        mean: Mean of the distribution.
        stddev: Standard deviation *before* the cut, 0.05 as in Keras: the values' own is 0.88 times that.
    """

    mean: float = parameter(default=0.0, convert=finite_number)
    stddev: float = parameter(default=0.05, convert=non_negative_number)

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return truncated_normal(key, shape, dtype, self.mean, self.stddev)


class RandomUniform(Initializer):
    """Independent draws from the uniform distribution on `[minval, maxval)`.

    Args:
        minval: Lower bound, included.
        maxval: Upper bound, excluded.

    Raises:
        DeepkitValueError: if `minval` is above `maxval`.
    """

    minval: float = parameter(default=-0.05, convert=finite_number)
    maxval: float = parameter(default=0.05, convert=finite_number)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minval > self.maxval:
            raise DeepkitValueError(
                f"RandomUniform(minval={self.minval}, maxval={self.maxval}): the lower bound is the larger. "
                f"Exchange them: RandomUniform({self.maxval}, {self.minval})."
            )

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return uniform(key, shape, dtype, self.minval, self.maxval)


class Orthogonal(Initializer):
    """A random orthogonal matrix, uniformly distributed: Q of the QR decomposition of a normal matrix.

    An array of more than two axes is a matrix of shape `(all other axes, last axis)`. The shorter of its two
    sides holds orthonormal vectors, times `gain`.

    Args:
        gain: Factor of the matrix.

    Raises:
        DeepkitValueError: when called with a shape of fewer than two axes.

    Reference: Saxe, McClelland and Ganguli, 2014, https://arxiv.org/abs/1312.6120
    """

    gain: float = parameter(default=1.0, convert=finite_number)

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        if len(shape) < 2:
            raise DeepkitValueError(
                f"{self!r} needs an array of at least two axes, got shape {tuple(shape)}. "
                "Use it for kernels, and Zeros, Ones or Constant for biases."
            )
        return drawn_once(_orthogonal, key, tuple(shape), dtype, self.gain)


def _orthogonal(key: jax.Array, shape: tuple[int, ...], dtype: Any, gain: Any) -> jax.Array:
    return jax.nn.initializers.orthogonal(gain)(key, shape, dtype)
