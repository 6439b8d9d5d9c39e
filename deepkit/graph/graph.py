"""The immutable graph between some inputs and some outputs: order, names, and what is wrong with it."""

from __future__ import annotations

import re
from typing import Any

import jax

from deepkit.errors import DeepkitTypeError, DeepkitValueError, described
from deepkit.graph.spec import Spec
from deepkit.graph.tensor import Callee, Node, SymbolicTensor


def snake_case(name: str) -> str:
    """`BatchNormalization` → `batch_normalization`, `ReLU` → `relu`, `Conv2DTranspose` → `conv2d_transpose`."""
    if name in ("ReLU", "PReLU", "ELU", "GELU", "SiLU", "SELU", "GLU", "ReLU6", "LeakyReLU", "HardSiLU"):
        return {"LeakyReLU": "leaky_relu", "HardSiLU": "hard_silu"}.get(name, name.lower())
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", name).lower()


class Graph:
    """All nodes between `inputs` and `outputs`, in an order in which they can be computed.

    Attributes:
        inputs, outputs: The symbolic tensors, flattened.
        input_structure, output_structure: How the user arranged them (one tensor, a list, a dict), as a
            JAX tree definition.
        nodes: Every layer call, inputs first; `Input` nodes are not among them.
        callees: Every layer once, in the order of its first call, by its name in this graph.
        input_names, output_names: One unique name per input, and per output the name of the layer that makes it.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self.input_structure = _flatten(inputs, "inputs")
        self.outputs, self.output_structure = _flatten(outputs, "outputs")
        _check_inputs(self.inputs)
        self.nodes = _order(self.inputs, self.outputs)
        self.callees = _name_callees(self.nodes)
        self._names = {id(callee): name for name, callee in self.callees.items()}
        self._first_calls = {id(node.callee): node for node in reversed(self.nodes)}
        self.input_names = _names_of_inputs(inputs, self.inputs)
        self.output_names = _names_of_outputs(outputs, self)

    def name_of(self, callee: Callee) -> str:
        """Name of a layer in this graph."""
        return self._names[id(callee)]

    def input_specs_of(self, callee: Callee) -> tuple[Spec, ...]:
        """Specs of the tensors on which a layer is first called; they decide the shapes of its weights."""
        return tuple(tensor.spec for tensor in self._first_calls[id(callee)].inputs)


def _flatten(tensors: Any, what: str) -> tuple[tuple[SymbolicTensor, ...], Any]:
    leaves, structure = jax.tree.flatten(tensors, is_leaf=lambda leaf: isinstance(leaf, SymbolicTensor))
    for leaf in leaves:
        if not isinstance(leaf, SymbolicTensor):
            mend = "dk.Input(…)" if what == "inputs" else "a layer call such as Dense(1)(x)"
            raise DeepkitTypeError(
                f"Model({what}=…) holds {described(leaf)}, where a tensor is expected. Pass what {mend} returned"
                + ("; a list of layers goes into dk.Sequential([…])." if callable(leaf) else ".")
            )
    if not leaves:
        mend = "dk.Input(…)" if what == "inputs" else "a layer call such as Dense(1)(x)"
        raise DeepkitValueError(f"Model({what}={tensors!r}) holds no tensor. Pass what {mend} returned.")
    return tuple(leaves), structure


def _check_inputs(inputs: tuple[SymbolicTensor, ...]) -> None:
    if len(set(map(id, inputs))) < len(inputs):
        twice = next(tensor for tensor in inputs if sum(other is tensor for other in inputs) > 1)
        raise DeepkitValueError(
            f"Model(inputs=…) names {twice.label} twice. Pass every input once; it may be used by many layers."
        )


def _order(inputs: tuple[SymbolicTensor, ...], outputs: tuple[SymbolicTensor, ...]) -> tuple[Node, ...]:
    """Depth-first order from the outputs, stopping at the inputs; iterative, for graphs of thousands of layers."""
    boundary = {id(tensor) for tensor in inputs}
    done: dict[int, Node] = {}
    used: set[int] = set()
    stack: list[tuple[SymbolicTensor, bool]] = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, visited = stack.pop()
        node = tensor.node
        if id(tensor) in boundary:
            used.add(id(tensor))
        elif visited:
            done.setdefault(id(node), node)
        elif id(node) not in done:
            if node.callee is None:
                raise DeepkitValueError(_missing_input(tensor, inputs, outputs))
            stack.append((tensor, True))
            stack.extend((source, False) for source in reversed(node.inputs))
    for tensor in inputs:
        if id(tensor) not in used:
            raise DeepkitValueError(
                f"{tensor.label} of shape {tensor.shape} is an input of the model, but no output depends on it. "
                "Connect it to a layer, or leave it out of Model(inputs=…)."
            )
    return tuple(done.values())


def _missing_input(
    tensor: SymbolicTensor, inputs: tuple[SymbolicTensor, ...], outputs: tuple[SymbolicTensor, ...]
) -> str:
    if any(tensor is output for output in outputs):
        return (
            f"Model(…): {tensor.label} is among the outputs and not among the inputs "
            f"({', '.join(given.label for given in inputs)}). The order is Model(inputs, outputs)."
        )
    if any(given.label == tensor.label and given.shape == tensor.shape for given in inputs):
        return (
            f"Model(inputs=…) was given another {tensor.label} than the one that the outputs are computed from. "
            "Make it once and use the same tensor twice: x = dk.Input(…); dk.Model(x, layer(x))."
        )
    return (
        f"the outputs need {tensor.label} of shape {tensor.shape}, which is not among the model's inputs "
        f"({', '.join(given.label for given in inputs)}). Add it: Model(inputs=[…, that input], outputs)."
    )


def _unique(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _name_callees(nodes: tuple[Node, ...]) -> dict[str, Any]:
    callees: dict[int, Any] = {id(node.callee): node.callee for node in nodes}
    taken: dict[str, Any] = {}
    for callee in callees.values():
        explicit = callee.name
        if explicit is None:
            continue
        if explicit in taken:
            raise DeepkitValueError(
                f"two layers are called {explicit!r}, a {type(taken[explicit]).__name__} and a "
                f"{type(callee).__name__}, but names are the keys of the parameters. "
                "Give each layer a name of its own, or leave name= out."
            )
        taken[explicit] = callee
    names: dict[int, str] = {id(callee): name for name, callee in taken.items()}
    for key, callee in callees.items():
        if key not in names:
            # A layer keeps the name that the first model gave it, so that sub-models agree on names.
            wanted = callee.given_name
            names[key] = wanted if wanted and wanted not in taken else _unique(callee.default_name, set(taken))
            taken[names[key]] = callee
            callee.given_name = wanted or names[key]
    return {names[key]: callee for key, callee in callees.items()}


def _is_flat_dict(structure: Any) -> bool:
    """Whether the keys can serve as names: nested arrangements get names like lists."""
    return isinstance(structure, dict) and all(isinstance(item, SymbolicTensor) for item in structure.values())


def _names_of_inputs(structure: Any, inputs: tuple[SymbolicTensor, ...]) -> tuple[str, ...]:
    if _is_flat_dict(structure):
        by_tensor = {id(tensor): str(key) for key, tensor in structure.items()}
        return tuple(by_tensor[id(tensor)] for tensor in inputs)
    taken = {tensor.name for tensor in inputs if tensor.name}
    if len(taken) < sum(bool(tensor.name) for tensor in inputs):
        names_given = [tensor.name for tensor in inputs if tensor.name]
        twice = next(name for name in names_given if names_given.count(name) > 1)
        raise DeepkitValueError(
            f"two inputs are called {twice!r}, and data passed as a dict could not tell them apart. "
            "Give each Input a name of its own, or leave name= out."
        )
    names: list[str] = []
    for tensor in inputs:
        name = tensor.name or _unique("input", {*taken, *names})
        names.append(name)
    return tuple(names)


def _names_of_outputs(structure: Any, graph: Graph) -> tuple[str, ...]:
    if _is_flat_dict(structure):
        keys = {id(tensor): str(key) for key, tensor in structure.items()}
        return tuple(keys[id(tensor)] for tensor in graph.outputs)
    names: list[str] = []
    for tensor in graph.outputs:
        name = "output" if tensor.node.callee is None else graph.name_of(tensor.node.callee)
        names.append(_unique(name, set(names)))
    return tuple(names)
