"""The forward pass: a graph, weights and inputs → outputs, new state, and what a loss needs besides."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from deepkit import activations
from deepkit.graph import Graph
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.program.submodel import SubModel


class Pass(NamedTuple):
    """Result of one forward pass.

    Attributes:
        outputs: One array per output of the graph, activated.
        logits: The same before the final sigmoid or softmax; `None` where the output has no such activation.
        penalty: Sum of the activity penalties per row (scalar).
        state: The state after the pass.
    """

    outputs: tuple[jax.Array, ...]
    logits: tuple[jax.Array | None, ...]
    penalty: jax.Array | float
    state: Any


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
    logits: dict[int, jax.Array | None] = {}
    final = {id(tensor) for tensor in graph.outputs}
    state = dict(state)
    penalty: jax.Array | float = 0.0
    for number, node in enumerate(graph.nodes):
        layer: Any = node.callee
        arguments = [values[id(tensor)] for tensor in node.inputs]
        here = dataclasses.replace(context, call_number=number)
        makes_output = any(id(tensor) in final for tensor in node.outputs)
        results: Sequence[Any]
        if isinstance(layer, SubModel):
            inside = dataclasses.replace(here, rng=None if here.rng is None else here.key_for(layer), call_number=0)
            inner = forward(layer.graph, params, state, arguments, inside)
            state, penalty = inner.state, penalty + inner.penalty
            results = inner.outputs
            logits.update({id(t): z for t, z in zip(node.outputs, inner.logits, strict=True)})
        elif makes_output and activations.reads_logits(layer.final_activation):
            z, state[layer] = layer.without_activation().apply(params[layer], state[layer], *arguments, context=here)
            results = (layer.final_activation(z),)
            logits[id(node.outputs[0])] = z
        else:
            output, state[layer] = layer.apply(params[layer], state[layer], *arguments, context=here)
            results = jax.tree.leaves(output)
        for tensor, result in zip(node.outputs, results, strict=True):
            values.setdefault(id(tensor), result)  # an input of the model stays what was passed in
        penalty = penalty + _activity_penalty(layer, results, context)
    return Pass(
        tuple(values[id(tensor)] for tensor in graph.outputs),
        tuple(logits.get(id(tensor)) for tensor in graph.outputs),
        penalty,
        state,
    )


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
