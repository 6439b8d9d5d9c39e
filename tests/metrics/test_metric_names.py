"""Names, aliases, and the keys under which results are reported."""

import re

import keras
import pytest

from deepkit import losses, metrics


def per_row(y_true, y_pred):
    return abs(y_true - y_pred)


@pytest.mark.parametrize(
    ("identifier", "metric", "key"),
    [
        ("accuracy", metrics.Accuracy(), "accuracy"),
        ("acc", metrics.Accuracy(name="acc"), "acc"),
        ("top_k", metrics.TopKCategoricalAccuracy(name="top_k"), "top_k"),
        ("auc", metrics.AUC(), "auc"),
        ("AUC", metrics.AUC(name="AUC"), "AUC"),
        ("precision", metrics.Precision(), "precision"),
        ("f1", metrics.F1Score(name="f1"), "f1"),
        ("F1Score", metrics.F1Score(name="F1Score"), "F1Score"),
        ("rmse", metrics.RootMeanSquaredError(name="rmse"), "rmse"),
        ("r2", metrics.R2Score(name="r2"), "r2"),
        ("pearson_r", metrics.PearsonR(), "pearson_r"),
        ("mse", metrics.MeanSquaredError(name="mse"), "mse"),
        ("mean_absolute_error", metrics.MeanAbsoluteError(), "mean_absolute_error"),
        ("kl", metrics.KLDivergence(name="kl"), "kl"),
        ("huber", metrics.LossMetric(losses.Huber()), "huber"),
        ("bce", metrics.LossMetric(losses.BinaryCrossentropy(), name="bce"), "bce"),
        (losses.Huber(2.0), metrics.LossMetric(losses.Huber(2.0)), "huber"),
        (losses.LogCosh, metrics.LossMetric(losses.LogCosh()), "log_cosh"),
        (metrics.Recall, metrics.Recall(), "recall"),
        (metrics.Recall(0.2, name="sensitivity"), metrics.Recall(0.2, name="sensitivity"), "sensitivity"),
        (per_row, metrics.FunctionMetric(per_row), "per_row"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value),
)
def test_get(identifier, metric, key):
    found = metrics.get(identifier)
    assert found == metric
    assert found.key == key


def test_an_anonymous_function_has_a_key_that_can_be_written():
    assert metrics.get(lambda y_true, y_pred: y_true).key == "lambda"


@pytest.mark.parametrize("name", sorted({*metrics.NAMES, *losses.NAMES}))
def test_every_name_gives_a_metric_with_that_key(name):
    assert metrics.get(name).key == name


@pytest.mark.parametrize(
    "name",
    [
        "AUC",
        "BinaryAccuracy",
        "CategoricalAccuracy",
        "CosineSimilarity",
        "F1Score",
        "KLDivergence",
        "MeanAbsoluteError",
        "MeanSquaredError",
        "Precision",
        "R2Score",
        "Recall",
        "RootMeanSquaredError",
        "SparseCategoricalAccuracy",
        "SparseTopKCategoricalAccuracy",
        "TopKCategoricalAccuracy",
    ],
)
def test_keys_are_keras_names(name):
    theirs = re.sub(r"_\d+$", "", getattr(keras.metrics, name)().name)  # Keras numbers some of them.
    assert getattr(metrics, name)().key == theirs
