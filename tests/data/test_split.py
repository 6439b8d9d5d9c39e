"""Splits (C10): sizes that sum, classes in proportion, groups whole, a sealed test part."""

import numpy as np
import pandas as pd
import pytest

from deepkit.data import split
from deepkit.data.split import _largest_remainder, _shared_out
from deepkit.datasets import Dataset, load_digits, load_iris
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError
from deepkit.preprocessing import zscore

X = np.arange(200.0).reshape(100, 2)


def sizes(parts):
    return [len(part) for part in parts]


@pytest.mark.parametrize("seed", [0, 1, 12345])
@pytest.mark.parametrize("stratify", [True, False])
def test_every_row_once_and_the_same_rows_for_a_seed(seed, stratify):
    data = load_iris()
    parts, again = (split(data, seed=seed, stratify=stratify) for _ in range(2))
    rows = np.concatenate([part.rows for part in parts])
    assert sorted(rows) == list(range(150))
    for part, same in zip(parts, again, strict=True):
        np.testing.assert_array_equal(part.rows, same.rows)
        np.testing.assert_array_equal(part.x, data.x.iloc[part.rows])
        np.testing.assert_array_equal(part._y, data.y.iloc[part.rows])
    other = split(data, seed=seed + 1, stratify=stratify)
    assert not np.array_equal(other.train.rows, parts.train.rows)


def test_the_rows_are_shuffled():
    parts = split(load_iris())
    assert not np.array_equal(parts.train.rows, np.sort(parts.train.rows))


def test_stratified_exactly():
    parts = split(load_iris())
    assert sizes(parts) == [120, 15, 15]
    assert [np.bincount(part._y).tolist() for part in parts] == [[40] * 3, [5] * 3, [5] * 3]
    assert repr(parts) == "Split(iris: 120 train + 15 dev + 15 test = 150 rows, stratified by species, seed 0)"


@pytest.mark.parametrize(
    ("count", "proportions", "expected"),
    [
        (303, (0.8, 0.1, 0.1), [243, 30, 30]),
        (1600, (0.6, 0.2, 0.2), [960, 320, 320]),  # A3
        (30, (0.8, 0.1, 0.1), [24, 3, 3]),
        (10, (0.5, 0.5, 0.0), [5, 5, 0]),
        (7, (1, 0, 0), [7, 0, 0]),
        (303, (193, 49, 61), [193, 49, 61]),  # B2
        (3, (1 / 3, 1 / 3, 1 / 3), [1, 1, 1]),
    ],
)
def test_sizes_by_the_largest_remainder_or_as_counted(count, proportions, expected):
    train, dev, test = proportions
    parts = split(np.zeros((count, 2)), train=train, dev=dev, test=test)
    assert sizes(parts) == expected


def test_shares_of_classes_are_whole_and_near_on_many_tables():
    generator = np.random.default_rng(0)
    for _ in range(500):
        counts = generator.integers(1, 60, generator.integers(1, 30))
        total = int(counts.sum())
        parts = _largest_remainder(list(generator.dirichlet([3, 1, 1]) * total), total)
        table = _shared_out(counts, parts)
        assert table.sum(axis=0).tolist() == list(parts)
        assert table.sum(axis=1).tolist() == counts.tolist()
        assert table.min() >= 0
        assert np.abs(table - counts[:, None] * np.array(parts) / total).max() <= 1 + 1e-9


def test_many_small_classes_do_not_empty_a_part():
    parts = split(X, np.repeat(np.arange(10), 10))
    assert sizes(parts) == [80, 10, 10]
    assert np.bincount(parts.dev.y).tolist() == [1] * 10


