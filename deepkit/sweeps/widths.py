"""Models that differ in the widths of their hidden layers, in one program.

A Dense layer of five units is one of eight units of which three have no weights: whatever these hand on is multiplied
by zeros, and where their gradients are set to zero as well they stay without, so that the five learn what they would
learn alone. That is exact for layers whose units don't look at each other, and for optimizers that treat every weight
by itself. It saves compiling a program per width, and costs the arithmetic with zeros: which of the two is less is
decided by a rough count.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deepkit import activations, layers, optimizers, regularizers
from deepkit.graph import Graph
from deepkit.layers.layer import Weights
from deepkit.program.description import Number
from deepkit.sweeps.numbers import describe, turned

COMPILE_SECONDS = 1.5
"""What a program of a small model takes to compile, about."""
OPERATIONS_PER_SECOND = 1e10
"""What one core adds and multiplies in matrix products of such sizes, about."""
SECONDS_PER_STEP = 1e-5
"""What a step takes of a model that has next to no weights, about."""
WHOLE_ROW = (activations.softmax, activations.log_softmax, activations.glu)
"""Activations that look at all units at once."""
SUMS = (type(None), regularizers.L1, regularizers.L2, regularizers.L1L2)
"""Penalties that zeros add nothing to."""
BY_ITSELF = (
    optimizers.SGD, optimizers.Adam, optimizers.AdamW, optimizers.Adamax, optimizers.Nadam, optimizers.RMSprop,
    optimizers.Adagrad, optimizers.Adadelta, optimizers.Lion,
)  # fmt: skip
"""Optimizers that leave a weight of zero with a gradient of zero as it is, and look at no other array's size."""


class Outline(NamedTuple):
    """A model without its hidden widths: those of equal `structure` can share the program of the widest."""

    structure: Hashable
    widths: tuple[int, ...]


def outline_of(model: Any) -> Outline | None:
    """The outline of a compiled model whose losses are resolved; `None` if no width of it can be padded."""
    optimizer = model._require_trainer("sweep").optimizer
    # A layer that stands in a sub-model as well may be read there by others.
    if type(optimizer) not in BY_ITSELF or model.program.aliases:
        return None
    free = _free(model.graph)
    if not free:
        return None
    with turned([Number(layer, "units", "") for layer in free], [0] * len(free)):
        structure = describe(model).structure
    return Outline(structure, tuple(layer.units for layer in free))


def _free(graph: Graph) -> list[Any]:
    """Dense layers whose units are read by other Dense layers only, through functions of single units at most."""
    readers: dict[int, list[Any]] = {}
    for node in graph.nodes:
        for tensor in node.inputs:
            readers.setdefault(id(tensor), []).append(node)
    ends = {id(tensor) for tensor in graph.outputs}

    def ends_in_dense(tensor: Any) -> bool:
        if id(tensor) in ends or id(tensor) not in readers:
            return False
        return all(
            _plain_dense(node.callee) or (_unit_by_unit(node.callee) and ends_in_dense(node.outputs[0]))
            for node in readers[id(tensor)]
        )

    calls = [node.callee for node in graph.nodes]
    return [
        node.callee
        for node in graph.nodes
        if _plain_dense(node.callee)
        and sum(callee is node.callee for callee in calls) == 1
        and _elementwise(node.callee.activation)  # type: ignore[union-attr]
        and node.callee.activity_regularizer is None  # type: ignore[union-attr]
        and ends_in_dense(node.outputs[0])
    ]


def _plain_dense(layer: Any) -> bool:
    return (
        type(layer) is layers.Dense
        and layer.tied_to is None
        and layer.kernel_constraint is None
        and layer.bias_constraint is None
        and all(type(r) in SUMS for r in (layer.kernel_regularizer, layer.bias_regularizer))
    )


def _unit_by_unit(layer: Any) -> bool:
    if type(layer) is layers.Activation:
        return _elementwise(layer.activation)
    named = type(layer) in vars(layers).values() and hasattr(layer, "FUNCTION")
    return named and _elementwise(type(layer).FUNCTION)


def _elementwise(function: Any) -> bool:
    return function in activations.ACTIVATIONS.values() and function not in WHOLE_ROW


def shelves(
    widths: Sequence[tuple[int, ...]], weights: Sequence[int], members: Sequence[int], rows: int
) -> list[list[int]]:
    """Which of these models share a program: lists of places, the widest model of each list last.

    Args:
        widths: Hidden widths of every model, all of one outline.
        weights: How many weights each has.
        members: How often each is trained.
        rows: Rows that pass through a model in one training, all epochs together.
    """
    order = sorted(range(len(widths)), key=lambda place: (weights[place], widths[place]))
    # best[k]: seconds for the k smallest models, and where their last shelf begins.
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(order) + 1):
        widest = widths[order[end - 1]]
        seconds_of_one = seconds_of(weights[order[end - 1]], rows, 0)
        choices = []
        trained = 0
        for begin in range(end - 1, -1, -1):
            if any(mine > theirs for mine, theirs in zip(widths[order[begin]], widest, strict=True)):
                break
            trained += members[order[begin]]
            choices.append((best[begin][0] + COMPILE_SECONDS + trained * seconds_of_one, begin))
        best.append(min(choices))
    found, end = [], len(order)
    while end:
        begin = best[end][1]
        found.append(order[begin:end])
        end = begin
    return found[::-1]


def seconds_of(weights: int, rows: int, steps: int) -> float:
    """What training takes, roughly: so many rows, in so many steps."""
    # Two operations per weight and row on the way there, four on the way back.
    return 6.0 * weights * rows / OPERATIONS_PER_SECOND + steps * SECONDS_PER_STEP


def padded(weights: Any, shapes: Any) -> Any:
    """Arrays with zeros behind them, up to these shapes."""

    def pad(array: Any, like: Any) -> np.ndarray:
        array = np.asarray(array)
        return np.pad(array, [(0, whole - size) for size, whole in zip(array.shape, like.shape, strict=True)])

    return jax.tree.map(pad, weights, shapes)


def sizes_of(weights: Any) -> Any:
    """Of every array its shape, as an array."""
    return jax.tree.map(lambda array: np.array(array.shape, np.int32), weights)


def masks(sizes: Weights, shapes: Weights) -> Weights:
    """One where a padded array has a weight of its own, zero elsewhere. Traceable."""

    def mask(size: jax.Array, like: Any) -> jax.Array:
        inside = jnp.ones(like.shape, bool)
        for axis in range(len(like.shape)):
            inside &= jax.lax.broadcasted_iota(np.int32, like.shape, axis) < size[axis]
        return inside.astype(like.dtype)

    return jax.tree.map(mask, sizes, shapes)


def trimmed(weights: Any, shapes: Any) -> Any:
    """The beginnings of padded arrays, of these shapes."""
    return jax.tree.map(lambda array, like: np.asarray(array)[tuple(map(slice, like.shape))], weights, shapes)
