"""Convolutions with few filters, many outputs at a time.

XLA's CPU convolution copies what every output sees, its patch, and multiplies the patches by the kernel. With few
filters the copying takes most of the time. So neighbouring outputs, a tile of them, are computed as channels of one:
their common patch is little larger than each of theirs, and the kernel holds a shifted copy of itself for each, with
zeros around it. Two to four times as fast for up to eight filters, as in the first layers of small networks, the last
of those that make images, and the gradients of what follows a first layer.

A number that is not finite reaches every output of the tiles whose patch it lies in, by those zeros.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]

MOST_CHANNELS = 64
"""Filters times outputs of a tile: beyond it products take most of the time, and more of them are by zeros."""
PATCH, ROW = 16, 96
"""What it costs to copy one number of a patch, in products: so much, and so much shared by the channels, which lie side
by side. Fitted to 81 shapes (`benchmarks/README.md`)."""
WORTH = 1.2
"""A tile must promise so many times the speed."""


def in_tiles(
    convolution: Callable[..., jax.Array], x: jax.Array, kernel: jax.Array, strides: Sizes, padding: Padding
) -> jax.Array:
    """`convolution(x, kernel, strides=strides, padding=padding)`, in tiles where that is faster.

    Args:
        convolution: Of `x`, `(batch, *space, channels)`, and a kernel, `(*window, channels, filters)`.
        strides: Of the window, one per axis of space.
        padding: Zeros before and after each axis of space, none of them negative.
    """
    window = kernel.shape[:-2]
    whole = tuple(size + low + high for size, (low, high) in zip(x.shape[1:-1], padding, strict=True))
    out = tuple((size - w) // s + 1 for size, w, s in zip(whole, window, strides, strict=True))
    tile = _tile(out, strides, *kernel.shape)
    if max(tile) == 1:
        return convolution(x, kernel, strides=strides, padding=padding)
    copies = []
    for places in itertools.product(*map(range, tile)):
        around = [(s * place, s * (t - 1 - place)) for s, place, t in zip(strides, places, tile, strict=True)]
        copies.append(jnp.pad(kernel, [*around, (0, 0), (0, 0)]))
    # The last tile of an axis may stand out.
    wanted = (s * (o + -o % t - 1) + w for s, o, t, w in zip(strides, out, tile, window, strict=True))
    filled = tuple(
        (low, high + max(0, some - size)) for (low, high), some, size in zip(padding, wanted, whole, strict=True)
    )
    steps = tuple(s * t for s, t in zip(strides, tile, strict=True))
    tiles = convolution(x, jnp.concatenate(copies, -1), strides=steps, padding=filled)
    return joined(tiles, tile)[:, *map(slice, out)]


def _tile(out: Sizes, strides: Sizes, *shape: int) -> Sizes:
    """How many neighbours along each axis are computed together, for a kernel of this shape."""
    *window, channels, filters = shape
    patch = PATCH + ROW / channels

    def cost(tile: Sizes) -> float:
        seen = math.prod(w + s * (t - 1) for w, s, t in zip(window, strides, tile, strict=True))
        tiles = math.prod(-(-o // t) for o, t in zip(out, tile, strict=True))
        return tiles * seen * (patch + filters * math.prod(tile))

    single = (1,) * len(window)
    # A kernel as large as the output, which is what a gradient by a kernel convolves with, is not to be copied.
    if math.prod(window) > math.prod(out):
        return single
    tiles = itertools.product((1, 2, 4), repeat=len(window))
    best = min((tile for tile in tiles if filters * math.prod(tile) <= MOST_CHANNELS), key=cost, default=single)
    return best if cost(best) * WORTH < cost(single) else single


def joined(tiles: jax.Array, tile: Sequence[int]) -> jax.Array:
    """Tiles whose outputs are channels, side by side: `(batch, *counts, tile · channels)` →
    `(batch, *(counts · tile), channels)`.
    """
    rank = len(tile)
    batch, *counts = tiles.shape[:-1]
    tiles = tiles.reshape(batch, *counts, *tile, -1)
    order = [place for axis in range(rank) for place in (1 + axis, 1 + rank + axis)]
    tiles = tiles.transpose(0, *order, tiles.ndim - 1)
    return tiles.reshape(batch, *(n * t for n, t in zip(counts, tile, strict=True)), tiles.shape[-1])
