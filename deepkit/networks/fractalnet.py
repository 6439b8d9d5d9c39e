"""FractalNet: deep without shortcuts, by joining paths of different lengths."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from deepkit.graph import Input
from deepkit.layers import Dense, Dropout, DropPathAverage, Flatten, Layer, MaxPooling2D
from deepkit.model import Model
from deepkit.networks.blocks import normalized_conv


def FractalNet(
    input_shape: tuple[int, ...] = (32, 32, 3),
    classes: int = 10,
    columns: int = 3,
    filters: Sequence[int] = (64, 128, 256, 512, 512),
    dropout: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4),
    drop_path: float = 0.15,
) -> Model:
    """Blocks of 2^columns − 1 convolutions, at most 2^(columns − 1) of them on one path: 21 layers by default.

    A fractal of one column is a convolution; one of C columns is two of C − 1 after each other, and beside them one
    convolution. Where paths meet, their mean is taken, in training without the paths that drop-path leaves out.

    Source: Larsson, Maire, Shakhnarovich, "FractalNet: ultra-deep neural networks without residuals", 2017.

    Args:
        input_shape: Height, width and channels of an image; every block halves it.
        classes: Units of the softmax.
        columns: Columns of a block, at least 1.
        filters: Per block its filters.
        dropout: Per block the share of numbers dropped after it.
        drop_path: Probability that a join drops a path, for the half of the rows that do not keep to one column; 0
            takes every path of every row, and so no row keeps to one column either.
    """
    x = h = Input(input_shape)
    join = functools.partial(DropPathAverage, columns, drop_path, 0.5 if drop_path else 0)
    for width, rate in zip(filters, dropout, strict=True):
        h = _joined(_fractal(h, columns, width, join), join)
        h = Dropout(rate)(MaxPooling2D(2)(h))
    return Model(x, Dense(classes, "softmax")(Flatten()(h)), name="FractalNet")


def _fractal(x: Any, columns: int, filters: int, join: Callable[[], Layer]) -> list[Any]:
    """The ends of all columns."""
    short = normalized_conv(x, filters, 3)
    if columns == 1:
        return [short]
    deeper = columns - 1
    return [short, *_fractal(_joined(_fractal(x, deeper, filters, join), join), deeper, filters, join)]


def _joined(paths: list[Any], join: Callable[[], Layer]) -> Any:
    return join()(paths) if len(paths) > 1 else paths[0]
