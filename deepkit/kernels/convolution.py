"""Convolution, channels last, in one to three dimensions, with gradients that run fast on a CPU.

XLA's CPU backend has one fast convolution: an image `(batch, *space, channels)`, a kernel `(*window, channels,
filters)`, any stride, padding and dilation of the window. What `jax.grad` makes of a convolution is of another form:
XLA brings it into the fast one only outside of loops, and inside a loop (a whole epoch is one) runs it element by
element: the epoch of a small network does not end within ten minutes. So on a CPU both gradients are written here as
convolutions of the fast form:

- by the input: the output's gradient, padded, with the kernel turned round. A stride `s` is taken apart: every `s`-th
  number of the result has its own taps of the kernel, so one convolution computes `s` results as its channels.
- by the kernel: the input's channels in the role of the batch, and the batch in the role of the channels. A stride
  is taken apart in the same way, on the side of the input.

The operation is a JAX primitive of its own, linear in both arguments: forward and backward derivatives of any order
are again made of it. On other backends `lax.conv_general_dilated` is used.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from deepkit.kernels.tiles import in_tiles, joined

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]

GROUPS_APART = 32
"""Grouped convolutions of at most so many groups get gradients that are computed group by group."""
FEW_CHANNELS, FEW_FILTERS, FEW_PRODUCTS = 4, 48, 50
"""At most so many channels, filters, and numbers per filter: what one loop of products and sums computes up to five
times as fast as a product of matrices that are as narrow (the first layer of most networks)."""


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int] | None = None,
    groups: int = 1,
) -> jax.Array:
    """Cross-correlation `out[n, o, f] = Σ over i, c of x[n, s·o + d·i − low, c] · kernel[i, c, f]` (no flip).

    Args:
        x: `(batch, *space, channels)`, one to three axes of space.
        kernel: `(*window, channels / groups, filters)`.
        strides: `s`, one per axis of space.
        padding: Zeros `(low, high)` before and after each axis of space.
        dilation: `d`: distance between the taps of the window, one per axis; 1 by default.
        groups: Channels and filters are cut into so many parts; each part of the filters sees its part of the channels.

    Returns:
        `(batch, *out, filters)`, `out = ⌊(space + low + high − d·(window − 1) − 1) / s⌋ + 1`.
    """
    dtype = jnp.result_type(x, kernel)
    geometry: dict[str, Any] = {
        "strides": tuple(strides),
        "padding": tuple((low, high) for low, high in padding),
        "dilation": (1,) * len(strides) if dilation is None else tuple(dilation),
        "groups": groups,
    }
    apply = _primitive().bind if jax.default_backend() == "cpu" else _by_lax
    return apply(x.astype(dtype), kernel.astype(dtype), **geometry)


def _by_lax(
    x: jax.Array, kernel: jax.Array, *, strides: Sizes, padding: Padding, dilation: Sizes, groups: int
) -> jax.Array:
    space = "DHW"[-len(strides) :]
    layout = (f"N{space}C", f"{space}IO", f"N{space}C")
    return lax.conv_general_dilated(
        x, kernel, strides, padding, rhs_dilation=dilation, dimension_numbers=layout, feature_group_count=groups
    )


# Without groups.


def _forward(
    x: jax.Array, kernel: jax.Array, *, strides: Sizes, padding: Padding, dilation: Sizes, groups: int
) -> jax.Array:
    window = kernel.shape[:-2]
    if groups > 1 and groups == x.shape[-1]:
        return _depthwise(x, kernel, strides, padding, dilation)
    if groups == 1 and math.prod(window) == 1:
        return _every(_padded(x, padding), strides) @ kernel.reshape(kernel.shape[-2:])
    if groups == 1 and _narrow(kernel.shape):
        # Left to itself, XLA computes the sum once for every number of a pooling window that follows, or gives up
        # vector instructions for a tanh (6 times slower).
        products = functools.partial(_shifted_products, strides=strides, padding=padding, dilation=dilation)
        return _alone(products, x, kernel)
    # Cut by slices: XLA makes a negative padding the convolution's own, which then reads beside its input.
    cuts = (slice(max(-low, 0), size - max(-high, 0)) for (low, high), size in zip(padding, x.shape[1:-1], strict=True))
    added = tuple((max(low, 0), max(high, 0)) for low, high in padding)
    convolution = functools.partial(_by_lax, dilation=dilation, groups=groups)
    if max(*dilation, groups) == 1:
        return in_tiles(convolution, x[:, *cuts], kernel, strides, added)
    return convolution(x[:, *cuts], kernel, strides=strides, padding=added)


def _narrow(shape: Sizes) -> bool:
    *window, channels, filters = shape
    return channels <= FEW_CHANNELS and filters <= FEW_FILTERS and math.prod(window) * channels <= FEW_PRODUCTS


def _shifted_products(x: jax.Array, kernel: jax.Array, strides: Sizes, padding: Padding, dilation: Sizes) -> jax.Array:
    """A sum over taps and channels, one number of the kernel's row at a time."""
    taps = kernel.reshape(-1, *kernel.shape[-2:])
    seen = _windows(x, kernel.shape[:-2], strides, padding, dilation)
    channels = range(x.shape[-1])
    pairs = zip(seen, taps, strict=True)
    return _sum((part[..., c, None] * tap[c] for part, tap in pairs for c in channels), x.dtype)


