"""Folds and duplicates (C10): every row left out once, classes in proportion, groups whole, the future never learnt."""

import os
import pathlib

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit

import deepkit as dk
from deepkit.errors import DeepkitTypeError, DeepkitValueError, DeepkitWarning

X = np.arange(246.0).reshape(123, 2)
LABELS = np.repeat(["a", "b", "c"], [70, 40, 13])


def left_out(folds):
    return np.concatenate([fold.dev.rows for fold in folds])


@pytest.mark.parametrize("k", [2, 5, 7, 123])
@pytest.mark.parametrize("y", [None, LABELS], ids=["plain", "stratified"])
def test_every_row_is_left_out_once_and_sizes_are_scikit_learns(k, y):
    if y is not None and k == 123:
        return
    folds = dk.folds(X, y, k=k)
    assert sorted(left_out(folds)) == list(range(123))
    judge = KFold(k).split(X) if y is None else StratifiedKFold(k).split(X, y)
    assert sorted(folds.sizes) == sorted((len(train), len(dev)) for train, dev in judge)
    for fold in folds:
        assert not set(fold.train.rows) & set(fold.dev.rows)
        assert len(fold.train) + len(fold.dev) == 123 and len(fold.test) == 0
        np.testing.assert_array_equal(fold.dev.x, X[fold.dev.rows])
        if y is not None:
            counts = np.array([(fold.dev.y == name).sum() for name in "abc"])
            assert np.abs(counts - np.array([70, 40, 13]) / k).max() < 1


def test_the_seed_decides_and_repeats_draw_anew():
    once, twice = dk.folds(X, k=5, seed=3), dk.folds(X, k=5, seed=3, repeats=2)
    assert len(once) == 5 and len(twice) == 10 and twice.repeats == 2
    for fold, same in zip(once, twice[:5], strict=True):
        np.testing.assert_array_equal(fold.train.rows, same.train.rows)
    assert sorted(left_out(twice[5:])) == list(range(123))
    assert set(twice[5].dev.rows) != set(twice[0].dev.rows) != set(dk.folds(X, k=5).__getitem__(0).dev.rows)
    assert twice[9].how == "fold 5 of 5 of division 2, at random"
    assert repr(once) == "Folds(data: 5 folds of 24 to 25 rows out of 123, at random, seed 3)"


def test_leave_one_out_and_one_group_out():
    folds = dk.folds(X, LABELS, k="leave-one-out")
    assert folds.sizes == [(122, 1)] * 123 and sorted(left_out(folds)) == list(range(123))
    groups = np.arange(123) % 4
    by_group = dk.folds(X, k="leave-one-out", groups=groups)
    assert [len(set(groups[fold.dev.rows])) for fold in by_group] == [1] * 4
    assert sorted(left_out(by_group)) == list(range(123))


def test_groups_stay_whole_and_folds_are_near_equal():
    groups = np.random.default_rng(0).integers(0, 30, 123)
    folds = dk.folds(X, groups=groups, k=5)
    assert sorted(left_out(folds)) == list(range(123))
    for fold in folds:
        assert not set(groups[fold.train.rows]) & set(groups[fold.dev.rows])
    assert max(size for _, size in folds.sizes) - min(size for _, size in folds.sizes) <= 2


def test_the_sealed_part_is_in_no_fold():
    data = dk.datasets.load_iris()
    split = dk.split(data)
    folds = dk.folds(split, k=5, repeats=2)
    assert folds.how == "stratified by species"
    assert sorted(left_out(folds[:5])) == sorted([*split.train.rows, *split.dev.rows])
    for fold in folds:
        assert fold.test is split.test
        assert not set(split.test.rows) & {*fold.train.rows, *fold.dev.rows}
        pd.testing.assert_frame_equal(fold.train.x, data.x.iloc[fold.train.rows])
        np.testing.assert_array_equal(fold.dev.y, data.y.iloc[fold.dev.rows])
    assert len(folds.pool) == 135 and split.test.openings == 0
    groups = np.arange(150) // 3  # one per row of the data that were split
    for fold in dk.folds(split, k=5, groups=groups):
        assert not set(groups[fold.train.rows]) & set(groups[fold.dev.rows])


