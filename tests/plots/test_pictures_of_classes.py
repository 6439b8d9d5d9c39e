"""Confusion matrix, accuracies and probabilities by class, decision boundary."""

import numpy as np
import pandas as pd
import pytest

import deepkit as dk
from deepkit import plots
from deepkit.errors import DeepkitValueError


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_confusion_matrix():
    figure = plots.confusion_matrix([[30, 10], [0, 1_234_567]], ["healthy", "ill"])
    panel = figure.axes[0]
    written = {tuple(map(int, text.get_position())): text.get_text() for text in panel.texts}
    assert written == {(0, 0): "30\n75 %", (1, 0): "10\n25 %", (0, 1): "0\n0 %", (1, 1): "1,234,567\n100 %"}
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in panel.get_xticklabels()] == ["healthy", "ill"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["healthy", "ill"]
    assert panel.get_title() == "1,234,607 rows, 100.0 % on the diagonal"
    np.testing.assert_array_equal(panel.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert panel.texts[0].get_color() == "white" and panel.texts[1].get_color() == "black"


def test_confusion_matrix_of_a_class_without_rows_and_of_many_classes():
    assert plots.confusion_matrix([[0, 0], [1, 2]]).axes[0].texts[0].get_text() == "0"
    assert not plots.confusion_matrix(np.ones((100, 100))).axes[0].texts


@pytest.mark.parametrize(
    ("matrix", "classes", "message"),
    [
        ([[1, 2, 3]], None, r"shape \(1, 3\)"),
        ([[1, -2], [0, 1]], None, "numbers below 0"),
        (np.zeros((2, 2)), None, "no rows"),
        ([[1, 0], [0, 1]], ["a"], r"classes has 1 names \('a',\), but the results have 2 classes"),
    ],
)
def test_no_confusion_matrix(matrix, classes, message):
    with pytest.raises(DeepkitValueError, match=message):
        plots.confusion_matrix(matrix, classes)


def test_per_class_accuracy():
    training, validation = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[0.5, 0.6], [0.7, np.nan]])
    figure = plots.per_class_accuracy(training, ["a", "b"], validation=validation)
    drawn = [line for line in figure.axes[0].lines if len(line.get_xdata())]
    assert [line.get_linestyle() for line in drawn] == ["-", "-", "--", "--"]
    np.testing.assert_array_equal([line.get_ydata() for line in drawn], [*training.T, *validation.T])
    assert [list(line.get_xdata()) for line in drawn] == [[1, 2]] * 4
    assert drawn[0].get_color() == drawn[2].get_color() != drawn[1].get_color()
    assert legend(figure) == ["a", "b", "training", "validation"]
    assert legend(plots.per_class_accuracy(training)) == ["class 0", "class 1"]


def test_per_class_accuracy_of_a_scalar_metric():
    with pytest.raises(DeepkitValueError, match=r"shape \(3,\).*PerClassAccuracy"):
        plots.per_class_accuracy([0.1, 0.2, 0.3])


def test_probabilities_are_sorted_by_true_class_and_wrong_ones_crossed():
    p = np.array([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6]])
    labels = np.array([1, 0, 1, 0])
    figure = plots.probabilities_by_sample(p, labels, ["no", "yes"])
    no, yes, wrong = figure.axes[0].lines
    order = [1, 3, 0, 2]
    np.testing.assert_allclose(no.get_ydata(), p[order, 0])
    np.testing.assert_allclose(yes.get_ydata(), p[order, 1])
    assert list(wrong.get_xdata()) == [1, 3] and list(wrong.get_ydata()) == [0.6, 0.7]
    assert legend(figure) == ["P(no)", "P(yes)", "wrong: 2 of 4"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["no", "yes"]
    one_hot = plots.probabilities_by_sample(p, np.eye(2)[labels], ["no", "yes"])
    sigmoid = plots.probabilities_by_sample(p[:, 1:], labels[:, None], ["no", "yes"])
    for other in (one_hot, sigmoid):
        np.testing.assert_allclose(other.axes[0].lines[0].get_ydata(), p[order, 0])


@pytest.mark.parametrize(
    ("p", "labels", "message"),
    [
        ([[2.0, -1.0]], [0], "softmax first"),
        ([[0.5, 0.5]], [2], "labels holds 2 in row 0, but there are 2 classes"),
        ([[0.5, 0.5]], ["a"], "one class number per row"),
        ([[0.5, 0.5]], [0, 1], "probabilities has 1, labels has 2"),
    ],
)
def test_no_probabilities(p, labels, message):
    with pytest.raises(DeepkitValueError, match=message):
        plots.probabilities_by_sample(p, labels)


def linear_model(weights, activation):
    x = dk.Input(2)
    model = dk.Model(x, dk.layers.Dense(weights[0].shape[1], activation)(x))
    model.set_weights(weights)
    return model


@pytest.mark.parametrize(
    ("weights", "activation", "labels"),
    [
        ([np.array([[2.0], [0.0]]), np.array([-1.0])], "sigmoid", [0, 1, 1]),
        ([np.array([[2.0], [0.0]]), np.array([-1.0])], "tanh", [-1, 1, 1]),
        ([np.array([[0.0, 2.0], [0.0, 0.0]]), np.array([0.0, -1.0])], "softmax", [0, 1, 1]),
    ],
)
def test_the_boundary_lies_where_the_model_puts_it(weights, activation, labels):
    """x₁ = ½ in all three."""
    rows = np.array([[0.0, 0.0], [1.0, 1.0], [0.2, 3.0]])
    figure = plots.decision_boundary(linear_model(weights, activation), rows, labels)
    lines = [item for item in figure.axes[0].collections if item.get_edgecolor().tolist() == [[0, 0, 0, 1]]]
    vertices = np.concatenate([path.vertices for line in lines for path in line.get_paths() if len(path.vertices)])
    np.testing.assert_allclose(vertices[:, 0], 0.5, atol=1e-2)
    first, second, wrong = figure.axes[0].lines
    assert list(first.get_xdata()) == [0] and list(second.get_xdata()) == [1, 0.2]
    assert list(wrong.get_xdata()) == [0.2]
    assert legend(figure) == ["class 0", "class 1", "wrong: 1 of 3"]


def test_boundary_of_a_table():
    table = pd.DataFrame({"width (cm)": [0.0, 1.0], "length (cm)": [0.0, 1.0]})
    figure = plots.decision_boundary(linear_model([np.ones((2, 3)), np.zeros(3)], "softmax"), table, [0, 2])
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("width (cm)", "length (cm)")


def test_no_boundary():
    model = linear_model([np.ones((2, 3)), np.zeros(3)], "softmax")
    with pytest.raises(DeepkitValueError, match=r"draws a plane, but x has shape \(1, 3\)"):
        plots.decision_boundary(model, np.zeros((1, 3)), [0])
    with pytest.raises(DeepkitValueError, match="y holds 3 in row 0, but there are 3 classes"):
        plots.decision_boundary(model, np.zeros((1, 2)), [3])
    two = dk.Model(x := dk.Input(2), [dk.layers.Dense(1)(x), dk.layers.Dense(1)(x)])
    with pytest.raises(DeepkitValueError, match="needs one output"):
        plots.decision_boundary(two, np.zeros((1, 2)), [0])
