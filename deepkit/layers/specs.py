"""What several families of layers say about their inputs and outputs in the same words."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError
from deepkit.graph import Spec
from deepkit.layers.layer import Layer

FLOATING = ("float32", "float16", "bfloat16", "float64")


def to_float(x: Any) -> jax.Array:
    """The array itself if it is floating, else its values as float32 (images of uint8, counts)."""
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)


def floating(x: Spec) -> Spec:
    """Spec of `to_float(x)`."""
    return x if x.dtype in FLOATING else x.replace(dtype="float32")


def weight_dtype(x: Spec) -> str:
    """Dtype of the weights for an input: float64 for float64, else float32."""
    return "float64" if x.dtype == "float64" else "float32"


def shapes(inputs: tuple[Spec, ...]) -> str:
    """The shapes of some inputs, as errors list them."""
    return " and ".join(str(x.shape) for x in inputs)


def axis_number(value: Any) -> int:
    """Converter: one axis, counted with the batch."""
    try:
        return operator.index(value)
    except TypeError:
        raise DeepkitTypeError("expected one axis, a whole number such as -1.") from None


def axis_numbers(value: Any) -> int | tuple[int, ...]:
    """Converter: one axis or several, counted with the batch."""
    return tuple(map(axis_number, value)) if isinstance(value, list | tuple) else axis_number(value)


def resolve_axes(layer: Layer, x: Spec, axes: int | tuple[int, ...]) -> tuple[int, ...]:
    """Axes as sorted numbers from 1 on; the batch axis and axes that do not exist are refused."""
    given = axes if isinstance(axes, tuple) else (axes,)
    for axis in given:
        if not -x.rank <= axis < x.rank:
            raise DeepkitValueError(
                f"{layer.label}: there is no axis {axis} in an input of shape {x.shape}. "
                f"Axes are counted with the batch: give one between {1 - x.rank} and {x.rank - 1}."
            )
        if axis % x.rank == 0:
            raise DeepkitValueError(
                f"{layer.label}: axis {axis} of an input of shape {x.shape} is the batch, whose rows stay "
                "apart. Axes are counted with the batch: give -1 for the last one."
            )
    return tuple(sorted(axis % x.rank for axis in given))


def traced_spec(layer: Layer, function: Callable[..., Any], *inputs: Spec) -> Any:
    """Specs of `function(*arrays)`, found by tracing it for two batch sizes, without computing anything.

    Raises:
        DeepkitValueError: if the function fails on these shapes, or an output does not have the batch first.
    """
    try:
        two, three = (
            jax.eval_shape(function, *(jax.ShapeDtypeStruct((rows, *x.shape[1:]), x.dtype) for x in inputs))
            for rows in (2, 3)
        )
    except DeepkitError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        raise DeepkitValueError(
            f"{layer.label} fails on an input of shape {shapes(inputs)}: {type(error).__name__}: {reason}. "
            "Make the function work on arrays with the batch as their first axis."
        ) from error

    if not jax.tree.leaves(two):
        raise DeepkitValueError(f"{layer.label} returns no array. Make the function return its result.")

    def spec(first: jax.ShapeDtypeStruct, second: jax.ShapeDtypeStruct) -> Spec:
        if first.shape[:1] != (2,) or second.shape != (3, *first.shape[1:]):
            raise DeepkitValueError(
                f"{layer.label} turns 2 rows of {shapes(inputs)} into shape {first.shape} and 3 rows into "
                f"{second.shape}: an output must have one row per input row. Reduce over axis 1 and later, "
                "not over the batch."
            )
        return Spec((None, *first.shape[1:]), first.dtype.name)

    return jax.tree.map(spec, two, three)
