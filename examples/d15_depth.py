"""D15. Depth on CIFAR-10: plain networks beside residual ones, and four other comparisons of that lecture.

    python examples/d15_depth.py [--full]

Quick: a plain and a residual network of 5 layers for 2 epochs on 32 images, and ReLU beside tanh: it shows that
they run, nothing more.
--full: 20 and 56 layers, 5 epochs on 2,000 images, then 10 epochs of the smaller comparisons. One run (seed 0, eight
minutes) found training errors of .65 plain and .62 residual with 20 layers, .89 and .82 with 56: the deep plain network
trains worst. ReLU and tanh came to losses of 1.05 and 1.11; training is ahead of test accuracy by .22 with ReLU, .02
with dropout, .17 with momentum instead of Adam.
"""

from __future__ import annotations

import functools
import time

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk


def normalised(h, filters: int, strides: int = 1):
    """Convolution, batch normalisation, ReLU."""
    h = dk.layers.Conv2D(filters, 3, strides, "same", use_bias=False, kernel_initializer="he_normal")(h)
    return dk.layers.ReLU()(dk.layers.BatchNormalization()(h))


def five_layers(residual: bool) -> dk.Model:
    """Two convolutions on maps of 32 and of 16 pixels; with a way around the second one, or without."""
    x = h = dk.Input((32, 32, 3))
    for filters, strides in ((16, 1), (32, 2)):
        h = normalised(h, filters, strides)
        inner = normalised(h, filters)
        h = dk.layers.Add()([h, inner]) if residual else inner
    return dk.Model(x, dk.layers.Dense(10, "softmax")(dk.layers.GlobalAveragePooling2D()(h)))


def trained(
    model: dk.Model, optimizer: object, rows: tuple, epochs: int, test: tuple | None = None
) -> dict[str, list[float]]:
    """The history of one run, and its seconds per epoch without the first, which compiles."""
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    run = {"batch_size": min(128, len(rows[0])), "validation_data": test, "seed": 0, "verbose": 0}
    first = model.fit(*rows, epochs=1, **run)
    begun = time.perf_counter()
    rest = model.fit(*rows, epochs=epochs, initial_epoch=1, **run)
    seconds = (time.perf_counter() - begun) / (epochs - 1)
    return {key: first[key] + rest[key] for key in first.history} | {"seconds": [seconds]}


def small(filters_by_layer: tuple[int, ...], activation: str = "relu", dropout: float = 0.0) -> dk.Model:
    """Convolutions with pooling; the subject of the smaller comparisons."""
    x = dk.Input((32, 32, 3))
    h = x
    for filters in filters_by_layer:
        h = dk.layers.Conv2D(filters, 3, padding="same", activation=activation, kernel_initializer="he_normal")(h)
        h = dk.layers.MaxPooling2D(2)(h)
        h = dk.layers.SpatialDropout2D(dropout)(h) if dropout else h
    return dk.Model(x, dk.layers.Dense(10, "softmax")(dk.layers.Flatten()(h)))


def main() -> None:
    options = arguments(__doc__, full=True)
    train, test = dk.datasets.load_cifar10()
    images, tested, epochs = (2_000, 1_000, 5) if options.full else (32, 32, 2)
    mean, std = train.x[:1000].mean((0, 1, 2)), train.x[:1000].std((0, 1, 2))
    x, x_test = (((a - mean) / std).astype("float32") for a in (train.x[:images], test.x[:tested]))
    rows, unseen = (x, train.y[:images]), (x_test, test.y[:tested])

    nets = dk.networks
    deep = {"plain 5": functools.partial(five_layers, False), "residual 5": functools.partial(five_layers, True)}
    if options.full:
        deep = {"plain 20": nets.PlainNet20, "residual 20": nets.ResNet20}
        deep |= {"plain 56": nets.PlainNet56, "residual 56": nets.ResNet56}
    errors = {}
    for name, build in deep.items():
        model = build()
        history = trained(model, dk.optimizers.SGD(0.1, momentum=0.9), rows, epochs)
        errors[name] = 1 - np.asarray(history["accuracy"])
        beside(f"{name}: parameters", model.count_params(), "the same for plain and residual twins")
        beside("  training error, last epoch", float(errors[name][-1]), "deep plain networks train worse (--full)")
        beside("  seconds per epoch", history["seconds"][0], "measured")
    if options.full:
        beside("plain 56 trains worse than plain 20", bool(errors["plain 56"][-1] > errors["plain 20"][-1]), True)
        beside(
            "residual 56 trains better than plain 56", bool(errors["residual 56"][-1] < errors["plain 56"][-1]), True
        )

    epochs, filters = (10, (16, 32, 64)) if options.full else (2, (16,))
    runs = {
        "ReLU": (small(filters), dk.optimizers.Adam(0.001)),
        "tanh": (small(filters, "tanh"), dk.optimizers.Adam(0.001)),
        "ReLU, dropout .2 on maps": (small(filters, dropout=0.2), dk.optimizers.Adam(0.001)),
        "ReLU, SGD momentum": (small(filters), dk.optimizers.SGD(0.02, momentum=0.9)),
    }
    if not options.full:
        runs = {name: runs[name] for name in ("ReLU", "tanh")}
    losses = {}
    for name, (model, optimizer) in runs.items():
        history = trained(model, optimizer, rows, epochs, unseen)
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
