"""D6. Fully connected nets: their cost, what they compress, why layers are hidden, and CIFAR-10 without convolution.

    python examples/d06_fully_connected.py [--full]

Quick: two epochs on 2,000 photographs. --full: 25 epochs on all 50,000; the aim is a test accuracy of .60, and it came
to .627 (26 minutes on two busy cores).
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk


def net(inputs: int, *widths: int, activation: str = "tanh", last: str | None = "sigmoid") -> dk.Model:
    """Fully connected."""
    hidden = [dk.layers.Dense(width, activation) for width in widths[:-1]]
    return dk.Sequential([dk.Input(inputs), *hidden, dk.layers.Dense(widths[-1], last)])


def autoencoder(tied: bool) -> dk.Model:
    """4 → 2 → 4, linear; tied: the second kernel is the first one, transposed."""
    x = dk.Input(4)
    encode = dk.layers.Dense(2, name="encode")
    decode = dk.layers.Dense(4, tied_to=encode if tied else None, name="decode")
    return dk.Model(x, decode(encode(x)))


def compression(out, epochs: int) -> None:
    """Both autoencoders of the iris measurements lose what two principal components lose."""
    x = np.asarray(dk.datasets.load_iris().x, "float32")
    x = x - x.mean(axis=0)
    lost = float(np.linalg.eigvalsh(x.T @ x / len(x))[:2].sum() / 4)
    curves = {}
    for tied in (False, True):
        model, name = autoencoder(tied), "tied" if tied else "untied"
        model.compile(dk.optimizers.Adam(0.01), "mse")
        history = model.fit(x, x, batch_size=None, epochs=epochs, verbose=0)
        beside(f"parameters, {name}", model.count_params(), 14 if tied else 22)
        beside(f"squared error, {name}", history["loss"][-1], f"{lost:.6g}, of two principal components")
        curves[name] = (np.arange(epochs) + 1, history["loss"])
    figure = dk.plots.curves(
        curves,
        x="epoch",
        y="squared error, cm²",
        title="Iris, 4 → 2 → 4 linear units: as good as two principal components",
        levels={"two principal components": lost},
        log=True,
    )
    keep(figure, out / "d06_autoencoders.png")


def hidden_layers(out, epochs: int) -> None:
    """XOR, and two rings in two systems of coordinates."""
    x = np.tile(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32"), (100, 1))
    y = np.tile(np.array([0, 1, 1, 0]), 100)
    rng = np.random.default_rng(1)
    outer = rng.integers(0, 2, 400)
    radius, angle = 1 + outer + rng.normal(0, 0.12, 400), rng.uniform(-np.pi, np.pi, 400)
    polar = np.stack([radius, angle], axis=1).astype("float32")
    flat = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype("float32")
    straight, bent = net(2, 1), net(2, 8, 1)
    for what, model, inputs, targets, expected in (
        ("XOR without a hidden layer", straight, x, y, "at most 0.75"),
        ("XOR with 8 hidden units", bent, x, y, "1"),
        ("rings, x and y, without a hidden layer", straight, flat, outer, "near 0.5, guessing"),
        ("rings, radius and angle, without a hidden layer", straight, polar, outer, "1"),
        ("rings, x and y, with 8 hidden units", bent, flat, outer, "1"),
    ):
        model.compile(dk.optimizers.Adam(0.1), "bce", ["accuracy"])
        model.initialize(0)
        model.fit(inputs, targets, batch_size=None, epochs=epochs, verbose=0)
        beside(f"accuracy: {what}", model.evaluate(inputs, targets)["accuracy"], expected)
    figure = dk.plots.decision_boundary(bent, flat, outer, classes=["inner ring", "outer ring"])
    figure.axes[0].set_title("Eight hidden units bend the border into a ring")
    keep(figure, out / "d06_rings.png")


def photographs(out, full: bool) -> None:
    """CIFAR-10 through dense layers alone; mirrored and shifted images in training."""
    train, test = dk.datasets.load_cifar10()
    images, epochs = (50_000, 25) if full else (2_000, 2)
    widths = (1024, 512, 256) if full else (128,)
    x_test, y_test = (test.x, test.y) if full else (test.x[:1000], test.y[:1000])
    x = dk.Input((32, 32, 3), dtype="uint8")
    h = dk.layers.Rescaling(1 / 64, -2)(x)
    h = dk.layers.RandomFlip("horizontal")(h)
    h = dk.layers.RandomCrop(32, 32)(dk.layers.ZeroPadding2D(2)(h))
    h = dk.layers.Flatten()(h)
    for width in widths:
        h = dk.layers.Dense(width, kernel_initializer="he_normal", use_bias=False)(h)
        h = dk.layers.Activation("relu")(dk.layers.BatchNormalization()(h))
        h = dk.layers.Dropout(0.1)(h)
    model = dk.Model(x, dk.layers.Dense(10, "softmax")(h))
    steps = epochs * -(-images // 128)
    model.compile(
        dk.optimizers.AdamW(dk.optimizers.schedules.CosineDecay(2e-3, steps), weight_decay=0.02),
        "sparse_categorical_crossentropy",
        ["accuracy"],
    )
    history = model.fit(
        train.x[:images], train.y[:images], batch_size=128, epochs=epochs,
        validation_data=(x_test, y_test), verbose=0,
    )  # fmt: skip
    expected = "≥ 0.60" if full else "> 0.25 after two epochs; --full: ≥ 0.60"
    beside(f"CIFAR-10: test accuracy, {images:,} images", history["val_accuracy"][-1], expected)
    print(f"{history.seconds:.0f} s for {epochs} epochs and {model.count_params():,} parameters")
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y_test, model.predict(x_test).argmax(1)), 1)
    figure = dk.plots.confusion_matrix(counts, test.classes)
    figure.axes[0].set_title(f"CIFAR-10 without convolution: {epochs} epochs on {images:,} images")
    keep(figure, out / "d06_cifar10.png")
    figure = dk.plots.learning_curves(history)
    figure.suptitle(f"CIFAR-10 without convolution, {images:,} images")
    keep(figure, out / "d06_curves.png")
    kernel = np.asarray(model.params["dense"]["kernel"]).T[:16].reshape(-1, 32, 32, 3)
    figure = dk.plots.image_grid(kernel, columns=8, title="What 16 units of the first layer look for, as images")
    keep(figure, out / "d06_filters.png")


def main() -> None:
    options = arguments(__doc__, full=True)
    for widths, parameters in (((4, 2), "4·(3+1) + 2·(4+1) = 26"), ((4, 4, 2), "16 + 20 + 10 = 46")):
        beside(f"parameters of 3 → {' → '.join(map(str, widths))}", net(3, *widths).count_params(), parameters)
    compression(options.out, epochs=2000 if options.full else 1000)
    hidden_layers(options.out, epochs=400 if options.full else 100)
    photographs(options.out, options.full)


if __name__ == "__main__":
    main()
