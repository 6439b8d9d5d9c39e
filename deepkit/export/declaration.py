"""A model's graph and layers as JSON, and back.

    {"layers": [{"class": "layers.Dense", "config": {…}, "given": "dense"},
                {"graph": {…}, "name": null, "trainable": true, "given": "model"}],
     "graph": {"inputs": [{"shape": [29], "dtype": "float32", "meaning": "REAL", "name": null}],
               "input_structure": 0,
               "nodes": [{"layer": 0, "name": "dense", "inputs": [0], "shapes": [[16]]}],
               "output_structure": 1}}

Every layer stands in the list once, whatever it is shared by, and behind the layers that it is made of. One that
uses another's weights says so by `"borrows": {"tied_to": 0}`: field → number of the other layer. Tensors
are numbered through each graph: its inputs first, then what its nodes put out. A node says the name that its layer
has in this graph, so that the paths of the parameters come back as they were.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from deepkit.configuration import decode
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.export.names import Names
from deepkit.graph import Graph, Meaning, Node, Spec, SymbolicTensor
from deepkit.layers.layer import Layer
from deepkit.program import SubModel


class Writer:
    """Writes graphs; `layers` grows with every layer that has not been seen before."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.layers: list[dict[str, Any]] = []
        self._numbers: dict[int, int] = {}

    def graph(self, graph: Graph, place: str = "") -> dict[str, Any]:
        """One graph. `place` is the path of its layers: "" or "encoder/"."""
        tensors = [*graph.inputs, *(tensor for node in graph.nodes for tensor in node.outputs)]
        number = {id(tensor): index for index, tensor in reversed(list(enumerate(tensors)))}
        nodes = []
        for node in graph.nodes:
            name = graph.name_of(node.callee)  # type: ignore[arg-type]
            nodes.append(
                {
                    "layer": self._layer(node.callee, f"{place}{name}"),
                    "name": name,
                    "inputs": [number[id(tensor)] for tensor in node.inputs],
                    "shapes": [list(tensor.spec.row_shape) for tensor in node.outputs],
                }
            )
        return {
            "inputs": [_written_input(tensor) for tensor in graph.inputs],
            "input_structure": _written_structure(graph.input_structure, range(len(graph.inputs)), "inputs"),
            "nodes": nodes,
            "output_structure": _written_structure(
                graph.output_structure, [number[id(tensor)] for tensor in graph.outputs], "outputs"
            ),
        }

    def _layer(self, layer: Any, place: str) -> int:
        if id(layer) not in self._numbers:
            if isinstance(layer, SubModel):
                inside = self.graph(layer.graph, f"{place}/")
                written = {"graph": inside, "name": layer.name, "trainable": layer.trainable}
            else:
                written = self._own(layer, place)
            self._numbers[id(layer)] = len(self.layers)
            self.layers.append({**written, "given": layer.given_name})
        return self._numbers[id(layer)]

    def _own(self, layer: Layer, place: str) -> dict[str, Any]:
        """A layer by itself: the layers whose weights it uses are not written again, but named by their number."""
        fields = {id(owner): owner for owner, _ in layer.borrowed().values()}
        borrows = {
            field.name: self._layer(owner, f"{place}.{field.name}")
            for field in dataclasses.fields(layer)
            if (owner := fields.get(id(getattr(layer, field.name)))) is not None
        }
        if not borrows:
            return self.names.write(layer, place)
        return {**self.names.write(layer.replace(**dict.fromkeys(borrows)), place), "borrows": borrows}


def _written_input(tensor: SymbolicTensor) -> dict[str, Any]:
    spec = tensor.spec
    return {
        "shape": list(spec.row_shape),
        "dtype": spec.dtype,
        "meaning": spec.meaning.name,
        "name": tensor.name,
    }


def _written_structure(structure: Any, numbers: Sequence[int], what: str) -> Any:
    """How the user arranged the tensors: numbers in lists, tuples and dicts."""

    def write(arranged: Any) -> Any:
        if type(arranged) is dict and all(isinstance(key, str) for key in arranged):
            return {"dict": {key: write(item) for key, item in arranged.items()}}
        if type(arranged) in (list, tuple):
            return {type(arranged).__name__: [write(item) for item in arranged]}
        if isinstance(arranged, int) or arranged is None:
            return arranged
        raise DeepkitTypeError(
            f"the model's {what} are arranged in a {type(arranged).__name__}, which cannot be saved. "
            "Use lists, tuples, and dicts with names as keys."
        )

    return write(structure.unflatten(numbers))


class Reader:
    """Builds graphs from what `Writer` wrote.

    Args:
        layers: The list of all layers.
        vocabulary: What every class and function in it means.
    """

    def __init__(self, layers: Sequence[Mapping[str, Any]], vocabulary: Mapping[str, Any]) -> None:
        self._vocabulary = vocabulary
        self._written = layers
        self._layers: list[Layer] = []
        for written in layers:
            self._layers.append(self._layer(written))

    def tensors(self, written: Mapping[str, Any]) -> tuple[Any, Any]:
        """`(inputs, outputs)` of one graph, arranged as they were, its layers named as they are in it."""
        tensors = [_input(each) for each in written["inputs"]]
        for node in written["nodes"]:
            layer = _at(self._layers, node["layer"])
            layer.holder.name = node["name"]
            outputs = jax.tree.leaves(layer([_at(tensors, number) for number in node["inputs"]]))[0].node.outputs
            shapes = [list(tensor.spec.row_shape) for tensor in outputs]
            if shapes != node["shapes"]:
                raise DeepkitValueError(
                    f"{layer.label} puts out rows of shape {shapes}, and {node['shapes']} when the model was saved. "
                    "Pass the functions and classes that it was built with."
                )
            tensors += outputs
        return _structure(written["input_structure"], tensors), _structure(written["output_structure"], tensors)

    def finish(self) -> None:
        """Give every layer the name by which models built from now on know it: that of the last one before."""
        for layer, written in zip(self._layers, self._written, strict=True):
            layer.holder.name = written["given"]

    def _layer(self, written: Mapping[str, Any]) -> Layer:
        if "graph" in written:
            graph = Graph(*self.tensors(written["graph"]))
            return SubModel(graph, name=written["name"], trainable=written["trainable"])
        layer = decode({"class": written["class"], "config": written["config"]}, self._vocabulary)
        if not isinstance(layer, Layer):
            raise DeepkitTypeError(
                f"{written['class']!r} is needed as a layer, and {type(layer).__name__} is none. "
                "Derive it from dk.layers.Layer."
            )
        borrows = written.get("borrows", {})
        owners = {field: _at(self._layers, number) for field, number in borrows.items()}
        return layer.replace(**owners) if owners else layer


def _input(written: Mapping[str, Any]) -> SymbolicTensor:
    # Not dk.Input: what a model starts from may be the output of a layer, and then its meaning is known.
    spec = Spec((None, *written["shape"]), written["dtype"], Meaning[written["meaning"]])
    tensor = Node(None, (), [spec]).outputs[0]
    tensor.name = written["name"]
    return tensor


def _structure(written: Any, tensors: Sequence[SymbolicTensor]) -> Any:
    if isinstance(written, Mapping):
        ((kind, items),) = written.items()
        if kind == "dict":
            return {key: _structure(item, tensors) for key, item in items.items()}
        return {"list": list, "tuple": tuple}[kind](_structure(item, tensors) for item in items)
    return None if written is None else _at(tensors, written)


def _at(items: Sequence[Any], number: int) -> Any:
    if not 0 <= number < len(items):
        raise DeepkitValueError(f"number {number} of {len(items)} is referred to.")
    return items[number]
