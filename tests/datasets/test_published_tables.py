"""The published files, against the counts that their publishers and the courses state."""

import json
import os
import pathlib

import numpy as np
import pytest

from deepkit.datasets import load_auto_mpg, load_heart_disease, load_shakespeare, load_wine_quality
from deepkit.datasets.heart_disease import COLUMNS, FILE, read_uci
from deepkit.datasets.locate import locate
from deepkit.errors import DeepkitValueError
from deepkit.preprocessing import TableEncoder

# oracles.json: B2, C14, A8.
LABELS_NUM = [164, 55, 36, 35, 13]
QUALITY_COUNTS = {3: 10, 4: 53, 5: 681, 6: 638, 7: 199, 8: 18}


def test_heart_disease_keeps_every_row_and_makes_missing_values_a_level(published):
    data = published(load_heart_disease)
    assert data.frame().shape == (303, 14)
    assert np.bincount(data.y).tolist() == [164, 139]
    assert (data.x["ca"] == "?").sum() == 4
    assert (data.x["thal"] == "?").sum() == 2
    numeric = [name for name in COLUMNS if data.x[name].dtype == np.float64]
    assert numeric == ["age", "trestbps", "chol", "thalach", "oldpeak"]
    assert all(data.x[name].dtype == "category" for name in COLUMNS if name not in numeric)
    assert (data.name, data.target, data.classes) == ("heart disease", "disease", ("no disease", "disease"))
    assert "CC BY 4.0" in data.source and FILE.address in data.source
    assert not data.x.isna().any().any()


def test_heart_disease_counts_of_num(published):
    rows = read_uci(published(locate, FILE))
    assert np.bincount([int(row[-1]) for row in rows]).tolist() == LABELS_NUM


def test_heart_disease_without_rows_that_miss_a_value(published):
    data = published(load_heart_disease, missing="drop")
    assert (len(data), data.dropped) == (297, 6)
    assert "6 rows with missing values dropped" in repr(data)
    assert "?" not in data.x["ca"].cat.categories
    assert list(data.x.index) == list(range(297))


@pytest.mark.parametrize(("missing", "inputs"), [("level", 30), ("drop", 28)])
def test_heart_disease_inputs_after_encoding(published, missing, inputs):
    assert TableEncoder().fit(published(load_heart_disease, missing=missing)).width == inputs


def test_wine_quality_counts(published):
    red, white = published(load_wine_quality, "red"), published(load_wine_quality, "white")
    assert red.frame().shape == (1599, 12)
    assert white.frame().shape == (4898, 12)
    assert dict(red.y.value_counts()) == QUALITY_COUNTS
    assert red.classes is None
    assert len(red.select(red.x["total sulfur dioxide"] < 200)) == 1597
    assert len(red.select(np.array([3, 1]))) == 2


def test_wine_quality_targets(published):
    good = published(load_wine_quality, target="good")
    assert good.y.mean() == pytest.approx((638 + 199 + 18) / 1599)
    assert good.x.shape == (1599, 11) and "quality" not in good.x
    assert good.classes == ("quality at most 5", "quality above 5")
    sugar = published(load_wine_quality, target="residual sugar")
    assert sugar.x.shape == (1599, 11) and "quality" in sugar.x and "residual sugar" not in sugar.x
    assert sugar.y.name == sugar.target == "residual sugar"


def test_auto_mpg_says_how_many_rows_it_dropped(published):
    data = published(load_auto_mpg)
    assert (len(data), data.dropped) == (392, 6)
    assert "6 rows with missing values dropped" in repr(data)
    assert data.x.shape == (392, 7)
    assert data.x["origin"].value_counts().to_dict() == {"USA": 245, "Japan": 79, "Europe": 68}
    kept = published(load_auto_mpg, missing="keep")
    assert (len(kept), kept.dropped, kept.x["horsepower"].isna().sum()) == (398, 0, 6)


def test_shakespeare_is_whole(published):
    text = published(load_shakespeare)
    assert len(text) == 1_115_394
    assert len(set(text)) == 65
    assert text.startswith("First Citizen:\nBefore we proceed")


@pytest.mark.parametrize("place", ["file", "its directory", "the directory above"])
def test_path_is_the_file_or_a_directory(published, monkeypatch, place):
    found = published(locate, FILE)
    path = {"file": found, "its directory": found.parent, "the directory above": found.parent.parent}[place]
    monkeypatch.setenv("DEEPKIT_DATA", "/nonexistent")
    assert len(load_heart_disease(path)) == len(load_heart_disease(str(path))) == 303


def test_oracles_agree_with_the_file_beside_the_project():
    oracles = pathlib.Path(os.environ.get("DEEPKIT_DATA", "/nonexistent")).parent / "course" / "oracles.json"
    if not oracles.exists():
        assert not os.environ.get("CI"), "under CI every file is there"
        pytest.skip("oracles.json is not beside the data")
    stated = json.loads(oracles.read_text())
    assert stated["B2"]["label_counts_num"] == LABELS_NUM
    assert {int(k): v for k, v in stated["C14"]["quality_counts"].items()} == QUALITY_COUNTS


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: load_heart_disease(missing="dropp"), "Did you mean 'drop'"),
        (lambda: load_heart_disease(variant="uc"), "Did you mean 'uci'"),
        (lambda: load_heart_disease(variant="tensorflow"), "heart.csv"),
        (lambda: load_wine_quality("rose"), "color='rose'"),
        (lambda: load_wine_quality(target="alcool"), "Did you mean 'alcohol'"),
        (lambda: load_auto_mpg(missing="level"), "missing='level'"),
    ],
)
def test_unknown_options(load, message):
    with pytest.raises(DeepkitValueError, match=message):
        load()
