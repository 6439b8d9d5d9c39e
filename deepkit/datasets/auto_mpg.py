"""Auto MPG: the fuel consumption of 398 cars of 1970 to 1982."""

from __future__ import annotations

import math

from deepkit.datasets.dataset import Dataset
from deepkit.datasets.locate import Path, PublicFile, locate
from deepkit.datasets.optional import import_tables
from deepkit.datasets.text_tables import check_row_count, read_lines, to_numbers
from deepkit.errors import DeepkitValueError, did_you_mean, from_user_line

__all__ = ["load_auto_mpg"]

FILE = PublicFile(
    folder="auto-mpg",
    name="auto-mpg.data",
    address="https://archive.ics.uci.edu/ml/machine-learning-databases/auto-mpg/auto-mpg.data",
    sha256="48b830e11feee5572525f8f1691ddb9d38d3d7b7063edcd8fca672c2a5e17d8d",
    licence="CC BY 4.0",
)
COLUMNS = (
    "mpg", "cylinders", "displacement", "horsepower", "weight", "acceleration", "model year", "origin",
)  # fmt: skip
ORIGINS = {1.0: "USA", 2.0: "Europe", 3.0: "Japan"}


@from_user_line
def load_auto_mpg(path: Path | None = None, missing: str = "drop") -> Dataset:
    """Auto MPG: 6 numeric columns and the origin of 398 cars; the target is miles per gallon.

    Numeric: cylinders, displacement (cubic inches), horsepower, weight (pounds), acceleration (seconds to
    60 miles per hour), model year (70 to 82). Origin is a category: USA, Europe, Japan. The car's name,
    different in almost every row, is not among the inputs.

    Args:
        path: The file or its directory. Default: `$DEEPKIT_DATA`, then the cache, then a download from UCI.
        missing: The 6 cars without horsepower: `"drop"` leaves 392 rows, and `dropped` and the repr say so;
            `"keep"` leaves all 398 with NaN, for `TableEncoder(missing="mean")`.

    Returns:
        A `Dataset` with `x` of 7 columns and `y` in miles per gallon (float64).

    Raises:
        DeepkitValueError: An unknown option, a file that is nowhere, or a line that is not as published.

    Source: Quinlan (1993), UCI Machine Learning Repository, doi 10.24432/C5859H.
    """
    if missing not in ("drop", "keep"):
        raise DeepkitValueError(f"missing={missing!r} is not known. {did_you_mean(str(missing), ('drop', 'keep'))}")
    found = locate(FILE, path)
    rows = []
    for number, line in enumerate(read_lines(found), start=1):
        numbers, tab, _ = line.partition("\t")
        if not tab:
            raise DeepkitValueError(
                f"{found}, line {number}: no tab before the car's name. "
                "The file is truncated, changed or another one: delete it and get the published file again."
            )
        row = to_numbers(found, number, COLUMNS, numbers.split(), missing_in=("horsepower",))
        if row[-1] not in ORIGINS:
            raise DeepkitValueError(
                f"{found}, line {number}: column 'origin' is {row[-1]:g}, which is none of 1, 2, 3. "
                "Delete the file and get the published one again."
            )
        rows.append(row)
    check_row_count(found, len(rows), 398)
    kept = [row for row in rows if missing == "keep" or not any(map(math.isnan, row))]
    pandas = import_tables("pandas", "load_auto_mpg")
    frame = pandas.DataFrame(kept, columns=list(COLUMNS))
    frame["origin"] = pandas.Categorical([ORIGINS[row[-1]] for row in kept], categories=list(ORIGINS.values()))
    return Dataset(
        frame,
        frame.pop("mpg"),
        name="auto MPG",
        target="mpg",
        source=FILE.source,
        dropped=len(rows) - len(kept),
    )
