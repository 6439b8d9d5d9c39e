"""Who owns which weights: one row per layer, every array counted once."""

from __future__ import annotations

import dataclasses
import itertools
import math

import jax
import numpy as np

from deepkit.graph import Graph, Node
from deepkit.layers.layer import Weight, Weights
from deepkit.program import Program, SubModel
from deepkit.program.program import get, is_weight


@dataclasses.dataclass(frozen=True)
class Count:
    """Numbers in some arrays, by what training does with them, and the memory they take.

    Attributes:
        trainable: Parameters that the optimizer changes.
        frozen: Parameters of layers with `trainable=False`, or below such a sub-model.
        state: Numbers that a layer keeps itself (moving averages, counters).
        bytes: Memory of all of them.
    """

    trainable: int = 0
    frozen: int = 0
    state: int = 0
    bytes: int = 0

    @property
    def total(self) -> int:
        """All numbers, as Keras counts parameters."""
        return self.trainable + self.frozen + self.state

    def __add__(self, other: Count) -> Count:
        return Count(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))


@dataclasses.dataclass(frozen=True)
class Row:
    """One layer, input or sub-model of a graph.

    Attributes:
        name: Its name in the graph.
        kind: Its class; `Input` or `Model` for inputs and sub-models.
        shapes: Shapes of its outputs, those of repeated calls only where they differ.
        count: Its weights. Weights that an earlier row, or a sub-model in it, has counted are left out.
        calls: Per call of the layer the names of what it is called on.
        note: What the numbers don't say: shared weights, layers inside.
        nodes: The calls themselves; none of an input.
        declared: The weights that `count` counts.
    """

    name: str
    kind: str
    shapes: tuple[tuple[int | None, ...], ...]
    count: Count
    calls: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    nodes: tuple[Node, ...] = ()
    declared: Weights = dataclasses.field(default_factory=dict)

    @property
    def kernels(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the parameters with more than one axis, as declared."""
        weights = _leaves(self.declared)
        return tuple(weight.shape for weight in weights if weight.trainable and len(weight.shape) > 1)

    @property
    def formula(self) -> str:
        """How the numbers in its weights come about: `3·3·3·32 + 32`, `4·32`; empty for sub-models."""
        sizes = ["·".join(map(str, weight.shape)) or "1" for weight in _leaves(self.declared)]
        repeated = [(size, len(list(same))) for size, same in itertools.groupby(sizes)]
        return "" if self.kind == "Model" else " + ".join(f"{n}·{size}" if n > 1 else size for size, n in repeated)

    @property
    def floored(self) -> bool:
        """Whether an output size was rounded down: the last positions of the input are not seen."""
        moved = (node for node in self.nodes if hasattr(node.callee, "geometry"))
        stood = (node.callee.geometry(node.inputs[0].spec) for node in moved)  # type: ignore[union-attr]
        return any(geometry is not None and geometry.floored for geometry in stood)


def rows_of(program: Program) -> list[Row]:
    """The inputs, then the layers in the order of their first call. Nothing is computed; no weight is drawn."""
    graph = program.graph
    declared, mask = program.weight_tree(), program.trainable_mask()
    calls, names = _calls(graph), tensor_names(graph)
    rows = [
        Row(name, "Input", (tensor.shape,), Count())
        for name, tensor in zip(graph.input_names, graph.inputs, strict=True)
    ]
    for name, layer in graph.callees.items():
        nested = isinstance(layer, SubModel)
        rows.append(
            Row(
                name,
                "Model" if nested else type(layer).__name__,
                tuple(dict.fromkeys(tensor.shape for node in calls[name] for tensor in node.outputs)),
                _count(declared.get(name, {}), mask.get(name, {})),
                tuple(tuple(names[id(tensor)] for tensor in node.inputs) for node in calls[name]),
                _note(program, name, len(layer.graph.callees) if nested else 0),
                tuple(calls[name]),
                declared.get(name, {}),
            )
        )
    return rows


def tensor_names(graph: Graph) -> dict[int, str]:
    """By `id`, every tensor's layer or input, with the call of a shared layer and the place among several outputs."""
    names = {}
    for name, nodes in _calls(graph).items():
        for number, node in enumerate(nodes, 1):
            call = f" (call {number})" if len(nodes) > 1 else ""
            for tensor in node.outputs:
                names[id(tensor)] = name + call + (f" [{tensor.index}]" if len(node.outputs) > 1 else "")
    return names | {id(tensor): name for name, tensor in zip(graph.input_names, graph.inputs, strict=True)}


def _calls(graph: Graph) -> dict[str, list[Node]]:
    calls: dict[str, list[Node]] = {name: [] for name in graph.callees}
    for node in graph.nodes:
        assert node.callee is not None, "a graph's nodes are layer calls; inputs are not among them"
        calls[graph.name_of(node.callee)].append(node)
    return calls


def _leaves(declared: Weights) -> list[Weight]:
    """In the order of declaration (JAX would sort them by name)."""
    branches = (_leaves(item) if isinstance(item, dict) else [item] for item in declared.values())
    return [weight for branch in branches for weight in branch]


def _count(declared: Weights, mask: Weights) -> Count:
    total = Count()
    for keys, weight in jax.tree_util.tree_leaves_with_path(declared, is_leaf=is_weight):
        size = math.prod(weight.shape)
        # float64 takes 8 bytes only where JAX has it.
        memory = size * np.dtype(jax.dtypes.canonicalize_dtype(weight.dtype)).itemsize
        if not weight.trainable:
            total += Count(state=size, bytes=memory)
        elif get(mask, tuple(key.key for key in keys)):
            total += Count(trainable=size, bytes=memory)
        else:
            total += Count(frozen=size, bytes=memory)
    return total


def _note(program: Program, name: str, layers_inside: int) -> str:
    notes = [f"{layers_inside} layer{'s' * (layers_inside > 1)}"] if layers_inside else []
    if (name,) in program.aliases:
        notes.append(f"counted in {'/'.join(program.aliases[name,])}")
    else:
        owners = {source[0]: None for place, source in program.aliases.items() if place[0] == name != source[0]}
        notes += [f"partly counted in {', '.join(owners)}"] if owners else []
    return ", ".join(notes)
