"""Losses: what training makes small. Keras's names, as classes and as strings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from deepkit.configuration import lookup
from deepkit.losses.binary import BinaryCrossentropy
from deepkit.losses.categorical import CategoricalCrossentropy, SparseCategoricalCrossentropy
from deepkit.losses.cosine import CosineSimilarity
from deepkit.losses.counts import Poisson
from deepkit.losses.crossentropy import Crossentropy
from deepkit.losses.divergence import KLDivergence
from deepkit.losses.focal import BinaryFocalCrossentropy
from deepkit.losses.function import FunctionLoss
from deepkit.losses.loss import Loss
from deepkit.losses.margin import CategoricalHinge, Hinge, SquaredHinge
from deepkit.losses.quantile import Pinball
from deepkit.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)

NAMES: Mapping[str, type[Loss]] = MappingProxyType(
    {
        "mean_squared_error": MeanSquaredError,
        "mse": MeanSquaredError,
        "mean_absolute_error": MeanAbsoluteError,
        "mae": MeanAbsoluteError,
        "mean_absolute_percentage_error": MeanAbsolutePercentageError,
        "mape": MeanAbsolutePercentageError,
        "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
        "msle": MeanSquaredLogarithmicError,
        "huber": Huber,
        "log_cosh": LogCosh,
        "cosine_similarity": CosineSimilarity,
        "pinball": Pinball,
        "crossentropy": Crossentropy,
        "binary_crossentropy": BinaryCrossentropy,
        "bce": BinaryCrossentropy,
        "binary_focal_crossentropy": BinaryFocalCrossentropy,
        "categorical_crossentropy": CategoricalCrossentropy,
        "cce": CategoricalCrossentropy,
        "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
        "scce": SparseCategoricalCrossentropy,
        "kl_divergence": KLDivergence,
        "kld": KLDivergence,
        "kl": KLDivergence,
        "poisson": Poisson,
        "hinge": Hinge,
        "squared_hinge": SquaredHinge,
        "categorical_hinge": CategoricalHinge,
    }
)
"""Every string that names a loss; case and underscores do not matter."""


def get(identifier: Any) -> Loss:
    """The loss that a user means: a name, a `Loss` or its class, or a function of `(y_true, y_pred)`.

    Raises:
        DeepkitValueError: for an unknown name, with the nearest one.
        DeepkitTypeError: for anything else, and for functions that do not take `(y_true, y_pred)`.
    """
    if callable(identifier) and not inspect.isclass(identifier) and not isinstance(identifier, Loss):
        return FunctionLoss(identifier)
    loss: Loss = lookup(identifier, "loss", NAMES, kind=Loss)
    return loss


__all__ = [
    "NAMES",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Crossentropy",
    "FunctionLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Pinball",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "get",
]
