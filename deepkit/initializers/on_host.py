"""JAX's random numbers computed by NumPy: those of `jax.random` for the same key, without a program to compile.

XLA takes a tenth of a second to compile a draw, longer than a small model takes to train, and again for every shape.
NumPy draws a million numbers in some 30 ms. Of JAX's own generator, in float32; uniform numbers to within one rounding,
normal ones to within a few.

Every function draws for several keys at once: `keys` are their words, `(keys, 2)` uint32.
"""

from __future__ import annotations

import math

import numpy as np

from deepkit.kernels.threefry import LEAST, enciphered, unit_fractions

BLOCK = 2**14
"""Numbers that are computed at a time: they stay in the processor's cache."""


def split(keys: np.ndarray, count: int) -> np.ndarray:
    """`jax.random.split` of each: `(keys, count, 2)`."""
    return np.stack(_words(keys, count), axis=-1)


def uniform(keys: np.ndarray, count: int, low: float, high: float) -> np.ndarray:
    """`jax.random.uniform` of each, on `[low, high)`: `(keys, count)`."""
    first, second = _words(keys, count)
    begin, end = np.float32(low), np.float32(high)
    return np.maximum(begin, unit_fractions(first ^ second) * (end - begin) + begin)


def normal(keys: np.ndarray, count: int, mean: float, stddev: float) -> np.ndarray:
    """`jax.random.normal` of each, shifted and stretched: `(keys, count)`."""
    standard = np.float32(math.sqrt(2)) * _inverse_of_erf(uniform(keys, count, LEAST, 1.0))
    return np.float32(mean) + np.float32(stddev) * standard


def truncated_normal(keys: np.ndarray, count: int, mean: float, stddev: float) -> np.ndarray:
    """`jax.random.truncated_normal` of each, cut off at −2 and 2, shifted and stretched: `(keys, count)`."""
    end = math.erf(math.sqrt(2))
    standard = np.float32(math.sqrt(2)) * _inverse_of_erf(uniform(keys, count, -end, end))
    within = np.nextafter(np.float32(2), np.float32(0))
    return np.float32(mean) + np.float32(stddev) * np.clip(standard, -within, within)


def _words(keys: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Both words of so many blocks for every key, each `(keys, count)`."""
    first, second = np.empty((2, len(keys), count), np.uint32)
    together = max(1, BLOCK // max(count, 1))
    for key in range(0, len(keys), together):
        own = slice(key, key + together)
        words = keys[own, 0, None], keys[own, 1, None]
        for begin in range(0, count, BLOCK):
            places = slice(begin, begin + BLOCK)
            numbers = np.arange(begin, min(begin + BLOCK, count), dtype=np.uint32)[None]
            first[own, places], second[own, places] = enciphered(words, np.zeros_like(numbers), numbers)
    return first, second


_CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
    0.246640727, 1.50140941,
)  # fmt: skip
_TAILS = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
    1.00167406, 2.83297682,
)  # fmt: skip


def _inverse_of_erf(x: np.ndarray) -> np.ndarray:
    """erf⁻¹ in float32 by the two polynomials that XLA has; the wider one in the tails, |x| > 0.9966.

    Source: Giles, 2012, "Approximating the erfinv function", GPU Computing Gems (Jade edition), chapter 10.
    """
    w = -np.log1p(-x * x)
    values = _polynomial(_CENTRE, w - np.float32(2.5))
    tails = w >= 5
    values[tails] = _polynomial(_TAILS, np.sqrt(w[tails]) - np.float32(3))
    return values * x


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """The highest power's coefficient first."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + np.float32(coefficient)
    return value