def test_folds_of_dicts_and_tables():
    several = dk.folds({"image": np.zeros((20, 4, 4)), "age": np.arange(20)}, np.arange(20.0), k=4)
    np.testing.assert_array_equal(several[2].dev.x["age"], several[2].dev.y)
    frame = pd.DataFrame({"patient": list("aabbccdd"), "v": range(8)})
    assert [fold.dev.x["patient"].nunique() for fold in dk.folds(frame, k=4, groups="patient")] == [1] * 4


# Time.


@pytest.mark.parametrize("k", [2, 4, 9])
def test_the_past_teaches_and_the_future_measures(k):
    when = np.random.default_rng(0).permutation(123)
    folds = dk.folds(X, time=when, k=k)
    for fold, (train, dev) in zip(folds, TimeSeriesSplit(k).split(X), strict=True):
        np.testing.assert_array_equal(when[fold.train.rows], train)
        np.testing.assert_array_equal(when[fold.dev.rows], dev)


def test_a_moment_is_never_cut():
    when = np.random.default_rng(1).integers(0, 20, 123)
    for fold in dk.folds(X, time=when, k=4):
        assert when[fold.train.rows].max() < when[fold.dev.rows].min()
    split = dk.split(X, time=when)
    assert when[split.train.rows].max() < when[split.dev.rows].min()
    assert when[split.dev.rows].max() < when[split.test.rows].min()


def test_splits_by_time():
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=100)[::-1], "v": range(100)})
    split = dk.split(frame, time="day")
    assert [len(part) for part in split] == [80, 10, 10] and split.how == "in the order of time"
    np.testing.assert_array_equal(split.test.rows, np.arange(10)[::-1])
    assert [len(part) for part in dk.split(frame, time="day", train=0.5, dev=0, test=0.5)] == [50, 0, 50]


