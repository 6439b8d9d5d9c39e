"""Rows and targets as the plain models take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepkit.data.arrays import is_part
from deepkit.errors import DeepkitTypeError, DeepkitValueError


def flat_rows(x: Any) -> np.ndarray:
    """`(rows, numbers)` of a part, a table of numbers, or an array with rows first; the dtype is kept."""
    array = np.asarray(x.x if is_part(x) else x)
    if array.dtype.kind not in "biuf":
        raise DeepkitTypeError(
            f"expected numbers, got {array.dtype}. Encode the columns first: dk.preprocessing.TableEncoder."
        )
    if array.ndim == 0 or len(array) == 0:
        raise DeepkitValueError(f"x has shape {array.shape}, so it has no rows. Pass an array with rows first.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DeepkitValueError("x holds NaN or infinite numbers. Drop those rows, or fill them first.")
    return array.reshape(len(array), -1)


def targets_of(x: Any, y: Any, rows: int) -> np.ndarray:
    """`(rows,)` targets of numbers, given or the part's own."""
    values = x.y if y is None and is_part(x) else y
    if values is None:
        raise DeepkitValueError("y is missing. Pass the targets: fit(x, y), or a part of a split, which has both.")
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind not in "biuf" or array.shape != (rows,):
        raise DeepkitValueError(
            f"y is {array.dtype} of shape {array.shape} for {rows} rows. Pass one number per row; names of classes "
            "become numbers with TableEncoder(target='classes')."
        )
    if array.dtype.kind in "biu" and array.min() < 0:
        raise DeepkitValueError(
            f"y holds the whole number {array.min()}, and classes are numbered from 0. For quantities pass floats: "
            "y.astype(float)."
        )
    return array.astype(np.int64) if array.dtype.kind in "biu" else array.astype(np.float64)
