"""Truncated, changed and foreign text files: each is refused with the line that is wrong."""

import numpy as np
import pytest

from deepkit.datasets import load_auto_mpg, load_heart_disease, load_shakespeare, load_wine_quality
from deepkit.datasets.wine_quality import COLUMNS as WINE
from deepkit.errors import DeepkitValueError
from deepkit.preprocessing import TableEncoder

HEART_LINE = "63.0,1.0,1.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,0.0,6.0,0"
HEART = [HEART_LINE] * 303
WINE_LINE = "7.4;0.7;0;1.9;0.076;11;34;0.9978;3.51;0.56;9.4;5"
WINE_FILE = [";".join(f'"{name}"' for name in WINE), *[WINE_LINE] * 1599]
MPG_LINE = '18.0   8   307.0      130.0      3504.      12.0   70  1\t"chevrolet chevelle malibu"'
MPG = [MPG_LINE] * 398


def changed(lines, number, line):
    return [*lines[: number - 1], line, *lines[number:]]


@pytest.mark.parametrize(
    ("load", "lines", "message"),
    [
        (load_heart_disease, changed(HEART, 303, HEART_LINE[:20]), r"line 303: 5 fields instead of 14"),
        (load_heart_disease, HEART[:200], r"ends after 200 rows; the published one has 303"),
        (load_heart_disease, [*HEART, HEART_LINE], r"ends after 304 rows"),
        (
            load_heart_disease,
            changed(HEART, 7, HEART_LINE.replace("145.0", "14x.0")),
            r"line 7: .*'trestbps' is '14x",
        ),
        (
            load_heart_disease,
            changed(HEART, 7, HEART_LINE.replace("145.0", "?")),
            r"line 7: .*'trestbps' is '\?'",
        ),
        (load_heart_disease, changed(HEART, 7, HEART_LINE.replace("145.0", "nan")), r"line 7: .*'nan'"),
        (load_heart_disease, changed(HEART, 9, "63.0,3.0" + HEART_LINE[8:]), r"line 9: column 'sex' is 3"),
        (load_heart_disease, changed(HEART, 9, HEART_LINE[:-1] + "7"), r"line 9: column 'num' is 7"),
        (load_heart_disease, WINE_FILE, r"line 1: 1 fields instead of 14"),
        (load_wine_quality, HEART, r"line 1: the columns are"),
        (load_wine_quality, changed(WINE_FILE, 1600, WINE_LINE[:28]), r"line 1600: 8 fields instead of 12"),
        (load_wine_quality, WINE_FILE[:-1], r"ends after 1598 rows"),
        (load_auto_mpg, changed(MPG, 5, MPG_LINE[:30]), r"line 5: no tab"),
        (load_auto_mpg, changed(MPG, 5, MPG_LINE.replace("70  1", "70  4")), r"line 5: column 'origin' is 4"),
        (load_auto_mpg, changed(MPG, 5, MPG_LINE.replace("18.0", "?")), r"line 5: column 'mpg' is '\?'"),
        (load_auto_mpg, MPG[:-1], r"ends after 397 rows"),
        (load_shakespeare, ["First Citizen:"], r"line 1: the text ends after 15 characters"),
    ],
)
def test_what_is_not_as_published_is_named_by_line(tmp_path, load, lines, message):
    file = tmp_path / "file"
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(DeepkitValueError, match=message) as raised:
        load(path=file)
    assert str(file) in str(raised.value)


def test_bytes_that_are_not_text(tmp_path):
    file = tmp_path / "processed.cleveland.data"
    file.write_bytes(("\n".join(HEART[:2]) + "\n").encode() + b"\xff\xfe\x00")
    with pytest.raises(DeepkitValueError, match="line 3: byte 255 is not text"):
        load_heart_disease(file)


def test_an_empty_file(tmp_path):
    file = tmp_path / "processed.cleveland.data"
    file.touch()
    with pytest.raises(DeepkitValueError, match="is empty"):
        load_heart_disease(file)


def test_windows_line_ends_and_a_missing_last_one_are_the_same_file(tmp_path):
    file = tmp_path / "processed.cleveland.data"
    file.write_bytes("\r\n".join(HEART).encode())
    assert len(load_heart_disease(file)) == 303


def tensorflow_file(tmp_path, rows):
    header = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,target"
    file = tmp_path / "heart.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def tensorflow_rows():
    """Rows with every level of TensorFlow's copy: its cp starts at 0, its thal is words and two codes."""
    thal = ("fixed", "normal", "reversible", "1", "2")
    return [
        f"{40 + i},{i % 2},{i % 5},145,233,{i % 2},{i % 3},150,{i % 2},2.3,{1 + i % 3},{i % 4},{thal[i % 5]},{i % 2}"
        for i in range(60)
    ]


def test_tensorflow_variant(tmp_path):
    data = load_heart_disease(tensorflow_file(tmp_path, tensorflow_rows()), variant="tensorflow")
    assert data.x.shape == (60, 13)
    assert data.target == "target" and data.y.dtype == np.int64
    assert set(data.x["thal"].cat.categories) == {"fixed", "normal", "reversible", "1", "2"}
    assert data.x["slope"].dtype == np.float64
    assert TableEncoder().fit(data).width == 29  # B1, B2: Input(29)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["63,1,1,145"], "line 2: 4 fields instead of 14"),
        (
            [tensorflow_rows()[0], tensorflow_rows()[0].replace("145", "x")],
            "line 3: column 'trestbps' is 'x'",
        ),
        ([tensorflow_rows()[0][:-1] + "2"], "line 2: column 'target' is 2"),
    ],
)
def test_bad_tensorflow_variant(tmp_path, rows, message):
    with pytest.raises(DeepkitValueError, match=message):
        load_heart_disease(tensorflow_file(tmp_path, rows), variant="tensorflow")


def test_uci_file_given_as_tensorflow_variant(tmp_path):
    file = tmp_path / "heart.csv"
    file.write_text("\n".join(HEART))
    with pytest.raises(DeepkitValueError, match="Use variant='uci'"):
        load_heart_disease(file, variant="tensorflow")
