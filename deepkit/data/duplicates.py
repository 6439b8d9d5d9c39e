"""Rows that occur more than once. A copy of a training row in another part measures memory, not learning."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepkit.data.part import Part, Split
from deepkit.datasets import Dataset
from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line, warn
from deepkit.preprocessing.rows import levels_of

__all__ = ["Duplicates", "copies_of", "duplicates", "warn_of_copies"]

DIGITS = 6
"""Decimals of a column's largest value to which rows must agree: what float32 keeps of a number."""
AT_ONCE = 2**22
"""Numbers that are looked at in one go."""
CHECKED = 2**25
"""Larger data are divided without a look for copies; `duplicates(data)` takes any size."""
FEW, MANY = 0.02, 0.5
"""Shares of copies between which they are worth a warning. Less is chance; more is a table of few values."""
TWINS = 0.05
"""The share of a part's rows from which their twins in train can be seen in its score."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Duplicates:
    """Which rows are copies of which.

    Attributes:
        group: `(rows,)`: rows with one number have the same inputs. Numbers count from 0 in the order of the rows.
        parts: `(rows,)`, of a split: the part of every row; rows are then counted through train, dev and test.
    """

    group: np.ndarray
    parts: np.ndarray | None = None

    @property
    def first(self) -> np.ndarray:
        """`(rows,)` booleans: the first of each group. `data.select(duplicates.first)` drops the others."""
        first = np.zeros(len(self.group), bool)
        first[np.unique(self.group, return_index=True)[1]] = True
        return first

    @property
    def copies(self) -> int:
        """Rows that repeat an earlier one."""
        return len(self.group) - len(np.unique(self.group))

    def across(self, part: str = "dev", other: str = "train") -> int:
        """Rows of a part that have a twin in the other."""
        if self.parts is None:
            raise DeepkitValueError("rows without parts have no twins in another. Pass a split: dk.duplicates(split).")
        return int(np.isin(self.group[self.parts == part], self.group[self.parts == other]).sum())

    def __repr__(self) -> str:
        text = f"{self.copies} of {len(self.group)} rows repeat an earlier one"
        if self.parts is not None:
            for part in ("dev", "test"):
                if count := int((self.parts == part).sum()):
                    text += f"; {self.across(part)} of {count} {part} rows have a twin in train"
        return f"Duplicates({text})"


@from_user_line
def duplicates(data: Any, digits: int = DIGITS) -> Duplicates:
    """Find rows with the same inputs, whatever their targets.

    Numbers count as the same if they agree after rounding to `digits` decimals of the largest value of their column;
    two that lie close, but on two sides of a rounding edge, are missed. Everything else must be equal. The rows are
    compared by 64-bit hashes, in time proportional to their size.

    Args:
        data: A `Dataset`, a table, an array with rows first, a dict of them, or a split. Of the test part only the
            inputs are read, which is no opening.
        digits: Decimals to which they must agree; fewer find more that are merely near.

    Example:
        >>> dk.duplicates(wine)
        Duplicates(240 of 1599 rows repeat an earlier one)
        >>> clean = wine.select(dk.duplicates(wine).first)         # drop them, or
        >>> split = dk.split(wine, groups="duplicates")            # keep them together
    """
    if isinstance(digits, bool) or not isinstance(digits, int) or digits < 0:
        raise DeepkitTypeError(f"digits={digits!r}: expected a whole number of at least 0, such as 6.")
    if isinstance(data, Split):
        parts = [part for part in data if len(part)]
        return Duplicates(
            _numbered(np.concatenate(_hashes([part._x for part in parts], digits))),
            np.repeat([part.role for part in parts], [len(part) for part in parts]),
        )
    return Duplicates(copies_of(data._x if isinstance(data, Dataset) else data, digits))


def copies_of(x: Any, digits: int = DIGITS) -> np.ndarray:
    """`(rows,)` numbers from 0, the same for rows with the same inputs."""
    return _numbered(_hashes([x], digits)[0])


def warn_of_copies(whole: Dataset, parts: Sequence[Part], asked: str, ways: str) -> None:
    """Say so where many rows of the later parts have a twin in the first. `asked` is what divided the rows."""
    x = whole._x
    columns = x if isinstance(x, Mapping) else {"x": x}
    if sum(np.size(values) for values in columns.values()) > CHECKED or _width(x) < 2:
        return
    group = copies_of(x)
    copies = len(group) - len(np.unique(group))
    if not FEW * len(group) <= copies <= MANY * len(group):
        return
    train = np.zeros(len(group), bool)
    train[group[parts[0].rows]] = True
    twins = {part.role: int(train[group[part.rows]].sum()) for part in parts[1:] if len(part)}
    if not any(twins[part.role] >= TWINS * len(part) for part in parts[1:] if len(part)):
        return
    told = " and ".join(
        f"{twins[part.role]} of {len(part)} {part.role} rows" for part in parts[1:] if twins.get(part.role)
    )
    warn(
        f"{whole.name}: {copies} of {len(group)} rows repeat the inputs of an earlier one, and {told} have a twin in "
        f"train: there {asked} measures memory. {ways}"
    )


def _width(x: Any) -> int:
    if isinstance(x, Mapping):
        return sum(map(_width, x.values()))
    return int(np.prod(np.shape(x)[1:]))


def _numbered(hashes: np.ndarray) -> np.ndarray:
    """Numbers in the order in which the hashes first occur."""
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _hashes(pieces: Sequence[Any], digits: int) -> list[np.ndarray]:
    """A 64-bit hash of every row, of tables or arrays that have the same columns."""
    if isinstance(pieces[0], Mapping):
        each = [_hashes([piece[name] for piece in pieces], digits) for name in pieces[0]]
        return [_combined(column) for column in zip(*each, strict=True)]
    if hasattr(pieces[0], "columns"):
        columns = []
        for place, name in enumerate(pieces[0].columns):
            values = [piece.iloc[:, place] for piece in pieces]
            if values[0].dtype.kind in "biuf" and isinstance(values[0].dtype, np.dtype):
                columns.append(_hashes([column.to_numpy()[:, None] for column in values], digits))
            else:
                columns.append(_of_levels(str(name), values))
        return [_combined(column) for column in zip(*columns, strict=True)]
    arrays = [np.asarray(piece).reshape(len(piece), -1) for piece in pieces]
    if arrays[0].dtype.kind in "OSUMm":
        return _of_levels("x", arrays)
    if arrays[0].dtype.kind != "f":
        return [_of_words(_words(array)) for array in arrays]
    scales = np.max([_largest(array) for array in arrays], axis=0)
    return [_of_numbers(array, scales, digits) for array in arrays]


def _of_levels(name: str, pieces: Sequence[Any]) -> list[np.ndarray]:
    """Text and mixed values, compared as the encoder compares categories."""
    texts = [np.asarray(piece, dtype=object).reshape(len(piece), -1) for piece in pieces]
    flat = [str(level) for text in texts for level in levels_of(name, text.ravel().tolist())]
    codes = np.unique(np.array(flat), return_inverse=True)[1].astype(np.uint64)
    ends = np.cumsum([text.size for text in texts])[:-1]
    return [_of_words(code.reshape(text.shape)) for code, text in zip(np.split(codes, ends), texts, strict=True)]


def _largest(array: np.ndarray) -> np.ndarray:
    size = np.abs(array).max(axis=0, initial=0, where=np.isfinite(array)).astype(np.float64)
    return np.where(size > 0, size, 1)


def _of_numbers(array: np.ndarray, scales: np.ndarray, digits: int) -> np.ndarray:
    step = max(1, AT_ONCE // max(array.shape[1], 1))
    hashes = [np.zeros(0, np.uint64)]
    for start in range(0, len(array), step):
        rounded = np.round(array[start : start + step] / scales * 10.0**digits) + 0.0  # no negative zeros
        rounded[np.isnan(rounded)] = np.nan  # one of the many
        hashes.append(_of_words(rounded.view(np.uint64)))
    return np.concatenate(hashes)


def _words(array: np.ndarray) -> np.ndarray:
    """The bytes of every row, eight to a word."""
    raw = np.ascontiguousarray(array).view(np.uint8).reshape(len(array), -1)
    return np.pad(raw, ((0, 0), (0, -raw.shape[1] % 8))).view(np.uint64)


def _of_words(words: np.ndarray) -> np.ndarray:
    """Every word is mixed with its place, and the row's words are added up (SplitMix64, Steele et al. 2014)."""
    total = np.zeros(len(words), np.uint64)
    with np.errstate(over="ignore"):
        for place in range(words.shape[1]):
            total += _mixed(words[:, place] + np.uint64((place + 1) * 0x9E3779B97F4A7C15 % 2**64))
    return _mixed(total)


def _combined(hashes: Sequence[np.ndarray]) -> np.ndarray:
    return _of_words(np.stack(hashes, axis=1))


def _mixed(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
