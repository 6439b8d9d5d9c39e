"""Text files of numbers, read strictly: whatever is not as published is an error that names the line."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Collection, Sequence

from deepkit.errors import DeepkitValueError

__all__ = ["check_row_count", "read_lines", "to_number", "to_numbers"]


def read_lines(path: pathlib.Path) -> list[str]:
    """The lines of a UTF-8 text file, without empty ones at its end."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DeepkitValueError(f"{path} cannot be read ({error.strerror}). Give a readable file.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DeepkitValueError(f"{path}, line {line}: byte {content[error.start]} is not text. {_MEND}") from None
    lines = text.rstrip().splitlines()
    if not lines:
        raise DeepkitValueError(f"{path} is empty. {_MEND}")
    return lines


def to_number(path: pathlib.Path, line: int, column: str, text: str, missing_in: Collection[str] = ()) -> float:
    """A field as a finite number; `?` as NaN in the columns that may miss values."""
    if text == "?" and column in missing_in:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DeepkitValueError(f"{path}, line {line}: column {column!r} is {text!r}, not a number. {_MEND}")
    return value


def to_numbers(
    path: pathlib.Path,
    line: int,
    columns: Sequence[str],
    fields: Sequence[str],
    missing_in: Collection[str] = (),
) -> list[float]:
    """One line's fields as numbers, after their count is checked."""
    if len(fields) != len(columns):
        raise DeepkitValueError(
            f"{path}, line {line}: {len(fields)} fields instead of {len(columns)} ({', '.join(columns)}). {_MEND}"
        )
    return [
        to_number(path, line, column, field.strip(), missing_in) for column, field in zip(columns, fields, strict=True)
    ]


def check_row_count(path: pathlib.Path, rows: int, published: int) -> None:
    """Refuse a file with fewer or more rows than were published."""
    if rows != published:
        raise DeepkitValueError(
            f"{path}: the file ends after {rows} rows; the published one has {published}. {_MEND} "
            "To use a part of it on purpose, read it with pandas and pass the DataFrame to dk.split."
        )


_MEND = "The file is truncated, changed or another one: delete it and get the published file again."
