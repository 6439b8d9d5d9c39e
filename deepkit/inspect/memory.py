"""The memory that one row takes between the layers."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from deepkit.graph import Graph, Node, SymbolicTensor
from deepkit.program import SubModel


class Memory(NamedTuple):
    """Bytes per row around one call of a layer.

    Attributes:
        kept: Its outputs (of all layers, in a sub-model), which training keeps for the gradients.
        live: Everything that prediction holds while the layer computes: what it reads, what it writes, and what a
            later layer still needs.
    """

    kept: int
    live: int


def memory_of(graph: Graph) -> list[Memory]:
    """Per node of the graph. The sum of `kept` (and the inputs) is training's, the maximum of `live` prediction's.

    Every tensor between layers counts whole. XLA needs less where it fuses layers, and more for scratch space.
    """
    last_use = {id(tensor): number for number, node in enumerate(graph.nodes) for tensor in node.inputs}
    last_use |= {id(tensor): len(graph.nodes) for tensor in graph.outputs}
    live = {id(tensor): tensor_bytes(tensor) for tensor in graph.inputs}
    result = []
    for number, node in enumerate(graph.nodes):
        live |= {id(tensor): tensor_bytes(tensor) for tensor in node.outputs}
        kept, inside = _within(node)
        result.append(Memory(kept, sum(live.values()) + inside))
        live = {key: size for key, size in live.items() if last_use.get(key, -1) > number}
    return result


def tensor_bytes(tensor: SymbolicTensor) -> int:
    """Of one row."""
    return tensor.spec.row_size * np.dtype(jax.dtypes.canonicalize_dtype(tensor.dtype)).itemsize


def _within(node: Node) -> tuple[int, int]:
    """`(kept, what is held inside at most beyond the node's own inputs and outputs)`."""
    if not isinstance(node.callee, SubModel):
        return sum(map(tensor_bytes, node.outputs)), 0
    inner = memory_of(node.callee.graph)
    ends = sum(map(tensor_bytes, (*node.inputs, *node.outputs)))
    return sum(step.kept for step in inner), max(0, max(step.live for step in inner) - ends)
