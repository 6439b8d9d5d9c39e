"""How much a layer computes: multiplications that are added up, and connections."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from deepkit.graph import Node, Spec
from deepkit.layers.dense import Dense
from deepkit.layers.layer import Context, Layer, Weight
from deepkit.layers.recurrence import Recurrent
from deepkit.program import SubModel
from deepkit.program.program import is_weight, parameters_of, shapes_of, state_of


class Work(NamedTuple):
    """Of one call of a layer, for one row.

    Attributes:
        multiply_adds: Products that go into sums: those of matrix products and convolutions, as papers count them.
            Activations, biases, pooling and normalisation, which are a small part, are not among them.
        connections: Multiply-adds, and one for the bias of every number that gets one (LeCun's way of counting).
    """

    multiply_adds: int = 0
    connections: int = 0

    def __add__(self, other: Any) -> Work:
        return Work(self.multiply_adds + other.multiply_adds, self.connections + other.connections)


def work_of(node: Node, known: dict[Any, Work]) -> Work:
    """The work of a call. `known` remembers what equal layers on equal inputs cost; begin with `{}`."""
    layer: Any = node.callee
    if isinstance(layer, SubModel):
        return sum((work_of(inner, known) for inner in layer.graph.nodes), Work())
    inputs = tuple(tensor.spec for tensor in node.inputs)
    key = (type(layer), _fields(layer), inputs)
    if key not in known:
        known[key] = _work(layer, inputs, [tensor.spec for tensor in node.outputs])
    return known[key]


def _fields(layer: Layer) -> str:
    return repr([getattr(layer, f.name) for f in dataclasses.fields(layer) if f.name not in ("name", "trainable")])


def _work(layer: Any, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> Work:
    declared = layer.weight_tree(*inputs)
    if isinstance(layer, Dense):
        products = inputs[0].row_size * layer.units
    elif hasattr(layer, "geometry"):
        # A number of a kernel is used once at every position of the output, or of the input where that is spread.
        spread = type(layer).__name__.endswith("Transpose")
        positions = math.prod((inputs if spread else outputs)[0].row_shape[:-1])
        products = positions * sum(math.prod(weight.shape) for weight in declared.values() if len(weight.shape) > 1)
    else:
        products = _traced(layer, declared, inputs)
    return Work(products, products + _biased(layer, declared.get("bias"), inputs, outputs))


def _biased(layer: Layer, bias: Any, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
    """How often a number of the bias is added."""
    if not isinstance(bias, Weight):
        return 0
    if isinstance(layer, Recurrent):
        places = outputs[0].row_shape[2 - inputs[0].rank : -1]  # none but in a convolution that recurs
        return inputs[0].row_shape[0] * math.prod(places) * math.prod(bias.shape)
    return sum(spec.row_size for spec in outputs)


def _traced(layer: Layer, declared: dict[str, Any], inputs: Sequence[Spec]) -> int:
    """Multiply-adds of the program that the layer becomes for one row. Nothing is computed."""

    def one_row(params: Any, state: Any, *arrays: Any) -> Any:
        return layer.apply(params, state, *arrays, context=Context(masks=(None,) * len(arrays)))

    arrays = (jax.ShapeDtypeStruct((1, *x.row_shape), jax.dtypes.canonicalize_dtype(x.dtype)) for x in inputs)
    if not jax.tree.leaves(declared, is_leaf=is_weight) and all(x.rank < 3 for x in inputs):
        return 0  # without weights or a second axis there is nothing to multiply and add up
    traced = jax.make_jaxpr(one_row)(shapes_of(parameters_of(declared)), shapes_of(state_of(declared)), *arrays)
    return _products(traced.jaxpr)


def _products(program: Any) -> int:
    """Multiply-adds of a traced program; a loop of unknown length counts once, of branches the dearest counts."""
    total = 0
    for step in program.eqns:
        name = step.primitive.name
        inner = [_products(part) for value in step.params.values() for part in _programs(value)]
        if name == "dot_general":
            ((summed, _), _), left = step.params["dimension_numbers"], step.invars[0].aval.shape
            total += math.prod(step.outvars[0].aval.shape) * math.prod(left[axis] for axis in summed)
        elif name == "conv_general_dilated":
            kernel = step.invars[1].aval.shape
            filters = kernel[step.params["dimension_numbers"].rhs_spec[0]]
            total += math.prod(step.outvars[0].aval.shape) * math.prod(kernel) // filters
        elif name == "convolution":  # deepkit.kernels: (*window, channels, filters)
            total += math.prod(step.outvars[0].aval.shape) * math.prod(step.invars[1].aval.shape[:-1])
        elif name == "scan":
            total += step.params["length"] * sum(inner)
        elif name == "cond":
            total += max(inner)
        else:
            total += sum(inner)
    return total


def _programs(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [part for item in value for part in _programs(item)]
    value = getattr(value, "jaxpr", value)
    return [value] if hasattr(value, "eqns") else []
