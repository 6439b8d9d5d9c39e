"""Images side by side: photographs, filters, feature maps, templates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 256
"""More images than this are too small to see."""


def image_grid(
    images: Any,
    *,
    titles: Sequence[str] | None = None,
    title: str = "",
    columns: int | None = None,
    scale: str = "each",
) -> Figure:
    """Images in rows and columns.

    Args:
        images: `(number, height, width)` for grey ones (drawn from blue below zero over white to orange above, if there
            are numbers on both sides of zero) or `(number, height, width, 3)` for colours. uint8 is drawn as it is.
            Filters of a convolution, `(height, width, channels, filters)`, come in by `np.moveaxis(kernel, -1, 0)`.
        titles: One short line above each image.
        title: Of the figure.
        columns: Images in a row; by default about as many as rows.
        scale: "each" image from its own smallest to its largest number, or all of them on one scale, "shared".

    Raises:
        DeepkitValueError: for another shape, no or more than 256 images, or another number of titles.
    """
    values = np.asarray(images)
    grey = values.ndim == 3 or (values.ndim == 4 and values.shape[-1] == 1)
    if not (grey or (values.ndim == 4 and values.shape[-1] == 3)) or not 1 <= len(values) <= MOST:
        raise DeepkitValueError(
            f"image_grid was given an array of shape {values.shape}. Pass (number, height, width) or (number, height, "
            f"width, 3) with 1 to {MOST} images; take one channel, or fewer images, of others."
        )
    if titles is not None and len(titles) != len(values):
        raise DeepkitValueError(
            f"image_grid was given {len(values)} images and {len(titles)} titles. Pass a title for each, or none."
        )
    if scale not in ("each", "shared"):
        raise DeepkitValueError(f"image_grid(scale={scale!r}): choose 'each' or 'shared'.")
    columns = min(columns or math.ceil(math.sqrt(2 * len(values))), len(values))
    rows = math.ceil(len(values) / columns)
    side = 1.2 if titles is None else 1.35
    figure, panels = new_figure(rows, columns, size=(side, side + 0.2 * (titles is not None)))
    for panel in panels.flat:
        panel.set_axis_off()
    for number, (panel, image) in enumerate(zip(panels.flat, values, strict=False)):
        _draw(panel, image, values if scale == "shared" else image, grey)
        if titles is not None:
            panel.set_title(titles[number], fontsize=8)
    figure.suptitle(title, fontsize=11)
    return figure


def _draw(panel: Any, image: np.ndarray, among: np.ndarray, grey: bool) -> None:
    if image.dtype == np.uint8 and not grey:
        panel.imshow(image, interpolation="nearest")
        return
    if image.dtype == np.uint8:
        panel.imshow(image.reshape(image.shape[:2]), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        return
    low, high = float(among.min()), float(among.max())
    if not grey:
        panel.imshow((image - low) / max(high - low, 1e-12), interpolation="nearest")
    elif low < 0 < high:
        reach = max(-low, high)
        panel.imshow(image.reshape(image.shape[:2]), cmap="PuOr_r", vmin=-reach, vmax=reach, interpolation="nearest")
    else:
        panel.imshow(image.reshape(image.shape[:2]), cmap="gray", vmin=low, vmax=high, interpolation="nearest")
