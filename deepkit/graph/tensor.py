"""Symbolic tensors and the nodes between them: the graph grows by calling layers on tensors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line
from deepkit.graph.spec import Spec

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
            return f"Input {self.name!r}" if self.name else f"Input{self.spec.row_shape}"
        return f"output of {self.node.callee.label}"

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape} dtype={self.dtype}, {self.label}: {self.spec.meaning.value}>"

    def _refuse(self, what: str) -> NoReturn:
        raise DeepkitTypeError(
            f"{what} needs numbers, but the {self.label} is symbolic: it has a shape {self.shape} and no values yet. "
            "Use a layer (dk.layers.Add()([a, b]), Multiply, …) or dk.layers.Lambda(lambda a: …)(tensor)."
        )

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse("a NumPy or JAX function")

    def __jax_array__(self) -> NoReturn:
        self._refuse("a JAX function")

    def __bool__(self) -> NoReturn:
        self._refuse("a truth test")

    def __iter__(self) -> NoReturn:
        self._refuse("iteration")

    def __len__(self) -> NoReturn:
        self._refuse("len()")

    def __getitem__(self, _: object) -> NoReturn:
        self._refuse("indexing")


def _refusing_operator(symbol: str) -> Callable[[SymbolicTensor, object], NoReturn]:
    def refuse(self: SymbolicTensor, _: object = None) -> NoReturn:
        self._refuse(f"the operator {symbol}")

    return from_user_line(refuse)


for _name, _symbol in {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "matmul": "@", "pow": "**",
}.items():  # fmt: skip
    setattr(SymbolicTensor, f"__{_name}__", _refusing_operator(_symbol))
    setattr(SymbolicTensor, f"__r{_name}__", _refusing_operator(_symbol))
setattr(SymbolicTensor, "__neg__", _refusing_operator("-"))  # noqa: B010  beside its siblings above


@from_user_line
def Input(
    shape: int | Sequence[int], *, dtype: str = "float32", name: str | None = None
) -> SymbolicTensor:
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
        raise DeepkitTypeError(
            f"Input(shape={shape!r}): expected a whole number or a tuple of them, "
            "such as Input(29) or Input((32, 32, 3))."
        )
    for size in sizes:
        if size is None:
            raise DeepkitValueError(
                f"Input(shape={tuple(sizes)}): only the batch size may be open, and it is not written. "
                "Give every other size as a whole number."
            )
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise DeepkitValueError(
                f"Input(shape={shape!r}): every size must be a whole number of at least 1, got {size!r}."
            )
    dtype = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if dtype not in DTYPES:
        raise DeepkitValueError(f"Input(dtype={dtype!r}): expected one of {', '.join(DTYPES)}.")
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