# Mistakes.


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": 1}, DeepkitValueError, r"k=1 folds: expected a whole number of at least 2.*dk\.split"),
        ({"k": 2.0}, DeepkitTypeError, "k=2.0 folds"),
        ({"k": "loo"}, DeepkitTypeError, "'leave-one-out'"),
        ({"k": 124}, DeepkitValueError, "123 rows cannot fill k=124 folds: 1 would be empty. Use k=123 or fewer"),
        ({"y": LABELS, "k": 14}, DeepkitValueError, "the class 'c' has 13 rows, fewer than k=14 folds.*Use k=13, str"),
        ({"groups": np.arange(123) // 50}, DeepkitValueError, "3 groups cannot fill k=5 folds: 2 would be empty"),
        ({"groups": "patient"}, DeepkitValueError, "not a column of x"),
        ({"repeats": 0}, DeepkitTypeError, "repeats=0"),
        ({"k": "leave-one-out", "repeats": 2}, DeepkitValueError, "only one division"),
        ({"time": np.arange(123), "groups": np.arange(123)}, DeepkitValueError, "groups cannot"),
        ({"time": np.arange(123), "repeats": 2}, DeepkitValueError, "repeats cannot"),
        ({"time": np.arange(123) // 50}, DeepkitValueError, "3 different times, too few for 6 parts"),
        ({"time": [None] * 123}, DeepkitValueError, "row 0 has no time"),
        ({"time": pd.Series(["a", 1] * 61 + [2])}, DeepkitTypeError, "different kinds"),
        ({"time": "day"}, DeepkitValueError, "not a column of x"),
        ({"stratify": True, "groups": np.arange(123)}, DeepkitValueError, "Leave one out"),
        ({"seed": -1}, DeepkitTypeError, "seed=-1"),
    ],
)
def test_wrong_use(arguments, error, message):
    with pytest.raises(error, match=message):
        dk.folds(X, **arguments)


def test_no_folds_of_the_test_part():
    split = dk.split(dk.datasets.load_iris())
    with pytest.raises(DeepkitValueError, match=r"dk\.folds was given the test part"):
        dk.folds(split.test)
    with pytest.raises(DeepkitTypeError, match="already has its targets"):
        dk.folds(split, np.zeros(135))
    with pytest.raises(DeepkitValueError, match="Leave one of them out"):
        dk.split(X, time=np.arange(123), groups=np.arange(123))


# Duplicates.


def table_with_copies(count=100, copies=20):
    rows = np.random.default_rng(0).normal(size=(count, 5))
    return np.concatenate([rows, rows[:copies]])


def test_copies_are_counted_and_numbered():
    x = table_with_copies()
    found = dk.duplicates(x)
    assert found.copies == 20 and found.first.tolist() == [True] * 100 + [False] * 20
    np.testing.assert_array_equal(found.group, [*range(100), *range(20)])
    near = x * (1 + 1e-9)
    assert dk.duplicates(np.concatenate([x[:100], near[:100]])).copies >= 95, "rounding edges may part a few"
    assert dk.duplicates(np.concatenate([x[:100], x[:100] + 0.01])).copies == 0


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float32"])
def test_copies_of_every_dtype_are_numpys(dtype):
    rows = np.random.default_rng(0).integers(0, 2, (300, 9)).astype(dtype)
    assert 300 - dk.duplicates(rows).copies == len(np.unique(rows, axis=0))
    pairs = pd.DataFrame({"a": rows[:, 0].astype(str), "b": rows[:, 1], "c": pd.Categorical(rows[:, 2])})
    assert dk.duplicates(pairs).copies == pairs.duplicated().sum()
    assert dk.duplicates({"left": rows[:, :2], "right": rows[:, 2:]}).copies == dk.duplicates(rows).copies


def test_twins_in_other_parts_are_warned_of_and_mended():
    x = table_with_copies()
    with pytest.warns(
        DeepkitWarning, match=r"20 of 120 rows repeat.*have a twin in train.*groups='duplicates'"
    ) as told:
        split = dk.split(x)
    found = dk.duplicates(split)
    assert found.across("dev") + found.across("test") > 0
    assert f"{found.across('test')} of 12 test rows" in str(told[0].message)
    with pytest.warns(DeepkitWarning, match=r"dk\.folds\(…, groups='duplicates'\)"):
        dk.folds(x)
    together = dk.duplicates(dk.split(x, groups="duplicates"))
    assert together.copies == 20 and together.across("dev") == together.across("test") == 0
    for fold in dk.folds(x, groups="duplicates"):
        assert dk.duplicates(fold).across("dev") == 0
    assert dk.split(x[dk.duplicates(x).first]).train.x.shape == (80, 5), "and no warning"


def test_few_values_or_few_copies_are_no_reason_to_warn():
    dk.split(np.random.default_rng(0).integers(0, 3, (100, 2)))
    dk.split(dk.datasets.load_iris())
    dk.folds(np.arange(100) // 2)
    with pytest.raises(DeepkitValueError, match="have no twins"):
        dk.duplicates(X).across("dev")
    with pytest.raises(DeepkitTypeError, match="digits=-1"):
        dk.duplicates(X, digits=-1)


def test_the_red_wine_has_240():
    file = pathlib.Path(os.environ.get("DEEPKIT_DATA", "")) / "wine-quality/winequality-red.csv"
    if not file.is_file():
        assert not os.environ.get("CI"), "under CI every file is there"
        pytest.skip("wine-quality/winequality-red.csv is not in $DEEPKIT_DATA")
    wine = dk.datasets.load_wine_quality("red")
    assert repr(dk.duplicates(wine)) == "Duplicates(240 of 1599 rows repeat an earlier one)"
    with pytest.warns(DeepkitWarning, match="240 of 1599 rows"):
        dk.split(wine)
    assert dk.split(wine, groups="duplicates").how == "whole groups of duplicates"
