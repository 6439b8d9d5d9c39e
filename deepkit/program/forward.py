"""The forward pass: a graph, weights and inputs → outputs, new state, and what a loss needs besides."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from deepkit import activations
from deepkit.graph import Graph
from deepkit.layers.augmentation_mix import Mixing
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.program.mixing import Mixes, joined
from deepkit.program.submodel import SubModel


class Pass(NamedTuple):
    """Result of one forward pass.

    Attributes:
        outputs: One array per output of the graph, activated.
        logits: The same before the final sigmoid or softmax; `None` where the output has no such activation.
        penalty: Sum of the activity penalties per row (scalar).
        state: The state after the pass.
        masks: One per output: which steps of a sequence count, `(batch, steps)`, or `None` if all do.
        mixes: One per output: how its rows were mixed with others on the way to it (see `mixing`).
    """

    outputs: tuple[jax.Array, ...]
    logits: tuple[jax.Array | None, ...]
    penalty: jax.Array | float
    state: Any
    masks: tuple[jax.Array | None, ...] = ()
    mixes: tuple[Mixes, ...] = ()


def forward(
    graph: Graph,
    params: dict[Layer, Weights],
    state: dict[Layer, Weights],
    inputs: Sequence[jax.Array],
    context: Context,
) -> Pass:
    """Run every layer of the graph once, in order. Pure; inputs are cast to their declared dtype here.

    Weights are looked up by layer, not by place: wherever in the graph or its sub-models a layer stands, it is the
    same layer, and its state moves on from call to call.
    """
    values: dict[int, Any] = {
        id(tensor): jnp.asarray(array, tensor.dtype) for tensor, array in zip(graph.inputs, inputs, strict=True)
    }
    masks = dict(zip(map(id, graph.inputs), context.masks, strict=False))
    mixes: dict[int, Mixes] = {id(tensor): () for tensor in graph.inputs}
    logits: dict[int, jax.Array | None] = {}
    final = {id(tensor) for tensor in graph.outputs}
    state = dict(state)
    penalty: jax.Array | float = 0.0
    for number, node in enumerate(graph.nodes):
        layer: Any = node.callee
        arguments = [values[id(tensor)] for tensor in node.inputs]
        here = dataclasses.replace(
            context, call_number=number, masks=tuple(masks.get(id(tensor)) for tensor in node.inputs)
        )
        mixed = joined(layer, [mixes[id(tensor)] for tensor in node.inputs])
        makes_output = any(id(tensor) in final for tensor in node.outputs)
        results: Sequence[Any]
        if isinstance(layer, SubModel):
            inside = dataclasses.replace(here, rng=here.key_inside(), call_number=0)
            inner = forward(layer.graph, params, state, arguments, inside)
            state, penalty = inner.state, penalty + inner.penalty
            results = inner.outputs
            logits.update({id(t): z for t, z in zip(node.outputs, inner.logits, strict=True)})
            masks.update({id(t): mask for t, mask in zip(node.outputs, inner.masks, strict=True)})
            mixes.update({id(t): mixed + more for t, more in zip(node.outputs, inner.mixes, strict=True)})
        elif makes_output and activations.reads_logits(layer.final_activation):
            linear = layer.without_activation()
            z, state[layer] = linear.apply(_weights(layer, params), state[layer], *arguments, context=here)
            results = (layer.final_activation(z),)
            logits[id(node.outputs[0])] = z
        else:
            output, state[layer] = layer.apply(_weights(layer, params), state[layer], *arguments, context=here)
            results = jax.tree.leaves(output)
            if isinstance(layer, Mixing) and here.training:
                mixed = (*mixed, layer.partners(here, arguments[0]))
        for tensor, result in zip(node.outputs, results, strict=True):
            values.setdefault(id(tensor), result)  # an input of the model stays what was passed in
            mixes.setdefault(id(tensor), mixed)
            if not isinstance(layer, SubModel):
                masks.setdefault(id(tensor), layer.output_mask(here.masks, arguments, result))
        penalty = penalty + _activity_penalty(layer, results, context)
    return Pass(
        tuple(values[id(tensor)] for tensor in graph.outputs),
        tuple(logits.get(id(tensor)) for tensor in graph.outputs),
        penalty,
        state,
        tuple(masks.get(id(tensor)) for tensor in graph.outputs),
        tuple(mixes[id(tensor)] for tensor in graph.outputs),
    )


def _weights(layer: Layer, params: dict[Layer, Weights]) -> Weights:
    """The layer's parameters, and those that it borrows from others."""
    borrowed = layer.borrowed().items()
    return {**params[layer], **{name: params[owner][theirs] for name, (owner, theirs) in borrowed}}


def _activity_penalty(layer: Any, results: Sequence[jax.Array], context: Context) -> jax.Array | float:
    """Penalty on the outputs, divided by the number of rows as in Keras; rows that only pad are left out."""
    regularizer = getattr(layer, "activity_regularizer", None)
    if regularizer is None:
        return 0.0
    total: jax.Array | float = 0.0
    for values in results:
        rows: jax.Array | int = values.shape[0]
        if context.row_mask is not None:
            keep = context.row_mask.reshape(-1, *[1] * (values.ndim - 1))
            values, rows = jnp.where(keep, values, 0), context.row_mask.sum()
        total = total + regularizer(values) / rows
    return total
