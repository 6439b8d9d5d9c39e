"""Symbolic tensors and the nodes between them: the graph grows by calling layers on tensors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

import numpy as np

from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, from_user_line, shown
from deepkit.graph.spec import Spec, row_text

DTYPES = ("float32", "float16", "bfloat16", "float64", "int32", "int64", "int8", "uint8", "bool")


class Callee(Protocol):
    """What a node calls: a layer, or a model used as one."""

    @property
    def label(self) -> str:
        """How errors name it."""
        ...

    def output_specs(self, *inputs: Spec) -> Any:
        """The outputs' specs for these inputs (a spec, or a list or dict of them)."""
        ...

    def check_codes(self, codes: np.ndarray, what: str) -> None:
        """Refuse whole numbers of a model's input that it cannot read; `what` is how errors name the array."""
        ...


class Node:
    """One call of one layer on some tensors. `callee` is `None` for the node of an `Input`."""

    def __init__(self, callee: Callee | None, inputs: tuple[SymbolicTensor, ...], specs: Sequence[Spec]) -> None:
        self.callee = callee
        self.inputs = inputs
        self.outputs = tuple(SymbolicTensor(spec, self, index) for index, spec in enumerate(specs))


class SymbolicTensor:
    """A tensor that has a shape, a dtype and a meaning, but no numbers yet.

    It is what `Input` and every layer call return. Only layers may be applied to it; for anything else use
    `dk.layers.Lambda`.
    """

    def __init__(self, spec: Spec, node: Node, index: int) -> None:
        self.spec = spec
        self.node = node
        self.index = index
        self.name: str | None = None

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape with the batch first, `None` where the size is open."""
        return self.spec.shape

    @property
    def dtype(self) -> str:
        """Name of the element type."""
        return self.spec.dtype

    @property
    def label(self) -> str:
        """How errors name this tensor."""
        if self.node.callee is None:
            return f"Input {self.name!r}" if self.name else f"Input({row_text(self.spec.row_shape)})"
        return f"output of {self.node.callee.label}"

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape} dtype={self.dtype}, {self.label}: {self.spec.meaning.value}>"

    def _refuse(self, what: str, error: type[DeepkitError] = DeepkitTypeError) -> NoReturn:
        layer = LAYERS_INSTEAD.get(what.split()[-1].removeprefix("np."), "")
        raise error(
            f"{what} needs numbers, but the {self.label} is symbolic: it has the shape {self.shape} and no values yet. "
            f"Use {layer + ' or ' if layer else ''}dk.layers.Lambda(lambda a: …)(tensor); "
            "numbers come from model.predict(x)."
        )

    @from_user_line
    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse("a NumPy array")

    @from_user_line
    def __array_ufunc__(self, function: Any, *_: Any, **__: Any) -> NoReturn:
        self._refuse(f"np.{function.__name__}")

    @from_user_line
    def __array_function__(self, function: Any, *_: Any, **__: Any) -> NoReturn:
        self._refuse(f"np.{function.__name__}")

    @property
    @from_user_line
    def __jax_array__(self) -> NoReturn:
        # A property, for JAX asks whether there is one and does not call it; no TypeError, for JAX rephrases those.
        self._refuse("a JAX function", DeepkitValueError)


LAYERS_INSTEAD = {
    "+": "dk.layers.Add()([a, b])",
    "-": "dk.layers.Subtract()([a, b]), dk.layers.Rescaling(-1.0)(a)",
    "*": "dk.layers.Multiply()([a, b]), dk.layers.Rescaling(2.0)(a)",
    "/": "dk.layers.Rescaling(1 / 255)(a)",
    "@": "dk.layers.Dot(axes=-1)([a, b])",
    "add": "dk.layers.Add()([a, b])",
    "subtract": "dk.layers.Subtract()([a, b])",
    "multiply": "dk.layers.Multiply()([a, b])",
    "maximum": "dk.layers.Maximum()([a, b])",
    "minimum": "dk.layers.Minimum()([a, b])",
    "concatenate": "dk.layers.Concatenate()([a, b])",
    "stack": "dk.layers.Concatenate()([a, b])",
    "reshape": "dk.layers.Reshape(…)(a)",
    "dot": "dk.layers.Dot(axes=-1)([a, b])",
    "len()": "tensor.shape,",
}
"""What to use instead of an operator or a function."""

REFUSED = {
    **{
        f"__{side}{name}__": f"the operator {symbol}"
        for name, symbol in {
            "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%",
            "pow": "**", "matmul": "@",
        }.items()
        for side in ("", "r")
    },
    **{f"__{name}__": f"the operator {symbol}" for name, symbol in {
        "neg": "-", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    }.items()},
    **{f"__{name}__": f"{name}()" for name in ("abs", "float", "int", "round", "len")},
    "__bool__": "a truth test", "__iter__": "iteration", "__getitem__": "indexing",
}  # fmt: skip
"""Python's own operations on a tensor, and how errors call them."""


