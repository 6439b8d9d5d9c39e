"""What users are told when a loss does not fit its output or its targets: one table each, and the wrong
arguments.

Every message must name the culprit and the values, and say the mend; the table holds the telling fragments.
"""

import warnings

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from deepkit import activations, losses
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, DeepkitWarning
from deepkit.graph.spec import Meaning, Spec

LABEL = "Dense 'score'"


def own_activation(x):
    return x


ENDINGS = {
    name: (activations.meaning_of(activations.get(name)), activations.get(name))
    for name in ("linear", "sigmoid", "softmax", "log_softmax", "relu", "softplus", "tanh", "leaky_relu")
}
ENDINGS.update(
    {
        "own": (Meaning.REAL, own_activation),
        "none": (Meaning.REAL, None),
        "sigmoid further back": (Meaning.PROBABILITY, None),
    }
)

BCE, FOCAL, CCE, SCCE = (
    losses.BinaryCrossentropy,
    losses.BinaryFocalCrossentropy,
    losses.CategoricalCrossentropy,
    losses.SparseCategoricalCrossentropy,
)


def check_output(loss, ending, shape):
    meaning, activation = ENDINGS[ending]
    losses.get(loss).check_output(Spec((None, *shape), meaning=meaning), LABEL, activation)


REFUSED_OUTPUTS = [
    # A softmax over one unit, whatever the loss.
    ("mse", "softmax", (1,), ["softmax over one unit", "activation='sigmoid'", "K units"]),
    ("bce", "softmax", (1,), ["softmax over one unit", "activation='sigmoid'"]),
    ("cce", "softmax", (1,), ["softmax over one unit", "activation='sigmoid'"]),
    ("crossentropy", "softmax", (1,), ["softmax over one unit", "activation='sigmoid'"]),
    ("kl", "log_softmax", (1,), ["softmax over one unit"]),
    (lambda y, p: p, "softmax", (1,), ["softmax over one unit"]),
    # No axis for the units.
    ("mse", "linear", (), ["(None,)", "an axis of their own", "Reshape((1,))"]),
    # Linear outputs with losses of probabilities.
    ("bce", "linear", (1,), ["linear output", "activation='sigmoid'", "from_logits=True"]),
    (FOCAL(), "linear", (1,), ["BinaryFocalCrossentropy", "linear output", "activation='sigmoid'"]),
    (BCE(False), "linear", (1,), ["linear output", "activation='sigmoid'", "from_logits=True"]),
    ("cce", "linear", (3,), ["linear output", "activation='softmax'", "from_logits=True"]),
    ("scce", "linear", (3,), ["linear output", "activation='softmax'", "from_logits=True"]),
    ("scce", "linear", (5, 3), ["linear output", "activation='softmax'"]),
    ("crossentropy", "linear", (1,), ["linear output", "activation='sigmoid'", "Crossentropy(from_logits=True)"]),
    ("crossentropy", "linear", (3,), ["linear output", "activation='softmax'", "Crossentropy(from_logits=True)"]),
    ("kl", "linear", (3,), ["distributions", "linear", "activation='softmax'"]),
    ("bce", "none", (1,), ["linear output", "as far as its declaration tells", "from_logits=False"]),
    ("bce", "own", (1,), ["nothing is known", "own_activation", "from_logits=False", "activation='sigmoid'"]),
    ("cce", "own", (3,), ["nothing is known", "own_activation", "activation='softmax'"]),
    # Probabilities taken for logits.
    (BCE(True), "sigmoid", (1,), ["sigmoid already", "second sigmoid", "Leave from_logits out"]),
    (FOCAL(from_logits=True), "sigmoid", (1,), ["sigmoid already", "Leave from_logits out"]),
    (BCE(True), "sigmoid further back", (1,), ["sigmoid already", "Leave from_logits out"]),
    (CCE(True), "softmax", (3,), ["softmax already", "second softmax", "Leave from_logits out"]),
    (SCCE(True), "softmax", (3,), ["softmax already", "second softmax", "Leave from_logits out"]),
    (losses.Crossentropy(True), "softmax", (3,), ["softmax already", "Leave from_logits out"]),
    # Outputs that are neither.
    ("bce", "relu", (1,), ["ends in relu", "at least zero", "activation='sigmoid'"]),
    ("cce", "relu", (3,), ["ends in relu", "at least zero", "activation='softmax'"]),
    ("scce", "relu", (3,), ["ends in relu", "activation='softmax'"]),
    ("crossentropy", "relu", (1,), ["ends in relu", "activation='sigmoid'"]),
    (BCE(True), "relu", (1,), ["raw scores", "ends in relu", "at least zero", "leave from_logits out"]),
    (SCCE(True), "relu", (3,), ["raw scores", "ends in relu", "activation='softmax'"]),
    ("bce", "tanh", (1,), ["ends in tanh", "between −1 and 1", "activation='sigmoid'"]),
    (BCE(True), "tanh", (1,), ["ends in tanh", "between −1 and 1"]),
    ("bce", "leaky_relu", (1,), ["ends in leaky_relu", "any real number", "activation='sigmoid'"]),
    ("cce", "log_softmax", (3,), ["ends in log_softmax", "log-probabilities", "activation='softmax'"]),
    ("bce", "log_softmax", (3,), ["ends in log_softmax", "activation='sigmoid'"]),
    (BCE(True), "log_softmax", (3,), ["ends in log_softmax", "Leave its activation out"]),
    # One kind of probability for the other.
    ("bce", "softmax", (3,), ["3 units", "share one softmax", "loss='crossentropy'", "activation='sigmoid'"]),
    ("bce", "softmax", (2,), ["2 units", "share one softmax"]),
    (FOCAL(), "softmax", (3,), ["share one softmax"]),
    ("cce", "sigmoid", (3,), ["ends in sigmoid", "3 probabilities", "activation='softmax'", "binary_crossentropy"]),
    ("scce", "sigmoid", (3,), ["ends in sigmoid", "activation='softmax'"]),
    ("kl", "sigmoid", (3,), ["ends in sigmoid", "activation='softmax'"]),
    # Too few units.
    ("cce", "sigmoid", (1,), ["only one", "activation='sigmoid'", "binary_crossentropy", "K units"]),
    ("scce", "sigmoid", (1,), ["only one", "binary_crossentropy"]),
    (SCCE(True), "linear", (1,), ["only one", "binary_crossentropy"]),
    ("kl", "sigmoid", (1,), ["one unit", "binary_crossentropy"]),
    ("categorical_hinge", "linear", (1,), ["only one", "loss='hinge'"]),
    ("cosine_similarity", "linear", (1,), ["one number", "several units", "loss='mse'"]),
    (losses.CosineSimilarity(axis=0), "linear", (3,), ["axis=0", "axis=-1"]),
    (losses.CosineSimilarity(axis=2), "linear", (3,), ["axis=2", "(None, 3)", "axis=-1"]),
    (losses.CosineSimilarity(axis=-3), "linear", (3,), ["axis=-3", "axis=-1"]),
    # Margins need scores of both signs.
    ("hinge", "sigmoid", (1,), ["Hinge", "ends in sigmoid", "Leave its activation out"]),
    ("hinge", "softmax", (2,), ["ends in softmax"]),
    ("squared_hinge", "relu", (1,), ["SquaredHinge", "ends in relu", "tanh"]),
    # Several quantiles.
    (losses.Pinball((0.1, 0.9)), "linear", (1,), ["2 quantiles", "has 1", "Give the last layer 2 units"]),
    (losses.Pinball((0.1, 0.5, 0.9)), "linear", (4,), ["3 quantiles", "has 4", "3 units"]),
    (losses.Pinball((0.1,)), "linear", (2,), ["Give the last layer 1 unit."]),
]