@pytest.mark.parametrize(
    ("y", "stratified"),
    [
        (np.repeat(["a", "b"], 50), True),
        (np.repeat([True, False], 50), True),
        (np.repeat([0.0, 1.0], 50), True),
        (np.eye(2)[np.repeat([0, 1], 50)], True),
        (np.repeat([[0], [1]], 50, axis=0), True),
        (pd.Series(np.repeat(["a", "b"], 50), dtype="category"), True),
        (np.repeat(np.arange(5), 20), True),
        (np.arange(100), False),
        (np.linspace(0, 1, 100), False),
        (np.zeros((100, 3)), False),
    ],
)
def test_auto_stratifies_what_is_categorical(y, stratified):
    parts = split(X, y)
    assert parts.how == ("stratified by y" if stratified else "at random")
    assert sizes(parts) == [80, 10, 10]


def test_a_data_set_says_itself_whether_its_target_is_categorical():
    quality = Dataset(X, np.repeat([3, 4], [98, 2]), target="quality")
    assert split(quality).how == "at random"
    with pytest.raises(DeepkitValueError, match="the class '4' has 2 of 100 rows, too few to reach"):
        split(quality, stratify=True)
    assert split(quality, stratify=True, train=0.5, dev=0, test=0.5).how == "stratified by quality"


def test_groups_stay_whole():
    data = load_digits()
    groups = np.arange(1797) // 100
    parts = split(data, groups=groups)
    seen = [set(groups[part.rows]) for part in parts]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert sum(sizes(parts)) == 1797
    assert all(abs(len(part) - share * 1797) <= 100 for part, share in zip(parts, (0.8, 0.1, 0.1), strict=True))
    np.testing.assert_array_equal(split(data, groups=groups).test.rows, parts.test.rows)


def test_groups_by_column_and_as_few_as_parts():
    frame = pd.DataFrame({"patient": np.repeat(["a", "b", "c"], [80, 10, 10]), "v": range(100)})
    parts = split(frame, groups="patient")
    assert [part.x["patient"].nunique() for part in parts] == [1, 1, 1]
    assert sizes(parts) == [80, 10, 10]
    equal = split(X[:9], groups=[0] * 3 + [1] * 3 + [2] * 3)
    assert sizes(equal) == [3, 3, 3], "no part with a positive proportion is empty"


def test_inputs_of_every_kind():
    frame = pd.DataFrame({"a": range(100)}, index=range(500, 600))
    y = pd.Series(range(100), index=frame.index, name="cost")
    parts = split(frame, y)
    assert parts.train.target == "cost"
    assert parts.dev.frame().columns.tolist() == ["a", "cost"]
    assert (parts.dev.x["a"] == parts.dev.y).all()
    several = split({"image": np.zeros((100, 4, 4)), "age": np.arange(100)}, list(range(100)))
    np.testing.assert_array_equal(several.train.x["age"], several.train.y)
    assert split([[1.0], [2.0], [3.0]], train=1, dev=1, test=1).train.x.shape == (1, 1)
    train, dev, test = split(X)
    assert (train.role, dev.role, test.role) == ("train", "dev", "test") and train.y is None