def _sum(products: Iterable[jax.Array], dtype: Any) -> jax.Array:
    """Added up in float32 at least: half precision keeps three digits, and a sum of many loses them."""
    wide = jnp.promote_types(dtype, jnp.float32)
    return sum((product.astype(wide) for product in products), start=jnp.zeros((), wide)).astype(dtype)


def _input_gradient(
    dy: jax.Array, kernel: jax.Array, shape: Sizes, strides: Sizes, padding: Padding, dilation: Sizes
) -> jax.Array:
    """By the input, whose shape is given."""
    window, space, out = kernel.shape[:-2], shape[1:-1], dy.shape[1:-1]
    turned = jnp.flip(kernel, tuple(range(len(window)))).swapaxes(-2, -1)
    reach = [d * (w - 1) for d, w in zip(dilation, window, strict=True)]
    if max(strides) == 1 or max(dilation) > 1 or math.prod(window) == 1:
        one_tap = math.prod(window) == 1
        config = []  # zeros between the numbers of a strided output, and around them up to the input's size
        for (low, _), size, o, s, r in zip(padding, space, out, strides, reach, strict=True):
            config.append((r - low, size + low - s * (o - 1) - 1, s - 1))
        if one_tap:
            return _spread(dy @ turned.reshape(turned.shape[-2:]), config)
        if max(strides) == 1:
            return _bind(dy, turned, padding=tuple((low, high) for low, high, _ in config), dilation=dilation)
        return _bind(_spread(dy, config), turned, dilation=dilation)
    taps = [-(-w // s) for w, s in zip(window, strides, strict=True)]
    # Per axis, how many numbers of each phase the padded input has.
    counts = [-(-(low + size) // s) for (low, _), size, s in zip(padding, space, strides, strict=True)]
    apart = _split(jnp.pad(kernel, [*_filling(window, taps, strides), (0, 0), (0, 0)]), strides, 0)
    apart = jnp.moveaxis(jnp.flip(apart, tuple(range(len(window)))), -1, len(window))
    apart = apart.reshape(*taps, dy.shape[-1], -1)
    around = tuple((t - 1, count - o) for t, count, o in zip(taps, counts, out, strict=True))
    phases = _bind(dy, apart, padding=around)
    whole = joined(phases, strides)
    return whole[:, *(slice(low, low + size) for (low, _), size in zip(padding, space, strict=True))]


def _alone(function: Callable[[jax.Array, jax.Array], jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
    """`function(x, y)`, which XLA fuses with nothing that comes before or after it: it is one branch of a condition
    that always holds, which only XLA can't know.
    """
    number = x.reshape(-1)[0]
    shape = jax.eval_shape(function, x, y)
    return lax.cond(
        (number == number) | (number != number), function, lambda *_: jnp.zeros(shape.shape, shape.dtype), x, y
    )


def _kernel_gradient(
    dy: jax.Array, x: jax.Array, shape: Sizes, strides: Sizes, padding: Padding, dilation: Sizes
) -> jax.Array:
    """By the kernel, whose shape is given.

    Alone, because XLA would compute both arguments again while it transposes them: in a residual network all the
    blocks before, in an order of memory that suits nobody.
    """
    return _alone(lambda x, dy: _kernel_gradient_of(dy, x, shape, strides, padding, dilation), x, dy)


def _kernel_gradient_of(
    dy: jax.Array, x: jax.Array, shape: Sizes, strides: Sizes, padding: Padding, dilation: Sizes
) -> jax.Array:
    window, space, out = shape[:-2], x.shape[1:-1], dy.shape[1:-1]
    rank = len(window)
    if math.prod(window) == 1:
        seen = _every(_padded(x, padding), strides)
        return (seen.reshape(-1, seen.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])).reshape(shape)
    filters = jnp.moveaxis(dy, 0, -2)
    geometry = list(zip(padding, space, out, strides, strict=True))
    if max(strides) == 1 or max(dilation) > 1:
        # Only what some window has seen.
        around = tuple(
            (low, s * (o - 1) + d * (w - 1) + 1 - low - size)
            for ((low, _), size, o, s), d, w in zip(geometry, dilation, window, strict=True)
        )
        image = jnp.moveaxis(x, (-1, 0), (0, -1))
        result = _bind(image, filters, padding=around, strides=dilation, dilation=strides)
        return jnp.moveaxis(result, 0, -2)
    taps = [-(-w // s) for w, s in zip(window, strides, strict=True)]
    around = tuple(
        (low, s * (o + t - 1) - low - size) for ((low, _), size, o, s), t in zip(geometry, taps, strict=True)
    )
    apart = _split(_padded(x, around), strides, 1)  # (batch, *counts, *strides, channels)
    counts = apart.shape[1 : 1 + rank]
    order = [*range(1 + rank, 1 + 2 * rank), apart.ndim - 1, *range(1, 1 + rank), 0]
    image = apart.transpose(order).reshape(-1, *counts, x.shape[0])
    result = _bind(image, filters).reshape(*strides, x.shape[-1], *taps, dy.shape[-1])
    order = [place for axis in range(rank) for place in (rank + 1 + axis, axis)]
    result = result.transpose(*order, rank, result.ndim - 1)
    whole = result.reshape(*(t * s for t, s in zip(taps, strides, strict=True)), *shape[-2:])
    return whole[tuple(slice(size) for size in window)]


def _bind(
    x: jax.Array,
    kernel: jax.Array,
    padding: Padding | None = None,
    strides: Sizes | None = None,
    dilation: Sizes | None = None,
) -> jax.Array:
    rank = x.ndim - 2
    ones = (1,) * rank
    return _primitive().bind(
        x, kernel, strides=strides or ones, padding=padding or ((0, 0),) * rank, dilation=dilation or ones, groups=1
    )


def _padded(x: jax.Array, padding: Padding) -> jax.Array:
    """Zeros around the axes of space; negative numbers cut off."""
    return _spread(x, [(low, high, 0) for low, high in padding])


def _spread(x: jax.Array, config: Sequence[tuple[int, int, int]]) -> jax.Array:
    """Zeros around and between, per axis of space."""
    if not any(any(numbers) for numbers in config):
        return x
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *config, (0, 0, 0)])


def _every(x: jax.Array, strides: Sizes) -> jax.Array:
    """Every `s`-th place of each axis of space."""
    return x if max(strides) == 1 else x[:, *(slice(None, None, s) for s in strides)]


def _filling(window: Sizes, taps: Sequence[int], strides: Sizes) -> list[tuple[int, int]]:
    return [(0, t * s - w) for w, t, s in zip(window, taps, strides, strict=True)]


def _split(x: jax.Array, strides: Sizes, first: int) -> jax.Array:
    """The axes from `first` on, `(…, count · s, …)`, become `(…, *counts, *strides, …)`."""
    rank = len(strides)
    head, space, tail = x.shape[:first], x.shape[first : first + rank], x.shape[first + rank :]
    x = x.reshape(*head, *(size for n, s in zip(space, strides, strict=True) for size in (n // s, s)), *tail)
    pairs = range(first, first + 2 * rank, 2)
    return x.transpose(*range(first), *pairs, *(p + 1 for p in pairs), *range(first + 2 * rank, x.ndim))


# With groups.


def _depthwise(x: jax.Array, kernel: jax.Array, strides: Sizes, padding: Padding, dilation: Sizes) -> jax.Array:
    """A sum of shifted products, which XLA makes one loop of: no channel meets another, so matrices gain nothing."""
    window = kernel.shape[:-2]
    taps = kernel.reshape(math.prod(window), x.shape[-1], -1)
    seen = _windows(x, window, strides, padding, dilation)
    total = _sum((part[..., None] * tap for part, tap in zip(seen, taps, strict=True)), x.dtype)
    return total.reshape(*total.shape[:-2], kernel.shape[-1])


def _windows(x: jax.Array, window: Sizes, strides: Sizes, padding: Padding, dilation: Sizes) -> list[jax.Array]:
    """For every tap of the window, in C order, what it sees of the padded input: `(batch, *out, channels)`."""
    x = _padded(x, padding)
    spans = [size - d * (w - 1) for size, d, w in zip(x.shape[1:-1], dilation, window, strict=True)]
    seen = []
    for number in range(math.prod(window)):
        places: list[int] = []
        for size in reversed(window):
            number, place = divmod(number, size)
            places.insert(0, place)
        starts = [d * place for d, place in zip(dilation, places, strict=True)]
        cuts = (slice(a, a + span, s) for a, span, s in zip(starts, spans, strides, strict=True))
        seen.append(x[:, *cuts])
    return seen


def _transpose_input(dy: jax.Array, x: Any, kernel: jax.Array, *, groups: int, **geometry: Any) -> jax.Array:
    """The primitive's transpose by its first argument."""
    shape = x.aval.shape
    if groups == 1:
        return _input_gradient(dy, kernel, shape, **geometry)
    if groups == shape[-1] or groups > GROUPS_APART:
        forward = _depthwise if groups == shape[-1] else functools.partial(_by_lax, groups=groups)
        seen = jax.ShapeDtypeStruct(shape, dy.dtype)
        return jax.linear_transpose(lambda x: forward(x, kernel, **geometry), seen)(dy)[0]
    part = (*shape[:-1], shape[-1] // groups)
    pairs = zip(jnp.split(dy, groups, -1), jnp.split(kernel, groups, -1), strict=True)
    return jnp.concatenate([_input_gradient(d, k, part, **geometry) for d, k in pairs], -1)


def _transpose_kernel(dy: jax.Array, x: jax.Array, kernel: Any, *, groups: int, **geometry: Any) -> jax.Array:
    """The primitive's transpose by its second argument."""
    shape = kernel.aval.shape
    if groups == 1:
        return _kernel_gradient(dy, x, shape, **geometry)
    if groups == x.shape[-1]:
        dy = dy.reshape(*dy.shape[:-1], groups, -1)
        over = tuple(range(dy.ndim - 2))
        seen = _windows(x, shape[:-2], **geometry)
        return jnp.stack([(part[..., None] * dy).sum(over) for part in seen]).reshape(shape)
    if groups > GROUPS_APART:
        unknown = jax.ShapeDtypeStruct(shape, dy.dtype)
        return jax.linear_transpose(lambda kernel: _by_lax(x, kernel, groups=groups, **geometry), unknown)(dy)[0]
    part = (*shape[:-1], shape[-1] // groups)
    pairs = zip(jnp.split(dy, groups, -1), jnp.split(x, groups, -1), strict=True)
    return jnp.concatenate([_kernel_gradient(d, seen, part, **geometry) for d, seen in pairs], -1)


# The primitive.


def _batched(arguments: Any, axes: Any, **geometry: Any) -> tuple[jax.Array, int]:
    """Under vmap: more rows where only the input is mapped; else one convolution after another."""
    (x, kernel), (x_axis, kernel_axis) = arguments, axes
    if kernel_axis is None:
        x = jnp.moveaxis(x, x_axis, 0)
        y = _primitive().bind(x.reshape(-1, *x.shape[2:]), kernel, **geometry)
        return y.reshape(*x.shape[:2], *y.shape[1:]), 0
    kernels = jnp.moveaxis(kernel, kernel_axis, 0)
    if x_axis is None:
        return lax.map(lambda kernel: _primitive().bind(x, kernel, **geometry), kernels), 0
    pairs = jnp.moveaxis(x, x_axis, 0), kernels
    return lax.map(lambda pair: _primitive().bind(*pair, **geometry), pairs), 0


def _shape(x: Any, kernel: Any, **geometry: Any) -> Any:
    out = jax.eval_shape(
        functools.partial(_by_lax, **geometry), *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in (x, kernel))
    )
    return jax.core.ShapedArray(out.shape, out.dtype)


@functools.cache
def _primitive() -> Any:
    # Where it is used: `jax.extend` is slow to import, and most models have no convolution.
    from jax.extend.core import Primitive
    from jax.interpreters import ad, batching, mlir

    convolution = Primitive("convolution")
    convolution.def_abstract_eval(_shape)
    convolution.def_impl(jax.jit(_forward, static_argnames=("strides", "padding", "dilation", "groups")))
    mlir.register_lowering(convolution, mlir.lower_fun(_forward, multiple_results=False))
    ad.defbilinear(convolution, _transpose_input, _transpose_kernel)
    batching.primitive_batchers[convolution] = _batched
    return convolution