WARNED_OUTPUTS = [
    ("mse", "sigmoid", (1,), ["MeanSquaredError", "ends in sigmoid", "gradient vanishes", "'binary_crossentropy'"]),
    ("mse", "sigmoid further back", (1,), ["ends in sigmoid", "'binary_crossentropy'"]),
    ("mse", "softmax", (3,), ["ends in softmax", "loss='crossentropy'", "leave the activation out"]),
    ("mse", "log_softmax", (3,), ["ends in log_softmax", "activation='softmax'"]),
    ("mae", "sigmoid", (1,), ["MeanAbsoluteError", "ends in sigmoid"]),
    ("huber", "softmax", (3,), ["Huber", "ends in softmax"]),
    ("pinball", "sigmoid", (1,), ["Pinball", "ends in sigmoid"]),
    ("msle", "linear", (1,), ["at least 0", "ends in linear", "'softplus'"]),
    ("msle", "tanh", (1,), ["at least 0", "ends in tanh"]),
    ("poisson", "linear", (1,), ["Poisson", "NaN", "'exponential'"]),
    ("poisson", "own", (1,), ["Poisson", "own_activation", "NaN"]),
    ("categorical_hinge", "softmax", (3,), ["lead of 1", "ends in softmax", "loss='crossentropy'"]),
    ("categorical_hinge", "sigmoid", (3,), ["ends in sigmoid"]),
]

