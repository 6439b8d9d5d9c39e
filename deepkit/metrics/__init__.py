"""Metrics: exact over unequal batches, by name or object, checked against the output they measure."""

from __future__ import annotations

import inspect
from typing import Any

from deepkit import losses
from deepkit.configuration import lookup
from deepkit.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
)
from deepkit.metrics.auc import AUC
from deepkit.metrics.classes import BalancedAccuracy, ConfusionMatrix, PerClassAccuracy
from deepkit.metrics.cosine_similarity import CosineSimilarity
from deepkit.metrics.kl_divergence import KLDivergence
from deepkit.metrics.mean import MeanMetric
from deepkit.metrics.metric import Metric, Statistics
from deepkit.metrics.pearson_r import PearsonR
from deepkit.metrics.precision_recall import F1Score, Precision, Recall
from deepkit.metrics.r2_score import R2Score
from deepkit.metrics.regression import MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError
from deepkit.metrics.top_k import SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy
from deepkit.metrics.wrappers import FunctionMetric, LossMetric

__all__ = [
    "AUC",
    "F1",
    "Accuracy",
    "BalancedAccuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FunctionMetric",
    "KLDivergence",
    "LossMetric",
    "MeanAbsoluteError",
    "MeanMetric",
    "MeanSquaredError",
    "Metric",
    "PearsonR",
    "PerClassAccuracy",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "Statistics",
    "TopKCategoricalAccuracy",
    "get",
]

F1 = F1Score

NAMES: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "top_k": TopKCategoricalAccuracy,
    "per_class_accuracy": PerClassAccuracy,
    "balanced_accuracy": BalancedAccuracy,
    "confusion_matrix": ConfusionMatrix,
    "precision": Precision,
    "recall": Recall,
    "f1_score": F1Score,
    "f1": F1Score,
    "auc": AUC,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "rmse": RootMeanSquaredError,
    "r2_score": R2Score,
    "r2": R2Score,
    "pearson_r": PearsonR,
    "cosine_similarity": CosineSimilarity,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "kl": KLDivergence,
}
"""Names of the metrics. Every loss is a metric too, under its own names."""


def get(identifier: Any) -> Metric:
    """The metric that a user means.

    Args:
        identifier: A metric; its name or its class; a loss, its name or its class; or a function `f(y_true,
            y_pred)` that gives one value per row. A name is also the key in the history: `"mae"` is reported
            as `mae`.

    Raises:
        DeepkitError: for a name that no metric or loss has, with the nearest one; or an object of another
            kind.
    """
    if isinstance(identifier, str):
        found = lookup(identifier, "metric", {**losses.NAMES, **NAMES})
        metric = found if isinstance(found, Metric) else LossMetric(found)
        return metric.under(identifier)
    if inspect.isclass(identifier) and issubclass(identifier, Metric | losses.Loss):
        return get(identifier())
    if isinstance(identifier, losses.Loss):
        return LossMetric(identifier)
    if not isinstance(identifier, Metric) and callable(identifier) and not inspect.isclass(identifier):
        return FunctionMetric(identifier)
    return lookup(identifier, "metric", NAMES, kind=Metric)
