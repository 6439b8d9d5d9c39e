"""What a model costs, layer by layer and in all: arithmetic, memory, how far it sees, how deep it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from deepkit.graph import Graph, Node
from deepkit.inspect.accounting import Row
from deepkit.inspect.field import Field, fields_of
from deepkit.inspect.memory import memory_of, tensor_bytes
from deepkit.inspect.work import Work, work_of
from deepkit.program import SubModel


class Cost(NamedTuple):
    """Of one layer, all its calls together, for one row of data.

    Attributes:
        work: Multiply-adds and connections.
        kept: Bytes of its outputs.
        live: Bytes that prediction holds while the layer computes.
        field: What a number of its output sees of the input.
    """

    work: Work
    kept: int
    live: int
    field: Field | None


class Total(NamedTuple):
    """Of a model, for one row of data.

    Attributes:
        work: Multiply-adds and connections.
        training: Bytes of the inputs and all outputs, which the gradients need.
        prediction: Bytes that prediction holds at most at a time.
        depth: Layers with a kernel on the longest way from an input to an output.
    """

    work: Work
    training: int
    prediction: int
    depth: int


def costs_of(graph: Graph, rows: Sequence[Row]) -> tuple[list[Cost], Total]:
    """Per row, and in all. Nothing is computed and no weight is drawn."""
    known: dict[Any, Work] = {}
    works = {id(node): work_of(node, known) for node in graph.nodes}
    memory = dict(zip(map(id, graph.nodes), memory_of(graph), strict=True))
    fields = fields_of(graph)
    inputs = dict(zip(graph.input_names, graph.inputs, strict=True))
    costs = []
    for row in rows:
        if not row.nodes:
            tensor = inputs[row.name]
            costs.append(Cost(Work(), tensor_bytes(tensor), 0, fields.get(id(tensor))))
            continue
        costs.append(
            Cost(
                sum((works[id(node)] for node in row.nodes), Work()),
                sum(memory[id(node)].kept for node in row.nodes),
                max(memory[id(node)].live for node in row.nodes),
                fields.get(id(row.nodes[0].outputs[0])),
            )
        )
    total = Total(
        sum((cost.work for cost in costs), Work()),
        sum(cost.kept for cost in costs),
        max(cost.live for cost in costs),
        max(_depths(graph, [0] * len(graph.inputs), known)),
    )
    return costs, total


def _depths(graph: Graph, start: Sequence[int], known: dict[Any, Work]) -> list[int]:
    """Per output, the layers with a kernel behind it."""
    depth = dict(zip(map(id, graph.inputs), start, strict=True))
    for node in graph.nodes:
        before = [depth[id(tensor)] for tensor in node.inputs]
        if isinstance(node.callee, SubModel):
            after = _depths(node.callee.graph, before, known)
        else:
            after = [max(before) + _has_kernel(node, known)] * len(node.outputs)
        depth |= {id(tensor): depth.get(id(tensor), number) for tensor, number in zip(node.outputs, after, strict=True)}
    return [depth[id(tensor)] for tensor in graph.outputs]


def _has_kernel(node: Node, known: dict[Any, Work]) -> bool:
    """Whether numbers are multiplied by weights and added up: not in normalisation, not in products of two inputs."""
    layer: Any = node.callee
    weights = layer.weight_tree(*(tensor.spec for tensor in node.inputs)) or layer.borrowed()
    return bool(weights) and work_of(node, known).multiply_adds > 0
