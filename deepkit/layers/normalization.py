"""Layers that learn, or average, the scale of their input while the model trains."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from deepkit import initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import fraction, non_negative_number
from deepkit.graph import Spec
from deepkit.kernels import channel_sums, per_channel
from deepkit.layers.layer import Context, Layer, Weight, Weights, require_rank
from deepkit.layers.specs import axis_number, axis_numbers, floating, resolve_axes, to_float, weight_dtype


class BatchNormalization(Layer):
    """`gamma · (x − mean) / √(variance + epsilon) + beta`, with mean and variance of each feature.

    In training they are those of the batch, and the moving averages follow them:
    `moving ← momentum · moving + (1 − momentum) · batch`. In prediction they are the moving averages. The
    variance is biased (divided by the number of rows), in both places, as in Keras; PyTorch's moving variance
    is unbiased and its momentum is `1 − momentum`. Rows that only fill up the last batch count nowhere, nor do the
    steps of a sequence that its mask leaves out. With `trainable=False` the layer uses the moving averages in training
    too, and leaves them as they are. Shape as the input; statistics are taken in float32 at least. Keras's
    `synchronized` is left out: one program sees the whole batch on however many devices.

    Args:
        axis: The axis of the features, counted with the batch.
        momentum: Weight of the past in the moving averages, in [0, 1).
        epsilon: Added to the variance.
        center, scale: Whether `beta` is added, whether `gamma` multiplies.
        beta_initializer, gamma_initializer: Of the two parameters, `(features,)`.
        moving_mean_initializer, moving_variance_initializer: Of the two state arrays, `(features,)`.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: As in Dense.

    Reference: Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167
    """

    axis: int = parameter(default=-1, convert=axis_number)
    momentum: float = parameter(default=0.99, convert=fraction)
    epsilon: float = parameter(default=1e-3, convert=non_negative_number)
    center: bool = True
    scale: bool = True
    beta_initializer: Any = parameter(default="zeros", convert=initializers.get)
    gamma_initializer: Any = parameter(default="ones", convert=initializers.get)
    moving_mean_initializer: Any = parameter(default="zeros", convert=initializers.get)
    moving_variance_initializer: Any = parameter(default="ones", convert=initializers.get)
    beta_regularizer: Any = parameter(default=None, convert=regularizers.get)
    gamma_regularizer: Any = parameter(default=None, convert=regularizers.get)
    beta_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    gamma_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`gamma`, `beta`, and the state `moving_mean`, `moving_variance`, each `(features,)`."""
        (axis,) = resolve_axes(self, x, self.axis)
        shape, dtype = (x.row_shape[axis - 1],), weight_dtype(x)
        return {
            **gamma_and_beta(self, shape, dtype),
            "moving_mean": Weight(shape, self.moving_mean_initializer, trainable=False, dtype=dtype),
            "moving_variance": Weight(shape, self.moving_variance_initializer, trainable=False, dtype=dtype),
        }

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        require_rank(self, x, at_least=2)
        resolve_axes(self, x, self.axis)
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> tuple[jax.Array, Weights]:
        """The normalised input, and the moving averages if they moved."""
        x = to_float(x)
        values = jnp.moveaxis(x, self.axis, -1).astype(jnp.promote_types(x.dtype, jnp.float32))
        mean, variance = weights["moving_mean"], weights["moving_variance"]
        updates: Weights = {}
        if context.training and self.trainable:
            # Where the features are axis 1, a mask of steps has nothing to say.
            steps = context.mask if self.axis % x.ndim > 1 else None
            values, batch_mean, batch_variance, count = _batch_statistics(values, _counting(context.row_mask, steps))
            updates = {
                "moving_mean": _moved(mean, batch_mean, self.momentum, count),
                "moving_variance": _moved(variance, batch_variance, self.momentum, count),
            }
            mean, variance = batch_mean, batch_variance
        scale = jax.lax.rsqrt(variance + self.epsilon)
        if "gamma" in weights:
            scale = scale * weights["gamma"]
        y = (values - per_channel(mean, values)) * per_channel(scale, values)
        if "beta" in weights:
            y = y + per_channel(weights["beta"], values)
        return jnp.moveaxis(y, -1, self.axis).astype(x.dtype), updates


