"""Wine quality: 11 chemical measurements of Portuguese wines, and a score by tasters."""

from __future__ import annotations

from deepkit.datasets.dataset import Dataset
from deepkit.datasets.locate import Path, PublicFile, locate
from deepkit.datasets.optional import import_tables
from deepkit.datasets.text_tables import check_row_count, read_lines, to_numbers
from deepkit.errors import DeepkitValueError, did_you_mean, from_user_line

__all__ = ["load_wine_quality"]

_ADDRESS = "https://archive.ics.uci.edu/ml/machine-learning-databases/wine-quality"
FILES = {
    "red": PublicFile(
        folder="wine-quality",
        name="winequality-red.csv",
        address=f"{_ADDRESS}/winequality-red.csv",
        sha256="4a402cf041b025d4566d954c3b9ba8635a3a8a01e039005d97d6a710278cf05e",
        licence="CC BY 4.0",
    ),
    "white": PublicFile(
        folder="wine-quality",
        name="winequality-white.csv",
        address=f"{_ADDRESS}/winequality-white.csv",
        sha256="76c3f809815c17c07212622f776311faeb31e87610d52c26d87d6e361b169836",
        licence="CC BY 4.0",
    ),
}
ROWS = {"red": 1599, "white": 4898}
COLUMNS = (
    "fixed acidity", "volatile acidity", "citric acid", "residual sugar", "chlorides", "free sulfur dioxide",
    "total sulfur dioxide", "density", "pH", "sulphates", "alcohol", "quality",
)  # fmt: skip
GOOD_ABOVE = 5


@from_user_line
def load_wine_quality(color: str = "red", target: str = "quality", path: Path | None = None) -> Dataset:
    """Wine quality: 1599 red or 4898 white wines, 11 measurements and the tasters' score (3 to 9).

    Args:
        color: `"red"` or `"white"`.
        target: `"quality"`, the score as a number (int64); `"good"`, 1 where quality > 5, with the score
            removed from the inputs; or any column, with the other 11 (quality among them) as inputs.
        path: The file or its directory. Default: `$DEEPKIT_DATA`, then the cache, then a download from UCI.

    Returns:
        A `Dataset` with 11 columns of inputs. All rows are there; the course's outlier rule is
        `data.select(data.x["total sulfur dioxide"] < 200)`, which keeps 1597 red wines.

    Raises:
        DeepkitValueError: An unknown color or target, a file that is nowhere, or a line that is not as
            published.

    Source: Cortez, Cerdeira, Almeida, Matos, Reis (2009), UCI Machine Learning Repository,
    doi 10.24432/C56S3T.
    """
    if color not in FILES:
        raise DeepkitValueError(f"color={color!r} is not known. {did_you_mean(str(color), FILES)}")
    if target != "good" and target not in COLUMNS:
        raise DeepkitValueError(f"target={target!r} is no column. {did_you_mean(str(target), (*COLUMNS, 'good'))}")
    file = FILES[color]
    found = locate(file, path)
    lines = read_lines(found)
    header = tuple(name.strip().strip('"') for name in lines[0].split(";"))
    if header != COLUMNS:
        raise DeepkitValueError(
            f"{found}, line 1: the columns are {'; '.join(header)}, not {'; '.join(COLUMNS)}. "
            "The file is changed or another one: delete it and get the published file again."
        )
    rows = [to_numbers(found, number, COLUMNS, line.split(";")) for number, line in enumerate(lines[1:], start=2)]
    check_row_count(found, len(rows), ROWS[color])
    frame = import_tables("pandas", "load_wine_quality").DataFrame(rows, columns=list(COLUMNS))
    frame["quality"] = frame["quality"].astype("int64")
    if target == "good":
        values = (frame.pop("quality") > GOOD_ABOVE).astype("int64").rename("good")
    else:
        values = frame.pop(target)
    return Dataset(
        frame,
        values,
        name=f"wine quality ({color})",
        target=target,
        classes=(f"quality at most {GOOD_ABOVE}", f"quality above {GOOD_ABOVE}") if target == "good" else None,
        source=file.source,
    )
