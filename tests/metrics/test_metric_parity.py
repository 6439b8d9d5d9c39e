"""The same numbers as Keras 3 and scikit-learn where the definitions agree, and the stated distance where not."""

import functools

import jax
import keras
import numpy as np
import pytest
import sklearn.metrics
from metrics_cases import DATA

from deepkit import metrics

GENERATOR = np.random.default_rng(11)


def of_keras(metric, y_true, y_pred, weights=None):
    """Keras's result for these rows, traced."""
    empty = [variable.value for variable in metric.variables]
    return metric.stateless_result(metric.stateless_update_state(empty, y_true, y_pred, sample_weight=weights))


def value(metric, *rows):
    """deepkit's result for these rows, compiled at once."""
    return np.asarray(jax.jit(metric.__call__)(*rows))


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        (metrics.BinaryAccuracy(), keras.metrics.BinaryAccuracy(), "binary"),
        (metrics.BinaryAccuracy(threshold=0.3), keras.metrics.BinaryAccuracy(threshold=0.3), "binary"),
        (metrics.CategoricalAccuracy(), keras.metrics.CategoricalAccuracy(), "onehot"),
        (metrics.SparseCategoricalAccuracy(), keras.metrics.SparseCategoricalAccuracy(), "sparse"),
        (metrics.TopKCategoricalAccuracy(), keras.metrics.TopKCategoricalAccuracy(), "onehot"),
        (metrics.TopKCategoricalAccuracy(2), keras.metrics.TopKCategoricalAccuracy(2), "onehot"),
        (metrics.TopKCategoricalAccuracy(k=3), keras.metrics.SparseTopKCategoricalAccuracy(k=3), "sparse"),
        (metrics.Precision(), keras.metrics.Precision(), "binary"),
        (metrics.Precision((0.2, 0.7)), keras.metrics.Precision([0.2, 0.7]), "binary"),
        (metrics.Precision(0.5, average="micro"), keras.metrics.Precision(0.5), "labels"),
        (metrics.Precision(0.5, class_id=1), keras.metrics.Precision(0.5, class_id=1), "labels"),
        (metrics.Precision(0.5, average="micro"), keras.metrics.Precision(), "onehot"),
        (metrics.Recall(), keras.metrics.Recall(), "binary"),
        (metrics.Recall((0.2, 0.7)), keras.metrics.Recall([0.2, 0.7]), "binary"),
        (metrics.Recall(0.4, class_id=2), keras.metrics.Recall(0.4, class_id=2), "onehot"),
        (metrics.F1Score(), keras.metrics.F1Score("macro"), "onehot"),
        (metrics.F1Score("weighted"), keras.metrics.F1Score("weighted"), "onehot"),
        (metrics.F1Score("micro", 0.4), keras.metrics.F1Score("micro", 0.4), "labels"),
        (metrics.F1Score(None, 0.4), keras.metrics.F1Score(None, 0.4), "labels"),
        (metrics.AUC(), keras.metrics.AUC(), "binary"),
        (metrics.AUC(), keras.metrics.AUC(), "labels"),
        (metrics.AUC(20), keras.metrics.AUC(20), "binary"),
        (metrics.AUC(curve="PR"), keras.metrics.AUC(curve="PR"), "binary"),
        (metrics.AUC(15, "PR"), keras.metrics.AUC(15, "PR"), "labels"),
        (metrics.MeanAbsoluteError(), keras.metrics.MeanAbsoluteError(), "numbers"),
        (metrics.MeanSquaredError(), keras.metrics.MeanSquaredError(), "numbers"),
        (metrics.RootMeanSquaredError(), keras.metrics.RootMeanSquaredError(), "numbers"),
        (metrics.R2Score(), keras.metrics.R2Score(), "numbers"),
        (metrics.R2Score(None), keras.metrics.R2Score(None), "numbers"),
        (
            metrics.R2Score("variance_weighted_average"),
            keras.metrics.R2Score("variance_weighted_average"),
            "numbers",
        ),
        (metrics.CosineSimilarity(), keras.metrics.CosineSimilarity(), "numbers"),
        (metrics.KLDivergence(), keras.metrics.KLDivergence(), "onehot"),
        (metrics.get("log_cosh"), keras.metrics.LogCoshError(), "numbers"),
        (metrics.get("poisson"), keras.metrics.Poisson(), "binary"),
        (metrics.get("bce"), keras.metrics.BinaryCrossentropy(), "labels"),
        (metrics.get("cce"), keras.metrics.CategoricalCrossentropy(), "onehot"),
        (metrics.get("scce"), keras.metrics.SparseCategoricalCrossentropy(), "sparse"),
    ],
    ids=lambda value: repr(value).replace(" ", "") if isinstance(value, metrics.Metric) else None,
)
def test_keras_gives_the_same(ours, theirs, kind):
    y_true, y_pred = DATA[kind]
    weights = GENERATOR.uniform(0.2, 2, size=len(y_pred)).astype(np.float32)
    if not getattr(theirs, "_built", True):  # F1 and R² make their variables at the first rows.
        theirs._build(y_true.shape, y_pred.shape)
    both = jax.jit(lambda *rows: (ours(*rows), of_keras(theirs, *rows)))
    actual, expected = both(y_true, y_pred, weights)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("metric", [metrics.Precision(), metrics.AUC(), metrics.AUC(11, "PR")], ids=repr)