def _counting(rows: jax.Array | None, steps: jax.Array | None) -> jax.Array | None:
    """`(batch,)` or `(batch, steps)`: what counts of a batch whose rows and steps may both be filled up."""
    if rows is None or steps is None:
        return rows if steps is None else steps
    return rows[:, None] & steps


def _batch_statistics(x: jax.Array, mask: jax.Array | None) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array | int]:
    """`(x, mean, variance, number of places that count)` per channel, the last axis. The mask has the leading axes of
    `x`; where it is false there may be NaN, so `x` is 0 there.
    """
    if mask is None:
        places = math.prod(x.shape[:-1])
        mean = channel_sums(x) / places
        return x, mean, channel_sums(jnp.square(x - per_channel(mean, x))) / places, places
    counts = mask.reshape(*mask.shape, *[1] * (x.ndim - mask.ndim))
    x = jnp.where(counts, x, 0)
    number = mask.sum() * math.prod(x.shape[mask.ndim : -1])
    divisor = jnp.maximum(number, 1).astype(x.dtype)
    mean = channel_sums(x) / divisor
    variance = channel_sums(jnp.where(counts, jnp.square(x - per_channel(mean, x)), 0)) / divisor
    return x, mean, variance, number


def _moved(moving: jax.Array, batch: jax.Array, momentum: float, count: jax.Array | int) -> jax.Array:
    """The moving average after one batch; a batch without a row that counts leaves it as it is."""
    moved = momentum * moving + (1 - momentum) * batch.astype(moving.dtype)
    return moved if isinstance(count, int) else jnp.where(count > 0, moved, moving)


def gamma_and_beta(layer: Any, shape: tuple[int, ...], dtype: str) -> dict[str, Weight]:
    """The two parameters of a normalisation, as far as its `scale` and `center` ask for them."""
    weights = {}
    for name, wanted in (("gamma", layer.scale), ("beta", layer.center)):
        if wanted:
            weights[name] = Weight(
                shape,
                getattr(layer, f"{name}_initializer"),
                dtype=dtype,
                regularizer=getattr(layer, f"{name}_regularizer"),
                constraint=getattr(layer, f"{name}_constraint"),
            )
    return weights


def scaled(y: jax.Array, weights: Weights, shape: list[int]) -> jax.Array:
    """`gamma · y + beta`, each where there is one, in a shape that broadcasts against `y`."""
    if "gamma" in weights:
        y = y * weights["gamma"].reshape(shape)
    if "beta" in weights:
        y = y + weights["beta"].reshape(shape)
    return y


class LayerNormalization(Layer):
    """`gamma · (x − mean) / √(variance + epsilon) + beta`, with mean and variance of each row over some axes.

    Alike in training and prediction. The variance is biased. Shape as the input; statistics in float32 at
    least.

    Args:
        axis: One axis or several, counted with the batch: those that are averaged over, and that gamma and
            beta span.
        epsilon: Added to the variance; 1e-3 as in Keras (PyTorch 1e-5, Flax 1e-6).
        center, scale: Whether `beta` is added, whether `gamma` multiplies.
        beta_initializer, gamma_initializer: Of the two parameters.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: As in Dense.

    Reference: Ba, Kiros and Hinton, 2016, https://arxiv.org/abs/1607.06450
    """

    axis: int | tuple[int, ...] = parameter(default=-1, convert=axis_numbers)
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
        """`gamma` and `beta`, of the sizes of the normalised axes."""
        shape = tuple(x.row_shape[axis - 1] for axis in resolve_axes(self, x, self.axis))
        return gamma_and_beta(self, shape, weight_dtype(x))

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        require_rank(self, x, at_least=2)
        resolve_axes(self, x, self.axis)
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The normalised input."""
        x = to_float(x)
        values = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        given = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        axes = tuple(axis % x.ndim for axis in given)
        shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        mean = values.mean(axes, keepdims=True)
        variance = values.var(axes, keepdims=True)
        y = (values - mean) * jax.lax.rsqrt(variance + self.epsilon)
        return scaled(y, weights, shape).astype(x.dtype)
