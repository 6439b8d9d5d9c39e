"""Windows that move over an input: where they stand, the zeros around, and what goes wrong with them.

Convolutions and pooling share it. Along an axis of size W, a window of w places that lie d apart spans the reach
r = d · (w − 1) + 1; moved by the stride s over the input and the padding p_low + p_high around it, it stands at

    (W + p_low + p_high − r) / s + 1

places, floored where that is no whole number: the last places of the input are then seen by no window.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from deepkit.converters import non_negative_integer, positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, warn
from deepkit.graph import Spec
from deepkit.layers.layer import Layer

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

AXES = {1: "steps", 2: "height, width", 3: "depth, height, width"}
"""The axes of space between the batch and the channels."""


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Where the windows of one layer stand on one input. Everything has one entry per axis of space.

    Attributes:
        window: Places in a window.
        strides: Distance between two neighbouring windows.
        dilation: Distance between two neighbouring places of one window.
        padding: Places `(low, high)` added before and after the input.
        floored: Whether the output size was rounded down along some axis.
    """

    window: Sizes
    strides: Sizes
    dilation: Sizes
    padding: Pairs
    floored: bool = False

    @property
    def reach(self) -> Sizes:
        """What a window spans: dilation · (window − 1) + 1."""
        return tuple(d * (w - 1) + 1 for w, d in zip(self.window, self.dilation, strict=True))

    def room(self, space: Sizes) -> Sizes:
        """How far the first window can move on an input of these sizes; below 0 where it does not fit at all."""
        return tuple(
            size + low + high - reach for size, (low, high), reach in zip(space, self.padding, self.reach, strict=True)
        )

    def output_sizes(self, space: Sizes) -> Sizes:
        """Number of windows along every axis of an input of these sizes."""
        return tuple(room // s + 1 for room, s in zip(self.room(space), self.strides, strict=True))


def geometry_of(
    space: Sizes, window: Sizes, strides: Sizes, padding: str | Pairs, dilation: Sizes | None = None
) -> Geometry:
    """The geometry on an input of these sizes, with the padding in numbers.

    "same" gives ⌈W / s⌉ windows, the odd zero after the input (as Keras, TensorFlow and XLA do); "causal" puts all
    zeros before it, so that no window sees later steps.
    """
    geometry = Geometry(window, strides, dilation or (1,) * len(window), ((0, 0),) * len(window))
    if padding == "same":
        padding = tuple(
            (total // 2, total - total // 2)
            for total in (
                max((-(-size // s) - 1) * s + reach - size, 0)
                for size, s, reach in zip(space, strides, geometry.reach, strict=True)
            )
        )
    elif padding == "causal":
        padding = tuple((reach - 1, 0) for reach in geometry.reach)
    if not isinstance(padding, str):
        geometry = dataclasses.replace(geometry, padding=padding)
    floored = any(room % s for room, s in zip(geometry.room(space), strides, strict=True))
    return dataclasses.replace(geometry, floored=floored)


# What the fields accept.


def per_axis(rank: int, number: Callable[[Any], int] = positive_integer) -> Callable[[Any], Sizes]:
    """Converter: one whole number for all axes, or one per axis."""

    def convert(value: Any) -> Sizes:
        if not isinstance(value, list | tuple):
            return (number(value),) * rank
        if len(value) != rank:
            raise DeepkitValueError(f"expected one whole number or {rank}, one per axis ({AXES[rank]}).")
        return tuple(map(number, value))

    return convert


def pairs(rank: int) -> Callable[[Any], Pairs]:
    """Converter: one number for all sides, one per axis, or `(low, high)` per axis.

    With a single axis `(low, high)` alone is enough.
    """

    def convert(value: Any) -> Pairs:
        if not isinstance(value, list | tuple):
            return ((non_negative_integer(value),) * 2,) * rank
        if rank == 1 and len(value) == 2:
            return (_pair(value),)
        if len(value) != rank:
            example = ", ".join(["(low, high)"] * rank)
            raise DeepkitValueError(
                f"expected one whole number, {rank}, or {rank} pairs: ({example}{',' * (rank < 2)})."
            )
        return tuple(_pair(side) for side in value)

    return convert


def _pair(value: Any) -> tuple[int, int]:
    if not isinstance(value, list | tuple):
        return (non_negative_integer(value),) * 2
    if len(value) != 2:
        raise DeepkitValueError("expected (low, high): what is added before and after the axis.")
    return non_negative_integer(value[0]), non_negative_integer(value[1])


def padding_of(rank: int, *names: str) -> Callable[[Any], str | Pairs]:
    """Converter: "valid" (nothing), "same", further names, or the numbers that `pairs` accepts."""
    known = ("valid", "same", *names)
    numbers = pairs(rank)

    def convert(value: Any) -> str | Pairs:
        if isinstance(value, str):
            if value.lower() not in known:
                raise DeepkitValueError(f"expected {', '.join(map(repr, known))}, or numbers such as 1.")
            return value.lower()
        if not isinstance(value, list | tuple | int | np.integer) or isinstance(value, bool):
            raise DeepkitTypeError(f"expected {', '.join(map(repr, known))}, or numbers, got {described(value)}.")
        return numbers(value)

    return convert


# What is refused, and what is told.


def require_space(layer: Layer, x: Spec, rank: int) -> None:
    """Refuse an input that does not have the batch, `rank` axes of space and the channels."""
    if x.rank == rank + 2:
        return
    if x.rank == rank + 1:
        mend = f"If it has a single channel, put dk.layers.Reshape({(*x.row_shape, 1)}) before it."
    elif x.rank < rank + 1:
        mend = f"Put dk.layers.Reshape(({AXES[rank]}, channels)) before it, sizes whose product is {x.row_size}."
    elif x.rank - 2 in AXES:
        other = type(layer).__name__.replace(f"{rank}D", f"{x.rank - 2}D")
        mend = f"Use dk.layers.{other}, or dk.layers.Reshape(…) before it."
    else:
        mend = "Put dk.layers.Reshape(…) before it."
    raise DeepkitValueError(
        f"{layer.label} needs an input (batch, {AXES[rank]}, channels), {rank + 2} axes, got shape {x.shape}. {mend}"
    )


def require_room(layer: Layer, x: Spec, geometry: Geometry, *, strict: bool) -> None:
    """Refuse windows that don't fit the padded input, and where `strict`, sizes that would be floored."""
    space = x.row_shape[:-1]
    if min(geometry.room(space)) < 0:
        needed = max(-(-(reach - size) // 2) for reach, size in zip(geometry.reach, space, strict=True))
        padded = tuple(size + low + high for size, (low, high) in zip(space, geometry.padding, strict=True))
        first = space[0] < 5 <= min(x.row_shape[1:])
        raise DeepkitValueError(
            f"{layer.label} has a window that spans {_by(geometry.reach)}, but its input of shape {x.shape} is only "
            f"{_by(padded)} with its padding. Give padding={needed} or more, padding='same', or a smaller window."
            + " Channels come last: for channels first, put dk.layers.Permute(…) before it."
            * first
        )
    if strict and geometry.floored:
        wrong = []
        sides = zip(space, geometry.padding, geometry.reach, geometry.strides, geometry.room(space), strict=True)
        for size, (low, high), reach, s, room in sides:
            legal = [number for number in (size - room % s, size - room % s + s) if number > 0]
            formula = f"({size} − {reach} + {low + high})/{s} + 1 = {room / s + 1:.4g}"
            told = f"{formula}; the nearest legal sizes are {' and '.join(map(str, legal))}"
            if room % s and told not in wrong:
                wrong.append(told)
        raise DeepkitValueError(
            f"{layer.label}: an input of shape {x.shape} gives an output size that is no whole number: "
            f"{'. '.join(wrong)}. Bring the input to a legal size with dk.layers.ZeroPadding or Cropping, change the "
            "padding, or leave strict out to floor."
        )


def warn_of_shift(layer: Layer, geometry: Geometry) -> None:
    """Tell that "same" pads an even window unevenly."""
    sides = zip(geometry.padding, geometry.window, strict=True)
    uneven = [(low, high) for (low, high), w in sides if w % 2 == 0 and low != high]
    if uneven:
        low, high = uneven[0]
        warn(
            f"{layer.label}: a window of even size {_by(geometry.window)} has no middle, so that padding='same' adds "
            f"{low} before and {high} after: the extra zero is at the end (bottom, right), and the output shifted by "
            f"half a place. Take an odd window, or say it yourself: padding={geometry.padding}."
        )


def warn_of_gaps(layer: Layer, space: Sizes, geometry: Geometry) -> None:
    """Tell that a stride steps over places. A window of one place is meant to: it takes every s-th."""
    axes = zip(geometry.strides, geometry.reach, geometry.output_sizes(space), strict=True)
    gaps = [(s, reach) for s, reach, count in axes if s > reach and count > 1]
    if gaps and max(geometry.window) > 1:
        s, reach = gaps[0]
        warn(
            f"{layer.label} moves by {s}, but its window spans {reach}: {s - reach} of every {s} places along the axis "
            f"are never seen. Give strides of at most {reach}, or a window of at least {s}."
        )


def _by(sizes: Sizes) -> str:
    return "×".join(map(str, sizes))