def test_predictions_on_the_thresholds_count_as_in_keras(metric):
    y_pred = np.array([0, 0, 0.1, 0.5, 0.5, 0.7, 1, 1], np.float32)[:, None]
    y_true = np.array([0, 1, 0, 1, 0, 1, 0, 1], np.float32)[:, None]
    theirs = keras.metrics.Precision() if metric == metrics.Precision() else None
    theirs = theirs or keras.metrics.AUC(metric.num_thresholds, metric.curve)
    actual, expected = jax.jit(lambda *rows: (metric(*rows), of_keras(theirs, *rows)))(y_true, y_pred)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


AVERAGED = [
    (metrics.Precision, sklearn.metrics.precision_score),
    (metrics.Recall, sklearn.metrics.recall_score),
    (metrics.F1Score, sklearn.metrics.f1_score),
]


AVERAGES = ("macro", "micro", "weighted", None)


@functools.cache
def averaged(kind):
    """Weights, and what all of `AVERAGED` give with them under every average, from one program."""
    y_true, y_pred = DATA[kind]
    weights = GENERATOR.uniform(0.2, 2, size=len(y_pred)).astype(np.float32)
    cases = [(ours, average) for ours, _ in AVERAGED for average in AVERAGES]
    declared = [ours(average=average, **({ours.CUT: 0.5} if kind == "labels" else {})) for ours, average in cases]
    found = jax.jit(lambda *rows: [metric(*rows) for metric in declared])(y_true, y_pred, weights)
    return weights, dict(zip(cases, found, strict=True))


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize(("ours", "theirs"), AVERAGED, ids=lambda value: value.__name__)
@pytest.mark.parametrize("kind", ["sparse", "onehot", "labels"])
def test_precision_recall_f1_are_those_of_scikit_learn(ours, theirs, kind, average):
    y_true, y_pred = DATA[kind]
    weights, found = averaged(kind)
    if kind == "labels":
        predicted, truth = y_pred > 0.5, y_true
    else:
        predicted, truth = y_pred.argmax(-1), y_true if kind == "sparse" else y_true.argmax(-1)
    expected = theirs(truth, predicted, average=average, sample_weight=weights, zero_division=0)
    np.testing.assert_allclose(found[ours, average], expected, rtol=1e-5)


@pytest.mark.parametrize(("ours", "theirs"), AVERAGED, ids=lambda value: value.__name__)
def test_one_class_against_the_rest_and_one_unit_are_scikit_learns_binary_scores(ours, theirs):
    y_true, y_pred = DATA["sparse"]
    expected = theirs(y_true == 2, y_pred.argmax(-1) == 2)
    np.testing.assert_allclose(value(ours(class_id=2), y_true, y_pred), expected, rtol=1e-6)
    y_true, y_pred = DATA["binary"]
    np.testing.assert_allclose(value(ours(), y_true, y_pred), theirs(y_true[:, 0], y_pred[:, 0] > 0.5), rtol=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), AVERAGED, ids=lambda value: value.__name__)
def test_classes_that_never_occur_are_left_out_of_macro_averages_as_in_scikit_learn(ours, theirs):
    y_true = np.array([0, 1, 1, 0, 2], np.int32)
    predicted = np.array([0, 1, 0, 0, 4], np.int32)
    expected = theirs(y_true, predicted, average="macro", zero_division=0)
    np.testing.assert_allclose(value(ours(), y_true, np.eye(6, dtype=np.float32)[predicted]), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["sparse", "onehot", "binary", "bare"])
def test_classes_are_counted_as_in_scikit_learn(kind):
    y_true, y_pred = DATA[kind]
    weights = GENERATOR.uniform(0.2, 2, size=len(y_pred)).astype(np.float32)
    truth = y_true.argmax(-1) if kind == "onehot" else y_true.reshape(-1).astype(int)
    predicted = y_pred.argmax(-1) if kind in ("sparse", "onehot") else (y_pred.reshape(-1) > 0.5).astype(int)
    matrix = sklearn.metrics.confusion_matrix(truth, predicted, sample_weight=weights)
    three = metrics.ConfusionMatrix(), metrics.PerClassAccuracy(), metrics.BalancedAccuracy()
    counted, of_classes, of_all = jax.jit(lambda *rows: [metric(*rows) for metric in three])(y_true, y_pred, weights)
    np.testing.assert_allclose(counted, matrix, rtol=1e-5)
    per_class = matrix.diagonal() / matrix.sum(axis=1)
    np.testing.assert_allclose(of_classes, per_class, rtol=1e-5)
    balanced = sklearn.metrics.balanced_accuracy_score(truth, predicted, sample_weight=weights)
    np.testing.assert_allclose(of_all, balanced, rtol=1e-5)


