"""Targets as users pass them, made into what losses want or refused with the way out. Host side, NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph.spec import Meaning, Spec

ENCODE = "np.unique(y, return_inverse=True)[1]"
"""How any labels become 0…K−1."""


def numbers(y: Any, name: str) -> np.ndarray:
    """A non-empty array of finite numbers with the rows first."""
    y = np.asarray(y)
    if y.ndim == 0:
        raise DeepkitValueError(f"{name} is the single value {y}, not one target per row. Pass an array.")
    if y.size == 0:
        raise DeepkitValueError(f"{name} is empty: shape {y.shape}. Pass at least one row.")
    text = [item for item in y.flat if isinstance(item, str)] if y.dtype == object else []
    if y.dtype.kind in "UST" or text:
        raise DeepkitTypeError(
            f"{name} holds text such as {str((text or y.flat)[0])!r}, and a loss needs numbers. "
            f"Number the classes from 0: {ENCODE}."
        )
    if y.dtype == object:
        raise DeepkitTypeError(
            f"{name} is an object array (rows of unequal length, missing or mixed values; first entry "
            f"{y.flat[0]!r}). Make it one array of numbers: np.asarray(y, dtype='float32')."
        )
    if y.dtype.kind not in "biuf":
        raise DeepkitTypeError(
            f"{name} has dtype {y.dtype}, and a loss needs plain numbers. Convert it: y.astype('float32')."
        )
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        missing, infinite = int(np.isnan(y).sum()), int(np.isinf(y).sum())
        found = " and ".join(f"{count} {what}" for count, what in ((missing, "NaN"), (infinite, "infinite")) if count)
        raise DeepkitValueError(
            f"{name} holds {found} of {y.size} values, the first in row {first_row(~np.isfinite(y))}; "
            "the loss would be NaN from there on. Drop those rows: keep = np.isfinite(y)."
        )
    return y


def dense(y: Any, output: Spec, name: str) -> np.ndarray:
    """Floating targets in the output's shape."""
    y = numbers(y, name)
    if output.features == 1 and y.shape[1:] == output.row_shape[:-1]:
        y = y[..., None]
    if y.shape[1:] != output.row_shape:
        raise DeepkitValueError(_wrong_shape(y, output, name))
    dtype = np.dtype("float64" if output.dtype == "float64" else "float32")
    with np.errstate(over="ignore"):
        converted = y.astype(dtype)
    if not np.isfinite(converted).all():
        row = first_row(~np.isfinite(converted))
        raise DeepkitValueError(
            f"{name} holds {y[row].max():g} in row {row}, which is too large for {dtype}. Divide {name} by its scale."
        )
    return converted


def class_numbers(y: Any, output: Spec, name: str) -> np.ndarray:
    """Class numbers 0…K−1 as int32, in the output's shape without its last axis."""
    y = numbers(y, name)
    classes, positions = output.features, output.row_shape[:-1]
    if y.shape[1:] == (*positions, 1):
        y = y[..., 0]
    if y.shape[1:] == output.row_shape and is_distribution(y):
        kind = "one-hot" if is_whole(y) else "a probability per class"
        raise DeepkitValueError(
            f"{name} is {kind}, shape {y.shape}, where one class number per row is expected. "
            "Use loss='categorical_crossentropy', or pass np.argmax(y, axis=-1)."
        )
    if y.shape[1:] != positions:
        mend = (
            "Pass one whole number per position (the output has a time axis), or for one class per row put "
            "dk.layers.Flatten() or a pooling layer before the last layer."
            if positions and y.ndim == 1
            else "Pass one whole number per row (per position, where the output has a time axis)."
        )
        raise DeepkitValueError(
            f"{name} has shape {y.shape}, but class numbers for this output have shape {(len(y), *positions)}. {mend}"
        )
    if not is_whole(y):
        row = first_row(y != np.round(y))
        raise DeepkitValueError(
            f"{name} holds {_shown(y, row)} in row {row}, which is no class number. Pass whole numbers "
            f"0…{classes - 1}; to predict a number rather than a class, use one linear unit and loss='mse'."
        )
    low, high = int(y.min()), int(y.max())
    if low == 1 and high == classes:
        raise DeepkitValueError(
            f"{name}: labels seem to run 1…{classes}; subtract 1. "
            f"Class 0 never occurs, and {classes} units stand for the labels 0…{classes - 1}."
        )
    if low < 0 or high >= classes:
        mend = "Renumber" if low < 0 else f"Give the last layer {high + 1} units, or renumber"
        raise DeepkitValueError(
            f"{name} has labels from {low} to {high}, but {classes} units stand for the labels "
            f"0…{classes - 1}. {mend} the labels: {ENCODE}."
        )
    return y.astype(np.int32)


