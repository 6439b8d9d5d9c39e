"""What an initializer is: a declaration of how the first values of an array are drawn."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import Configurable, parameter
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.initializers.drawing import drawn_once


class Initializer(Configurable):
    """Base of all initializers.

    Keras's `seed` argument is left out everywhere: the key is an argument of the call, and a model derives
    one for every array from the seed of `fit` or the key of `model.init`. Two layers that share one
    initializer object therefore start from different values (in Keras from the same, with a warning).

    A subclass lists its configuration as fields and defines `__call__`.
    """

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        """Fresh values.

        Args:
            key: A `jax.random` key; deterministic initializers ignore it.
            shape: Shape of the array. Kernels end in `(inputs, outputs)`.
            dtype: Element type of the array; float32, in which models compute.

        Returns:
            An array of this shape and dtype.
        """
        raise DeepkitTypeError(f"{type(self).__name__} does not define __call__(self, key, shape, dtype).")


class FunctionInitializer(Initializer):
    """A function `f(key, shape, dtype)` as an initializer, such as those of `jax.nn.initializers`.

    Args:
        function: Called with a `jax.random` key, a shape and a dtype; returns the array. (Keras calls
            `f(shape, dtype)`: without a key it could not be both pure and random.)

    Raises:
        DeepkitValueError: when called, if the array it returns has another shape.
    """

    function: Callable[..., Any] = parameter()

    @functools.cached_property
    def _values(self) -> Callable[..., jax.Array]:
        """One function object, whose program JAX knows again."""
        return lambda key, shape, dtype: jnp.asarray(self.function(key, shape, dtype), dtype)

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        values = drawn_once(self._values, key, tuple(shape), dtype)
        if values.shape != tuple(shape):
            name = getattr(self.function, "__name__", repr(self.function))
            raise DeepkitValueError(
                f"the initializer {name} returned shape {values.shape} for an array of shape {tuple(shape)}. "
                "Return an array of the shape that it is called with: f(key, shape, dtype)."
            )
        return values
