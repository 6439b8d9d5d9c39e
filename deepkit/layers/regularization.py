"""Layers that disturb the signal in training only, so that a model cannot rely on any one number."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import fraction, non_negative_number, positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Meaning, Spec
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.specs import floating, to_float


def _noise_shape(value: Any) -> tuple[int | None, ...] | None:
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
        noise = self.noise_shape
        fits = noise is None or (
            len(noise) == x.rank
            and noise[0] in (None, 1)
            and all(n in (None, 1, size) for n, size in zip(noise[1:], x.shape[1:], strict=True))
        )
        if not fits:
            raise DeepkitValueError(
                f"{self.label}: a mask of shape {noise} does not fit an input of shape {x.shape}. "
                "Give one size per axis, the batch first: None for the input's own size, or 1."
            )
        scaled = {
            Meaning.PROBABILITY: Meaning.NON_NEGATIVE,
            Meaning.DISTRIBUTION: Meaning.NON_NEGATIVE,
            Meaning.LOG_DISTRIBUTION: Meaning.REAL,
        }
        return floating(x).replace(meaning=scaled.get(x.meaning, x.meaning))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The input, in training with some numbers dropped."""
        x = to_float(x)
        if not context.training or self.rate == 0:
            return x
        noise = self.noise_shape or (None,) * x.ndim
        shape = tuple(size if n is None else n for n, size in zip(noise, x.shape, strict=True))
        kept = jax.random.bernoulli(context.key_for(self), 1 - self.rate, shape)
        # `where`, not a product: a dropped infinity must not become NaN.
        return jnp.where(kept, x / (1 - self.rate), jnp.zeros_like(x))


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
        if not context.training or self.stddev == 0:
            return x
        return x + self.stddev * jax.random.normal(context.key_for(self), x.shape, x.dtype)
