"""What metrics refuse, and that the refusal names what would work."""

import jax.numpy as jnp
import pytest

from deepkit import losses, metrics
from deepkit.errors import DeepkitError
from deepkit.graph.spec import Meaning, Spec

NUMBER = Spec((None, 1))
NUMBERS = Spec((None, 3))
COUNT = Spec((None, 1), meaning=Meaning.NON_NEGATIVE)
TANH = Spec((None, 1), meaning=Meaning.BOUNDED)
SIGMOID = Spec((None, 1), meaning=Meaning.PROBABILITY)
SIGMOIDS = Spec((None, 3), meaning=Meaning.PROBABILITY)
SOFTMAX1 = Spec((None, 1), meaning=Meaning.DISTRIBUTION)
SOFTMAX2 = Spec((None, 2), meaning=Meaning.DISTRIBUTION)
SOFTMAX3 = Spec((None, 3), meaning=Meaning.DISTRIBUTION)
SOFTMAX10 = Spec((None, 10), meaning=Meaning.DISTRIBUTION)
LOG_SOFTMAX = Spec((None, 3), meaning=Meaning.LOG_DISTRIBUTION)
WORDS = Spec((None, 5, 4), meaning=Meaning.DISTRIBUTION)

LABEL = "Dense 'last'"


@pytest.mark.parametrize(
    ("identifier", "output", "names"),
    [
        *[
            (metric, output, ["mae", "rmse", "r2", "sigmoid", "softmax"])
            for metric in ("accuracy", "acc", "balanced_accuracy", "confusion_matrix", "precision", "f1", "auc")
            for output in (NUMBER, NUMBERS, COUNT)
        ],
        ("accuracy", TANH, ["mae", "sigmoid"]),
        ("binary_accuracy", NUMBER, ["mae", "sigmoid"]),
        ("binary_accuracy", SOFTMAX3, ["categorical_accuracy"]),
        ("binary_accuracy", LOG_SOFTMAX, ["categorical_accuracy"]),
        ("categorical_accuracy", SIGMOID, ["binary_accuracy"]),
        ("categorical_accuracy", NUMBER, ["binary_accuracy", "rmse"]),
        ("sparse_categorical_accuracy", SIGMOID, ["binary_accuracy"]),
        ("top_k", SIGMOID, ["binary_accuracy"]),
        ("top_k", SOFTMAX3, ["k=5", "3 classes", "TopKCategoricalAccuracy(k=1)"]),
        (metrics.TopKCategoricalAccuracy(10), SOFTMAX10, ["k=10", "10 classes", "(k=5)"]),
        (metrics.TopKCategoricalAccuracy(4), WORDS, ["4 classes"]),
        *[
            (metric, SOFTMAX1, ["sigmoid"])
            for metric in ("accuracy", "categorical_accuracy", "top_k", "recall", "auc", "kl", "cce")
        ],
        ("auc", SOFTMAX3, ["AUC(class_id=0)", "balanced_accuracy", "f1"]),
        ("auc", LOG_SOFTMAX, ["softmax"]),
        (metrics.AUC(class_id=3), SOFTMAX3, ["class_id=3", "the last is 2"]),
        (metrics.Precision(class_id=7), SIGMOIDS, ["class_id=7", "the last is 2"]),
        (metrics.Precision(0.5), LOG_SOFTMAX, ["softmax", "threshold"]),
        ("per_class_accuracy", SIGMOIDS, ["average=None", "softmax"]),
        ("confusion_matrix", SIGMOIDS, ["average=None", "softmax"]),
        ("r2", SOFTMAX3, ["accuracy", "f1"]),
        ("pearson_r", LOG_SOFTMAX, ["accuracy", "f1"]),
        ("kl", SIGMOID, ["softmax", "binary_crossentropy"]),
        ("kl", NUMBERS, ["softmax", "mse"]),
        ("bce", SOFTMAX3, ["categorical_crossentropy", "sparse_categorical_crossentropy"]),
        ("bce", NUMBER, ["mae", "rmse"]),
        ("cce", SIGMOID, ["binary_crossentropy"]),
        (losses.SparseCategoricalCrossentropy(), NUMBERS, ["mse"]),
        ("crossentropy", SIGMOID, ["binary_crossentropy"]),
        ("crossentropy", SOFTMAX3, ["sparse_categorical_crossentropy"]),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value).replace(" ", ""),
)
def test_meaningless_metrics_are_refused_and_the_right_ones_named(identifier, output, names):
    metric = metrics.get(identifier)
    with pytest.raises(DeepkitError) as refusal:
        metric.resolve(output, LABEL)
    message = str(refusal.value)
    assert metric.key in message
    assert all(name in message for name in names), message
    assert "class_id" in message or LABEL in message, message
    assert message.count(". ") >= 1, "one sentence says what is wrong, one how to mend it"