ACCEPTED_OUTPUTS = [
    ("mse", "linear", (1,)),
    ("mse", "relu", (2,)),
    ("mae", "tanh", (4, 3)),
    ("mape", "own", (1,)),
    ("huber", "none", (1,)),
    ("msle", "softplus", (1,)),
    ("poisson", "softplus", (1,)),
    ("cosine_similarity", "linear", (8,)),
    (losses.CosineSimilarity(axis=1), "linear", (4, 1)),
    ("pinball", "linear", (2,)),
    (losses.Pinball((0.1, 0.9)), "linear", (2,)),
    ("bce", "sigmoid", (1,)),
    ("bce", "sigmoid", (4,)),
    ("bce", "sigmoid further back", (6, 1)),
    (BCE(False), "sigmoid", (1,)),
    (BCE(True), "linear", (1,)),
    (BCE(True), "none", (1,)),
    (BCE(True), "own", (1,)),
    (BCE(False), "own", (1,)),
    (BCE(False), "none", (1,)),
    (FOCAL(), "sigmoid", (1,)),
    ("cce", "softmax", (2,)),
    ("scce", "softmax", (6, 3)),
    (SCCE(True), "linear", (3,)),
    (CCE(True), "log_softmax", (3,)),
    ("crossentropy", "sigmoid", (3,)),
    ("crossentropy", "softmax", (3,)),
    (losses.Crossentropy(True), "linear", (3,)),
    ("kl", "softmax", (3,)),
    ("kl", "own", (3,)),
    ("hinge", "linear", (1,)),
    ("squared_hinge", "tanh", (1,)),
    ("categorical_hinge", "linear", (3,)),
    (lambda y, p: p, "sigmoid", (1,)),
]


def name_of(value):
    return repr(value) if isinstance(value, losses.Loss) else getattr(value, "__name__", None)


@pytest.mark.parametrize(("loss", "ending", "shape", "fragments"), REFUSED_OUTPUTS, ids=name_of)
def test_refused_outputs(loss, ending, shape, fragments):
    with pytest.raises(DeepkitValueError) as caught:
        check_output(loss, ending, shape)
    assert_says(str(caught.value), LABEL, fragments)


@pytest.mark.parametrize(("loss", "ending", "shape", "fragments"), WARNED_OUTPUTS, ids=name_of)
def test_warned_outputs(loss, ending, shape, fragments):
    with pytest.warns(DeepkitWarning) as caught:
        check_output(loss, ending, shape)
    assert len(caught) == 1
    assert_says(str(caught[0].message), LABEL, fragments)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("loss", "ending", "shape"), ACCEPTED_OUTPUTS, ids=name_of)
def test_accepted_outputs(loss, ending, shape):
    check_output(loss, ending, shape)


def test_outputs_of_whole_numbers_are_refused():
    with pytest.raises(DeepkitTypeError, match=r"Dense 'score' has dtype int32.*float32"):
        losses.get("mse").check_output(Spec((None, 1), dtype="int32"), LABEL, None)


def assert_says(message, culprit, fragments):
    for fragment in (culprit, *fragments):
        assert fragment in message
    assert message.endswith((".", "]"))
    assert message.count(". ") >= 1, "one sentence says what is wrong, one how to mend it"
    assert "  " not in message


SIGMOID, SOFTMAX, LINEAR, RELU, TANH = (
    Meaning.PROBABILITY,
    Meaning.DISTRIBUTION,
    Meaning.REAL,
    Meaning.NON_NEGATIVE,
    Meaning.BOUNDED,
)
NAN = np.array([0.0, np.nan, 1.0, np.nan])
ONE_HOT = np.eye(3)[[0, 2, 1, 1]]

