"""From tables to inputs: statistics of the training rows, every level and missing value accounted for."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from deepkit.data import split
from deepkit.datasets import Dataset, load_auto_mpg, load_heart_disease, load_iris
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, DeepkitWarning
from deepkit.preprocessing import TableEncoder

ROWS = pd.DataFrame(
    {
        "age": [20, 30, 40, 50],
        "weight": [50.5, 60.0, 70.25, 80.0],
        "city": ["Rome", "Oslo", "Rome", "Bonn"],
        "smoker": [True, False, False, True],
        "grade": pd.Categorical(["b", "a", "b", "b"], categories=["a", "b", "c"]),
    }
)
Y = pd.Series([10.0, 20.0, 30.0, 60.0], name="cost")


def test_a_table_by_hand():
    encoder = TableEncoder().fit(ROWS)
    x = encoder.transform(ROWS)
    assert encoder.feature_names == (
        "age", "weight", "city=Bonn", "city=Oslo", "city=Rome", "smoker=False", "smoker=True",
        "grade=a", "grade=b", "grade=c",
    )  # fmt: skip
    assert x.shape == (4, encoder.width) == (4, 10) and x.dtype == np.float32
    np.testing.assert_allclose(x[:, 0], (ROWS["age"] - 35) / np.sqrt(125), rtol=1e-6)
    assert x[0, 2:].tolist() == [0, 0, 1, 0, 1, 0, 1, 0]
    assert encoder.columns == tuple(ROWS.columns)


def test_statistics_come_from_training_rows_only():
    encoder = TableEncoder().fit(ROWS.iloc[:2])
    assert encoder.transform(ROWS.iloc[[3]].assign(city="Oslo"))[0, 0] == pytest.approx((50 - 25) / 5)
    minmax = TableEncoder(numeric="minmax").fit(ROWS.iloc[:2])
    assert minmax.transform(ROWS.iloc[[3]].assign(city="Oslo"))[0, 0] == pytest.approx(3)
    assert TableEncoder(numeric="none").fit(ROWS).transform(ROWS)[3, 0] == 50


def test_one_row_as_a_dict_and_rows_as_dicts():
    encoder = TableEncoder().fit(ROWS)
    x = encoder.transform(ROWS)
    rows = ROWS.to_dict("records")
    np.testing.assert_array_equal(encoder.transform(rows), x)
    np.testing.assert_array_equal(encoder.transform(rows[2]), x[[2]])
    assert encoder.transform([]).shape == (0, 10)


def test_columns_are_found_by_name():
    encoder = TableEncoder().fit(ROWS)
    other = ROWS[ROWS.columns[::-1]].assign(extra="ignored")
    np.testing.assert_array_equal(encoder.transform(other), encoder.transform(ROWS))
    with pytest.raises(DeepkitValueError, match="columns age, city are missing; there are weight, smoker, grade"):
        encoder.transform(ROWS.drop(columns=["city", "age"]))
    with pytest.raises(DeepkitValueError, match="columns smoker are missing"):
        encoder.transform([ROWS.iloc[0].to_dict(), ROWS.iloc[0].drop("smoker").to_dict()])


@pytest.mark.parametrize("value", [1, 1.0, "1", np.int64(1), np.float32(1)])
def test_codes_that_read_alike_are_one_level(value):
    encoder = TableEncoder(categorical_columns=["code"]).fit(pd.DataFrame({"code": [1, 2, 10, 2]}))
    assert encoder.feature_names == ("code=1", "code=2", "code=10")
    assert encoder.transform({"code": value}).tolist() == [[1, 0, 0]]


def test_unseen_levels():
    row = {**ROWS.iloc[0].to_dict(), "city": "Lima"}
    with pytest.raises(DeepkitValueError, match=r"'city' is 'Lima' in row 0, .*\(known: Bonn, Oslo, Rome\)"):
        TableEncoder().fit(ROWS).transform(row)
    assert TableEncoder(unseen="zeros").fit(ROWS).transform(row)[0, 2:5].tolist() == [0, 0, 0]
    assert TableEncoder().fit(ROWS).transform({**row, "city": "Rome", "grade": "c"})[0, -1] == 1


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_categories(nothing):
    rows = ROWS.assign(city=pd.Series(["Rome", nothing, "Rome", "Bonn"], dtype=object))
    encoder = TableEncoder().fit(rows)
    assert encoder.feature_names[2:5] == ("city=Bonn", "city=Rome", "city=?")
    assert encoder.transform(rows)[1, 2:5].tolist() == [0, 0, 1]
    with pytest.raises(DeepkitValueError, match="'city' misses 1 of 4 values, the first in row 1"):
        TableEncoder(missing="error").fit(rows)
    with pytest.raises(DeepkitValueError, match="'city' is missing in row 1, which did not occur in training"):
        TableEncoder().fit(ROWS).transform(rows)
    with pytest.raises(DeepkitValueError, match="'city' misses 1 of 4 values"):
        TableEncoder(missing="error").fit(ROWS).transform(rows)


def test_missing_numbers():
    rows = ROWS.assign(age=[20, np.nan, 40, 60])
    with pytest.raises(DeepkitValueError, match=r"'age' misses 1 of 4 values, the first in row 1.*missing='mean'"):
        TableEncoder().fit(rows)
    encoder = TableEncoder(missing="mean").fit(rows)
    x = encoder.transform(rows)
    assert x[1, 0] == 0 and x[0, 0] == pytest.approx(-np.sqrt(1.5))
    assert "1 missing: training mean 40" in str(encoder.report())
    assert encoder.transform({**ROWS.iloc[0].to_dict(), "age": None})[0, 0] == 0
    with pytest.raises(DeepkitValueError, match="'age' misses 1 of 1 values"):
        TableEncoder().fit(ROWS).transform({**ROWS.iloc[0].to_dict(), "age": None})
    with pytest.raises(DeepkitValueError, match="no value in any of 4 rows"):
        TableEncoder(missing="mean").fit(rows.assign(age=np.nan))


def test_columns_called_like_attributes_of_a_part():
    rows = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0], "frame": [1, 2], "role": ["test", "train"], "name": [1, 3]})
    assert TableEncoder().fit(rows).transform(rows).shape == (2, 6)
    with pytest.raises(DeepkitValueError, match="needs the target"):
        TableEncoder(target="zscore").fit(rows)


def test_nullable_dtypes():
    rows = ROWS.assign(
        age=pd.array([20, None, 40, 60], dtype="Int64"),
        city=pd.array(["Rome", None, "Rome", "Bonn"], dtype="string"),
        smoker=pd.array([True, None, False, True], dtype="boolean"),
    )
    x = TableEncoder(missing="mean").fit(rows).transform(rows)
    assert x.shape == (4, 1 + 1 + 3 + 3 + 3)
    assert x[1, 0] == 0 and x[1, 4] == 1 and x[1, 7] == 1


def test_constant_columns_are_zero_and_reported():
    rows = ROWS.assign(age=7, city="Rome")
    encoder = TableEncoder().fit(rows)
    assert encoder.transform(rows)[:, 0].tolist() == [0] * 4
    assert encoder.transform(rows.assign(age=8))[:, 0].tolist() == [0] * 4
    notes = encoder.report().frame().set_index("column")["note"]
    assert notes["age"] == notes["city"] == "constant: leave it out"


def test_outliers_and_identifiers_are_reported():
    rows = pd.DataFrame({"a": [0.0, 1.0] * 50 + [1000.0], "name": [f"person {i}" for i in range(101)]})
    notes = TableEncoder().fit(rows).report().frame().set_index("column")["note"]
    assert notes["a"] == "1 beyond 6 standard deviations (from 0 to 1000)"
    assert "a level of its own" in notes["name"]


def test_the_report_accounts_for_every_column():
    encoder = TableEncoder(target="zscore").fit(ROWS, Y)
    report = encoder.report()
    text = str(report)
    assert text.startswith("5 columns → 10 inputs, fitted on 4 rows")
    assert "one-hot: Bonn (1), Oslo (1), Rome (2)" in text
    assert "declared, but not in training: c" in text
    assert "target  z-score: (y − 30) / 18.71" in text
    frame = report.frame()
    assert frame["inputs"].sum() == report.inputs == encoder.width
    assert frame["column"].tolist() == list(ROWS.columns)
    assert repr(encoder).endswith("5 columns → 10 inputs)")


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("scale", ["zscore", "minmax"])
def test_a_scaled_target_comes_back_in_its_units(shape, scale):
    y = Y.to_numpy().reshape(shape)
    encoder = TableEncoder(target=scale).fit(ROWS, y)
    scaled = encoder.transform_target(y)
    assert scaled.dtype == np.float32 and scaled.shape == shape
    expected = (y - 30) / y.std() if scale == "zscore" else (y - 10) / 50
    np.testing.assert_allclose(scaled, expected, rtol=1e-6)
    back = encoder.inverse_target(scaled)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, y, rtol=1e-6)
    assert encoder.inverse_target(np.zeros((4, 3))).shape == (4, 3)


def test_an_untouched_target():
    encoder = TableEncoder().fit(ROWS)
    assert encoder.transform_target([1, 2]).tolist() == [1, 2]
    assert encoder.inverse_target(np.array([0.5])).tolist() == [0.5]
    assert encoder.classes is None


def test_class_names_become_numbers():
    encoder = TableEncoder(target="classes").fit(ROWS, ["no", "yes", "no", "maybe"])
    assert encoder.classes == ("maybe", "no", "yes")
    codes = encoder.transform_target(pd.Series(["yes", "no"]))
    assert codes.tolist() == [2, 1] and codes.dtype == np.int32
    probabilities = np.array([[0.2, 0.3, 0.5]])
    assert encoder.inverse_target(probabilities) is probabilities
    with pytest.raises(DeepkitValueError, match=r"class 'never', .*\(known: maybe, no, yes\)"):
        encoder.transform_target(["never"])
    one_based = TableEncoder(target="classes").fit(ROWS, np.array([1, 2, 10, 2]))
    assert one_based.classes == ("1", "2", "10")
    assert one_based.transform_target([10.0]).tolist() == [2]


@pytest.mark.parametrize(
    ("target", "y", "error", "message"),
    [
        ("zscore", None, DeepkitValueError, "needs the target"),
        ("zscore", ["a", "b", "c", "d"], DeepkitTypeError, "Use target='classes'"),
        ("zscore", [1.0, np.nan, 2.0, 3.0], DeepkitValueError, "1 of 4 target values"),
        ("zscore", np.zeros((4, 2)), DeepkitValueError, r"got shape \(4, 2\)"),
        ("classes", ["a"] * 4, DeepkitValueError, "'a' in every training row"),
        ("classes", ["a", None, "b", "a"], DeepkitValueError, "1 of 4 target values are missing, the first in row 1"),
        ("classes", np.eye(4), DeepkitValueError, r"got \(4, 4\)"),
    ],
)
def test_targets_that_cannot_be_meant(target, y, error, message):
    with pytest.raises(error, match=message):
        TableEncoder(target=target).fit(ROWS, y)


def test_a_constant_target_is_warned_about():
    with pytest.warns(DeepkitWarning, match="target is 3 in every training row"):
        encoder = TableEncoder(target="zscore").fit(ROWS, [3.0] * 4)
    assert encoder.inverse_target(encoder.transform_target([3.0])).tolist() == [3.0]


@pytest.mark.parametrize("target", [None, "zscore", "minmax", "classes"])
@pytest.mark.parametrize("numeric", ["zscore", "minmax", "none"])
def test_round_trip_through_json(target, numeric):
    rows = ROWS.assign(age=[20.1, np.nan, 1e-17, 1 / 3])
    encoder = TableEncoder(numeric, target=target, missing="mean", unseen="zeros", categorical_columns=["weight"])
    unfitted = TableEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    assert unfitted.to_config() == encoder.to_config()
    encoder.fit(rows, Y)
    again = TableEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    assert again.to_config() == encoder.to_config()
    np.testing.assert_array_equal(again.transform(rows), encoder.transform(rows))
    np.testing.assert_array_equal(again.transform_target(Y), encoder.transform_target(Y))
    np.testing.assert_array_equal(again.inverse_target(np.ones(3)), encoder.inverse_target(np.ones(3)))
    assert str(again.report()) == str(encoder.report())
    assert again.feature_names == encoder.feature_names and again.classes == encoder.classes


@pytest.mark.parametrize(
    "damage",
    [
        lambda config: config.pop("fitted"),
        lambda config: config.update(numeric="log"),
        lambda config: config.update(extra=1),
        lambda config: config["fitted"]["columns"][0].pop("mean"),
        lambda config: config["fitted"].update(columns=3),
    ],
)
def test_a_damaged_configuration_is_refused(damage):
    config = TableEncoder().fit(ROWS).to_config()
    damage(config)
    with pytest.raises(DeepkitError):
        TableEncoder.from_config(config)


@pytest.mark.parametrize(
    ("fit", "error", "message"),
    [
        (lambda: TableEncoder(numeric="zscor"), DeepkitValueError, "Did you mean 'zscore'"),
        (lambda: TableEncoder(missing="drop"), DeepkitValueError, "missing='drop'"),
        (lambda: TableEncoder(categorical_columns="age"), DeepkitTypeError, r"\['age'\]"),
        (lambda: TableEncoder(categorical_columns=["ages"]).fit(ROWS), DeepkitValueError, "Did you mean 'age'"),
        (lambda: TableEncoder().transform(ROWS), DeepkitValueError, "Call fit"),
        (lambda: TableEncoder().fit(np.zeros((3, 2))), DeepkitTypeError, "got ndarray"),
        (lambda: TableEncoder().fit(ROWS.to_dict("records")), DeepkitTypeError, "dicts have none"),
        (lambda: TableEncoder().fit(ROWS.iloc[:0]), DeepkitValueError, "0 rows and 5 columns"),
        (lambda: TableEncoder().fit(pd.DataFrame(index=range(3))), DeepkitValueError, "3 rows and 0 columns"),
        (lambda: TableEncoder().fit(pd.concat([ROWS, ROWS], axis=1)), DeepkitValueError, "called age, city"),
        (lambda: TableEncoder().fit(ROWS.assign(age=np.inf)), DeepkitValueError, "'age' is infinite in row 0"),
        (lambda: TableEncoder().fit(ROWS.assign(d=pd.Timestamp("2020"))), DeepkitTypeError, "'d' is datetime64"),
        (lambda: TableEncoder().fit(ROWS.assign(c=1j)), DeepkitTypeError, "'c' is complex128"),
        (lambda: TableEncoder().fit(ROWS.assign(t=[[1], [2], [3], [4]])), DeepkitTypeError, "'t' holds a list"),
        (lambda: TableEncoder().fit(ROWS).transform({"age": [1, 2]}), DeepkitTypeError, "'age' is a list"),
        (
            lambda: TableEncoder().fit(ROWS).transform({**ROWS.iloc[0], "age": "old"}),
            DeepkitTypeError,
            "'age' was a number in training, but is 'old' in row 0",
        ),
    ],
)
def test_wrong_use(fit, error, message):
    with pytest.raises(error, match=message):
        fit()


def test_the_test_part_is_refused_and_transforming_it_opens_nothing():
    parts = split(load_iris())
    encoder = TableEncoder().fit(parts.train)
    with pytest.raises(DeepkitValueError, match=r"TableEncoder\.fit was given the test part.*split\.train"):
        TableEncoder().fit(parts.test)
    with pytest.raises(DeepkitValueError, match="test part"):
        TableEncoder().fit(parts.test.x)
    with pytest.raises(DeepkitValueError, match="test part"):
        TableEncoder().fit(parts.test.x.copy()[["sepal length (cm)"]])
    assert encoder.transform(parts.test).shape == (15, 4)
    assert parts.test.openings == 0


def test_a_part_brings_its_own_target():
    data = Dataset(ROWS, Y, target="cost")
    encoder = TableEncoder(target="zscore").fit(data)
    np.testing.assert_allclose(encoder.transform_target(data.y).mean(), 0, atol=1e-6)


def needs_files():
    if not os.environ.get("DEEPKIT_DATA") and not os.environ.get("CI"):
        pytest.skip("the published files are not here: set DEEPKIT_DATA")


def test_heart_disease_from_training_rows():
    needs_files()
    parts = split(load_heart_disease(), train=193, dev=49, test=61)
    encoder = TableEncoder().fit(parts.train)
    x = encoder.transform(parts.train)
    assert x.shape == (193, 30)
    numeric = [i for i, name in enumerate(encoder.feature_names) if "=" not in name]
    np.testing.assert_allclose(x[:, numeric].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(x[:, numeric].std(axis=0), 1, atol=1e-5)
    assert (np.delete(x, numeric, axis=1).sum(axis=1) == 8).all(), "one level for each of 8 categorical columns"
    assert encoder.transform(parts.test).shape == (61, 30)
    assert str(encoder.report()).startswith("13 columns → 30 inputs, fitted on 193 rows")


def test_auto_mpg_predictions_in_miles_per_gallon():
    needs_files()
    parts = split(load_auto_mpg())
    encoder = TableEncoder(target="zscore").fit(parts.train)
    assert encoder.transform(parts.train).shape == (314, 9)
    np.testing.assert_allclose(encoder.inverse_target(encoder.transform_target(parts.dev.y)), parts.dev.y, rtol=1e-6)
