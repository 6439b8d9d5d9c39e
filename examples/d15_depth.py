"""D15. Depth on CIFAR-10: plain networks beside residual ones, and four other comparisons of that lecture.

    python examples/d15_depth.py [--full]

Quick: plain and residual networks of 20 layers for 2 epochs on 256 images, and ReLU beside tanh: it shows that they
run, nothing more.
--full: 20 and 56 layers, 5 epochs on 2,000 images. One run of the deep part (seed 0, seven minutes) found training
errors of .65 plain and .62 residual with 20 layers, .89 and .82 with 56: the deep plain network trains worst.
"""

from __future__ import annotations

import time

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk


def trained(model: dk.Model, optimizer: object, data: tuple, epochs: int, seed: int = 0) -> dict[str, list[float]]:
    """The history of one run, and its seconds per epoch without the first, which compiles."""
    x, y, x_test, y_test = data
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    first = model.fit(x, y, batch_size=128, epochs=1, validation_data=(x_test, y_test), seed=seed, verbose=0)
    begun = time.perf_counter()
    rest = model.fit(
        x, y, batch_size=128, epochs=epochs, initial_epoch=1, validation_data=(x_test, y_test), seed=seed, verbose=0
    )
    seconds = (time.perf_counter() - begun) / (epochs - 1)
    return {key: first[key] + rest[key] for key in first.history} | {"seconds": [seconds]}


def small(activation: str = "relu", dropout: float = 0.0) -> dk.Model:
    """Three convolutions with pooling; the subject of the smaller comparisons."""
    x = dk.Input((32, 32, 3))
    h = x
    for filters in (16, 32, 64):
        h = dk.layers.Conv2D(filters, 3, padding="same", activation=activation, kernel_initializer="he_normal")(h)
        h = dk.layers.MaxPooling2D(2)(h)
        h = dk.layers.SpatialDropout2D(dropout)(h) if dropout else h
    return dk.Model(x, dk.layers.Dense(10, "softmax")(dk.layers.Flatten()(h)))


def main() -> None:
    options = arguments(__doc__, full=True)
    train, test = dk.datasets.load_cifar10()
    images, tested, epochs = (2_000, 1_000, 5) if options.full else (256, 128, 2)
    mean, std = train.x[:1000].mean((0, 1, 2)), train.x[:1000].std((0, 1, 2))
    x, x_test = (((a - mean) / std).astype("float32") for a in (train.x[:images], test.x[:tested]))
    data = (x, train.y[:images], x_test, test.y[:tested])

    nets = dk.networks
    deep = {"plain 20": nets.PlainNet20, "residual 20": nets.ResNet20}
    if options.full:
        deep |= {"plain 56": nets.PlainNet56, "residual 56": nets.ResNet56}
    errors = {}
    for name, build in deep.items():
        model = build()
        history = trained(model, dk.optimizers.SGD(0.1, momentum=0.9), data, epochs)
        errors[name] = 1 - np.asarray(history["accuracy"])
        beside(f"{name}: parameters", model.count_params(), "the same for plain and residual twins")
        beside("  training error, last epoch", float(errors[name][-1]), "deep plain networks train worse (--full)")
        beside("  seconds per epoch", history["seconds"][0], "measured")
    if options.full:
        beside("plain 56 trains worse than plain 20", bool(errors["plain 56"][-1] > errors["plain 20"][-1]), True)
        beside(
            "residual 56 trains better than plain 56", bool(errors["residual 56"][-1] < errors["plain 56"][-1]), True
        )

    epochs = 10 if options.full else 2
    runs = {
        "ReLU": (small(), dk.optimizers.Adam(0.001)),
        "tanh": (small("tanh"), dk.optimizers.Adam(0.001)),
        "ReLU, dropout .2 on maps": (small(dropout=0.2), dk.optimizers.Adam(0.001)),
        "ReLU, SGD momentum": (small(), dk.optimizers.SGD(0.02, momentum=0.9)),
    }
    if not options.full:
        runs = {name: runs[name] for name in ("ReLU", "tanh")}
    losses = {}
    for name, (model, optimizer) in runs.items():
        history = trained(model, optimizer, data, epochs)
        losses[name] = history["loss"]
        gap = history["accuracy"][-1] - history["val_accuracy"][-1]
        beside(f"{name}: training loss", history["loss"][-1], "one seed: compare orders of magnitude only")
        beside("  accuracy, training minus test", float(gap), "the gap; dropout narrows it in a long run")

    def by_epoch(lines: dict) -> dict:
        return {name: (np.arange(1, len(values) + 1), values) for name, values in lines.items()}

    figure = dk.plots.curves(
        by_epoch(errors), x="epoch", y="training error", title="Plain and residual networks on the same images"
    )
    keep(figure, options.out / "d15_training_error.png")
    figure = dk.plots.curves(by_epoch(losses), x="epoch", y="training loss", title="Activation, dropout and optimizer")
    keep(figure, options.out / "d15_comparisons.png")


if __name__ == "__main__":
    main()
