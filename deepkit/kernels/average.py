"""The mean of each window, channels last, with a gradient that runs fast on a CPU.

XLA's window sum and its gradient (another window sum, over a spread output) are slow loops on a CPU. A sum of strided
slices is one loop forward and one backward; where a window has many places, windows side by side are a reshape, and
others are summed axis by axis.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]

FEW = 9
"""Windows of at most so many places are summed place by place."""


def average_pool(
    x: jax.Array, window: Sequence[int], strides: Sequence[int], padding: Sequence[tuple[int, int]]
) -> jax.Array:
    """`out[n, o, c]` = the mean of `x[n, s·o + i − low, c]` over the places `i` of the window that are inside.

    Args:
        x: `(batch, *space, channels)`, floating, any number of axes of space.
        window, strides: One size per axis of space.
        padding: `(low, high)` per axis, smaller than the window; what is outside is not counted.

    Returns:
        `(batch, *out, channels)`, `out = ⌊(space + low + high − window) / s⌋ + 1`.
    """
    geometry = tuple(window), tuple(strides), tuple((low, high) for low, high in padding)
    total = (_sum if jax.default_backend() == "cpu" else _by_lax)(x, *geometry)
    if not any(map(any, padding)):
        return total / math.prod(window)
    counts = (
        _counts(*numbers, rank=len(window), axis=axis)
        for axis, numbers in enumerate(zip(x.shape[1:-1], *geometry, strict=True))
    )
    return total / functools.reduce(np.multiply, counts).astype(x.dtype)


def _by_lax(x: jax.Array, window: Sizes, strides: Sizes, padding: Padding) -> jax.Array:
    whole = ((0, 0), *padding, (0, 0))
    return lax.reduce_window(x, np.zeros((), x.dtype), lax.add, (1, *window, 1), (1, *strides, 1), whole)


def _sum(x: jax.Array, window: Sizes, strides: Sizes, padding: Padding) -> jax.Array:
    if any(map(any, padding)):
        x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((low, high, 0) for low, high in padding), (0, 0, 0)])
    spans = [size - w + 1 for size, w in zip(x.shape[1:-1], window, strict=True)]
    if math.prod(window) <= FEW:
        places = (
            x[:, *(slice(a, a + span, s) for a, span, s in zip(starts, spans, strides, strict=True))]
            for starts in itertools.product(*map(range, window))
        )
        return functools.reduce(jnp.add, places)
    if window == strides:
        out = [size // w for size, w in zip(x.shape[1:-1], window, strict=True)]
        x = x[:, *(slice(o * w) for o, w in zip(out, window, strict=True))]
        tiles = x.reshape(x.shape[0], *(n for pair in zip(out, window, strict=True) for n in pair), x.shape[-1])
        return tiles.sum(tuple(range(2, tiles.ndim - 1, 2)))
    for axis, (w, s, span) in enumerate(zip(window, strides, spans, strict=True), start=1):
        x = functools.reduce(jnp.add, (lax.slice_in_dim(x, a, a + span, s, axis) for a in range(w)))
    return x


def _counts(size: int, window: int, stride: int, padding: tuple[int, int], *, rank: int, axis: int) -> np.ndarray:
    """How many places of each window are inside along one axis, shaped to broadcast over the output."""
    low, high = padding
    first = np.arange(0, size + low + high - window + 1, stride) - low
    inside = np.minimum(first + window, size) - np.maximum(first, 0)
    return inside.reshape(*(-1 if other == axis else 1 for other in range(rank)), 1)
