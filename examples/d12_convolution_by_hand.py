"""D12. Convolution and pooling in numbers that can be checked by hand, and what a stack of them sees.

Cross-correlation without a flip, output sizes, paddings, pooling, a convolution as a sparse matrix, receptive fields;
and a kernel that is found again from its results alone.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.plots.canvas import new_figure

IMAGE = np.arange(9.0, dtype="float32").reshape(3, 3)
TAPS = np.array([[0, 1], [2, 3]], "float32")
POOLED = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], "float32")


def chain(size: int, *layers: Any) -> dk.Model:
    """Layers on one grey square image."""
    return dk.Sequential([dk.Input((size, size, 1)), *layers])


def seen(model: dk.Model, image: np.ndarray) -> np.ndarray:
    """What a model makes of one grey image: one grey image."""
    return np.asarray(model.predict(image[None, :, :, None])[0, :, :, 0])


def window(size: int, **options: Any) -> Any:
    """One filter without a bias."""
    return dk.layers.Conv2D(1, size, use_bias=False, **options)


def sizes() -> None:
    """(W − w + 2·pad)/stride + 1, and what happens where that is no whole number."""
    for width, w, stride, pad, out in [(7, 3, 1, 0, 5), (7, 3, 2, 0, 3), (32, 5, 1, 2, 32), (227, 11, 4, 0, 55)]:
        made = dk.layers.Conv2D(8, w, stride, pad, strict=True)(dk.Input((width, width, 3))).shape[1]
        beside(f"({width} − {w} + {2 * pad})/{stride} + 1", made, out)
    image = dk.Input((224, 224, 3))
    beside("224 pixels, 11×11/4: floored", dk.layers.Conv2D(96, 11, 4)(image).shape[1], "54, as in Keras")
    try:
        dk.layers.Conv2D(96, 11, 4, strict=True)(image)
    except dk.errors.DeepkitValueError as refusal:
        print(f"    strict=True: {refusal}")
    for padding in ("valid", "same", 1, (1, 0), ((2, 0), (0, 1))):
        shape = dk.layers.Conv2D(8, 3, padding=padding)(dk.Input((6, 6, 1))).shape[1:3]
        expected = {"valid": (4, 4), "same": (6, 6), 1: (6, 6), (1, 0): (6, 4), ((2, 0), (0, 1)): (6, 5)}[padding]
        beside(f"6×6, window 3×3, padding={padding!r}", shape, expected)


def as_matrix(model: dk.Model) -> np.ndarray:
    """`(outputs, inputs)`: the convolution as the affine layer that it is."""

    def flat(x: jax.Array) -> jax.Array:
        y, _ = model.apply(model.variables, x.reshape(1, 3, 3, 1))
        return y.reshape(-1)

    return np.asarray(jax.jacobian(flat)(IMAGE.reshape(-1)))


def field(*layers: Any) -> np.ndarray:
    """How often each of 11 × 11 pixels enters the number in the middle, with kernels of ones."""
    model = chain(11, *layers)
    variables = model.init(jax.random.key(0))

    def middle(x: jax.Array) -> jax.Array:
        y, _ = model.apply(variables, x)
        return y[0, y.shape[1] // 2, y.shape[2] // 2, 0]

    return np.asarray(jax.grad(middle)(np.ones((1, 11, 11, 1), "float32")))[0, :, :, 0]


def found_again() -> np.ndarray:
    """The kernel, from 64 random images and their results."""
    images = np.random.default_rng(0).normal(size=(64, 6, 6, 1)).astype("float32")
    teacher = chain(6, window(2))
    teacher.set_weights([TAPS[:, :, None, None]])
    pupil = chain(6, window(2))
    pupil.compile(dk.optimizers.Adam(0.05), "mse")
    pupil.fit(images, teacher.predict(images), epochs=100, batch_size=16, verbose=0)
    return np.asarray(pupil.get_weights()[0])[:, :, 0, 0]


def draw(panel: Any, values: np.ndarray, title: str) -> None:
    """Numbers as cells, lighter where larger; NaN stays grey."""
    low, high = min(np.nanmin(values), 0), max(np.nanmax(values), 1)
    panel.set_facecolor("lightgrey")
    panel.imshow(values, cmap="cividis", vmin=low, vmax=high)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "black" if value - low > (high - low) / 2 else "white"
            size = 9 if len(values) < 9 else 6
            panel.text(column, row, f"{value:g}", ha="center", va="center", color=colour, fontsize=size)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.set_title(title, fontsize=10)


def main() -> None:
    options = arguments(__doc__)
    model = chain(3, window(2))
    model.set_weights([TAPS[:, :, None, None]])
    result = seen(model, IMAGE)
    beside("3×3 ⋆ 2×2, kernel not turned round", result.astype(int).tolist(), "[[19, 25], [37, 43]]")
    matrix = as_matrix(model)
    beside("the same as a matrix: entries that are not 0", int(np.count_nonzero(matrix)), "4 · 3 of 36 (one tap is 0)")
    beside("matrix · image", (matrix @ IMAGE.reshape(-1)).astype(int).tolist(), "[19, 25, 37, 43]")
    sizes()

    largest, mean = (
        seen(chain(4, layer), POOLED) for layer in (dk.layers.MaxPooling2D(2), dk.layers.AveragePooling2D(2))
    )
    beside("2×2 maxima", largest.astype(int).tolist(), "[[6, 8], [3, 4]]")
    beside("2×2 means", mean.tolist(), "[[3.25, 5.25], [2.0, 2.0]]")
    overlapping = seen(chain(4, dk.layers.MaxPooling2D(3, 1, padding=1)), POOLED)
    beside("overlapping maxima 3×3/1, pad 1", overlapping.shape, "(4, 4): the size stays")
    beside("overlapping maxima 3×3/2 of 55", dk.layers.MaxPooling2D(3, 2)(dk.Input((55, 55, 96))).shape[1], 27)

    fields = {
        "three 3×3": field(*(window(3, kernel_initializer="ones") for _ in range(3))),
        "two 5×5": field(*(window(5, kernel_initializer="ones") for _ in range(2))),
        "3×3 at dilation 1 and 2": field(*(window(3, dilation_rate=d, kernel_initializer="ones") for d in (1, 2))),
    }
    for (name, counts), side in zip(fields.items(), (7, 9, 7), strict=True):
        beside(f"receptive field of {name}", int((counts > 0).any(0).sum()), side)
    kernel = found_again()
    beside("the kernel, found again by Adam", kernel.round(2).tolist(), "[[0, 1], [2, 3]]")

    figure, panels = new_figure(3, 4, size=(2.6, 2.6))
    first, second, third = panels
    draw(first[0], IMAGE, "image, 3×3")
    draw(first[1], TAPS, "kernel, 2×2 (no flip)")
    draw(first[2], result, "image ⋆ kernel")
    draw(first[3], matrix, "the same as a sparse matrix\n(row: output, column: pixel)")
    draw(second[0], POOLED, "image, 4×4")
    draw(second[1], largest, "maxima 2×2")
    draw(second[2], mean, "means 2×2")
    draw(second[3], overlapping, "maxima 3×3/1, pad 1")
    for panel, (name, counts) in zip(third, fields.items(), strict=False):
        side = int((counts > 0).any(0).sum())
        draw(panel, np.where(counts > 0, counts, np.nan), f"{name}\nsee {side}×{side} of 11×11 pixels")
    draw(third[3], kernel.round(2), "kernel learned from\n64 images and results")
    figure.suptitle("Convolution and pooling by hand. Bottom row: how often each pixel enters one output (grey: never)")
    keep(figure, options.out / "d12_convolution_by_hand.png")


if __name__ == "__main__":
    main()
