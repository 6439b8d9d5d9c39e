"""The largest number of each window, channels last, with a gradient that runs fast on a CPU.

XLA's own gradient of a window maximum (select and scatter) visits every window one by one. Here the maximum is taken
over strided slices of the input, one per place in the window; the gradient goes to the first place that holds the
maximum, as XLA's does.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


def max_pool(
    x: jax.Array, window: Sequence[int], strides: Sequence[int], padding: Sequence[tuple[int, int]]
) -> jax.Array:
    """`out[n, o, c]` = the largest of `x[n, s·o + i − low, c]` over the places `i` of the window.

    Args:
        x: `(batch, *space, channels)`, any number of axes of space.
        window, strides: One size per axis of space.
        padding: `(low, high)` per axis; what is outside is smaller than everything inside.

    Returns:
        `(batch, *out, channels)`, `out = ⌊(space + low + high − window) / s⌋ + 1`.
    """
    geometry = tuple(window), tuple(strides), tuple((low, high) for low, high in padding)
    if jax.default_backend() != "cpu":
        return _by_lax(x, *geometry)
    return _max_pool(x, *geometry)


def _by_lax(x: jax.Array, window: Sizes, strides: Sizes, padding: Padding) -> jax.Array:
    lowest = _lowest(x)
    whole = ((0, 0), *padding, (0, 0))
    return lax.reduce_window(x, lowest, lax.max, (1, *window, 1), (1, *strides, 1), whole)


def _lowest(x: jax.Array) -> Any:
    return -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def _max_pool(x: jax.Array, window: Sizes, strides: Sizes, padding: Padding) -> jax.Array:
    return functools.reduce(jnp.maximum, _places(x, window, strides, padding))


@_max_pool.defjvp
def _max_pool_jvp(window: Sizes, strides: Sizes, padding: Padding, primals: Any, tangents: Any) -> tuple[Any, Any]:
    (x,), (dx,) = primals, tangents
    y = _max_pool(x, window, strides, padding)
    places = _places(x, window, strides, padding)
    # The number of the first place that holds the maximum; where there is none (NaN), the last.
    first = jnp.full(y.shape, len(places) - 1, jnp.int32)
    for number in reversed(range(len(places) - 1)):
        first = jnp.where(places[number] == y, number, first)
    if window == strides and not any(map(any, padding)):
        return y, _from_tiles(dx, first, window)
    parts = _places(dx, window, strides, padding, outside=0)
    chosen = (jnp.where(first == number, part, 0) for number, part in enumerate(parts))
    return y, functools.reduce(jnp.add, chosen)


def _places(x: jax.Array, window: Sizes, strides: Sizes, padding: Padding, outside: Any = None) -> list[jax.Array]:
    """For every place of the window, in C order, what stands there: `(batch, *out, channels)` each."""
    if any(map(any, padding)):
        outside = _lowest(x) if outside is None else outside
        config = [(0, 0, 0), *((low, high, 0) for low, high in padding), (0, 0, 0)]
        x = lax.pad(x, jnp.asarray(outside, x.dtype), config)
    spans = [size - w + 1 for size, w in zip(x.shape[1:-1], window, strict=True)]
    return [
        x[:, *(slice(a, a + span, s) for a, span, s in zip(starts, spans, strides, strict=True))]
        for starts in itertools.product(*map(range, window))
    ]


def _from_tiles(dx: jax.Array, first: jax.Array, window: Sizes) -> jax.Array:
    """`dx` at the chosen place of each window, for windows that lie side by side: its transpose is one loop."""
    out = first.shape[1:-1]
    dx = dx[:, *(slice(o * w) for o, w in zip(out, window, strict=True))]
    tiles = dx.reshape(dx.shape[0], *(n for o, w in zip(out, window, strict=True) for n in (o, w)), dx.shape[-1])
    inside = tuple(range(2, tiles.ndim - 1, 2))
    numbers = jnp.arange(math.prod(window), dtype=first.dtype).reshape(*(n for w in window for n in (1, w)), 1)
    return jnp.where(jnp.expand_dims(first, inside) == numbers, tiles, 0).sum(inside)