def test_the_users_table_is_left_alone():
    data = load_iris()
    before = data.x.copy()
    split(data)
    assert data.x.equals(before) and data.x.attrs == {}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"train": 0.8, "dev": 0.2, "test": 0.2},
            DeepkitValueError,
            "train=0.8, dev=0.2, test=0.2 sum to 1.2, not to 1",
        ),
        ({"train": 0.8}, DeepkitValueError, None),
        ({"train": 0.9}, DeepkitValueError, "sum to 1.1"),
        ({"train": 1.2, "dev": -0.1, "test": -0.1}, DeepkitValueError, "dev=-0.1 is not a proportion"),
        ({"train": "most"}, DeepkitValueError, "train='most'"),
        ({"train": float("nan")}, DeepkitValueError, "train=nan"),
        ({"train": 80, "dev": 10, "test": 11}, DeepkitValueError, "make 101 rows, but there are 100"),
        ({"train": 0.0, "dev": 0.5, "test": 0.5}, DeepkitValueError, "train=0 leaves nothing"),
        ({"train": 0.999, "dev": 0.0005, "test": 0.0005}, DeepkitValueError, "leave none for dev"),
        ({"seed": -1}, DeepkitTypeError, "seed=-1"),
        ({"seed": 1.5}, DeepkitTypeError, "seed=1.5"),
        ({"stratify": "yes"}, DeepkitValueError, "stratify='yes'"),
        ({"stratify": True}, DeepkitValueError, "needs targets"),
        ({"stratify": True, "groups": np.zeros(100)}, DeepkitValueError, "Leave one of them out"),
        ({"groups": np.zeros(99)}, DeepkitValueError, r"shape \(99,\) for 100 rows"),
        ({"groups": np.zeros(100)}, DeepkitValueError, "1 groups cannot fill 3 parts"),
        ({"groups": [None] * 100}, DeepkitValueError, "row 0 has no group"),
        ({"groups": "patient"}, DeepkitValueError, "not a column of x"),
        ({"y": np.zeros(99)}, DeepkitValueError, "x has 100 rows and y has 99"),
        ({"y": np.zeros((100, 2)), "stratify": True}, DeepkitValueError, r"shape \(100, 2\)"),
    ],
)
def test_wrong_use(arguments, error, message):
    if message is None:
        assert sizes(split(X, **arguments)) == [80, 10, 10]
        return
    with pytest.raises(error, match=message):
        split(X, **arguments)


def test_more_wrong_use():
    with pytest.raises(DeepkitTypeError, match="already has its targets"):
        split(load_iris(), np.zeros(150))
    with pytest.raises(DeepkitValueError, match="no rows"):
        split(np.zeros((0, 2)))


# The seal.


def test_the_test_part_refuses_to_teach():
    parts = split(load_iris())
    x, y = parts.train.for_training("Model.fit")
    assert len(x) == len(y) == 120
    assert len(parts.dev.for_training("early stopping")[0]) == 15
    with pytest.raises(DeepkitError, match=r"Model\.fit was given the test part.*choose and tune on split\.dev"):
        parts.test.for_training("Model.fit")
    with pytest.raises(DeepkitValueError, match="test part"):
        split(parts.test)
    with pytest.raises(DeepkitValueError, match="zscore was given the test part"):
        zscore(parts.test.x)
    assert parts.test.openings == 0


def test_openings_are_readings_of_the_targets():
    test = split(load_iris()).test
    assert test.openings == 0 and "opened 0 times" in repr(test)
    assert len(test) == 15 and test.x.shape == (15, 4) and len(test.rows) == 15
    assert test.openings == 0
    assert len(test.y) == 15
    assert test.openings == 1
    assert len(test.frame()) == 15
    assert test.openings == 2 and "opened 2 times" in repr(test)
    train = split(load_iris()).train
    assert len(train.y) == 120 and train.openings == 0


def test_tables_of_the_test_part_are_marked():
    parts = split(load_iris())
    test = parts.test
    for table in (test.x, test.y, test.frame(), test.x.copy(), test.x.iloc[:3], test.x[["petal width (cm)"]]):
        assert table.attrs["deepkit_role"] == "test"
    assert "deepkit_role" not in parts.train.x.attrs
    assert "deepkit_role" not in parts.dev.frame().attrs


def test_several_tables_of_the_test_part_are_marked():
    tables = {"a": pd.DataFrame({"v": range(100)}), "b": pd.DataFrame({"w": range(100)})}
    test = split(tables).test
    assert all(table.attrs["deepkit_role"] == "test" for table in test.x.values())
    with pytest.raises(DeepkitValueError, match="test part"):
        split(test.x)


def test_select_keeps_the_role_and_the_rows():
    parts = split(load_iris())
    some = parts.test.select(np.arange(15) % 2 == 0)
    assert some.role == "test" and len(some) == 8
    np.testing.assert_array_equal(some.rows, parts.test.rows[::2])
    assert some.x.attrs["deepkit_role"] == "test" and parts.test.openings == 0
