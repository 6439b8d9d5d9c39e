"""What two models that a `build` function returned have in common, and in which numbers they differ.

A model is described as a structure (classes, shapes, names, functions, the graph) and a list of the real numbers in
its declarations (rates, penalties, momenta, …). Models of equal structure can be one compiled program, in which the
numbers that differ are arguments: `turned` puts traced values in their places while JAX looks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from deepkit.configuration import Configurable
from deepkit.graph import Graph
from deepkit.program.objective import Head
from deepkit.program.submodel import SubModel


@dataclasses.dataclass(frozen=True)
class Number:
    """A real number in a declaration.

    Attributes:
        owner: The declaration.
        field: Its field.
        path: Where it stands, for people: `layers/dropout/rate`.
    """

    owner: Any
    field: str
    path: str

    @property
    def value(self) -> float:
        """As declared."""
        return float(getattr(self.owner, self.field))


@dataclasses.dataclass(frozen=True)
class Description:
    """A model, taken apart: equal `structure` means that the same program serves, given the numbers."""

    structure: Hashable
    numbers: tuple[Number, ...]


def describe(model: Any) -> Description:
    """Take a compiled model apart, its losses resolved."""
    walk = _Walk()
    trainer = model._require_trainer("sweep")
    structure = (
        walk.graph(model.graph, "layers"),
        walk.thing(trainer.optimizer, "optimizer"),
        tuple(walk.head(head) for head in trainer.heads),
    )
    return Description(structure, tuple(walk.numbers))


@contextmanager
def turned(numbers: Sequence[Number], values: Sequence[Any]) -> Iterator[None]:
    """While this lasts, the declarations hold these values, which may be traced; what was there comes back."""
    before = [getattr(number.owner, number.field) for number in numbers]
    try:
        for number, value in zip(numbers, values, strict=True):
            object.__setattr__(number.owner, number.field, value)
        yield
    finally:
        for number, value in zip(numbers, before, strict=True):
            object.__setattr__(number.owner, number.field, value)


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
        return head.name, self.thing(head.loss, f"{head.name}/loss"), metrics, weighted, head.scale

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
