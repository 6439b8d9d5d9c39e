"""D3. One layer on photographs: softmax and hinge classifiers on CIFAR-10, and what they look for.

    python examples/d03_linear_classifiers.py [--full]

Quick: 1,500 images, 6 epochs, 1,000 to test on. --full: all 50,000, 60 epochs.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk


def classifier(activation: str | None, loss: str, penalty: float = 1e-3) -> dk.Model:
    """3072 numbers → 10 scores; pixels between −1 and 1."""
    x = dk.Input((32, 32, 3), dtype="uint8")
    h = dk.layers.Flatten()(dk.layers.Rescaling(1 / 127.5, -1)(x))
    scores = dk.layers.Dense(
        10, activation, kernel_initializer="zeros", kernel_regularizer=dk.regularizers.L2(penalty), name="scores"
    )(h)
    model = dk.Model(x, scores)
    model.compile(dk.optimizers.SGD(0.002, momentum=0.9), loss, ["accuracy"] if activation else None)
    return model


def templates(kernel: np.ndarray) -> np.ndarray:
    """What each class multiplies the pixels with, as an image."""
    return np.moveaxis(np.asarray(kernel).reshape(32, 32, 3, 10), -1, 0)


def main() -> None:
    options = arguments(__doc__, full=True)
    train, test = dk.datasets.load_cifar10()
    images, epochs = (50_000, 60) if options.full else (1_500, 6)
    x, y = train.x[:images], train.y[:images]
    x_test, y_test = (test.x, test.y) if options.full else (test.x[:1_000], test.y[:1_000])
    majority = np.bincount(y_test).max() / len(y_test)

    softmax = classifier("softmax", "sparse_categorical_crossentropy")
    beside("parameters of 3072 → 10", softmax.count_params(), "3072·10 + 10 = 30730")
    beside("loss at zero weights", softmax.evaluate(x_test, y_test)["loss"], f"ln 10 = {math.log(10):.6g}")
    history = softmax.fit(x, y, batch_size=128, epochs=epochs, validation_data=(x_test, y_test), verbose=0)
    beside("softmax: test accuracy", history["val_accuracy"][-1], f"~.35 to .40 (largest class {majority:.2f})")

    # The hinge loss wants +1 for the right class and −1 for the others, one against all.
    signs = 2 * np.eye(10, dtype="float32") - 1
    hinge = classifier(None, "squared_hinge")
    first = hinge.evaluate(x_test, signs[y_test])["loss"]
    beside("squared hinge at zero weights", first, "max(0, 1 − 0)² = 1")
    hinge.fit(x, signs[y], batch_size=128, epochs=epochs, verbose=0)
    right = hinge.predict(x_test).argmax(1) == y_test
    beside("hinge: test accuracy", float(right.mean()), "near softmax's")

    # The multi-class hinge of the lectures: every wrong class must stay 1 below the right one.
    def multiclass_hinge(y_true: jax.Array, scores: jax.Array) -> jax.Array:
        correct = (scores * y_true).sum(-1, keepdims=True)
        return (jnp.maximum(0, scores - correct + 1) * (1 - y_true)).sum(-1)

    svm = classifier(None, multiclass_hinge)
    one_hot = np.eye(10, dtype="float32")
    beside("multi-class hinge at zero weights", svm.evaluate(x_test, one_hot[y_test])["loss"], "9 classes · 1 = 9")
    svm.fit(x, one_hot[y], batch_size=128, epochs=epochs, verbose=0)
    right = svm.predict(x_test).argmax(1) == y_test
    beside("multi-class hinge: test accuracy", float(right.mean()), "near softmax's")

    # Starting at the mean image of each class: w = mean, b = −|mean|²/2 picks the nearest mean before any training.
    means = np.stack([(x[y == c] / 127.5 - 1).mean(0).reshape(-1) for c in range(10)], axis=1).astype("float32")
    nearest = classifier("softmax", "sparse_categorical_crossentropy")
    nearest.set_weights([means, -(means**2).sum(0) / 2])
    start = nearest.evaluate(x_test, y_test)["accuracy"]
    pixels = x_test.reshape(-1, 3072) / np.float32(127.5) - 1
    distances = np.stack([np.square(pixels - mean).sum(1) for mean in means.T], axis=1)
    by_hand = float((distances.argmin(1) == y_test).mean())
    beside("from class means, untrained: test accuracy", start, f"{by_hand:.6g}, the nearest mean's; far above .10")

    figure = dk.plots.learning_curves(history)
    figure.suptitle("One layer on photographs: it soon knows what it can")
    keep(figure, options.out / "d03_softmax_curves.png")
    figure = dk.plots.image_grid(
        templates(softmax.params["scores"]["kernel"]), titles=train.classes, columns=5,
        title="What a softmax layer multiplies the pixels with: one template per class",
    )  # fmt: skip
    keep(figure, options.out / "d03_softmax_templates.png")
    figure = dk.plots.image_grid(
        templates(means), titles=train.classes, columns=5, title="The mean image of each class: where it may start"
    )
    keep(figure, options.out / "d03_class_means.png")
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y_test, softmax.predict(x_test).argmax(1)), 1)
    figure = dk.plots.confusion_matrix(counts, train.classes)
    keep(figure, options.out / "d03_confusion.png")


if __name__ == "__main__":
    main()
