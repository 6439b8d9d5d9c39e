"""Layers that arrange the numbers of a row anew."""

from __future__ import annotations

import math
import operator
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Meaning, Spec
from deepkit.layers.layer import Context, Layer, Weights, require_rank

_REGROUPED = {Meaning.DISTRIBUTION: Meaning.NON_NEGATIVE, Meaning.LOG_DISTRIBUTION: Meaning.REAL}


def _arranged(x: Spec, row_shape: tuple[int, ...]) -> Spec:
    """The spec in another shape; what was true of each last axis stays true only if that axis stays whole."""
    whole = x.row_shape[-1:] == row_shape[-1:]
    return x.replace(shape=(None, *row_shape), meaning=x.meaning if whole else _REGROUPED.get(x.meaning, x.meaning))


class Flatten(Layer):
    """Every row as one axis: `(batch, …)` → `(batch, numbers in a row)`, the last axis running fastest.

    One number a row, `(batch,)`, becomes `(batch, 1)`. Keras's `data_format` is left out: channels are always
    last.
    """

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, numbers in a row)`."""
        return _arranged(x, (x.row_size,))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """A reshape; no number moves."""
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


def _target_shape(value: Any) -> tuple[int, ...]:
    try:
        sizes = tuple(operator.index(size) for size in (value if isinstance(value, list | tuple) else (value,)))
    except TypeError:
        raise DeepkitTypeError("expected a tuple of whole numbers, without the batch.") from None
    if any(size < 1 and size != -1 for size in sizes) or sizes.count(-1) > 1:
        raise DeepkitValueError("sizes must be at least 1; at most one may be -1, for what is left.")
    return sizes


class Reshape(Layer):
    """Every row in another shape: `(batch, …)` → `(batch, *target_shape)`, the last axis running fastest.

    Args:
        target_shape: Shape of one row, without the batch. One size may be -1: what is left of the numbers.

    Raises:
        DeepkitValueError: when called on rows with another number of numbers.
    """

    target_shape: Any = parameter(convert=_target_shape)

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *target_shape)`."""
        known = math.prod(size for size in self.target_shape if size != -1)
        open_size, left = divmod(x.row_size, known)
        if left or (-1 not in self.target_shape and open_size != 1):
            raise DeepkitValueError(
                f"{self.label} cannot arrange rows of shape {x.row_shape} ({x.row_size} numbers) as "
                f"{self.target_shape} ({known} "
                f"numbers{' times what is left' if -1 in self.target_shape else ''}). Give sizes with the "
                "same product; one of them may be -1."
            )
        return _arranged(x, tuple(open_size if size == -1 else size for size in self.target_shape))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """A reshape; no number moves."""
        known = math.prod(size for size in self.target_shape if size != -1)
        left = math.prod(x.shape[1:]) // known
        return x.reshape(x.shape[0], *(left if size == -1 else size for size in self.target_shape))


def _order(value: Any) -> tuple[int, ...]:
    try:
        order = tuple(operator.index(axis) for axis in value)
    except TypeError:
        raise DeepkitTypeError("expected a tuple of whole numbers, such as (2, 1).") from None
    if sorted(order) != list(range(1, len(order) + 1)) or not order:
        raise DeepkitValueError("expected every axis once, counted from 1 without the batch, such as (2, 1).")
    return order


class Permute(Layer):
    """The axes of every row in another order: axis `i` of the output is axis `dims[i]` of the input.

    Args:
        dims: The order, counted from 1, for the batch stays first: `(2, 3, 1)` puts the channels of an image last.

    Raises:
        DeepkitValueError: when called on rows with another number of axes.
    """

    dims: Any = parameter(convert=_order)

    def output_spec(self, x: Spec) -> Spec:
        """The sizes in the new order."""
        if len(self.dims) != x.rank - 1:
            raise DeepkitValueError(
                f"{self.label} orders {len(self.dims)} axes, but rows of shape {x.row_shape} have {x.rank - 1}. "
                f"Give all numbers from 1 to {x.rank - 1}."
            )
        last = self.dims[-1] == len(self.dims)
        meaning = x.meaning if last else _REGROUPED.get(x.meaning, x.meaning)
        return x.replace(shape=(None, *(x.shape[axis] for axis in self.dims)), meaning=meaning)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """A transposition."""
        return x.transpose(0, *self.dims)

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """The mask, where the steps stay first; else none."""
        return masks[0] if masks and self.dims[0] == 1 else None


class RepeatVector(Layer):
    """Every row n times, as steps: `(batch, features)` → `(batch, n, features)`.

    Args:
        n: Repetitions, at least 1.
    """

    n: int = parameter(convert=positive_integer)

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, n, features)`."""
        require_rank(self, x, 2)
        return x.replace(shape=(None, self.n, x.features))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """Copies."""
        return jnp.broadcast_to(x[:, None], (x.shape[0], self.n, x.shape[1]))
