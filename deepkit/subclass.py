"""Models that are declared by a class with a `call` of its own: their graph is made when the input's shape is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from deepkit.data.arrays import as_array, is_part
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, shown
from deepkit.graph import Input, SymbolicTensor
from deepkit.layers.layer import Layer
from deepkit.program import SubModel
from deepkit.training.fitting import is_stream

if TYPE_CHECKING:
    from deepkit.model import Model

LATER = ("graph", "program", "layer", "_predict")
"""What a model has only once its graph is made."""


def inputs_of_shape(shape: Any, dtype: str) -> Any:
    """`Input`s for the shape of a row, which may have `None` for the batch before it; or for a list or dict of them."""
    if isinstance(shape, Mapping):
        return {name: Input(_row(each), dtype=dtype, name=name) for name, each in shape.items()}
    if isinstance(shape, list | tuple) and any(isinstance(each, list | tuple) for each in shape):
        return [Input(_row(each), dtype=dtype) for each in shape]
    return Input(_row(shape), dtype=dtype)


def _row(shape: Any) -> Any:
    return tuple(shape[1:]) if isinstance(shape, list | tuple) and shape and shape[0] is None else shape


def inputs_like_data(model: Model, x: Any) -> Any:
    """`Input`s for what was passed to `fit` or `predict`: one array, a table, or a list or dict of arrays."""
    name = type(model).__name__
    if is_stream(x):
        raise DeepkitValueError(
            f"{name} is not built yet, and nobody knows the shape of batches before they come. "
            "Call model.build(shape of one row) first, such as model.build(29)."
        )
    if model.encoder is not None:
        return Input(model.encoder.width)
    if is_part(x):
        x = x.x
    if isinstance(x, Mapping):
        return {str(key): Input(_row_of(each, f"x[{key!r}]"), name=str(key)) for key, each in x.items()}
    if isinstance(x, list | tuple) and x and all(np.ndim(getattr(each, "shape", 0)) and each.ndim > 1 for each in x):
        return [Input(_row_of(each, f"x[{number}]")) for number, each in enumerate(x)]
    return Input(_row_of(x, "x"))


def _row_of(value: Any, what: str) -> tuple[int, ...]:
    array = as_array(value, what)
    if array.ndim == 0:
        raise DeepkitValueError(f"{what} is {shown(value)}. Pass an array with one row per example.")
    return array.shape[1:] or (1,)


def inputs_like_tensors(tensors: Any) -> Any:
    """`Input`s of the shapes and dtypes of symbolic tensors, arranged alike."""

    def alike(tensor: Any) -> SymbolicTensor:
        if not isinstance(tensor, SymbolicTensor):
            raise DeepkitTypeError(
                f"a model was called on {described(tensor)}, not on a symbolic tensor. "
                "Start from dk.Input(shape); arrays go into model.predict(x)."
            )
        return Input(tensor.spec.row_shape, dtype=tensor.dtype)

    return jax.tree.map(alike, tensors, is_leaf=lambda leaf: isinstance(leaf, SymbolicTensor))


def outputs_of_call(model: Model, inputs: Any) -> Any:
    """What the class's own `call` makes of the inputs."""
    outputs = model.call(inputs)
    if outputs is None:
        raise DeepkitTypeError(
            f"{type(model).__name__}.call returned None. Let it return its output: return self.head(x)."
        )
    return outputs


def unbuilt(model: Model, what: str) -> DeepkitValueError:
    """The error for what needs a graph that is not there yet."""
    return DeepkitValueError(
        f"{type(model).__name__} is not built yet, so it has no {what}: the shape of its input is unknown. "
        "Call model.build(shape of one row), such as model.build(29); fit and predict do it themselves."
    )


def refuse_taken_name(model: Model, name: str, value: Any) -> None:
    """A layer kept under a name by which every model has something else."""
    held = value
    while isinstance(held, list | tuple | dict) and held:
        held = next(iter(held.values() if isinstance(held, dict) else held))
    from deepkit.model import Model

    if isinstance(held, Layer | Model) and not isinstance(held, SubModel) and (name in LATER or hasattr(Model, name)):
        raise DeepkitValueError(
            f"{type(model).__name__} keeps {described(held)} as self.{name}, but model.{name} is something that every "
            f"model has. Call it otherwise, such as self.{name}_layers."
        )
