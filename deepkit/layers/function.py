"""Any function of arrays as a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepkit.configuration import parameter
from deepkit.errors import DeepkitTypeError
from deepkit.graph import Spec
from deepkit.layers.layer import Layer, Weights
from deepkit.layers.specs import traced_spec


def _function(value: Any) -> Callable[..., Any]:
    if not callable(value):
        raise DeepkitTypeError(f"expected a function of arrays, got {type(value).__name__}.")
    return value


class Lambda(Layer):
    """`function(x)`, or `function([a, b, …])` when called on several tensors, as in Keras.

    The shape of the output is found by tracing the function. It may return several arrays, as a list or a
    dict; each must have one row per input row. It gets arrays with the batch first, sees neither weights nor
    training mode, and must be pure. For more, subclass `dk.layers.Layer`.

    A saved model names the function and does not hold its code: `load_model(path, custom_objects={"name":
    function})`. So give it a name with `def` if the model is to be saved.

    Args:
        function: JAX functions and operators only; NumPy functions fail on traced arrays.

    Raises:
        DeepkitError: when called on tensors that the function fails on, or if it does not keep the batch
            first.
    """

    function: Any = parameter(convert=_function)

    def output_spec(self, *inputs: Spec) -> Any:
        """What the function returns, by tracing it."""
        return traced_spec(self, lambda *arrays: self.call({}, *arrays, None), *inputs)

    def call(self, weights: Weights, *arguments: Any) -> Any:
        """The function."""
        inputs = arguments[:-1]
        return self.function(inputs[0] if len(inputs) == 1 else list(inputs))
