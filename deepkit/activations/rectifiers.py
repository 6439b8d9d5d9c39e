"""Activations that pass large positive numbers on: ReLU and its descendants."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def relu(
    x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> jax.Array:
    """`max(x, 0)`, element by element; with the other arguments, Keras's generalisation of it.

    `f(x) = max_value` where `x ≥ max_value`, `x` where `threshold < x < max_value`, and
    `negative_slope · (x − threshold)` below.

    The derivative at 0, where there is none, is defined as 0: a unit whose input is exactly 0 does not learn.

    Args:
        x: Array of any shape.
        negative_slope: Slope below the threshold, a Python number.
        max_value: Largest value returned, a Python number of at least 0, or `None` for no bound.
        threshold: Values at or below it are cut off, a Python number.

    Returns:
        An array of the shape and dtype of `x`.

    Reference: Nair and Hinton, 2010; Glorot, Bordes and Bengio, 2011.
    """
    y = jax.nn.relu(x) if threshold == 0 else jnp.where(jnp.asarray(x) > threshold, x, 0)
    if max_value is not None:
        y = jnp.clip(y, 0, max_value)
    if negative_slope != 0:
        y = y - negative_slope * jax.nn.relu(threshold - jnp.asarray(x))
    return y


def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 0.2) -> jax.Array:
    """`x` where `x ≥ 0`, `negative_slope · x` below. The derivative at 0 is 1, as in JAX and Keras.

    The default slope is Keras's function's 0.2; Keras's layer `LeakyReLU` has 0.3, PyTorch 0.01.

    Reference: Maas, Hannun and Ng, 2013.
    """
    return jax.nn.leaky_relu(x, negative_slope)


def relu6(x: ArrayLike) -> jax.Array:
    """`min(max(x, 0), 6)`. The derivative at its two corners is defined as 0, as in JAX and Keras.

    Reference: Krizhevsky, Convolutional Deep Belief Networks on CIFAR-10, 2010.
    """
    return jax.nn.relu6(x)


def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> jax.Array:
    """`x` where `x > 0`, `alpha · (exp(x) − 1)` below: saturates at `−alpha`.

    Reference: Clevert, Unterthiner and Hochreiter, 2016, https://arxiv.org/abs/1511.07289
    """
    return jax.nn.elu(x, alpha)


def selu(x: ArrayLike) -> jax.Array:
    """`1.0507 · elu(x, alpha=1.6733)`: keeps mean 0 and variance 1 from layer to layer.

    It does so only with `kernel_initializer="lecun_normal"`.

    Reference: Klambauer et al., 2017, https://arxiv.org/abs/1706.02515
    """
    return jax.nn.selu(x)


def softplus(x: ArrayLike) -> jax.Array:
    """`log(1 + exp(x))`, computed without overflow: a smooth ReLU, always above 0.

    Reference: Dugas et al., 2001.
    """
    return jax.nn.softplus(x)


def exponential(x: ArrayLike) -> jax.Array:
    """`exp(x)`: always above 0; overflows to infinity in float32 above 88.7."""
    return jnp.exp(x)
