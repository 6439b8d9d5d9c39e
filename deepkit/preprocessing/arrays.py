"""One-hot, z-score and min-max as plain functions of one array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line, warn
from deepkit.preprocessing.sealed import refuse_sealed

__all__ = ["is_constant", "minmax", "one_hot", "zscore"]


@from_user_line
def one_hot(y: Any, classes: int | Sequence[Any]) -> np.ndarray:
    """Class labels as rows with a single 1.

    Args:
        y: Labels (N,): whole numbers 0 to classes − 1 if `classes` is a number, else names of `classes`.
        classes: How many classes there are, or their names in order. It is never guessed from `y`: a batch
            in which the last class does not occur would get another width.

    Returns:
        float32 (N, number of classes).

    Raises:
        DeepkitValueError: A label that is no class, or labels that are not one axis.
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise DeepkitValueError(f"one_hot needs labels of shape (N,), got {labels.shape}. Use y.reshape(-1).")
    if isinstance(classes, int | np.integer):
        codes, count = _whole_numbers(labels, int(classes)), int(classes)
    else:
        position = {name: number for number, name in enumerate(classes)}
        if unknown := sorted({str(label) for label in labels.tolist() if label not in position}):
            raise DeepkitValueError(
                f"one_hot: {', '.join(unknown[:5])} is not among the classes {list(classes)}. "
                "Add it to classes, or correct the labels."
            )
        codes, count = np.array([position[label] for label in labels.tolist()], dtype=np.int64), len(position)
    encoded = np.zeros((len(labels), count), dtype=np.float32)
    encoded[np.arange(len(labels)), codes] = 1
    return encoded


def _whole_numbers(labels: np.ndarray, count: int) -> np.ndarray:
    if labels.dtype.kind not in "biuf" or np.any(labels != np.floor(labels)):
        raise DeepkitTypeError(
            f"one_hot with classes={count} needs whole numbers, got {labels.dtype} such as {labels.flat[0]}. "
            "Pass the class names instead: classes=['a', 'b', …]."
        )
    codes = labels.astype(np.int64)
    if codes.size and (codes.min() < 0 or codes.max() >= count):
        from_one = codes.min() == 1 and codes.max() == count
        mend = "They seem to start at 1: subtract 1." if from_one else "Give the right number of classes."
        raise DeepkitValueError(
            f"one_hot: labels run from {codes.min()} to {codes.max()}, but {count} classes are numbered "
            f"0 to {count - 1}. {mend}"
        )
    return codes


@from_user_line
def zscore(x: Any) -> np.ndarray:
    """Every column (axis 0) with mean 0 and standard deviation 1: `(x − mean) / deviation`.

    The deviation is the population's (divided by N, as scikit-learn and Keras do; pandas divides by N − 1).
    The statistics are those of `x` itself; to use the training set's on other rows, use `TableEncoder` or
    the `Normalization` layer.

    Args:
        x: Numbers, rows first, of any shape.

    Returns:
        An array of the same shape; float64 stays float64, integers become float32. A constant column
        becomes 0, with a `DeepkitWarning`.

    Raises:
        DeepkitValueError: NaN, infinity, no rows, or test data.
    """
    return _scaled(x, "zscore", lambda values: (values.mean(axis=0), values.std(axis=0)))


@from_user_line
def minmax(x: Any) -> np.ndarray:
    """Every column (axis 0) from 0 to 1: `(x − minimum) / (maximum − minimum)`.

    Arguments, result and errors are those of `zscore`.
    """
    return _scaled(x, "minmax", lambda values: (values.min(axis=0), np.ptp(values, axis=0)))


def _scaled(x: Any, name: str, statistics: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    refuse_sealed(x, name)
    given = np.asarray(x)
    if given.dtype.kind not in "biuf":
        raise DeepkitTypeError(
            f"{name} needs numbers, got {given.dtype}. Use TableEncoder for tables with text or categories."
        )
    if given.ndim == 0 or len(given) == 0:
        raise DeepkitValueError(f"{name} needs at least one row, got shape {given.shape}.")
    values = given.astype(np.float64)
    columns = [str(column) for column in getattr(x, "columns", range(given.shape[-1]))]
    if not np.all(np.isfinite(values)):
        bad = np.argwhere(~np.isfinite(values))[0]
        where = f"row {bad[0]}" + (f", column {columns[bad[1]]}" if values.ndim == 2 else "")
        raise DeepkitValueError(
            f"{name}: {np.sum(~np.isfinite(values))} values are NaN or infinite, the first in {where}. "
            "Drop those rows, or use TableEncoder(missing='mean')."
        )
    offset, width = statistics(values)
    constant = is_constant(values.min(axis=0), values.max(axis=0))
    if np.any(constant):
        found = ", ".join(columns[i] for i in np.flatnonzero(constant)) if values.ndim == 2 else "x"
        warn(f"{name}: constant and so set to 0: {found}. It tells a model nothing; leave it out.")
    scaled = np.where(constant, 0.0, (values - offset) / np.where(constant, 1.0, width))
    return scaled.astype(given.dtype if given.dtype.kind == "f" else np.float32)


def is_constant(minimum: Any, maximum: Any) -> Any:
    """Whether values between these differ by no more than float64 rounding."""
    return np.asarray(maximum) - minimum <= 1e-14 * np.maximum(np.abs(minimum), np.abs(maximum))
