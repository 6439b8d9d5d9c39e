"""Layers that bring each row, or groups of its channels, to a common scale: alike in training and prediction."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit import initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import finite_number, non_negative_number, positive_integer, positive_number
from deepkit.errors import DeepkitError, DeepkitValueError
from deepkit.graph import Meaning, Spec
from deepkit.layers.layer import Context, Layer, Weight, Weights, require_rank
from deepkit.layers.normalization import gamma_and_beta, scaled
from deepkit.layers.specs import axis_number, axis_numbers, floating, resolve_axes, to_float, weight_dtype


def _groups(value: Any) -> int:
    try:
        return value if type(value) is int and value == -1 else positive_integer(value)
    except DeepkitError as error:
        raise type(error)("expected a whole number of at least 1, or -1 for one group per channel.") from None


class GroupNormalization(Layer):
    """`gamma · (x − mean) / √(variance + epsilon) + beta`, with mean and variance of each row and group of channels.

    The channels are cut into groups of neighbours; mean and variance are taken over a group's channels and all
    other axes but the batch, so they need no other row. One group is a layer normalisation over the whole row, one
    per channel (`groups=-1`) is instance normalisation. The variance is biased. Shape as the input; statistics in
    float32 at least.

    Args:
        groups: How many; it divides the number of channels. 32 as in Keras and the paper; -1 for one per channel.
        axis: The axis of the channels, counted with the batch.
        epsilon: Added to the variance; 1e-3 as in Keras (PyTorch 1e-5).
        center, scale: Whether `beta` is added, whether `gamma` multiplies.
        beta_initializer, gamma_initializer: Of the two parameters, `(channels,)`.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: As in Dense.

    Raises:
        DeepkitError: for a number of groups that does not divide the channels.

    Reference: Wu and He, 2018, https://arxiv.org/abs/1803.08494
    """

    groups: int = parameter(default=32, convert=_groups)
    axis: int = parameter(default=-1, convert=axis_number)
    epsilon: float = parameter(default=1e-3, convert=non_negative_number)
    center: bool = True
    scale: bool = True
    beta_initializer: Any = parameter(default="zeros", convert=initializers.get)
    gamma_initializer: Any = parameter(default="ones", convert=initializers.get)
    beta_regularizer: Any = parameter(default=None, convert=regularizers.get)
    gamma_regularizer: Any = parameter(default=None, convert=regularizers.get)
    beta_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    gamma_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`gamma` and `beta`, each `(channels,)`."""
        (axis,) = resolve_axes(self, x, self.axis)
        return gamma_and_beta(self, (x.row_shape[axis - 1],), weight_dtype(x))

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        require_rank(self, x, at_least=2)
        (axis,) = resolve_axes(self, x, self.axis)
        channels = x.row_shape[axis - 1]
        if self.groups > 0 and channels % self.groups:
            near = [n for n in range(1, channels + 1) if channels % n == 0]
            raise DeepkitValueError(
                f"{self.label}: {channels} channels (axis {axis} of shape {x.shape}) cannot be cut into {self.groups} "
                f"groups of one size. Give groups one of {', '.join(map(str, near))}."
            )
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The normalised input."""
        x = to_float(x)
        axis = self.axis % x.ndim
        channels = x.shape[axis]
        groups = channels if self.groups == -1 else self.groups
        values = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        values = values.reshape(*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
        others = tuple(a for a in range(1, values.ndim) if a != axis)
        mean = values.mean(others, keepdims=True)
        variance = values.var(others, keepdims=True)
        y = ((values - mean) * jax.lax.rsqrt(variance + self.epsilon)).reshape(x.shape)
        shape = [1] * x.ndim
        shape[axis] = channels
        return scaled(y, weights, shape).astype(x.dtype)


class RMSNormalization(Layer):
    """`scale · x / √(mean(x²) + epsilon)`, with the mean of each row over some axes.

    A layer normalisation that does not centre, and has no bias. Shape as the input; the mean is taken in float32 at
    least.

    Args:
        axis: One axis or several, counted with the batch: those that are averaged over, and that the parameter
            `scale` spans.
        epsilon: Added to the mean square.

    Reference: Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467
    """

    axis: int | tuple[int, ...] = parameter(default=-1, convert=axis_numbers)
    epsilon: float = parameter(default=1e-6, convert=non_negative_number)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`scale`, of the sizes of the normalised axes, from ones."""
        shape = tuple(x.row_shape[axis - 1] for axis in resolve_axes(self, x, self.axis))
        return {"scale": Weight(shape, initializers.Ones(), dtype=weight_dtype(x))}

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        require_rank(self, x, at_least=2)
        resolve_axes(self, x, self.axis)
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The normalised input."""
        x = to_float(x)
        values = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        axes = _axes(self.axis, x)
        shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        y = values * jax.lax.rsqrt(jnp.square(values).mean(axes, keepdims=True) + self.epsilon)
        return (y * weights["scale"].reshape(shape)).astype(x.dtype)


class UnitNormalization(Layer):
    """`x / √(Σx²)`: each row over some axes gets the Euclidean length 1. Shape as the input.

    A row of zeros stays one, with finite gradients (in Keras they are NaN there).

    Args:
        axis: One axis or several, counted with the batch, that the sum runs over.
    """

    axis: int | tuple[int, ...] = parameter(default=-1, convert=axis_numbers)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape; no number is beyond ±1."""
        require_rank(self, x, at_least=2)
        resolve_axes(self, x, self.axis)
        return floating(x).replace(meaning=Meaning.BOUNDED)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The rows of length 1."""
        x = to_float(x)
        values = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        squares = jnp.square(values).sum(_axes(self.axis, x), keepdims=True)
        # Keras's bound of the length, 1e-12; `where` keeps the gradient of the square root at 0 out.
        length = jnp.sqrt(jnp.where(squares > 1e-24, squares, 1.0))
        return jnp.where(squares > 1e-24, values / length, values).astype(x.dtype)


class LocalResponseNormalization(Layer):
    """`x / (k + alpha / size · Σ x²)^beta`, summed over `size` neighbouring channels: strong ones damp the others.

    The channels are the last axis; beyond the first and the last there are zeros. This is PyTorch's
    `LocalResponseNorm` (Keras has none). The paper does not divide alpha by the number of channels, so AlexNet's
    k = 2, n = 5, α = 1e-4, β = 0.75 is `LocalResponseNormalization(5, alpha=5e-4, k=2)`. Shape as the input.

    Args:
        size: How many channels are summed: `size // 2` before each one, the rest behind.
        alpha: Factor of their mean square, above 0.
        beta: Exponent.
        k: Added, above 0.

    Reference: Krizhevsky, Sutskever and Hinton, 2012, section 3.3
    """

    size: int = parameter(convert=positive_integer)
    alpha: float = parameter(default=1e-4, convert=positive_number)
    beta: float = parameter(default=0.75, convert=finite_number)
    k: float = parameter(default=1.0, convert=positive_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape, and signs."""
        require_rank(self, x, at_least=2)
        known = x.meaning is Meaning.NON_NEGATIVE
        return floating(x) if known else floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The damped input."""
        x = to_float(x)
        values = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        channels, before = x.shape[-1], self.size // 2
        padding = [(0, 0)] * (x.ndim - 1) + [(before, self.size - 1 - before)]
        squares = jnp.pad(jnp.square(values), padding)
        # Shifted sums: XLA fuses them into one loop, which a windowed reduction is not on a CPU.
        total = sum(squares[..., i : i + channels] for i in range(self.size))
        return (values * (self.k + self.alpha / self.size * total) ** -self.beta).astype(x.dtype)


def _axes(axis: int | tuple[int, ...], x: jax.Array) -> tuple[int, ...]:
    return tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
