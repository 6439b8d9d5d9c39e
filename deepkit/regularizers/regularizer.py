"""Penalties on the size of weights or of a layer's output, added to the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import Configurable, parameter
from deepkit.converters import non_negative_number
from deepkit.errors import DeepkitTypeError, DeepkitValueError


class Regularizer(Configurable):
    """Base of all regularizers. A subclass lists its configuration as fields and defines `__call__`."""

    def __call__(self, x: jax.Array) -> jax.Array:
        """The penalty on `x`, an array of any shape: a scalar of the same dtype."""
        raise DeepkitTypeError(f"{type(self).__name__} does not define __call__(self, x).")


def _sum_of_magnitudes(x: jax.Array) -> jax.Array:
    # Not jnp.abs: JAX gives it the derivative 1 at 0.
    return jnp.sum(x * jax.lax.stop_gradient(jnp.sign(x)))


class L1(Regularizer):
    """`l1 · Σ|x|`: drives weights towards exactly 0.

    A sum, as in Keras, not a mean: its share of the loss does not shrink as the array grows. The gradient is
    `l1 · sign(x)`, so 0 at 0, as in PyTorch; with Keras on JAX it is `l1` there and pushes a zero weight off.

    Args:
        l1: Factor, at least 0; 0.01 as in Keras.
    """

    l1: float = parameter(default=0.01, convert=non_negative_number)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.l1 * _sum_of_magnitudes(x)


class L2(Regularizer):
    """`l2 · Σx²`: pulls weights towards 0 in proportion to their size.

    Without the factor ½ of many textbooks, as in Keras: its gradient is `2 · l2 · x`. With Adam and its kin
    it is not decoupled weight decay (the optimizer's `weight_decay`), because they rescale that gradient.

    Args:
        l2: Factor, at least 0; 0.01 as in Keras.
    """

    l2: float = parameter(default=0.01, convert=non_negative_number)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.l2 * jnp.sum(jnp.square(x))


class L1L2(Regularizer):
    """`l1 · Σ|x| + l2 · Σx²`, the elastic net.

    Args:
        l1: Factor of the absolute values, at least 0. By default 0: `L1L2(l2=0.1)` has no other part.
        l2: Factor of the squares, at least 0.

    Reference: Zou and Hastie, 2005, https://doi.org/10.1111/j.1467-9868.2005.00503.x
    """

    l1: float = parameter(default=0.0, convert=non_negative_number)
    l2: float = parameter(default=0.0, convert=non_negative_number)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.l1 * _sum_of_magnitudes(x) + self.l2 * jnp.sum(jnp.square(x))


class FunctionRegularizer(Regularizer):
    """A function `f(x)` that returns a scalar, as a regularizer.

    Args:
        function: Called with the array; returns the penalty, factor included.

    Raises:
        DeepkitValueError: when called, if what the function returns is not a scalar.
    """

    function: Callable[..., Any] = parameter()

    def __call__(self, x: jax.Array) -> jax.Array:
        penalty = jnp.asarray(self.function(x))
        if penalty.shape != ():
            name = getattr(self.function, "__name__", repr(self.function))
            raise DeepkitValueError(
                f"the regularizer {name} returned shape {penalty.shape} for an array of shape {x.shape}, "
                "not a single number. Sum or average inside it."
            )
        return penalty
