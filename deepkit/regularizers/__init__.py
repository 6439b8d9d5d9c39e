"""Regularizers (penalties in the loss) and constraints (projections after the step). Keras's names."""

from __future__ import annotations

import inspect
from typing import Any

from deepkit.configuration import lookup
from deepkit.regularizers.constraints import (
    Constraint,
    FunctionConstraint,
    MaxNorm,
    MinMaxNorm,
    NonNeg,
    UnitNorm,
)
from deepkit.regularizers.regularizer import L1, L1L2, L2, FunctionRegularizer, Regularizer

__all__ = [
    "CONSTRAINTS",
    "L1",
    "L1L2",
    "L2",
    "REGULARIZERS",
    "Constraint",
    "FunctionConstraint",
    "FunctionRegularizer",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "Regularizer",
    "UnitNorm",
    "get",
    "get_constraint",
]

REGULARIZERS: dict[str, Any] = {"l1": L1, "l2": L2, "l1_l2": L1L2(l1=0.01, l2=0.01)}
"""Every name that `get` understands. Keras documents these factors of "l1_l2", but there both are 0."""

CONSTRAINTS: dict[str, type[Constraint]] = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}
"""Every name that `get_constraint` understands."""


def get(identifier: Any) -> Regularizer | None:
    """The regularizer meant by a name, a class, an instance, or a function `f(x) -> scalar`; `None` for none.

    Raises:
        DeepkitError: for an unknown name (with the nearest known one) or another kind of object.
    """
    if identifier is None:
        return None
    if _is_plain_function(identifier, Regularizer):
        return FunctionRegularizer(identifier)
    return lookup(identifier, "regularizer", REGULARIZERS, kind=Regularizer)


def get_constraint(identifier: Any) -> Constraint | None:
    """The constraint meant by a name, a class, an instance, or a function `f(w) -> w`; `None` for none.

    Raises:
        DeepkitError: for an unknown name (with the nearest known one) or another kind of object.
    """
    if identifier is None:
        return None
    if _is_plain_function(identifier, Constraint):
        return FunctionConstraint(identifier)
    return lookup(identifier, "constraint", CONSTRAINTS, kind=Constraint)


def _is_plain_function(identifier: Any, kind: type) -> bool:
    return callable(identifier) and not inspect.isclass(identifier) and not isinstance(identifier, kind)
