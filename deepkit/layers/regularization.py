"""Layers that disturb or penalise the signal in training only, so that a model cannot rely on any one number."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from deepkit.configuration import known_to_be, parameter
from deepkit.converters import fraction, non_negative_number, positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Meaning, Spec
from deepkit.kernels.threefry import random_normal
from deepkit.layers.dropping import kept
from deepkit.layers.layer import Context, Layer, Weights, require_rank
from deepkit.layers.specs import floating, to_float
from deepkit.regularizers import L1L2

NoiseShape = tuple[int | None, ...]
LOWEST_SELU = -1.0507009873554805 * 1.6732632423543772
"""−λα: what SELU tends to far below 0."""


def _noise_shape(value: Any) -> NoiseShape | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise DeepkitTypeError("expected a tuple of sizes, the batch first, such as (None, 1, 8).")
    return tuple(None if size is None else positive_integer(size) for size in value)


class Dropout(Layer):
    """In training, sets each number to 0 with probability `rate` and scales the others by `1 / (1 − rate)`.

    The expected output equals the input, so nothing is done in prediction (inverted dropout). Shape as the
    input; integers are read as float32. Keras's `seed` is left out: the seed of the run decides, and each
    call draws from a key of its own.

    Args:
        rate: Probability that a number is DROPPED, in [0, 1), as in Keras and PyTorch. (The paper's p is the
            probability to keep it.)
        noise_shape: Shape of the mask, the batch first, `None` for the input's size. A size of 1
            drops together along that axis: `(None, 1, 8)` drops whole features of a sequence.

    Raises:
        DeepkitError: for a rate outside [0, 1), a noise_shape that does not fit the input, or training
            without a key.

    Reference: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    rate: float = parameter(convert=fraction)
    noise_shape: Any = parameter(default=None, convert=_noise_shape)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape; probabilities are none any more, for kept values grow."""
        _check_noise(self, x, self.noise_shape)
        return _grown(x)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The input, in training with some numbers dropped."""
        x = to_float(x)
        if not context.training or known_to_be(self.rate, 0):
            return x
        return dropped(x, self.rate, context.key_for(self), self.noise_shape)


def dropped(x: jax.Array, rate: float, key: jax.Array, noise_shape: NoiseShape | None = None) -> jax.Array:
    """`x` with a share of its numbers set to 0 and the others scaled up; one draw per number of `noise_shape`."""
    # `where`, not a product: a dropped infinity must not become NaN.
    return jnp.where(kept(key, rate, _mask_shape(x, noise_shape)), x / (1 - rate), jnp.zeros_like(x))


def _mask_shape(x: jax.Array, noise_shape: NoiseShape | None) -> tuple[int, ...]:
    given = noise_shape or (None,) * x.ndim
    return tuple(size if n is None else n for n, size in zip(given, x.shape, strict=True))


def _check_noise(layer: Layer, x: Spec, noise: NoiseShape | None) -> None:
    fits = noise is None or (
        len(noise) == x.rank
        and noise[0] in (None, 1)
        and all(n in (None, 1, size) for n, size in zip(noise[1:], x.shape[1:], strict=True))
    )
    if not fits:
        raise DeepkitValueError(
            f"{layer.label}: a mask of shape {noise} does not fit an input of shape {x.shape}. "
            "Give one size per axis, the batch first: None for the input's own size, or 1."
        )


def _grown(x: Spec) -> Spec:
    scaled = {
        Meaning.PROBABILITY: Meaning.NON_NEGATIVE,
        Meaning.DISTRIBUTION: Meaning.NON_NEGATIVE,
        Meaning.LOG_DISTRIBUTION: Meaning.REAL,
    }
    return floating(x).replace(meaning=scaled.get(x.meaning, x.meaning))


