"""The receptive field: how far a number looks back into the input."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from deepkit.graph import Graph, Node, Spec, SymbolicTensor
from deepkit.layers.flax import Flax
from deepkit.layers.function import Lambda
from deepkit.layers.wrapper import Wrapper
from deepkit.program import SubModel

EVERYWHERE = (
    "SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional",
    "MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention",
)  # fmt: skip
"""Layers every output of which may depend on every step of the input."""

ELSEWHERE = ("Permute", "Reshape", "Dot", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
"""Layers whose axes do not follow the input's; others that keep the sizes see the same place only."""


class Field(NamedTuple):
    """What one number of a tensor sees of the model's input, per axis between the batch and the channels.

    Attributes:
        size: Positions of the input that it depends on, the padding among them: r + (window − 1) · dilation · jump
            behind a layer with a window.
        jump: Distance in the input between neighbouring numbers: the product of the strides.
        whole: What all numbers of the tensor see together.
    """

    size: tuple[Fraction, ...]
    jump: tuple[Fraction, ...]
    whole: tuple[Fraction, ...]

    def __str__(self) -> str:
        return "×".join(str(int(size)) for size in self.size)

    @property
    def whole_text(self) -> str:
        """`whole`, written like the field itself."""
        return "×".join(str(int(size)) for size in self.whole)


def fields_of(graph: Graph) -> dict[int, Field]:
    """By `id`, the field of every tensor that has one: not those of rows without axes, nor behind unknown layers."""
    known = {id(tensor): _seen_as(tensor) for tensor in graph.inputs if tensor.spec.rank > 2}
    _follow(graph, known)
    return known


def _seen_as(tensor: SymbolicTensor) -> Field:
    ones = (Fraction(1),) * (tensor.spec.rank - 2)
    return Field(ones, ones, tuple(map(Fraction, tensor.spec.row_shape[:-1])))


def _follow(graph: Graph, known: dict[int, Field]) -> None:
    for node in graph.nodes:
        fields = [known[id(tensor)] for tensor in node.inputs if id(tensor) in known]
        if len(fields) < len(node.inputs) or len({len(field.size) for field in fields}) > 1:
            continue
        if isinstance(node.callee, SubModel):
            inner = node.callee.graph
            inside = dict(zip(map(id, inner.inputs), fields, strict=True))
            _follow(inner, inside)
            ends = zip(node.outputs, inner.outputs, strict=True)
            known |= {id(outer): inside[id(end)] for outer, end in ends if id(end) in inside}
            continue
        field = _behind(node, _widest(fields))
        if field is not None:
            known |= dict.fromkeys(map(id, node.outputs), field)


def _widest(fields: list[Field]) -> Field:
    """Of a merge: the most that any of its inputs sees."""
    return Field(*(tuple(map(max, *parts)) if len(fields) > 1 else parts[0] for parts in zip(*fields, strict=True)))


def _behind(node: Node, field: Field) -> Field | None:
    layer: Any = node.callee
    name, x, y = type(layer).__name__, node.inputs[0].spec, node.outputs[0].spec
    axes = len(field.size)
    if hasattr(layer, "geometry") and x.rank == axes + 2:
        return _windowed(layer, name, field, x, y)
    if name.startswith("UpSampling") and getattr(layer, "interpolation", "nearest") == "nearest":
        jump = (j * a / b for j, a, b in zip(field.jump, x.row_shape[:-1], y.row_shape[:-1], strict=True))
        return _of(field.size, tuple(jump), y)
    if name in EVERYWHERE or name.startswith("Global"):
        return Field(field.whole, field.jump, field.whole)
    unknown = isinstance(layer, Lambda | Flax | Wrapper) or not type(layer).__module__.startswith("deepkit.")
    if unknown or name in ELSEWHERE or (x.rank == 2 and y.rank > 2):
        return None
    if x.rank == 2:  # behind Flatten: a Dense sees all
        return Field(field.whole, field.jump, field.whole) if name == "Dense" else field
    if y.rank == 2 and name == "Flatten":
        return field
    if name.startswith(("ZeroPadding", "Cropping")):
        return _of(field.size, field.jump, y)
    return field if y.row_shape[:-1] == x.row_shape[:-1] else None


def _windowed(layer: Any, name: str, field: Field, x: Spec, y: Spec) -> Field | None:
    geometry = layer.geometry(x)
    if geometry is None:
        return None
    sizes, jumps = [], []
    for size, jump, window, stride, dilation in zip(
        field.size, field.jump, geometry.window, geometry.strides, geometry.dilation, strict=True
    ):
        reach = dilation * (window - 1)
        if name.endswith("Transpose"):  # its strides lie between the numbers it writes, not those it reads
            sizes.append(size + (reach // stride) * jump)
            jumps.append(jump / stride)
        else:
            sizes.append(size + reach * jump)
            jumps.append(jump * stride)
    return _of(tuple(sizes), tuple(jumps), y)


def _of(size: tuple[Fraction, ...], jump: tuple[Fraction, ...], y: Spec) -> Field:
    whole = (s + (count - 1) * j for s, j, count in zip(size, jump, y.row_shape[:-1], strict=True))
    return Field(size, jump, tuple(whole))