def test_rows_of_the_matrix_are_true_classes():
    matrix = value(metrics.ConfusionMatrix(), np.array([2, 2, 0]), np.eye(3, dtype=np.float32)[[1, 2, 0]])
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [0, 0, 0], [0, 1, 1]])


def test_a_class_without_rows_has_no_accuracy_and_does_not_pull_the_balanced_one_down():
    rows = np.array([0, 0, 2]), np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(value(metrics.PerClassAccuracy(), *rows), [0.5, np.nan, 1.0])
    assert value(metrics.BalancedAccuracy(), *rows) == 0.75


coarse, fine = (jax.jit(metrics.AUC(thresholds).__call__) for thresholds in (200, 5000))


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_auc_is_within_its_stated_distance_of_the_exact_one(sharpness):
    y_true = GENERATOR.integers(0, 2, size=2000)
    logits = GENERATOR.normal(size=2000) * sharpness + y_true
    y_pred = (1 / (1 + np.exp(-logits))).astype(np.float32)
    bins = np.clip(np.ceil(y_pred * np.float32(199)).astype(int) - 1, 0, 198)
    positives, negatives = (np.bincount(bins[y_true == label], minlength=199) for label in (1, 0))
    shared = (positives * negatives).sum() / (positives.sum() * negatives.sum())
    exact = sklearn.metrics.roc_auc_score(y_true, y_pred)
    distance = abs(coarse(y_true, y_pred) - exact)
    assert distance <= shared / 2 + 1e-6
    assert distance < 0.005
    np.testing.assert_allclose(fine(y_true, y_pred), exact, atol=2e-4)


def test_auc_of_a_class_against_the_rest():
    y_true, y_pred = DATA["sparse"]
    exact = sklearn.metrics.roc_auc_score(y_true == 1, y_pred[:, 1])
    np.testing.assert_allclose(value(metrics.AUC(5000, class_id=1), y_true, y_pred), exact, atol=1e-3)


def test_r2_and_pearson_are_those_of_scikit_learn_and_numpy():
    y_true, y_pred = DATA["numbers"]
    weights = GENERATOR.uniform(0.2, 2, size=len(y_pred)).astype(np.float32)
    for ours, theirs in [
        ("uniform_average", "uniform_average"),
        ("variance_weighted_average", "variance_weighted"),
        (None, "raw_values"),
    ]:
        expected = sklearn.metrics.r2_score(y_true, y_pred, sample_weight=weights, multioutput=theirs)
        np.testing.assert_allclose(value(metrics.R2Score(ours), y_true, y_pred, weights), expected, rtol=1e-5)
    each = [np.corrcoef(y_true[:, column], y_pred[:, column])[0, 1] for column in range(2)]
    np.testing.assert_allclose(value(metrics.PearsonR(), y_true, y_pred), np.mean(each), rtol=1e-5)


def test_constant_targets_and_predictions():
    constant, varied = np.full((5, 1), 3.1, np.float32), np.arange(5, dtype=np.float32)[:, None]
    r2, ones, zeros = jax.jit(metrics.R2Score().__call__), np.ones(5, np.float32), np.zeros(5, np.float32)
    assert r2(constant, constant, ones) == 1 == sklearn.metrics.r2_score(constant, constant)
    assert r2(constant, varied, ones) == 0 == sklearn.metrics.r2_score(constant, varied)
    assert np.isnan(value(metrics.PearsonR(), varied, constant))
    assert np.isnan(r2(varied, varied, zeros))
    assert value(metrics.MeanSquaredError(), varied, constant, zeros) == 0


def test_hinge_labels_and_soft_labels():
    scores = np.array([[-2.0], [0.3], [0.1], [-0.1]], np.float32)
    signs = np.array([[-1.0], [1.0], [-1.0], [-1.0]], np.float32)
    assert value(metrics.BinaryAccuracy(threshold=0), signs, scores) == 0.75
    assert value(metrics.BinaryAccuracy(), np.array([[0.9], [0.1]]), np.array([[0.8], [0.2]])) == 1


def test_ties_and_nan_in_top_k():
    flat, broken = np.full((1, 6), 1 / 6, np.float32), np.full((1, 6), np.nan, np.float32)
    second = jax.jit(metrics.TopKCategoricalAccuracy(2).__call__)
    assert second(np.array([4]), flat) == 1
    assert second(np.array([4]), broken) == 0