class _SpatialDropout(Layer):
    """Base of the three: a Dropout that draws once per row and channel."""

    RANK: ClassVar[int] = 0

    rate: float = parameter(convert=fraction)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        require_rank(self, x, self.RANK)
        return _grown(x)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The input, in training without some of its channels."""
        x = to_float(x)
        if not context.training or known_to_be(self.rate, 0):
            return x
        shape = (None, *[1] * (x.ndim - 2), None)
        return dropped(x, self.rate, context.key_for(self), shape)


class SpatialDropout1D(_SpatialDropout):
    """In training, drops whole channels of a sequence, `(batch, steps, channels)`, and scales the others up.

    Neighbouring steps say much the same, so a number dropped alone is still told by its neighbours. Otherwise as
    Dropout. Shape as the input.

    Args:
        rate: Probability that a channel is dropped, in [0, 1).

    Reference: Tompson et al., 2015, https://arxiv.org/abs/1411.4280
    """

    RANK = 3


class SpatialDropout2D(_SpatialDropout):
    """In training, drops whole channels of images, `(batch, height, width, channels)`; see SpatialDropout1D.

    Args:
        rate: Probability that a channel is dropped, in [0, 1).
    """

    RANK = 4


class SpatialDropout3D(_SpatialDropout):
    """In training, drops whole channels of volumes, `(batch, depth, height, width, channels)`; see SpatialDropout1D.

    Args:
        rate: Probability that a channel is dropped, in [0, 1).
    """

    RANK = 5


class AlphaDropout(Layer):
    """In training, sets numbers to SELU's lowest value −λα and rescales, so that mean 0 and variance 1 stay.

    `a · (x or −λα) + b` with `a = 1/√((1 − rate)(1 + rate · (λα)²))` and `b = a · rate · λα`. For networks of SELU
    units, which Dropout would throw out of their fixed point. Shape as the input; integers are read as float32.

    Args:
        rate: Probability that a number is dropped, in [0, 1).
        noise_shape: Shape of the mask, the batch first, as in Dropout.

    Reference: Klambauer et al., 2017, https://arxiv.org/abs/1706.02515
    """

    rate: float = parameter(convert=fraction)
    noise_shape: Any = parameter(default=None, convert=_noise_shape)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        _check_noise(self, x, self.noise_shape)
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The input, in training with some numbers at the lowest value."""
        x = to_float(x)
        if not context.training or known_to_be(self.rate, 0):
            return x
        stays = kept(context.key_for(self), self.rate, _mask_shape(x, self.noise_shape))
        a = ((1 - self.rate) * (1 + self.rate * LOWEST_SELU**2)) ** -0.5
        return a * jnp.where(stays, x, LOWEST_SELU) - a * self.rate * LOWEST_SELU


class GaussianDropout(Layer):
    """In training, multiplies by normal noise of mean 1 and standard deviation `√(rate / (1 − rate))`.

    That is the spread of Dropout's own factor, without ever cutting a number off. Shape as the input; integers are
    read as float32.

    Args:
        rate: As Dropout's, in [0, 1).

    Reference: Srivastava et al., 2014, section 10, https://jmlr.org/papers/v15/srivastava14a.html
    """

    rate: float = parameter(convert=fraction)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape; the noise may turn signs."""
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The input, in training with noise."""
        x = to_float(x)
        if not context.training or known_to_be(self.rate, 0):
            return x
        noise = random_normal(context.key_for(self), x.shape, x.dtype)
        return x * (1 + (self.rate / (1 - self.rate)) ** 0.5 * noise)


class GaussianNoise(Layer):
    """In training, adds normal noise of mean 0; nothing in prediction. Shape as the input; integers are read
    as float32.

    Args:
        stddev: Standard deviation of the noise, at least 0, in units of the input.

    Raises:
        DeepkitError: for a negative stddev, or training without a key.
    """

    stddev: float = parameter(convert=non_negative_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The input, in training with noise."""
        x = to_float(x)
        if not context.training or known_to_be(self.stddev, 0):
            return x
        return x + self.stddev * random_normal(context.key_for(self), x.shape, x.dtype)


class ActivityRegularization(Layer):
    """The input itself, with the penalty `l1 · Σ|x| + l2 · Σx²` per row added to the loss. Shape as the input.

    The sum is divided by the number of rows, as in Keras and as `activity_regularizer` of other layers.

    Args:
        l1, l2: Factors, at least 0.
    """

    l1: float = parameter(default=0.0, convert=non_negative_number)
    l2: float = parameter(default=0.0, convert=non_negative_number)

    @property
    def activity_regularizer(self) -> L1L2:
        """The penalty on the output."""
        return L1L2(self.l1, self.l2)

    def output_spec(self, x: Spec) -> Spec:
        """The input's."""
        return floating(x)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The input."""
        return to_float(x)
