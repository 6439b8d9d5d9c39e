"""Layers made of other layers."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import jax

from deepkit.graph import Spec
from deepkit.initializers.drawing import split
from deepkit.kernels.threefry import fold_in
from deepkit.layers.layer import Context, Layer, Weights


class Wrapper(Layer):
    """Base of layers that hold others. Each part's weights are a branch under the part's name.

    A subclass says its parts and overrides `apply`; within it `run` computes a part. The layers inside belong to the
    wrapper: used elsewhere as well, they have weights of their own there.
    """

    def parts(self, *inputs: Any) -> dict[str, tuple[Layer, tuple[Spec, ...]]]:
        """By name, every inner layer and the specs that it is called on."""
        raise NotImplementedError

    def inner_layers(self) -> list[Layer]:
        """Those among the fields."""
        fields = [getattr(self, field.name) for field in dataclasses.fields(self)]
        return [value for value in jax.tree.leaves(fields) if isinstance(value, Layer)]

    def build(self, *inputs: Spec) -> dict[str, Any]:
        """The parts' weights, nested."""
        return {name: layer.weight_tree(*specs) for name, (layer, specs) in self.parts(*inputs).items()}

    def init(self, key: jax.Array, *inputs: Spec) -> tuple[Weights, Weights]:
        """Fresh `(parameters, state)`, nested; every part draws from a key of its own."""
        params, state = {}, {}
        parts = self.parts(*inputs)
        for subkey, (name, (layer, specs)) in zip(split(key, len(parts)), parts.items(), strict=True):
            params[name], state[name] = layer.init(subkey, *specs)
        return params, state

    @property
    def final_activation(self) -> Any:
        """Never taken off: it belongs to a part."""
        return None


def run(
    layer: Layer, name: str, params: Weights, state: Weights, *inputs: Any, context: Context
) -> tuple[Any, Weights]:
    """`(output, the part's new state)` of the part of this name."""
    inside = context_of_part(context, layer, name)
    return layer.apply(params.get(name, {}), state.get(name, {}), *inputs, context=inside)


def updated(state: Weights, after: Weights) -> Weights:
    """The wrapper's state with its parts' new ones, and no branch more: a model read from a file has no empty ones."""
    return {name: after.get(name, kept) for name, kept in state.items()}


def context_of_part(context: Context, layer: Layer, name: str) -> Context:
    """The same moment, with random numbers of the part's own."""
    if context.rng is None:
        return context
    key = fold_in(context.key_for(layer), zlib.crc32(name.encode()))
    return dataclasses.replace(context, rng=key, call_number=0)
