"""FractalNet: deep without shortcuts, by joining paths of different lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepkit.graph import Input
from deepkit.layers import Average, Dense, Dropout, Flatten, MaxPooling2D
from deepkit.model import Model
from deepkit.networks.blocks import normalized_conv


def FractalNet(
    input_shape: tuple[int, ...] = (32, 32, 3),
    classes: int = 10,
    columns: int = 3,
    filters: Sequence[int] = (64, 128, 256, 512, 512),
    dropout: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4),
) -> Model:
    """Blocks of 2^columns − 1 convolutions, at most 2^(columns − 1) of them on one path: 21 layers by default.

    A fractal of one column is a convolution; one of C columns is two of C − 1 after each other, and beside them one
    convolution. Where paths meet, their mean is taken. The paper's drop-path is not among the layers: dropout alone
    regularises.

    Source: Larsson, Maire, Shakhnarovich, "FractalNet: ultra-deep neural networks without residuals", 2017.

    Args:
        input_shape: Height, width and channels of an image; every block halves it.
        classes: Units of the softmax.
        columns: Columns of a block, at least 1.
        filters: Per block its filters.
        dropout: Per block the share of numbers dropped after it.
    """
    x = h = Input(input_shape)
    for width, rate in zip(filters, dropout, strict=True):
        h = _joined(_fractal(h, columns, width))
        h = Dropout(rate)(MaxPooling2D(2)(h))
    return Model(x, Dense(classes, "softmax")(Flatten()(h)), name="FractalNet")


def _fractal(x: Any, columns: int, filters: int) -> list[Any]:
    """The ends of all columns."""
    short = normalized_conv(x, filters, 3)
    if columns == 1:
        return [short]
    return [short, *_fractal(_joined(_fractal(x, columns - 1, filters)), columns - 1, filters)]


def _joined(paths: list[Any]) -> Any:
    return Average()(paths) if len(paths) > 1 else paths[0]
