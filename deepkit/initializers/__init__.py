"""Initializers: how the first values of a layer's arrays are drawn. Keras's names and scaling rules."""

from __future__ import annotations

import inspect
from typing import Any

from deepkit.configuration import lookup
from deepkit.initializers.constant import Constant, Identity, Ones, Zeros
from deepkit.initializers.initializer import FunctionInitializer, Initializer
from deepkit.initializers.random import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from deepkit.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    TorchDefault,
    VarianceScaling,
    fans,
)

__all__ = [
    "INITIALIZERS",
    "Constant",
    "FunctionInitializer",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TorchDefault",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "fans",
    "get",
]

INITIALIZERS: dict[str, type[Initializer]] = {
    "zeros": Zeros,
    "zero": Zeros,
    "ones": Ones,
    "one": Ones,
    "constant": Constant,
    "identity": Identity,
    "random_normal": RandomNormal,
    "normal": RandomNormal,
    "random_uniform": RandomUniform,
    "uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "orthogonal": Orthogonal,
    "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "torch_default": TorchDefault,
}
"""Every name that `get` understands."""


def get(identifier: Any) -> Initializer:
    """The initializer meant by a name, a class, an instance, or a function `f(key, shape, dtype)`.

    Raises:
        DeepkitError: for an unknown name (with the nearest known one) or another kind of object.
    """
    if callable(identifier) and not inspect.isclass(identifier) and not isinstance(identifier, Initializer):
        return FunctionInitializer(identifier)
    return lookup(identifier, "initializer", INITIALIZERS, kind=Initializer)