REFUSED_TARGETS = [
    # What no loss can take.
    ("mse", LINEAR, (1,), np.array(["M", "B"]), ["text", "'M'", "np.unique(y, return_inverse=True)[1]"]),
    ("bce", SIGMOID, (1,), np.array(["yes", "no"]), ["text", "'yes'", "np.unique"]),
    ("scce", SOFTMAX, (3,), np.array(["a", "b"], object), ["text", "'a'", "np.unique"]),
    ("scce", SOFTMAX, (3,), np.array([1, "b"], object), ["text", "'b'"]),
    ("crossentropy", SOFTMAX, (3,), np.array(["a", "b"]), ["text", "'a'"]),
    ("mse", LINEAR, (1,), np.array([1, None], object), ["object array", "first entry 1", "dtype='float32'"]),
    ("mse", LINEAR, (1,), np.array([[1, 2], [3]], dtype=object), ["object array", "unequal length"]),
    ("mse", LINEAR, (1,), np.array(["2020-01-01"], "datetime64[D]"), ["datetime64", "astype"]),
    ("mse", LINEAR, (1,), np.array([1 + 2j]), ["complex128"]),
    ("mse", LINEAR, (1,), np.array(3.0), ["single value 3.0", "Pass an array"]),
    ("mse", LINEAR, (1,), np.zeros((0, 1)), ["empty", "(0, 1)"]),
    ("mse", LINEAR, (1,), NAN, ["2 NaN of 4 values", "row 1", "np.isfinite"]),
    ("bce", SIGMOID, (1,), NAN, ["2 NaN", "row 1"]),
    ("scce", SOFTMAX, (3,), NAN, ["2 NaN", "row 1"]),
    ("cce", SOFTMAX, (3,), ONE_HOT * np.array([1, 1, np.nan]), ["4 NaN of 12 values", "row 0"]),
    ("mse", LINEAR, (1,), np.array([0, np.inf, np.nan]), ["1 NaN and 1 infinite of 3 values", "row 1"]),
    ("mse", LINEAR, (1,), np.array([1.0, 1e300]), ["1e+300", "row 1", "too large for float32"]),
    (lambda y, p: p, LINEAR, (1,), NAN, ["2 NaN"]),
    # Shapes: nothing is broadcast.
    ("mse", LINEAR, (3,), np.zeros(5), ["(5,)", "(5, 3)", "not broadcast over 3 units", "one unit", "3 columns"]),
    ("mse", LINEAR, (3,), np.zeros((5, 1)), ["(5, 1)", "(5, 3)", "not broadcast"]),
    ("mse", LINEAR, (1,), np.zeros((5, 3)), ["(5, 3)", "(5, 1)", "Give the last layer 3 units", "1 column."]),
    ("mse", LINEAR, (4,), np.zeros((5, 3)), ["(5, 3)", "(5, 4)", "3 units", "4 columns"]),
    ("mse", LINEAR, (6, 1), np.zeros(5), ["(5,)", "(5, 6, 1)", "Flatten()"]),
    ("mse", LINEAR, (6, 2), np.zeros((5, 6)), ["(5, 6)", "(5, 6, 2)", "not broadcast over 2 units"]),
    ("mse", LINEAR, (2,), np.zeros((5, 2, 1)), ["(5, 2, 1)", "(5, 2)", "y.reshape(-1, 2)"]),
    ("mse", SOFTMAX, (3,), np.array([0, 1, 2]), ["(3,)", "sparse_categorical_crossentropy", "one_hot(y, 3)"]),
    ("hinge", LINEAR, (3,), np.array([1, -1]), ["(2,)", "not broadcast over 3 units"]),
    (lambda y, p: y - p, LINEAR, (3,), np.zeros(5), ["(5,)", "broadcast over the 3 units", "y[..., None]"]),
    (losses.Pinball((0.1, 0.9)), LINEAR, (2,), np.zeros((5, 2)), ["(5, 2)", "2 quantiles", "(5, 1)"]),
    # Binary targets.
    ("bce", SIGMOID, (1,), np.array([-1, 1, 1]), ["−1 and 1", "(y + 1) / 2", "hinge"]),
    ("bce", SIGMOID, (1,), np.array([1, 2, 1]), ["1…2", "subtract 1"]),
    ("bce", SIGMOID, (1,), np.array([0, 1, 2, 3]), ["from 0 to 3", "row 2", "4 units", "sparse_categorical"]),
    ("bce", SIGMOID, (1,), np.array([0.2, 1.7]), ["from 0.2 to 1.7", "row 1", "loss='mse'"]),
    ("bce", SIGMOID, (1,), np.array([-0.5, 0.5]), ["from -0.5 to 0.5", "row 0"]),
    ("bce", SIGMOID, (4,), np.array([[0, 255, 3, 9]], np.uint8), ["from 0 to 255", "y / 255"]),
    ("bce", SIGMOID, (1,), np.eye(2)[[0, 1]], ["two columns", "y[..., 1]", "activation='softmax'"]),
    ("bce", SIGMOID, (3,), np.array([0, 2, 1]), ["(3,)", "3 sigmoid units", "softmax", "3 columns of 0 and 1"]),
    ("bce", SIGMOID, (3,), np.array([[0], [1]]), ["(2, 1)", "3 sigmoid units"]),
    (FOCAL(), SIGMOID, (1,), np.array([1, 2]), ["subtract 1"]),
    ("crossentropy", SIGMOID, (1,), np.array([1, 2]), ["subtract 1"]),
    # Class numbers.
    ("scce", SOFTMAX, (3,), ONE_HOT, ["one-hot", "(4, 3)", "categorical_crossentropy", "np.argmax(y, axis=-1)"]),
    ("scce", SOFTMAX, (3,), np.full((4, 3), 1 / 3), ["a probability per class", "categorical_crossentropy"]),
    ("scce", SOFTMAX, (3,), np.zeros((4, 2)), ["(4, 2)", "(4,)", "one whole number per row"]),
    ("scce", SOFTMAX, (6, 3), np.zeros(4, int), ["(4,)", "(4, 6)", "time axis"]),
    ("scce", SOFTMAX, (3,), np.array([0, 1.5, 2]), ["1.5", "row 1", "0…2", "loss='mse'"]),
    ("scce", SOFTMAX, (3,), np.array([1, 2, 3, 1]), ["labels seem to run 1…3; subtract 1", "0…2"]),
    ("scce", SOFTMAX, (3,), np.array([1.0, 2.0, 3.0]), ["labels seem to run 1…3; subtract 1"]),
    ("scce", SOFTMAX, (3,), np.array([0, 1, 2, 3]), ["from 0 to 3", "3 units", "0…2", "4 units"]),
    ("scce", SOFTMAX, (3,), np.array([3, 8]), ["from 3 to 8", "9 units", "np.unique"]),
    ("scce", SOFTMAX, (2,), np.array([-1, 1]), ["from -1 to 1", "0…1", "Renumber the labels", "np.unique"]),
    ("crossentropy", SOFTMAX, (3,), np.array([1, 2, 3]), ["subtract 1"]),
    ("crossentropy", SOFTMAX, (3,), np.array([0, 3]), ["from 0 to 3", "4 units"]),
    # One-hot rows and distributions.
    ("cce", SOFTMAX, (3,), np.array([0, 2, 1]), ["(3,)", "3 columns", "sparse_categorical", "one_hot(y, 3)"]),
    ("cce", SOFTMAX, (3,), np.array([[0], [2]]), ["(2, 1)", "3 columns", "sparse_categorical"]),
    ("cce", SOFTMAX, (6, 3), np.zeros((4, 6), int), ["(4, 6)", "sparse_categorical", "one_hot(y, 3)"]),
    ("cce", SOFTMAX, (3,), np.eye(4), ["(4, 4)", "(4, 3)", "4 units"]),
    ("cce", SOFTMAX, (3,), np.array([[1, 0, 0], [1, 1, 0]]), ["row 1", "sums to 2", "'sigmoid'", "binary_cross"]),
    ("cce", SOFTMAX, (3,), np.array([[0.5, 0.25, 0]]), ["row 0", "sums to 0.75"]),
    ("cce", SOFTMAX, (3,), np.array([[1, 0, 0], [2, -1, 0]]), ["-1", "row 1", "at least 0"]),
    ("kl", SOFTMAX, (3,), np.array([0, 2, 1]), ["(3,)", "3 columns"]),
    ("kl", SOFTMAX, (3,), np.array([[0.2, 0.2, 0.2]]), ["row 0", "sums to 0.6"]),
    ("categorical_hinge", LINEAR, (3,), np.array([0, 2]), ["(2,)", "one-hot", "one_hot(y, 3)"]),
    ("categorical_hinge", LINEAR, (3,), np.array([[1, 0, 0], [1, -1, 1]]), ["row 1", "[1.0, -1.0, 1.0]", "one-hot"]),
    ("categorical_hinge", LINEAR, (3,), np.array([[0, 0, 0]]), ["row 0", "one 1, the rest 0"]),
    # Margins.
    ("hinge", LINEAR, (1,), np.array([1, -1, 2]), ["2", "row 2", "−1 and 1", "np.where"]),
    ("hinge", LINEAR, (1,), np.array([0.3]), ["0.3", "row 0"]),
    ("squared_hinge", LINEAR, (1,), np.array([1, 0, -1]), ["−1, 0 and 1", "two labels"]),
    # Numbers below zero.
    ("msle", RELU, (1,), np.array([1.0, 2.0]) * [1, 1] - [0, 5], ["-3", "row 1", "MeanSquaredLogarithmicError"]),
    ("poisson", RELU, (1,), np.array([1, -2]), ["-2", "row 1", "Poisson", "at least 0"]),
]

