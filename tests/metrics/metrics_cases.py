"""The metrics under test, each with outputs and targets that it is meant for."""

import jax
import numpy as np

from deepkit import metrics

ROWS = 37
GENERATOR = np.random.default_rng(7)


def _softmax(*shape):
    return np.asarray(jax.nn.softmax(GENERATOR.normal(size=shape) * 1.5, axis=-1), np.float32)


def _targets_for(probabilities):
    """Classes that the probabilities half predict, so that scores are neither 0 nor 1."""
    noisy = np.log(probabilities) + GENERATOR.gumbel(size=probabilities.shape)
    return noisy.argmax(axis=-1).astype(np.int32)


def _one_hot(classes, count):
    return np.eye(count, dtype=np.float32)[classes]


_sigmoid = GENERATOR.uniform(size=(ROWS, 1)).astype(np.float32)
_labels = GENERATOR.uniform(size=(ROWS, 3)).astype(np.float32)
_classes = _softmax(ROWS, 6)
_words = _softmax(ROWS, 5, 4)
_numbers = GENERATOR.normal(size=(ROWS, 2)).astype(np.float32)

DATA = {
    "binary": ((GENERATOR.uniform(size=(ROWS, 1)) < _sigmoid).astype(np.float32), _sigmoid),
    "bare": ((GENERATOR.uniform(size=ROWS) < _sigmoid[:, 0]).astype(np.float32), _sigmoid[:, 0]),
    "labels": ((GENERATOR.uniform(size=(ROWS, 3)) < _labels).astype(np.float32), _labels),
    "sparse": (_targets_for(_classes), _classes),
    "onehot": (_one_hot(_targets_for(_classes), 6), _classes),
    "words": (_targets_for(_words), _words),
    "numbers": ((_numbers + GENERATOR.normal(size=(ROWS, 2)) * 0.5).astype(np.float32), _numbers),
}
"""`(y_true, y_pred)` by kind of output; `words` is a sequence of five softmax outputs per row."""


def absolute_difference(y_true, y_pred):
    """A user's function, one value per element."""
    return abs(y_true - y_pred)


CASES = [
    (metrics.BinaryAccuracy(), "binary"),
    (metrics.BinaryAccuracy(0.3), "bare"),
    (metrics.BinaryAccuracy(threshold=0.6), "labels"),
    (metrics.CategoricalAccuracy(), "onehot"),
    (metrics.CategoricalAccuracy(), "words"),
    (metrics.SparseCategoricalAccuracy(), "sparse"),
    (metrics.TopKCategoricalAccuracy(2), "onehot"),
    (metrics.TopKCategoricalAccuracy(k=3), "sparse"),
    (metrics.SparseTopKCategoricalAccuracy(2), "words"),
    (metrics.PerClassAccuracy(), "sparse"),
    (metrics.PerClassAccuracy(threshold=0.4), "binary"),
    (metrics.BalancedAccuracy(), "onehot"),
    (metrics.BalancedAccuracy(), "bare"),
    (metrics.ConfusionMatrix(), "words"),
    (metrics.ConfusionMatrix(), "binary"),
    (metrics.Precision(), "binary"),
    (metrics.Precision((0.2, 0.5, 0.8)), "bare"),
    (metrics.Precision(average="weighted"), "sparse"),
    (metrics.Recall(), "sparse"),
    (metrics.Recall(0.5, average=None), "labels"),
    (metrics.Recall(class_id=2), "onehot"),
    (metrics.F1Score(), "words"),
    (metrics.F1Score("micro", 0.4), "labels"),
    (metrics.AUC(), "binary"),
    (metrics.AUC(50, "PR"), "labels"),
    (metrics.AUC(class_id=3), "sparse"),
    (metrics.AUC(class_id=0), "onehot"),
    (metrics.MeanAbsoluteError(), "numbers"),
    (metrics.MeanSquaredError(name="brier"), "onehot"),
    (metrics.RootMeanSquaredError(), "numbers"),
    (metrics.R2Score(), "numbers"),
    (metrics.R2Score(None), "numbers"),
    (metrics.R2Score("variance_weighted_average"), "bare"),
    (metrics.PearsonR(), "numbers"),
    (metrics.PearsonR(), "binary"),
    (metrics.CosineSimilarity(), "onehot"),
    (metrics.KLDivergence(), "onehot"),
    (metrics.LossMetric("huber"), "numbers"),
    (metrics.LossMetric("sparse_categorical_crossentropy"), "words"),
    (metrics.LossMetric("binary_crossentropy", name="bits"), "labels"),
    (metrics.FunctionMetric(absolute_difference), "numbers"),
]

IDENTIFIERS = [f"{metric!r}-{kind}".replace(" ", "") for metric, kind in CASES]
