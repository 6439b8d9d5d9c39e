"""The weights that members start from.

They are drawn beside the program that trains, as every model's weights are: inside it, they would be a third of what is
compiled for a small model, and again for every structure.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

import jax

from deepkit import initializers
from deepkit.initializers.drawing import draws_stacks
from deepkit.layers.layer import Layer, Weight, Weights
from deepkit.program.holders import partly_stored
from deepkit.program.program import Program

KEPT_BYTES = 2**26
"""Weights drawn for seeds are kept up to this size; those of further seeds are drawn again for every setting."""
STACK = 64
"""Seeds whose weights are drawn at once."""
OURS = frozenset(initializers.INITIALIZERS.values())
"""Classes that draw as `deepkit.initializers.drawing` does."""


class Starts:
    """First weights by model and seed; models that declare the same ones share what is drawn.

    Args:
        seeds: Those that will be asked for, roughly in this order.
    """

    def __init__(self, seeds: Iterable[int]) -> None:
        self._seeds = list(dict.fromkeys(seeds))
        self._kinds: dict[int, int] = {}
        self._declared: dict[Hashable, int] = {}
        self._drawn: dict[tuple[int, int], tuple[Weights, Weights]] = {}
        self._bytes = 0

    def of(self, program: Program, seed: int) -> tuple[Weights, Weights]:
        """`(parameters, state)` as `fit` would begin with them: drawn, but for what layers already have."""
        if id(program) not in self._kinds:
            self._kinds[id(program)] = self._declared.setdefault(_declared(program), len(self._declared))
        kind = self._kinds[id(program)]
        if (kind, seed) not in self._drawn:
            self._draw(program, kind, seed)
        drawn = self._drawn[kind, seed]
        given = jax.device_get(partly_stored(program))
        return _over(drawn[0], given[0]), _over(drawn[1], given[1])

    def _draw(self, program: Program, kind: int, seed: int) -> None:
        begin = self._seeds.index(seed) // STACK * STACK
        drawn = _drawn(program, self._seeds[begin : begin + STACK]) or {seed: jax.device_get(program.draw(seed))}
        size = len(drawn) * sum(leaf.nbytes for leaf in jax.tree.leaves(drawn[seed]))
        if self._bytes + size > KEPT_BYTES:
            self._drawn.clear()
            self._bytes = 0
        self._bytes += size
        self._drawn.update({(kind, one): weights for one, weights in drawn.items()})


def _drawn(program: Program, seeds: Sequence[int]) -> dict[int, tuple[Weights, Weights]] | None:
    """Weights of all these seeds, drawn at once; `None` if they can't be."""
    if len(seeds) == 1 or not _stackable(program):
        return None
    shapes = jax.tree.leaves(program.shapes())
    if STACK * sum(math.prod(shape.shape) * shape.dtype.itemsize for shape in shapes) > KEPT_BYTES:
        return None
    leaves, structure = jax.tree.flatten(jax.device_get(program.draw_stack(seeds)))

    def own(number: int) -> tuple[Weights, Weights]:
        pairs = zip(leaves, shapes, strict=True)
        return jax.tree.unflatten(structure, [leaf[number] if leaf.ndim > like.ndim else leaf for leaf, like in pairs])

    return {seed: own(number) for number, seed in enumerate(seeds)}


def _declared(program: Program) -> Hashable:
    """Equal for programs that draw equal weights from equal seeds."""
    if not _draws_as_declared(program):
        return id(program)
    leaves, structure = jax.tree.flatten(program.weight_tree(), is_leaf=_is_weight)
    declared = structure, tuple((leaf.shape, leaf.initializer, leaf.trainable, leaf.dtype) for leaf in leaves)
    try:
        hash(declared)
    except TypeError:  # a user's function that can't be compared
        return id(program)
    return declared


def _stackable(program: Program) -> bool:
    """Whether all is drawn by functions that take a stack of keys."""
    leaves = jax.tree.leaves(program.weight_tree(), is_leaf=_is_weight)
    ours = all(type(leaf.initializer) in OURS for leaf in leaves)
    return ours and draws_stacks() and _draws_as_declared(program)


def _draws_as_declared(program: Program) -> bool:
    """Whether no layer is a user's, which may draw in its own way."""
    return all(type(layer).init.__module__.startswith("deepkit.") for layer in _with_parts(program.places.values()))


def _is_weight(item: Any) -> bool:
    return isinstance(item, Weight)


def _with_parts(layers: Iterable[Layer]) -> Iterator[Layer]:
    for layer in layers:
        yield layer
        yield from _with_parts(layer.inner_layers())


def _over(drawn: Weights, given: Weights) -> Weights:
    merged = dict(drawn)
    for name, item in given.items():
        merged[name] = _over(drawn[name], item) if isinstance(item, dict) else item
    return merged
