"""Plain models (D1, D2, B8): neighbours with ties defined, least squares with its rank, one honest table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors

import deepkit as dk
from deepkit.classical import KNearest, LeastSquares
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, DeepkitWarning

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(200, 6)), RNG.integers(0, 4, 200)
ASKED = RNG.normal(size=(70, 6))
JUDGES = {"l1": "manhattan", "l2": "euclidean", "linf": "chebyshev"}


@pytest.mark.parametrize("metric", JUDGES)
@pytest.mark.parametrize("memory", [2**28, 2**12], ids=["whole", "in pieces"])
def test_neighbours_are_scikit_learns(metric, memory):
    judge = NearestNeighbors(n_neighbors=7, metric=JUDGES[metric]).fit(X)
    distances, rows = judge.kneighbors(ASKED)
    mine = KNearest(7, metric, memory).fit(X, Y).neighbours(ASKED)
    np.testing.assert_array_equal(mine[1], rows)
    np.testing.assert_allclose(mine[0], distances, rtol=1e-9)


@pytest.mark.parametrize("metric", JUDGES)
def test_answers_are_scikit_learns_where_nothing_is_tied(metric):
    binary = Y % 2
    judge = KNeighborsClassifier(5, metric=JUDGES[metric]).fit(X, binary)
    np.testing.assert_array_equal(KNearest(5, metric).fit(X, binary).predict(ASKED), judge.predict(ASKED))
    values = RNG.normal(size=200)
    means = KNeighborsRegressor(5, metric=JUDGES[metric]).fit(X, values).predict(ASKED)
    np.testing.assert_allclose(KNearest(5, metric).fit(X, values).predict(ASKED), means)


def test_ties():
    x = np.array([[-1.0], [1.0], [2.0], [-2.0], [-3.0], [3.0]])
    # Of equal distances the row that comes first; so the only neighbour of 0 is row 0.
    assert KNearest(1).fit(x, [1, 0, 0, 0, 0, 0]).predict([[0.0]]) == [1]
    assert KNearest(3).fit(x, [0] * 6).neighbours([[0.0]])[1].tolist() == [[0, 1, 2]]
    # Two against two: the class with the nearest neighbour.
    assert KNearest(4).fit([[1.0], [2.0], [3.0], [4.0]], [2, 1, 1, 2]).predict([[0.0]]) == [2]
    # Also that is equal: the smallest class.
    assert KNearest(2).fit(x, [3, 1, 0, 0, 0, 0]).predict([[0.0]]) == [1]


@pytest.mark.parametrize("metric", JUDGES)
@pytest.mark.parametrize("memory", [2**28, 3000], ids=["whole", "in pieces"])
def test_ties_among_pixels_are_those_of_a_plain_loop(metric, memory):
    pixels = RNG.integers(0, 3, (60, 4, 4, 1)).astype(np.uint8)
    asked = RNG.integers(0, 3, (25, 4, 4, 1)).astype(np.uint8)
    flat, queries = pixels.reshape(60, -1).astype(int), asked.reshape(25, -1).astype(int)
    norm = {"l1": 1, "l2": 2, "linf": np.inf}[metric]
    distances = np.linalg.norm(queries[:, None] - flat[None], norm, axis=2)
    expected = np.argsort(distances.round(9), axis=1, kind="stable")[:, :9]
    model = KNearest(9, metric, memory).fit(pixels, RNG.integers(0, 3, 60))
    np.testing.assert_array_equal(model.neighbours(asked)[1], expected)


def test_several_numbers_of_neighbours_at_once():
    model = KNearest().fit(X, Y)
    for k, answers in model.predict_each(ASKED, [1, 3, 10]).items():
        np.testing.assert_array_equal(answers, KNearest(k).fit(X, Y).predict(ASKED))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: KNearest(0), DeepkitValueError, "k=0"),
        (lambda: KNearest(1.5), DeepkitTypeError, "k=1.5"),
        (lambda: KNearest(1, "l3"), DeepkitValueError, "metric='l3'"),
        (lambda: KNearest(201).fit(X, Y), DeepkitValueError, "k=201 neighbours, but there are 200"),
        (lambda: KNearest().predict(X), DeepkitValueError, "seen no rows"),
        (lambda: KNearest().fit(X, Y).predict(X[:, :2]), DeepkitValueError, "have 6 numbers, but these have 2"),
        (lambda: KNearest().fit(X, Y[:9]), DeepkitValueError, r"shape \(9,\) for 200 rows"),
        (lambda: KNearest().fit(X, Y - 9), DeepkitValueError, "classes are numbered from 0"),
        (lambda: KNearest().fit(np.full((3, 2), np.nan), Y[:3]), DeepkitValueError, "NaN"),
        (lambda: LeastSquares(0), DeepkitValueError, "order=0"),
        (lambda: LeastSquares("2"), DeepkitTypeError, "order='2'"),
        (lambda: LeastSquares().predict(X), DeepkitValueError, "seen no rows"),
        (lambda: LeastSquares().fit(X, Y).predict(X[:, :2]), DeepkitValueError, "have 6 columns"),
        (lambda: LeastSquares().fit(X, Y[:3]), DeepkitValueError, "for 200 rows"),
    ],
)
def test_wrong_use(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Least squares.


def test_linear_least_squares_is_scikit_learns():
    y = X @ RNG.normal(size=(6, 2)) + RNG.normal(size=(200, 2)) + 3
    judge = LinearRegression().fit(X, y)
    model = LeastSquares().fit(X, y)
    np.testing.assert_allclose(model.predict(ASKED), judge.predict(ASKED), atol=1e-10)
    assert (model.rank, model.columns, model.dependent, model.note) == (7, 7, (), "")


def test_polynomials_are_numpys_and_training_error_never_rises():
    x = RNG.uniform(20, 120, 80)
    y = 5 * x + 40 * np.sin(x / 10) + RNG.normal(size=80)
    errors = []
    for order in range(1, 6):
        model = LeastSquares(order).fit(x[:, None], y)
        np.testing.assert_allclose(model.predict(x[:, None]), np.polynomial.Polynomial.fit(x, y, order)(x), rtol=1e-8)
        errors.append(np.square(model.predict(x[:, None]) - y).mean())
    assert np.all(np.diff(errors) <= 1e-9)


def test_dependent_columns_are_named():
    table = pd.DataFrame({"area": X[:, 0], "rooms": X[:, 1], "both": X[:, 0] + 2 * X[:, 1], "city": 1.0})
    with pytest.warns(DeepkitWarning, match="5 columns have rank 3, for both, city can be made of the others"):
        model = LeastSquares().fit(table, X[:, 0] * 3)
    assert (model.rank, model.columns) == (3, 5)
    np.testing.assert_allclose(model.predict(table), X[:, 0] * 3, atol=1e-10)


def test_few_rows_and_bad_conditioning_are_told():
    with pytest.warns(DeepkitWarning, match="there are only 4 rows"):
        LeastSquares().fit(X[:4], Y[:4])
    twins = np.stack([X[:, 0], X[:, 0] + 1e-10 * X[:, 1]], axis=1)
    with pytest.warns(DeepkitWarning, match="condition number"):
        LeastSquares().fit(twins, Y)


# The table.


def test_baselines_of_classes():
    split = dk.split(dk.datasets.load_iris(), train=0.6, dev=0.2, test=0.2)
    table = dk.baselines(split)
    assert split.test.openings == 0
    assert table["majority class"].dev["accuracy"] == pytest.approx(1 / 3)
    for name in ("least squares, linear", "logistic regression", "5 nearest neighbours, l2"):
        assert table[name].dev["accuracy"] > 0.75, name
    assert table["least squares, linear"].note == "rank 5 of 5"
    frame = table.frame()
    assert frame.columns.tolist() == ["model", "accuracy", "dev_accuracy", "note"] and len(frame) == 7
    assert "dev_accuracy" in repr(table)


def test_baselines_of_quantities_and_of_what_is_no_split():
    y = 3 * X[:, 0] + RNG.normal(size=200)
    table = dk.baselines(X, y)
    assert table["mean"].train["r2"] == pytest.approx(0)
    assert table["least squares, linear"].dev["r2"] > 0.8
    assert table["mean"].dev["rmse"] > table["least squares, linear"].dev["rmse"]
    labels = dk.baselines(X, np.where(X[:, 0] > 0, "yes", "no"))
    assert labels["least squares, linear"].dev["accuracy"] > 0.8
    images = dk.baselines(RNG.integers(0, 255, (50, 32, 32, 3)).astype(np.uint8), np.arange(50) % 2)
    assert [model.name for model in images.models][:2] == ["majority class", "5 nearest neighbours, l1"]


def test_baselines_refuse_what_measures_nothing():
    split = dk.split(dk.datasets.load_iris())
    with pytest.raises(DeepkitError, match="test part"):
        dk.baselines(split.test)
    with pytest.raises(DeepkitError, match="whole split"):
        dk.baselines(split.train)
    with pytest.raises(DeepkitError, match="no dev rows"):
        dk.baselines(dk.split(dk.datasets.load_iris(), train=0.8, dev=0, test=0.2))
    with pytest.raises(DeepkitError, match="needs targets"):
        dk.baselines(X)
