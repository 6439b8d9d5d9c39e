"""D16. A small convolutional network on CIFAR-10: its filters, what its layers answer, and why pooling forgives shifts.

    python examples/d16_feature_maps.py [--full]

Quick: three convolutions of half as many filters, 512 images, 2 epochs.
--full: four, all 50,000 images, 8 epochs; the aim is a test accuracy of .78, and it came to .81 (25 minutes on two
busy cores).
"""

from __future__ import annotations

import time

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

EPOCHS = {"quick": 2, "full": 8}
FILTERS = (32, 64, 128, 256)
SHOWN = 16


def network(filters: tuple[int, ...], steps: int) -> dk.Model:
    """Convolutions, each half as wide and twice as deep as the one before, and an average over what is left."""
    x = dk.Input((32, 32, 3), dtype="uint8")
    h = dk.layers.Rescaling(1 / 127.5, -1)(x)
    h = dk.layers.RandomFlip("horizontal")(h)
    h = dk.layers.RandomCrop(32, 32)(dk.layers.ZeroPadding2D(4)(h))
    for number, maps in enumerate(filters, 1):
        h = dk.layers.Conv2D(
            maps, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"conv{number}"
        )(h)
        h = dk.layers.ReLU(name=f"relu{number}")(dk.layers.BatchNormalization(momentum=0.9)(h))
        h = dk.layers.MaxPooling2D(2)(h) if number < len(filters) else dk.layers.GlobalAveragePooling2D()(h)
    model = dk.Model(x, dk.layers.Dense(10, "softmax")(h))
    rate = dk.optimizers.OneCycle(0.01, steps)
    model.compile(dk.optimizers.AdamW(rate, weight_decay=0.01), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def shift_demo() -> tuple[float, float]:
    """How much a shift by one pixel changes a row of numbers, and what is left of it after maximum pooling."""
    rng = np.random.default_rng(0)
    row = rng.random((1, 32, 1)).astype("float32").repeat(3, axis=1)[:, :96]  # runs of three equal numbers
    x = dk.Input((96, 1))
    pooled = dk.Model(x, dk.layers.MaxPooling1D(3, strides=3)(dk.layers.MaxPooling1D(3, strides=1, padding="same")(x)))
    moved = np.roll(row, 1, axis=1)

    def changed(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.abs(a - b).mean() / np.abs(a).mean())

    return changed(row, moved), changed(pooled.predict(row), pooled.predict(moved))


def main() -> None:
    options = arguments(__doc__, full=True)
    train, test = dk.datasets.load_cifar10()
    images, epochs = (50_000, EPOCHS["full"]) if options.full else (512, EPOCHS["quick"])
    x, y = train.x[:images], train.y[:images]
    x_test, y_test = (test.x, test.y) if options.full else (test.x[:256], test.y[:256])
    filters, batch = (FILTERS, 128) if options.full else ((16, 32, 64), 16)

    model = network(filters, steps=epochs * -(-images // batch))
    begun = time.perf_counter()
    history = model.fit(
        x, y, batch_size=batch, epochs=epochs, validation_data=(x_test, y_test), verbose=2 if options.full else 0
    )
    beside("seconds of training, compilation included", round(time.perf_counter() - begun, 1), "no oracle")
    beside("test accuracy", history["val_accuracy"][-1], "far above guessing, .1; the aim of --full is .78")

    shown, after = shift_demo()
    beside("numbers changed by a shift of one", shown, "more than")
    beside("  and after pooling", after, "what pooling lets through")

    image = x_test[:1]
    names = [f"relu{number}" for number in range(1, len(filters) + 1)]
    answers = dk.Model(model.inputs, [model.output_of(name) for name in names]).predict(image)
    for name, maps in zip(names, answers, strict=True):
        beside(f"{name}: maps", str(maps.shape[1:]), "half the size, twice the depth, layer by layer")

    kernel = np.moveaxis(np.asarray(model.params["conv1"]["kernel"]), -1, 0)[:SHOWN]
    title = f"Filters of the first layer, {SHOWN} of {filters[0]}: colours and edges"
    figure = dk.plots.image_grid(kernel, columns=8, title=title)
    keep(figure, options.out / "d16_filters.png")
    first = np.moveaxis(answers[0][0], -1, 0)[:SHOWN]
    figure = dk.plots.image_grid(
        first, columns=8, title=f"What they answer to one image ({test.classes[y_test[0]]}), each map on its own scale"
    )
    keep(figure, options.out / "d16_feature_maps.png")
    figure = dk.plots.image_grid(
        x_test[:8], titles=[test.classes[k] for k in y_test[:8]], title="The first is the image"
    )
    keep(figure, options.out / "d16_images.png")
    figure = dk.plots.learning_curves(history)
    figure.suptitle(f"A small convolutional network, {images:,} images")
    keep(figure, options.out / "d16_curves.png")
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y_test, model.predict(x_test).argmax(1)), 1)
    keep(dk.plots.confusion_matrix(counts, test.classes), options.out / "d16_confusion.png")


if __name__ == "__main__":
    main()
