"""A whole graph in the place of a layer."""

from __future__ import annotations

from typing import Any

import jax

from deepkit.errors import DeepkitValueError
from deepkit.graph import Graph, Spec
from deepkit.initializers.drawing import split
from deepkit.layers.layer import Layer, Weights


class SubModel(Layer):
    """What a model is when it is called on tensors: its weights are a tree, one branch per layer inside."""

    graph: Graph

    @property
    def label(self) -> str:
        """How errors name it."""
        name = self.name or self.given_name
        return f"Model {name!r}" if name else "the model"

    def inner_layers(self) -> list[Layer]:
        """Those of the graph."""
        return list(self.graph.callees.values())

    @property
    def default_name(self) -> str:
        """As users call it."""
        return "model"

    def output_specs(self, *inputs: Spec) -> Any:
        """Specs of the graph's outputs, after its layers have checked the inputs they are called on."""
        self._check_inputs(inputs)
        known = {id(tensor): spec for tensor, spec in zip(self.graph.inputs, inputs, strict=True)}
        for node in self.graph.nodes:
            specs = jax.tree.leaves(
                node.callee.output_specs(*(known[id(tensor)] for tensor in node.inputs)),  # type: ignore[union-attr]
                is_leaf=lambda leaf: isinstance(leaf, Spec),
            )
            for tensor, spec in zip(node.outputs, specs, strict=True):
                known.setdefault(id(tensor), spec)
        return jax.tree.unflatten(self.graph.output_structure, [known[id(tensor)] for tensor in self.graph.outputs])

    def weight_tree(self, *inputs: Spec) -> Weights:
        """Declared weights, nested by layer name."""
        return {
            name: layer.weight_tree(*self.graph.input_specs_of(layer)) for name, layer in self.graph.callees.items()
        }

    def init(self, key: jax.Array, *inputs: Spec) -> tuple[Weights, Weights]:
        """Fresh `(parameters, state)`, nested by layer name; every layer draws from a key of its own."""
        params, state = {}, {}
        layers = self.graph.callees.items()
        for subkey, (name, layer) in zip(split(key, len(layers)), layers, strict=True):
            params[name], state[name] = layer.init(subkey, *self.graph.input_specs_of(layer))
        return params, state

    @property
    def final_activation(self) -> Any:
        """Never taken off from outside: `forward` looks into the graph instead."""
        return None

    def _check_inputs(self, inputs: tuple[Spec, ...]) -> None:
        declared = [tensor.shape for tensor in self.graph.inputs]
        given = [spec.shape for spec in inputs]
        if declared != given:
            raise DeepkitValueError(
                f"{self.label} was declared with inputs of shape {' and '.join(map(str, declared))}, but called on "
                f"{' and '.join(map(str, given))}. Call it on {len(declared)} tensor{'s' * (len(declared) > 1)} of the "
                "declared shape, in the declared order."
            )