@pytest.mark.parametrize(
    ("identifier", "output", "resolved"),
    [
        ("accuracy", SIGMOID, metrics.BinaryAccuracy(name="accuracy")),
        ("acc", SIGMOIDS, metrics.BinaryAccuracy(name="acc")),
        (metrics.Accuracy(name="hits"), SIGMOID, metrics.BinaryAccuracy(name="hits")),
        ("accuracy", SOFTMAX3, metrics.CategoricalAccuracy(name="accuracy")),
        ("accuracy", LOG_SOFTMAX, metrics.CategoricalAccuracy(name="accuracy")),
        ("accuracy", WORDS, metrics.CategoricalAccuracy(name="accuracy")),
        (metrics.BinaryAccuracy(threshold=0), TANH, metrics.BinaryAccuracy(threshold=0)),
        ("categorical_accuracy", NUMBERS, metrics.CategoricalAccuracy()),
        ("precision", SIGMOIDS, metrics.Precision(0.5)),
        ("recall", SIGMOID, metrics.Recall(0.5)),
        ("f1", SIGMOIDS, metrics.F1Score(threshold=0.5, name="f1")),
        (metrics.Precision(0.2), SIGMOID, metrics.Precision(0.2)),
        ("precision", SOFTMAX3, metrics.Precision()),
        ("auc", SIGMOIDS, metrics.AUC()),
        ("auc", SOFTMAX2, metrics.AUC(class_id=1)),
        (metrics.AUC(class_id=0), SOFTMAX3, metrics.AUC(class_id=0)),
        ("confusion_matrix", SIGMOID, metrics.ConfusionMatrix()),
        ("mse", SOFTMAX3, metrics.MeanSquaredError(name="mse")),
        ("r2", SIGMOID, metrics.R2Score(name="r2")),
        ("bce", SIGMOIDS, metrics.LossMetric("bce", name="bce")),
        ("scce", WORDS, metrics.LossMetric("scce", name="scce")),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value).replace(" ", ""),
)
def test_the_output_chooses_the_form_and_the_key_stays(identifier, output, resolved):
    metric = metrics.get(identifier)
    assert metric.resolve(output, LABEL) == resolved
    assert resolved.key == metric.key
    assert resolved.resolve(output, LABEL) == resolved


def batch_mean(y_true, y_pred):
    return jnp.mean((y_true - y_pred) ** 2)


@pytest.mark.parametrize(
    ("metric", "true_shape", "predicted_shape", "message"),
    [
        (metrics.MeanSquaredError(), (4,), (4, 1), r"\(4,\) and y_pred \(4, 1\)"),
        (metrics.RootMeanSquaredError(), (4,), (4, 3), "one_hot"),
        (metrics.BinaryAccuracy(), (4,), (4, 1), "binary_accuracy compares"),
        (metrics.AUC(), (4,), (4, 1), "auc compares"),
        (metrics.Precision(), (4,), (4, 1), "precision compares"),
        (metrics.ConfusionMatrix(), (4,), (4, 1), "confusion_matrix compares"),
        (metrics.R2Score(), (4,), (4, 1), "r2_score compares"),
        (metrics.PearsonR(), (4, 1), (4, 2), "pearson_r compares"),
        (metrics.KLDivergence(), (4,), (4, 3), "kl_divergence compares"),
        (metrics.CategoricalAccuracy(), (4, 1), (4, 3), r"indices of shape \(4,\) or one-hot"),
        (metrics.TopKCategoricalAccuracy(2), (4, 2), (4, 3), "one-hot"),
        (metrics.Recall(), (4, 1), (4, 3), "one-hot"),
        (metrics.FunctionMetric(batch_mean), (4, 1), (4, 1), "batch_mean gave values of shape"),
        (metrics.Recall(class_id=5), (4, 3), (4, 3), "the last is 2"),
        (metrics.Accuracy(), (4, 1), (4, 1), "BinaryAccuracy"),
        (metrics.Metric(), (4, 1), (4, 1), "does not define statistics"),
        (metrics.MeanMetric(), (4, 1), (4, 1), "does not define values"),
    ],
    ids=lambda value: value.key if isinstance(value, metrics.Metric) else None,
)
def test_shapes_that_numpy_would_broadcast_are_refused(metric, true_shape, predicted_shape, message):
    with pytest.raises(DeepkitError, match=message):
        metric(jnp.ones(true_shape), jnp.ones(predicted_shape))


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: metrics.AUC(1), r"AUC\(num_thresholds=1\).*at least 2"),
        (lambda: metrics.AUC(curve="roc"), '"ROC" or "PR"'),
        (lambda: metrics.Precision(1.5), "between 0 and 1"),
        (lambda: metrics.Precision([]), "at least one threshold"),
        (lambda: metrics.Precision([0.2, 2]), "between 0 and 1"),
        (lambda: metrics.Recall("half"), "expected a number, got .half."),
        (lambda: metrics.Recall(class_id=-1), "counted from 0"),
        (lambda: metrics.Recall(class_id=1.0), "number of a class"),
        (lambda: metrics.Precision(average="mean"), '"macro", "micro", "weighted"'),
        (lambda: metrics.BinaryAccuracy(float("nan")), "finite"),
        (lambda: metrics.TopKCategoricalAccuracy(0), "at least 1"),
        (lambda: metrics.R2Score("mean"), "uniform_average"),
        (lambda: metrics.FunctionMetric(3), "function"),
        (lambda: metrics.get("acuracy"), "Did you mean 'accuracy'"),
        (lambda: metrics.get("hubber"), "Did you mean 'huber'"),
        (lambda: metrics.get(3), "name of a metric"),
        (lambda: metrics.get(None), "name of a metric"),
    ],
)
def test_arguments_are_checked_where_they_are_written(declare, message):
    with pytest.raises(DeepkitError, match=message):
        declare()
