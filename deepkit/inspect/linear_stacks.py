"""Layers without a nonlinearity between them: however many, they compute what one would."""

from __future__ import annotations

from typing import Any

from deepkit import activations
from deepkit.errors import DeepkitTypeError, described, from_user_line
from deepkit.graph import Graph
from deepkit.layers import Activation, Dense, Dropout


@from_user_line
def linear_stacks(model: Any) -> list[tuple[str, ...]]:
    """Names of Dense layers that follow each other with nothing nonlinear between, stack by stack.

    `(x W₁ + b₁) W₂ + b₂ = x (W₁W₂) + (b₁W₂ + b₂)`: the stack is one Dense, of rank at most its narrowest width, with
    the activation of its last layer. Only training goes another way. `Dropout` and linear activations are looked
    through: the one does nothing in prediction, the others nothing at all. A narrow middle may be meant, as in a linear
    autoencoder.

    Args:
        model: A `dk.Model`; it need not be compiled. Models inside it are not looked into.

    Raises:
        DeepkitTypeError: for anything else.
    """
    from deepkit.model import Model

    if not isinstance(model, Model):
        raise DeepkitTypeError(f"linear_stacks needs a model, got {described(model)}. Pass dk.Model(inputs, outputs).")
    graph = model.program.graph
    following: dict[Any, Any] = {
        node.callee: _next_dense(graph, node) for node in graph.nodes if _is_linear_dense(node.callee)
    }
    followers = set(map(id, following.values()))
    stacks = []
    for layer in following:
        stack = [layer]
        while id(layer) not in followers and (after := following.get(stack[-1])) is not None:
            stack.append(after)
        if len(stack) > 1:
            stacks.append(tuple(graph.name_of(member) for member in stack))
    return stacks


def _is_linear_dense(layer: Any) -> bool:
    return isinstance(layer, Dense) and layer.activation is activations.linear


def _next_dense(graph: Graph, node: Any) -> Any:
    """The Dense that alone reads what this node makes, directly or through what changes nothing; else `None`."""
    while True:
        (output,) = node.outputs
        readers = [other for other in graph.nodes if any(tensor is output for tensor in other.inputs)]
        if len(readers) != 1 or any(tensor is output for tensor in graph.outputs):
            return None
        node = readers[0]
        if isinstance(node.callee, Dense):
            return node.callee
        linear = isinstance(node.callee, Activation) and node.callee.activation is activations.linear
        if not linear and not isinstance(node.callee, Dropout):
            return None