def _refusing(what: str) -> Callable[..., NoReturn]:
    def refuse(self: SymbolicTensor, *_: object) -> NoReturn:
        self._refuse(what)

    return from_user_line(refuse)


for _method, _what in REFUSED.items():
    setattr(SymbolicTensor, _method, _refusing(_what))


@from_user_line
def Input(shape: int | Sequence[int], *, dtype: str = "float32", name: str | None = None) -> SymbolicTensor:
    """Declare an input of the model.

    Args:
        shape: Shape of one row, without the batch: `29`, `(29,)`, `[32, 32, 3]`, or `()` for one number a row.
        dtype: Element type that the model computes with. What `fit` receives is converted to it.
        name: Key of this input when data is passed as a dict; by default `input`, `input_1`, …

    Returns:
        A symbolic tensor of shape `(None, *shape)`.

    Raises:
        DeepkitError: for sizes that are not whole numbers above zero, or an unknown dtype.
    """
    sizes = (shape,) if isinstance(shape, int | np.integer) else shape
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        rows = getattr(shape, "shape", ())
        raise DeepkitTypeError(
            f"Input(shape={shown(shape)}): expected the shape of one row, a whole number or a tuple of them. Write "
            + (f"Input({row_text(tuple(rows[1:]))})." if rows else "Input(29) or Input((32, 32, 3)).")
        )
    for size in sizes:
        if size is None:
            raise DeepkitValueError(
                f"Input(shape={tuple(sizes)}): the batch is not written, and no other size may be open. "
                "Give the shape of one row in whole numbers, such as Input(29)."
            )
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise DeepkitValueError(
                f"Input(shape={shape!r}): {size!r} is no size. Give whole numbers of at least 1, such as Input(29)."
            )
    dtype = dtype if isinstance(dtype, str) else getattr(dtype, "name", getattr(dtype, "__name__", dtype))
    if dtype not in DTYPES:
        raise DeepkitValueError(
            f"Input(dtype={dtype!r}): no such dtype. Choose float32, the default, or one of {', '.join(DTYPES[1:])}."
        )
    if name is not None and (not isinstance(name, str) or not name or "/" in name):
        raise DeepkitTypeError(f"Input(name={shown(name)}): a name is a non-empty string without '/'.")
    spec = Spec((None, *(operator.index(size) for size in sizes)), dtype)
    tensor = Node(None, (), [spec]).outputs[0]
    tensor.name = name
    return tensor


def connect(callee: Callee, inputs: tuple[SymbolicTensor, ...]) -> Any:
    """Add a node that calls `callee` on these tensors; its outputs in the structure of their specs."""
    import jax

    specs = callee.output_specs(*(tensor.spec for tensor in inputs))
    leaves, structure = jax.tree.flatten(specs, is_leaf=lambda leaf: isinstance(leaf, Spec))
    return jax.tree.unflatten(structure, Node(callee, inputs, leaves).outputs)