WARNED_TARGETS = [
    ("mape", LINEAR, (1,), np.array([1.0, 0.0, 0.0]), ["2 zeros", "row 1", "loss='mae'"]),
    ("mse", RELU, (1,), np.array([-1.5, 2.0]), ["from -1.5 to 2", "at least 0", "Leave the activation out"]),
    ("mse", TANH, (1,), np.array([0.0, 30.0]), ["from 0 to 30", "between -1 and 1", "rescale"]),
    ("mse", SIGMOID, (1,), np.array([0.0, 7.0]), ["from 0 to 7", "between 0 and 1"]),
    ("huber", SOFTMAX, (2,), np.array([[0.0, 7.0]]), ["between 0 and 1"]),
]


@pytest.mark.parametrize(("loss", "meaning", "shape", "y", "fragments"), REFUSED_TARGETS)
def test_refused_targets(loss, meaning, shape, y, fragments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeepkitWarning)
        with pytest.raises(DeepkitError) as caught:
            losses.get(loss).check_targets(y, Spec((None, *shape), meaning=meaning), "target 'sick'")
    assert isinstance(caught.value, ValueError | TypeError)
    assert_says(str(caught.value), "target 'sick'", fragments)


@pytest.mark.parametrize(("loss", "meaning", "shape", "y", "fragments"), WARNED_TARGETS)
def test_warned_targets(loss, meaning, shape, y, fragments):
    with pytest.warns(DeepkitWarning) as caught:
        losses.get(loss).check_targets(y, Spec((None, *shape), meaning=meaning), "target 'sick'")
    assert len(caught) == 1
    assert_says(str(caught[0].message), "target 'sick'", fragments)


