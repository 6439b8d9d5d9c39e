"""Activation functions: plain functions of arrays, with Keras's names, arguments and defaults.

Each works under `jit`, `vmap` and `grad`, on arrays of any shape, and keeps the floating dtype of its input.
The learned one, PReLU, is a layer: `dk.layers.PReLU()`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepkit.activations.bounded import hard_sigmoid, hard_tanh, sigmoid, softsign, tanh
from deepkit.activations.distributions import log_softmax, softmax
from deepkit.activations.gates import gelu, glu, hard_silu, mish, silu
from deepkit.activations.linear import linear
from deepkit.activations.meaning import meaning_of, reads_logits
from deepkit.activations.rectifiers import elu, exponential, leaky_relu, relu, relu6, selu, softplus
from deepkit.configuration import lookup
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described

swish = silu
hard_swish = hard_silu

__all__ = [
    "ACTIVATIONS",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_softmax",
    "meaning_of",
    "mish",
    "reads_logits",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "relu6": relu6,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "swish": silu,
    "softplus": softplus,
    "softsign": softsign,
    "mish": mish,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "hard_tanh": hard_tanh,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "exponential": exponential,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "glu": glu,
}
"""Every name that `get` understands."""


def get(identifier: Any) -> Callable[..., Any]:
    """The activation function meant by a name or a function; `None` means `linear`.

    A function is returned as it is: any `f(array) -> array` is an activation.

    Raises:
        DeepkitError: for an unknown name (with the nearest known one), a layer, or what cannot be called.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        if identifier.lower() == "prelu":
            raise DeepkitValueError(
                "prelu has a slope that is learned, so it is a layer and not an activation function. "
                "Put dk.layers.PReLU() after this layer."
            )
        return lookup(identifier, "activation", ACTIVATIONS)
    if hasattr(identifier, "output_specs"):
        raise DeepkitTypeError(
            f"{described(identifier)} is a layer, not an activation function. Put it after this layer, "
            "or pass a function, such as dk.activations.leaky_relu."
        )
    if not callable(identifier):
        raise DeepkitTypeError(
            f"expected the name of an activation, such as 'relu', or a function, got {described(identifier)}."
        )
    return identifier
