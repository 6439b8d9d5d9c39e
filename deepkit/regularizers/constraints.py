"""Projections that put weights back into an allowed set after every step of the optimizer."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import Configurable, parameter
from deepkit.converters import non_negative_number, positive_number
from deepkit.errors import DeepkitTypeError, DeepkitValueError


class Constraint(Configurable):
    """Base of all constraints. A subclass lists its configuration as fields and defines `__call__`."""

    def __call__(self, w: jax.Array) -> jax.Array:
        """The allowed array for `w`: same shape and dtype."""
        raise DeepkitTypeError(f"{type(self).__name__} does not define __call__(self, w).")


def _axes(value: Any) -> int | tuple[int, ...]:
    try:
        return tuple(map(operator.index, value)) if isinstance(value, list | tuple) else operator.index(value)
    except TypeError:
        raise DeepkitTypeError("expected a whole number or a tuple of them.") from None


def _norms(w: jax.Array, axis: int | tuple[int, ...]) -> jax.Array:
    return jnp.sqrt(jnp.sum(jnp.square(w), axis=axis, keepdims=True))


def _divisor(norms: jax.Array) -> jax.Array:
    """The norms, with 1 in place of 0: a zero vector has no direction to be stretched in, and stays zero."""
    return jnp.where(norms > 0, norms, 1)


class NonNeg(Constraint):
    """Negative weights become 0."""

    def __call__(self, w: jax.Array) -> jax.Array:
        return jnp.maximum(w, 0)


class MaxNorm(Constraint):
    """Every unit's weight vector is shortened to Euclidean norm `max_value` if it is longer.

    Differs from Keras in that a vector within the bound is left exactly as it is; Keras multiplies by
    `norm / (norm + 1e-7)`, which shrinks small weights a little at every step.

    Args:
        max_value: Largest norm, above 0.
        axis: Axis or axes of one unit's vector: 0 for a Dense kernel `(inputs, units)`, `(0, 1, 2)` for a
            convolution kernel `(rows, columns, inputs, filters)`.

    Reference: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    max_value: float = parameter(default=2.0, convert=positive_number)
    axis: int | tuple[int, ...] = parameter(default=0, convert=_axes)

    def __call__(self, w: jax.Array) -> jax.Array:
        return w * (self.max_value / jnp.maximum(_norms(w, self.axis), self.max_value))


class UnitNorm(Constraint):
    """Every unit's weight vector is brought to Euclidean norm 1; a zero vector stays zero.

    Args:
        axis: Axis or axes of one unit's vector: 0 for a Dense kernel `(inputs, units)`, `(0, 1, 2)` for a
            convolution kernel `(rows, columns, inputs, filters)`.
    """

    axis: int | tuple[int, ...] = parameter(default=0, convert=_axes)

    def __call__(self, w: jax.Array) -> jax.Array:
        return w / _divisor(_norms(w, self.axis))


class MinMaxNorm(Constraint):
    """Every unit's weight vector is brought, or moved, to a Euclidean norm within `[min_value, max_value]`.

    `norm ← (1 − rate) · norm + rate · clip(norm, min_value, max_value)`. A vector within the bounds is left
    exactly as it is (Keras shrinks it by a factor of `norm / (norm + 1e-7)`); a zero vector stays zero.

    Args:
        min_value: Smallest norm, at least 0.
        max_value: Largest norm, above 0.
        rate: Part of the way that one step goes, within [0, 1]; 1 enforces the bounds strictly.
        axis: Axis or axes of one unit's vector: 0 for a Dense kernel `(inputs, units)`, `(0, 1, 2)` for a
            convolution kernel `(rows, columns, inputs, filters)`.

    Raises:
        DeepkitValueError: if `min_value` is above `max_value`, or `rate` outside [0, 1].
    """

    min_value: float = parameter(default=0.0, convert=non_negative_number)
    max_value: float = parameter(default=1.0, convert=positive_number)
    rate: float = parameter(default=1.0, convert=non_negative_number)
    axis: int | tuple[int, ...] = parameter(default=0, convert=_axes)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_value > self.max_value:
            raise DeepkitValueError(
                f"MinMaxNorm(min_value={self.min_value}, max_value={self.max_value}): the minimum is larger. "
                "Give a min_value of at most max_value."
            )
        if self.rate > 1:
            raise DeepkitValueError(
                f"MinMaxNorm(rate={self.rate}): the rate is a part of the way. Give a number within [0, 1]."
            )

    def __call__(self, w: jax.Array) -> jax.Array:
        norms = _norms(w, self.axis)
        allowed = jnp.clip(norms, self.min_value, self.max_value)
        return w * (1 + self.rate * (allowed / _divisor(norms) - 1))


class FunctionConstraint(Constraint):
    """A function `f(w)` that returns the allowed weights, as a constraint.

    Args:
        function: Called with the array; returns one of the same shape.

    Raises:
        DeepkitValueError: when called, if the array it returns has another shape.
    """

    function: Callable[..., Any] = parameter()

    def __call__(self, w: jax.Array) -> jax.Array:
        allowed = jnp.asarray(self.function(w))
        if allowed.shape != w.shape:
            name = getattr(self.function, "__name__", repr(self.function))
            raise DeepkitValueError(
                f"the constraint {name} returned shape {allowed.shape} for weights of shape {w.shape}. "
                "Return an array of the same shape."
            )
        return allowed
