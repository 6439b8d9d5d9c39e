"""Initializers whose spread follows from the numbers of inputs and outputs: signals keep their size."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import positive_integer, positive_number
from deepkit.errors import DeepkitValueError
from deepkit.initializers.drawing import normal, truncated_normal, uniform
from deepkit.initializers.initializer import Initializer

MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

_STD_OF_TRUNCATED_NORMAL = 0.87962566103423978
"""Standard deviation of the standard normal distribution cut off at -2 and 2."""


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """`(fan_in, fan_out)` of an array, by Keras's rule.

    A matrix is `(inputs, outputs)`; of a convolution kernel `(*window, inputs, outputs)` both are multiplied
    by the window's size; of a vector both are its length, of a single number 1.
    """
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _mode(value: Any) -> str:
    if value not in MODES:
        raise DeepkitValueError(f"expected one of {', '.join(map(repr, MODES))}.")
    return str(value)


def _distribution(value: Any) -> str:
    name = "truncated_normal" if value == "normal" else value
    if name not in DISTRIBUTIONS:
        raise DeepkitValueError(f"expected one of {', '.join(map(repr, DISTRIBUTIONS))}.")
    return str(name)


def _fan_in(value: Any) -> int | None:
    return None if value is None else positive_integer(value)


def _draw(key: jax.Array, shape: tuple[int, ...], dtype: Any, scale: float, mode: str, distribution: str) -> jax.Array:
    fan_in, fan_out = fans(shape)
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    variance = scale / max(1.0, fan)
    if distribution == "uniform":
        limit = (3 * variance) ** 0.5
        return uniform(key, shape, dtype, -limit, limit)
    if distribution == "untruncated_normal":
        return normal(key, shape, dtype, 0.0, variance**0.5)
    return truncated_normal(key, shape, dtype, 0.0, variance**0.5 / _STD_OF_TRUNCATED_NORMAL)


class VarianceScaling(Initializer):
    """Draws with variance `scale / n`, where `n` counts the units that the array connects.

    Normal draws have that variance after their truncation at two standard deviations; uniform ones lie within
    ±√(3 · scale / n). The fans are counted by `fans`.

    Args:
        scale: Factor of the variance, above 0.
        mode: What `n` is: `"fan_in"` (inputs), `"fan_out"` (outputs), or `"fan_avg"` (their mean).
        distribution: `"truncated_normal"` (also called `"normal"`), `"untruncated_normal"` or `"uniform"`.

    Raises:
        DeepkitError: for a scale that is not above 0, an unknown mode or distribution.
    """

    scale: float = parameter(default=1.0, convert=positive_number)
    mode: str = parameter(default="fan_in", convert=_mode)
    distribution: str = parameter(default="truncated_normal", convert=_distribution)

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return _draw(key, shape, dtype, self.scale, self.mode, self.distribution)


class GlorotUniform(Initializer):
    """Uniform within ±√(6 / (fan_in + fan_out)); the default of kernels, as in Keras. Also called Xavier.

    Reference: Glorot and Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html
    """

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return _draw(key, shape, dtype, 1.0, "fan_avg", "uniform")


class GlorotNormal(Initializer):
    """Truncated normal with standard deviation √(2 / (fan_in + fan_out)).

    Reference: Glorot and Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html
    """

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return _draw(key, shape, dtype, 1.0, "fan_avg", "truncated_normal")


class HeUniform(Initializer):
    """Uniform within ±√(6 / fan_in); for ReLU, which halves the signal's power.

    Reference: He et al., 2015, https://arxiv.org/abs/1502.01852
    """

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return _draw(key, shape, dtype, 2.0, "fan_in", "uniform")


class HeNormal(Initializer):
    """Truncated normal with standard deviation √(2 / fan_in); for ReLU, which halves the signal's power.

    Reference: He et al., 2015, https://arxiv.org/abs/1502.01852
    """

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return _draw(key, shape, dtype, 2.0, "fan_in", "truncated_normal")


class LecunUniform(Initializer):
    """Uniform within ±√(3 / fan_in).

    Reference: LeCun et al., Efficient BackProp, 1998
    """

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return _draw(key, shape, dtype, 1.0, "fan_in", "uniform")


class LecunNormal(Initializer):
    """Truncated normal with standard deviation √(1 / fan_in); what SELU assumes.

    References: LeCun et al., Efficient BackProp, 1998; Klambauer et al., 2017, https://arxiv.org/abs/1706.02515
    """

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return _draw(key, shape, dtype, 1.0, "fan_in", "truncated_normal")


class TorchDefault(Initializer):
    """Uniform within ±1/√fan_in, as `torch.nn.Linear` and `torch.nn.Conv2d` start; Keras has no name for it.

    PyTorch draws a bias within the same bounds, from the fan-in of the *kernel*. That number is not in the
    shape of a bias, so it has to be given: `Dense(16, kernel_initializer="torch_default",
    bias_initializer=dk.initializers.TorchDefault(fan_in=29))` on 29 inputs.

    Args:
        fan_in: Number of inputs of one unit; by default counted from the array's shape by `fans`.

    Raises:
        DeepkitValueError: when called on a vector (a bias) without `fan_in`.
    """

    fan_in: int | None = parameter(default=None, convert=_fan_in)

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        if self.fan_in is None and len(shape) < 2:
            raise DeepkitValueError(
                f"TorchDefault() cannot tell the number of inputs from the shape {tuple(shape)} of a bias. "
                "Give it, bias_initializer=dk.initializers.TorchDefault(fan_in=…), or start it at zeros."
            )
        limit = 1 / math.sqrt(max(1, self.fan_in or fans(shape)[0]))
        return uniform(key, shape, dtype, -limit, limit)
