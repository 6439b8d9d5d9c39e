"""A model taken apart: its structure, and the real numbers in its declarations.

The structure is made of classes, shapes, names, functions and the graph; the numbers are rates, penalties, momenta, ….
Models of equal structure and numbers are the same program.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from deepkit.configuration import Configurable
from deepkit.graph import Graph
from deepkit.program.objective import Head
from deepkit.program.submodel import SubModel

LEARNING_RATE = "optimizer/learning_rate"
"""Path of the one number that is an argument of every program: the rate of an optimizer without a schedule."""


@dataclasses.dataclass(frozen=True)
class Number:
    """A real number in a declaration.

    Attributes:
        owner: The declaration.
        field: Its field.
        path: Where it stands, for people: `layers/dropout/rate`.
        item: Its place in the field, where that holds several.
    """

    owner: Any
    field: str
    path: str
    item: int | None = None

    @property
    def value(self) -> float:
        """As declared."""
        held = getattr(self.owner, self.field)
        return float(held if self.item is None else held[self.item])

    def put(self, value: Any) -> None:
        """Let the declaration hold this."""
        if self.item is not None:
            held = getattr(self.owner, self.field)
            value = (*held[: self.item], value, *held[self.item + 1 :])
        object.__setattr__(self.owner, self.field, value)


@dataclasses.dataclass(frozen=True)
class Description:
    """A model, taken apart: equal `structure` means that the same program serves, given the numbers."""

    structure: Hashable
    numbers: tuple[Number, ...]


def describe(graph: Graph, optimizer: Any, heads: Sequence[Head], *more: Any) -> Description:
    """Take a model apart, its losses resolved, and whatever else makes the program."""
    walk = _Walk()
    structure = (
        walk.graph(graph, "layers"),
        walk.thing(optimizer, "optimizer"),
        tuple(walk.head(head) for head in heads),
        walk.thing(more, "more"),
    )
    return Description(structure, tuple(walk.numbers))


def written(structure: Hashable) -> str | None:
    """A structure as text that means the same in every process; `None` if a user's class or function is part of it,
    whose name does not say what it does.
    """
    try:
        return _written(structure)
    except _NotDeepkits:
        return None


class _NotDeepkits(Exception):
    pass


def _written(thing: Any) -> str:
    if isinstance(thing, tuple):
        return f"({','.join(map(_written, thing))})"
    if isinstance(thing, enum.Enum):
        return f"{_written(type(thing))}.{thing.name}"
    if thing is None or isinstance(thing, bool | int | float | str | bytes):
        return repr(thing)
    module, name = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", "<")
    if "<" in name or str(module).split(".")[0] not in ("deepkit", "jax", "builtins"):
        raise _NotDeepkits
    return f"{module}.{name}"


class _Walk:
    """One pass over a model. The order in which numbers are met is part of the structure."""

    def __init__(self) -> None:
        self.numbers: list[Number] = []
        self._met: dict[int, int] = {}

    def graph(self, graph: Graph, path: str) -> Hashable:
        places: dict[int, Hashable] = {
            id(tensor): ("input", number, _spec(tensor.spec)) for number, tensor in enumerate(graph.inputs)
        }
        calls: list[Hashable] = []
        for number, node in enumerate(graph.nodes):
            name = graph.name_of(node.callee)  # type: ignore[arg-type]
            inputs = tuple(places[id(tensor)] for tensor in node.inputs)
            calls.append((name, self.thing(node.callee, f"{path}/{name}"), inputs))
            for index, tensor in enumerate(node.outputs):
                places[id(tensor)] = ("call", number, index)
        outputs = tuple(places[id(tensor)] for tensor in graph.outputs)
        return tuple(calls), outputs, str(graph.input_structure), str(graph.output_structure), graph.output_names

    def head(self, head: Head) -> Hashable:
        self.numbers.append(Number(head, "loss_weight", f"{head.name}/loss_weight"))
        metrics = tuple((key, self.thing(metric, f"{head.name}/{key}")) for key, metric in head.metrics)
        weighted = tuple((key, self.thing(metric, f"{head.name}/{key}")) for key, metric in head.weighted_metrics)
        for item in range(len(head.scale or ())):
            self.numbers.append(Number(head, "scale", f"{head.name}/scale", item))
        return head.name, self.thing(head.loss, f"{head.name}/loss"), metrics, weighted, head.scale is not None

    def thing(self, value: Any, path: str) -> Hashable:
        """The structure of anything that a declaration may hold."""
        if isinstance(value, SubModel | Configurable):
            if id(value) in self._met:
                return "again", self._met[id(value)]
            self._met[id(value)] = len(self._met)
            if isinstance(value, SubModel):
                return "model", self.graph(value.graph, path), value.trainable
            return (type(value), *(self._field(value, field, path) for field in dataclasses.fields(value)))  # type: ignore[arg-type]
        if isinstance(value, Mapping):
            return tuple((key, self.thing(item, f"{path}/{key}")) for key, item in value.items())
        if isinstance(value, list | tuple):
            return type(value).__name__, *(self.thing(item, f"{path}/{n}") for n, item in enumerate(value))
        if isinstance(value, np.ndarray):
            return value.shape, str(value.dtype), value.tobytes()
        if isinstance(value, Hashable):
            # A function that `build` makes anew has an identity of its own: nobody can know what it closes over.
            return type(value), value
        return type(value), id(value)

    def _field(self, owner: Any, field: dataclasses.Field[Any], path: str) -> Hashable:
        value = getattr(owner, field.name)
        is_number = isinstance(value, float) or (type(value) is int and "float" in str(field.type))
        if not is_number and not (field.name == "learning_rate" and type(value) is int):
            return field.name, self.thing(value, f"{path}/{field.name}")
        self.numbers.append(Number(owner, field.name, f"{path}/{field.name}"))
        return field.name, float


def _spec(spec: Any) -> Hashable:
    return spec.shape, spec.dtype, spec.meaning