def test_class_labels_are_numbers_too():
    """Squared error on labels runs without a word: it is a linear classifier."""
    for loss in ("mse", "mae"):
        losses.get(loss).check_targets(np.array([0, 1, 2]), Spec((None, 1)), "y")


REFUSED_ARGUMENTS = [
    (lambda: losses.get("binary_crossentropi"), ["no loss is called", "Did you mean 'binary_crossentropy'"]),
    (lambda: losses.get("mean_square_error"), ["Did you mean 'mean_squared_error'"]),
    (lambda: losses.get("accuracy"), ["no loss is called 'accuracy'", "Known names", "mse"]),
    (lambda: losses.get(None), ["name of a loss", "None"]),
    (lambda: losses.get(3), ["name of a loss", "3"]),
    (lambda: losses.get(["mse"]), ["name of a loss", "list"]),
    (lambda: losses.get(dict), ["name of a loss"]),
    (lambda: losses.Huber(0), ["Huber(delta=0)", "above 0"]),
    (lambda: losses.Huber("1"), ["Huber(delta='1')", "expected a number"]),
    (lambda: losses.Pinball(90), ["Pinball(quantile=90)", "between 0 and 1", "percentile is .9"]),
    (lambda: losses.Pinball(0), ["strictly between 0 and 1"]),
    (lambda: losses.Pinball((0.1, 1.0)), ["strictly between 0 and 1", "1"]),
    (lambda: losses.Pinball(()), ["at least one quantile"]),
    (lambda: losses.Pinball("median"), ["'median'", "between 0 and 1"]),
    (lambda: losses.CosineSimilarity(axis=0.5), ["number of an axis"]),
    (lambda: BCE("yes"), ["BinaryCrossentropy(from_logits='yes')", "True, False"]),
    (lambda: BCE(0.1), ["from_logits=0.1", "True, False"]),
    (lambda: BCE(label_smoothing=1), ["label_smoothing=1", "[0, 1)"]),
    (lambda: BCE(label_smoothing=-0.1), ["label_smoothing=-0.1", "[0, 1)"]),
    (lambda: BCE(positive_weight=0), ["positive_weight=0", "above 0"]),
    (lambda: CCE(smoothing_convention="keras"), ["smoothing_convention='keras'", "'optax'", "'textbook'", ".91"]),
    (lambda: FOCAL(alpha=1.5), ["alpha=1.5", "0 to 1"]),
    (lambda: FOCAL(gamma=-1), ["gamma=-1", "at least 0"]),
    (lambda: FOCAL(0.25), ["apply_class_balancing=0.25", "True or False"]),
    (lambda: losses.get(lambda y: y), ["(y_true, y_pred)", "takes (y)"]),
    (lambda: losses.get(lambda y, p, weight: y), ["takes (y, p, weight)", "defaults"]),
    (lambda: losses.get(optax.losses.huber_loss), ["predictions first", "lambda y_true, y_pred"]),
    (lambda: losses.get(optax.softmax_cross_entropy), ["predictions first"]),
    (lambda: losses.FunctionLoss("mse"), ["FunctionLoss(function='mse')", "a function of"]),
]


