"""Any function of `(y_true, y_pred)` as a loss."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import parameter
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph.spec import Spec
from deepkit.losses import targets
from deepkit.losses.loss import Loss, floating

PREDICTIONS_FIRST = (
    "predictions",
    "logits",
    "log_predictions",
    "predictor_outputs",
    "scores",
    "y_pred",
    "input",
)


def two_arguments(function: Any) -> Callable[..., Any]:
    """Converter: a function that can be called as `f(y_true, y_pred)`."""
    if not callable(function) or inspect.isclass(function):
        raise DeepkitTypeError("expected a function of (y_true, y_pred).")
    try:
        signature = inspect.signature(function)
    except ValueError:  # Some built-in functions do not tell their arguments.
        return function
    try:
        signature.bind(None, None)
    except TypeError:
        raise DeepkitTypeError(
            f"expected a function of (y_true, y_pred), but this one takes {signature}. "
            "Give the other arguments defaults, or wrap it: lambda y_true, y_pred: …"
        ) from None
    if next(iter(signature.parameters)) in PREDICTIONS_FIRST:
        raise DeepkitTypeError(
            f"this function takes its predictions first: {signature}, but a loss is called with the targets "
            "first. Wrap it: lambda y_true, y_pred: f(y_pred, y_true)."
        )
    return function


class FunctionLoss(Loss):
    """A loss made of a pure JAX function `f(y_true, y_pred)`.

    `y_pred` is `(batch, ..., units)`; `y_true` is as `check_targets` returns it. The function returns one
    number per row `(batch,)`, per position `(batch, ...)`, or per element, in the shape of `y_pred`, of which
    the mean over the last axis is taken. A model with it is saved by the function's name; loading asks for
    the function again.

    Args:
        function: The function. Targets come first, as in Keras; optax's functions, which take predictions
            first, are refused with the way to wrap them.
    """

    function: Callable[..., Any] = parameter(convert=two_arguments)

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """What the function returns, one number per row or position."""
        y_pred, y_true = floating(y_pred), jnp.asarray(y_true)
        if jnp.issubdtype(y_true.dtype, jnp.floating):
            y_true = y_true.astype(y_pred.dtype)
        values = jnp.asarray(self.function(y_true, y_pred))
        name = getattr(self.function, "__name__", repr(self.function))
        if values.ndim == 0:
            raise DeepkitValueError(
                f"the loss function {name} returned a single number for {y_pred.shape[0]} rows, so that rows "
                "could not be weighted. Return one number per row: take the mean over axis=-1 only."
            )
        if values.shape != y_pred.shape[: values.ndim]:
            raise DeepkitValueError(
                f"the loss function {name} returned shape {values.shape} for predictions of {y_pred.shape} "
                f"and targets of {y_true.shape}. Return one number per row, {y_pred.shape[:1]}, or per "
                f"element, {y_pred.shape}."
            )
        return jnp.mean(values, axis=-1) if values.ndim == y_pred.ndim else values

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Any numbers with the rows first; what might be broadcast by accident is refused.

        Class numbers (whole, one per row) against several units come as int32 `(batch, ...)`; everything else
        is floating, with an axis of size one added where the output has one unit.
        """
        y = targets.numbers(y, name)
        if y.shape[1:] == output.row_shape[:-1] and output.features > 1:
            if y.dtype.kind in "iu":
                return y.astype(np.int32)
            raise DeepkitValueError(
                f"{name} has shape {y.shape}, which NumPy's rules would broadcast over the {output.features} "
                "units of the output. Pass y[..., None] if one column against all of them is meant, or "
                "class numbers as integers."
            )
        if y.shape[1:] == output.row_shape[:-1]:
            y = y[..., None]
        return targets.dense(y, output.replace(shape=(None, *y.shape[1:])), name)
