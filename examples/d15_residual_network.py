"""D15. ResNet-20 on CIFAR-10 with mirrored and moved images: its curves, its first filters, and what it confuses.

    python examples/d15_residual_network.py [--full] [--epochs 8]

Quick: a residual network of 5 layers, 32 images, two epochs of one step each; it shows that all of it runs.
--full: ResNet-20, all 50,000 images, at a rate that rises and falls once. Eight epochs came to a test accuracy of .817
in 32 minutes on two cores (.452 .544 .693 .729 .764 .790 .815 .817), four to .775; the aim of .88 takes more than were
tried. The paper trains 164 epochs to .9125.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from d15_depth import five_layers
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.inspect import summary_frame


def network(body: dk.Model, steps: int) -> dk.Model:
    """The whole, which takes bytes and moves them about in training, and the residual network in it."""
    x = dk.Input((32, 32, 3), dtype="uint8")
    h = dk.layers.RandomFlip("horizontal")(dk.layers.Rescaling(1 / 64, -2)(x))
    h = dk.layers.RandomCrop(32, 32)(dk.layers.ZeroPadding2D(4)(h))
    model = dk.Model(x, body(h))
    rate = dk.optimizers.OneCycle(0.2, steps)
    optimizer = dk.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--epochs", type=int, default=8, help="of the full setting")
    options = arguments(__doc__, full=True, more=parser)
    train, test = dk.datasets.load_cifar10()
    images, tested, epochs = (50_000, 10_000, options.epochs) if options.full else (32, 32, 2)
    x_test, y_test = test.x[:tested], test.y[:tested]

    twenty = dk.networks.ResNet20()
    numbers = summary_frame(twenty)["trainable"].sum()
    beside("trained parameters of ResNet-20", numbers, "269722, with ten classes")
    body, name = (twenty, "ResNet-20") if options.full else (five_layers(residual=True), "Residual, 5 layers")
    model = network(body, steps=max(epochs * -(-images // 128), 4))
    begun = time.perf_counter()
    history = model.fit(
        train.x[:images], train.y[:images], batch_size=128 if options.full else None, epochs=epochs,
        validation_data=(x_test, y_test) if options.full else None, verbose=2 if options.full else 0,
    )  # fmt: skip
    beside("minutes of training, compilation included", round((time.perf_counter() - begun) / 60, 1), "measured")
    chosen = model.predict(x_test).argmax(1)
    beside(
        f"test accuracy after {epochs} epochs",
        float((chosen == y_test).mean()),
        "0.9125 after ResNet-20's 164 in the paper",
    )

    figure = dk.plots.learning_curves(history)
    figure.suptitle(f"{name}, {images:,} images")
    keep(figure, options.out / "d15_resnet20_curves.png")
    kernel = np.moveaxis(np.asarray(body.params["conv2d"]["kernel"]), -1, 0)
    figure = dk.plots.image_grid(kernel, columns=8, title="The 16 filters of the first layer")
    keep(figure, options.out / "d15_resnet20_filters.png")
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y_test, chosen), 1)
    keep(dk.plots.confusion_matrix(counts, test.classes), options.out / "d15_resnet20_confusion.png")


if __name__ == "__main__":
    main()
