"""The Cleveland heart-disease table: 303 patients, 13 columns, sick or not."""

from __future__ import annotations

import csv
import math
import pathlib
from collections.abc import Sequence
from typing import Any

from deepkit.datasets.dataset import Dataset
from deepkit.datasets.locate import Path, PublicFile, locate
from deepkit.datasets.optional import import_tables
from deepkit.datasets.text_tables import check_row_count, read_lines, to_number, to_numbers
from deepkit.errors import DeepkitValueError, did_you_mean, from_user_line

__all__ = ["load_heart_disease"]

FILE = PublicFile(
    folder="heart-disease",
    name="processed.cleveland.data",
    address="https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/processed.cleveland.data",
    sha256="a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
    licence="CC BY 4.0",
)
COLUMNS = (
    "age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak", "slope", "ca",
    "thal",
)  # fmt: skip
MISSING_IN = ("ca", "thal")
# Every code that the publisher documents, so that a split never changes the number of inputs.
LEVELS = {
    "sex": ("0", "1"),
    "cp": ("1", "2", "3", "4"),
    "fbs": ("0", "1"),
    "restecg": ("0", "1", "2"),
    "exang": ("0", "1"),
    "slope": ("1", "2", "3"),
    "ca": ("0", "1", "2", "3"),
    "thal": ("3", "6", "7"),
}
CLASSES = ("no disease", "disease")
TENSORFLOW_CATEGORICAL = ("sex", "cp", "fbs", "restecg", "exang", "ca", "thal")
TENSORFLOW_ADDRESS = "https://storage.googleapis.com/download.tensorflow.org/data/heart.csv"


@from_user_line
def load_heart_disease(path: Path | None = None, missing: str = "level", variant: str = "uci") -> Dataset:
    """Cleveland heart disease: 303 patients, 5 numeric and 8 categorical columns, 164 healthy and 139 sick.

    Numeric: age (years), trestbps (mm Hg), chol (mg/dl), thalach (beats per minute), oldpeak (mm). The
    others (sex, cp, fbs, restecg, exang, slope, ca, thal) are codes, kept as categories of text.
    The target `disease` is 1 where the file's `num` (0 to 4) is above 0.

    Args:
        path: The file or its directory. Default: `$DEEPKIT_DATA`, then the cache, then a download from UCI.
        missing: What to do with `?` (4 in ca, 2 in thal). `"level"`: it is a category of its own, `?`,
            and all 303 rows stay (the default: no patient is lost). `"drop"`: 297 rows stay.
        variant: `"uci"` is the published table. `"tensorflow"` is the `heart.csv` of TensorFlow's tutorials,
            from the `path` you name: thal in words, slope a number, other labels (majority .726).

    Returns:
        A `Dataset` with `x` (float64 and category columns) and `y` (int64, 0 or 1).

    Raises:
        DeepkitValueError: An unknown option, a file that is nowhere, or a line that is not as published.

    Source: Janosi, Steinbrunn, Pfisterer, Detrano (1989), UCI Machine Learning Repository,
    doi 10.24432/C52P4X.
    """
    if missing not in ("level", "drop"):
        raise DeepkitValueError(f"missing={missing!r} is not known. {did_you_mean(str(missing), ('level', 'drop'))}")
    if variant == "uci":
        return _uci(locate(FILE, path), missing)
    if variant == "tensorflow":
        if path is None:
            raise DeepkitValueError(
                "variant='tensorflow' needs the path of TensorFlow's heart.csv. "
                f"Fetch it from {TENSORFLOW_ADDRESS} and pass path='heart.csv'."
            )
        return _tensorflow(pathlib.Path(path).expanduser())
    raise DeepkitValueError(f"variant={variant!r} is not known. {did_you_mean(str(variant), ('uci', 'tensorflow'))}")


def _uci(path: pathlib.Path, missing: str) -> Dataset:
    rows = read_uci(path)
    check_row_count(path, len(rows), 303)
    kept = [row for row in rows if missing == "level" or not any(map(math.isnan, row))]
    levels = {
        name: (*known, "?") if missing == "level" and name in MISSING_IN else known for name, known in LEVELS.items()
    }
    pandas = import_tables("pandas", "load_heart_disease")
    columns: dict[str, Any] = {}
    for position, name in enumerate(COLUMNS):
        values = [row[position] for row in kept]
        columns[name] = values if name not in levels else pandas.Categorical(_codes(values), categories=levels[name])
    disease = pandas.Series([int(row[-1] > 0) for row in kept], name="disease", dtype="int64")
    return Dataset(
        pandas.DataFrame(columns),
        disease,
        name="heart disease",
        target="disease",
        classes=CLASSES,
        source=FILE.source,
        dropped=len(rows) - len(kept),
    )


def read_uci(path: pathlib.Path) -> list[list[float]]:
    """Every row of UCI's file, `num` last and `?` as NaN, with every code checked."""
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        row = to_numbers(path, number, (*COLUMNS, "num"), line.split(","), MISSING_IN)
        for name, value in zip(COLUMNS, row, strict=False):
            if name in LEVELS and not math.isnan(value):
                _check_code(path, number, name, value, LEVELS[name])
        _check_code(path, number, "num", row[-1], ("0", "1", "2", "3", "4"))
        rows.append(row)
    return rows


def _check_code(path: pathlib.Path, line: int, column: str, value: float, known: Sequence[str]) -> None:
    if f"{value:g}" not in known:
        raise DeepkitValueError(
            f"{path}, line {line}: column {column!r} is {value:g}, which is none of {', '.join(known)}. "
            "The file is changed or another one: delete it and get the published file again."
        )


def _codes(values: Sequence[float]) -> list[str]:
    return ["?" if math.isnan(value) else f"{value:g}" for value in values]


def _tensorflow(path: pathlib.Path) -> Dataset:
    lines = read_lines(path)
    header = next(csv.reader(lines[:1]))
    if sorted(header) != sorted((*COLUMNS, "target")):
        raise DeepkitValueError(
            f"{path}, line 1: the columns are {', '.join(header)}, but TensorFlow's heart.csv has "
            f"{', '.join((*COLUMNS, 'target'))}. Use variant='uci' for UCI's file, which has no header."
        )
    table: dict[str, list[Any]] = {name: [] for name in header}
    for number, fields in enumerate(csv.reader(lines[1:]), start=2):
        if len(fields) != len(header):
            raise DeepkitValueError(
                f"{path}, line {number}: {len(fields)} fields instead of {len(header)}. Get the file again."
            )
        for name, text in zip(header, fields, strict=True):
            table[name].append(text.strip() if name == "thal" else to_number(path, number, name, text))
        _check_code(path, number, "target", table["target"][-1], ("0", "1"))
    pandas = import_tables("pandas", "load_heart_disease")
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        values = table[name] if name == "thal" or name not in TENSORFLOW_CATEGORICAL else _codes(table[name])
        columns[name] = pandas.Categorical(values) if name in TENSORFLOW_CATEGORICAL else values
    return Dataset(
        pandas.DataFrame(columns),
        pandas.Series([int(value) for value in table["target"]], name="target", dtype="int64"),
        name="heart disease (TensorFlow's variant)",
        target="target",
        classes=CLASSES,
        source=f"{path}, a copy of {TENSORFLOW_ADDRESS}",
    )