def distribution(y: Any, output: Spec, name: str) -> np.ndarray:
    """Dense targets whose rows are one-hot or probabilities that sum to one."""
    y = numbers(y, name)
    classes = output.features
    if y.shape[1:] in (output.row_shape[:-1], (*output.row_shape[:-1], 1)):
        raise DeepkitValueError(
            f"{name} has shape {y.shape}, one number per row, where {classes} columns are expected, one per "
            "class. If they are class numbers, use loss='sparse_categorical_crossentropy', "
            f"or pass dk.preprocessing.one_hot(y, {classes})."
        )
    y = dense(y, output, name)
    if y.min() < 0:
        row = first_row(y < 0)
        raise DeepkitValueError(
            f"{name} holds {y.min():g} (first negative number in row {row}), and a probability is at least "
            "0. Pass one-hot rows, or probabilities that sum to 1."
        )
    if not is_distribution(y):
        totals = y.sum(axis=-1)
        row = first_row(np.abs(totals - 1) > TOLERANCE)
        raise DeepkitValueError(
            f"row {row} of {name} sums to {_shown(totals, row)}, not to 1, so it is no distribution over "
            f"{classes} classes. Pass one-hot rows; if several classes may hold at once, "
            "use activation='sigmoid' and loss='binary_crossentropy'."
        )
    return y


TOLERANCE = 1e-3
"""How far the sum of a float32 distribution may be from one."""


def is_distribution(y: np.ndarray) -> bool:
    """Whether the last axis holds non-negative numbers that sum to one."""
    return bool(y.min() >= 0 and (np.abs(y.sum(axis=-1) - 1) <= TOLERANCE).all())


def is_whole(y: np.ndarray) -> bool:
    """Whether all values are whole numbers, whatever their dtype."""
    return y.dtype.kind != "f" or bool((y == np.round(y)).all())


def first_row(wrong: np.ndarray) -> int:
    """Index of the first row in which anything is marked."""
    return int(np.argwhere(wrong)[0, 0])


def _shown(y: np.ndarray, row: int) -> str:
    """The value of a row, or its first one that is not whole."""
    values = np.ravel(y[row])
    broken = values[values != np.round(values)]
    return f"{(broken if broken.size else values)[0]:g}"


def _wrong_shape(y: np.ndarray, output: Spec, name: str) -> str:
    units, wanted = output.features, (len(y), *output.row_shape)
    seen = f"{name} has shape {y.shape}, but this output needs {wanted}. "
    if y.shape[1:] in (output.row_shape[:-1], (*output.row_shape[:-1], 1)):
        if output.meaning is Meaning.DISTRIBUTION and is_whole(y):
            return seen + (
                "If these are class numbers, use loss='sparse_categorical_crossentropy', "
                f"or pass dk.preprocessing.one_hot(y, {units})."
            )
        return seen + (
            f"One number per row is not broadcast over {units} units: "
            f"give the last layer one unit, or {name} {units} columns."
        )
    if y.ndim == 2 and len(y) == units < y.shape[1]:
        return seen + f"It seems transposed: pass {name}.T."
    if y.ndim == output.rank and y.shape[1:-1] == output.row_shape[:-1]:
        return seen + f"Give the last layer {y.shape[-1]} units, or {name} {units} column{'s' * (units > 1)}."
    if y.ndim < output.rank:
        return seen + "For one target per row, put dk.layers.Flatten() or a pooling layer before the last layer."
    return seen + f"Reshape one of them: y.reshape({', '.join(map(str, ('-1', *output.row_shape)))})."