@pytest.mark.parametrize(("make", "fragments"), REFUSED_ARGUMENTS)
def test_refused_arguments(make, fragments):
    with pytest.raises(DeepkitError) as caught:
        make()
    for fragment in fragments:
        assert fragment in str(caught.value)


REFUSED_CALLS = [
    ("mse", np.zeros(4), np.zeros((4, 1)), None, ["MeanSquaredError", "(4,)", "(4, 1)", "nothing is broadcast"]),
    ("mse", np.zeros((4, 1)), np.zeros((4, 3)), None, ["(4, 1)", "(4, 3)"]),
    ("bce", np.zeros(4), np.zeros((4, 1)), None, ["BinaryCrossentropy", "(4,)"]),
    (BCE(True), np.zeros(4), np.zeros((4, 1)), None, ["BinaryCrossentropy", "(4,)"]),
    ("bce", np.ones((2, 1)), np.full((2, 1), 2.0), None, ["0 to 2", "logits", "from_logits=True"]),
    ("scce", np.zeros(1, int), np.array([[1.0, 4.0, 3.0]]), None, ["0 to 4", "logits", "from_logits=True"]),
    ("bce", 1.0, 0.5, None, ["BinaryCrossentropy", "single number", "the first axis is the batch"]),
    ("scce", np.zeros(4), np.zeros((4, 3)), None, ["float32", "astype('int32')", "CategoricalCrossentropy"]),
    ("scce", np.zeros((4, 1), int), np.zeros((4, 3)), None, ["(4, 1)", "(4, 3)", "shape (4,)"]),
    (losses.Pinball((0.1, 0.9)), np.zeros((4, 1)), np.zeros((4, 3)), None, ["(4, 2)", "(4, 3)"]),
    (losses.Pinball((0.1, 0.9)), np.zeros((4, 3)), np.zeros((4, 3)), None, ["2 quantiles", "y_pred has 3"]),
    ("mse", np.zeros((4, 1)), np.zeros((4, 1)), np.ones((4, 1)), ["sample_weight", "(4, 1)", "(4,)"]),
    ("mse", np.zeros((4, 1)), np.zeros((4, 1)), np.ones(3), ["sample_weight", "(3,)", "(4,)"]),
    (lambda y, p: jnp.mean(y - p), np.zeros((4, 1)), np.zeros((4, 1)), None, ["single number", "4 rows", "axis=-1"]),
    (lambda y, p: jnp.zeros((4, 4)), np.zeros((4, 1)), np.zeros((4, 1)), None, ["(4, 4)", "(4, 1)", "(4,)"]),
    (lambda y, p: y[:2], np.zeros((4, 1)), np.zeros((4, 1)), None, ["(2, 1)", "one number per row"]),
]


@pytest.mark.parametrize(("loss", "y", "p", "weights", "fragments"), REFUSED_CALLS)
def test_refused_calls(loss, y, p, weights, fragments):
    with pytest.raises(DeepkitError) as caught:
        losses.get(loss)(y, p, weights)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_a_loss_cannot_be_changed_after_it_was_declared():
    loss = losses.Huber()
    with pytest.raises(DeepkitTypeError, match=r"replace\(delta=2\)"):
        loss.delta = 2
    assert loss.replace(delta=2) == losses.Huber(2)
