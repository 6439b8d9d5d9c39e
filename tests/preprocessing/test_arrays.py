"""one_hot, zscore and minmax (C15): shape kept, correlation 1, constant columns handled and reported."""

import keras
import numpy as np
import pandas as pd
import pytest

from deepkit.errors import DeepkitTypeError, DeepkitValueError, DeepkitWarning
from deepkit.preprocessing import minmax, one_hot, zscore

X = np.random.default_rng(0).normal(50, 12, (40, 3))


@pytest.mark.parametrize("scale", [zscore, minmax])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_scaling_keeps_shape_and_correlation(scale, dtype):
    given = X.astype(dtype)
    scaled = scale(given)
    assert scaled.shape == given.shape
    assert scaled.dtype == (np.float32 if dtype == np.int64 else dtype)
    for column in range(3):
        assert np.corrcoef(given[:, column], scaled[:, column])[0, 1] == pytest.approx(1, abs=1e-6)


def test_zscore_against_the_formula_and_against_keras():
    scaled = zscore(X)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-12)
    layer = keras.layers.Normalization()
    layer.adapt(X)
    np.testing.assert_allclose(scaled, layer(X), atol=1e-5)


def test_minmax_against_the_formula():
    scaled = minmax(X)
    np.testing.assert_allclose(scaled, (X - X.min(axis=0)) / (X.max(axis=0) - X.min(axis=0)), rtol=1e-14)
    assert (scaled.min(), scaled.max()) == (0, 1)


def test_other_ranks_and_frames():
    assert zscore(X[:, 0]).shape == (40,)
    np.testing.assert_array_equal(zscore(X.reshape(40, 3, 1))[..., 0], zscore(X))
    np.testing.assert_allclose(zscore(pd.DataFrame(X)), zscore(X), rtol=1e-10)


@pytest.mark.parametrize("scale", [zscore, minmax])
@pytest.mark.parametrize("value", [7.0, 0.1, -3e9])
def test_a_constant_column_is_zero_and_named(scale, value):
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "same": [value] * 3})
    with pytest.warns(DeepkitWarning, match="set to 0: same"):
        scaled = scale(frame)
    assert scaled[:, 1].tolist() == [0, 0, 0]
    assert np.ptp(scaled[:, 0]) > 0


def test_a_small_spread_is_not_constant():
    scaled = zscore(1.7e9 + np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(scaled, [-1.224745, 0, 1.224745], atol=1e-6)


@pytest.mark.parametrize("scale", [zscore, minmax])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, np.nan]}), DeepkitValueError, "1 values .* row 1, column b"),
        (np.array([np.inf, 1.0]), DeepkitValueError, "row 0"),
        (np.array(["a", "b"]), DeepkitTypeError, "Use TableEncoder"),
        (np.zeros((0, 3)), DeepkitValueError, "at least one row"),
        (np.float64(3), DeepkitValueError, "at least one row"),
    ],
)
def test_what_cannot_be_scaled(scale, x, error, message):
    with pytest.raises(error, match=message):
        scale(x)


def test_one_hot_by_number_and_by_name():
    encoded = one_hot([0, 2, 1], 3)
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    np.testing.assert_array_equal(encoded, keras.utils.to_categorical([0, 2, 1], 3))
    np.testing.assert_array_equal(one_hot(["a", "c", "b"], ["a", "b", "c"]), encoded)
    np.testing.assert_array_equal(one_hot(pd.Series(["a", "c", "b"], dtype="category"), ["a", "b", "c"]), encoded)
    np.testing.assert_array_equal(one_hot(np.array([0.0, 2.0, 1.0]), 3), encoded)
    assert one_hot([], 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("y", "classes", "error", "message"),
    [
        ([1, 2, 3], 3, DeepkitValueError, "from 1 to 3.*subtract 1"),
        ([0, 3], 3, DeepkitValueError, "from 0 to 3.*right number of classes"),
        ([-1, 0], 3, DeepkitValueError, "from -1 to 0"),
        ([0.5, 1], 3, DeepkitTypeError, "whole numbers, got float64 such as 0.5"),
        (["a", "b"], 2, DeepkitTypeError, "Pass the class names"),
        (["a", "z"], ["a", "b"], DeepkitValueError, "z is not among the classes"),
        ([[0], [1]], 2, DeepkitValueError, r"got \(2, 1\)"),
    ],
)
def test_what_cannot_be_one_hot(y, classes, error, message):
    with pytest.raises(error, match=message):
        one_hot(y, classes)
