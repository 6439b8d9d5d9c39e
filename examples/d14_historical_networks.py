"""D14. The historical networks: sizes, parameters and multiply-adds as published, and LeNet-5 trained for a moment.

    python examples/d14_historical_networks.py [--full]

The counts need no weights: VGG-16 and ResNet-110 are looked at in a fraction of a second. --full trains ResNet-20 and
its plain twin for a moment too.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.inspect import summary_frame
from deepkit.plots.canvas import colours, new_figure

PUBLISHED = {  # parameters: the papers' tables, or the counts that their authors' models are known by
    "LeNet5": 61_706,
    "AlexNet": 60_965_224,
    "ZFNet": 62_357_608,
    "VGG11": 132_863_336,
    "VGG13": 133_047_848,
    "VGG16": 138_357_544,
    "VGG19": 143_667_240,
    "GoogLeNet": 13_378_280,
    "ResNet18": 11_689_512,
    "ResNet34": 21_797_672,
    "ResNet50": 25_557_032,
    "ResNet20": 269_722,
    "ResNet32": 464_154,
    "ResNet44": 658_586,
    "ResNet56": 853_018,
    "ResNet110": 1_727_962,
}


def sizes(model: dk.Model) -> list[int]:
    """Heights of the outputs of convolutions and poolings, one after another."""
    windows = summary_frame(model).query("`class` in ('Conv2D', 'MaxPooling2D', 'AveragePooling2D')")
    return [shape[1] for shape in windows["output_shape"]]


def bars(multiply_adds: dict[str, int]) -> Any:
    """Parameters and multiply-adds, side by side."""
    figure, panels = new_figure(1, 2, size=(5.2, 5.2), share_y=True)
    names = list(PUBLISHED)[::-1]
    quantities = {"parameters": PUBLISHED, "multiply-adds per image": multiply_adds}
    for panel, colour, (what, numbers) in zip(panels[0], colours(2), quantities.items(), strict=True):
        values = [numbers[name] for name in names]
        panel.barh(names, values, color=colour, log=True)
        panel.set(
            title=what[0].upper() + what[1:], xlabel=f"{what} (logarithmic)", xlim=(min(values) / 3, max(values) * 20)
        )
        for place, value in enumerate(values):
            unit, word = next(
                pair for pair in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")) if value >= pair[0]
            )
            panel.text(value * 1.2, place, f"{value / unit:.3g} {word}", va="center", fontsize=8)
    figure.suptitle("Most parameters do not mean most work: VGG's lie in Dense layers, ResNet's in convolutions")
    return figure


def main() -> None:
    options = arguments(__doc__, full=True)

    beside("LeNet-5, sizes", sizes(dk.networks.LeNet5()), "[28, 14, 10, 5, 1]")
    alexnet = [s for s in sizes(dk.networks.AlexNet()) if s > 6]
    beside("AlexNet on 227×227, sizes", alexnet, "55, 27, 27, 13, 13, …")

    for bottleneck, channels, expected in ((None, 672, 854_196_224), (64, 480, 271_351_808)):
        module = dk.networks.InceptionModule((28, 28, 256), 128, bottleneck, 192, bottleneck, 96, bottleneck)
        what = f"Inception module, {'no bottlenecks' if bottleneck is None else 'bottlenecks of 64'}"
        beside(f"{what}: channels", module.graph.outputs[0].shape[-1], channels)
        beside("  multiply-adds", summary_frame(module)["multiply_adds"].sum(), expected)
        module.plot(options.out / f"d14_inception_module_{channels}.png")

    multiply_adds = {}
    for name, expected in PUBLISHED.items():
        start = time.perf_counter()
        table = summary_frame(getattr(dk.networks, name)())
        seconds = time.perf_counter() - start
        beside(f"{name}, parameters (in {seconds:.2f} s)", table["trainable"].sum(), expected)
        multiply_adds[name] = int(table["multiply_adds"].sum())
    googlenet = dk.networks.without_auxiliary_heads(dk.networks.GoogLeNet())
    beside("GoogLeNet without its auxiliary heads, parameters", googlenet.count_params(), 6_998_552)
    for n in (20, 56, 110):
        plain = getattr(dk.networks, f"PlainNet{n}")()
        trained = summary_frame(plain)["trainable"].sum()
        beside(f"plain-{n}, parameters", trained, f"{PUBLISHED[f'ResNet{n}']}, as ResNet-{n}")

    images = np.random.default_rng(0).normal(size=(32, 32, 32, 3)).astype("float32")
    classes = np.arange(32) % 10
    for name in ("LeNet5", "ResNet20", "PlainNet20") if options.full else ("LeNet5",):
        model = getattr(dk.networks, name)((32, 32, 3))
        model.compile(dk.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
        history = model.fit(images, classes, batch_size=8, epochs=6, verbose=0)
        losses = history.history["loss"]
        beside(f"{name}, loss on 32 random images, epochs 1 and 6", f"{losses[0]:.2f}, {losses[-1]:.2f}", "falling")

    keep(bars(multiply_adds), options.out / "d14_parameters_and_multiply_adds.png")


if __name__ == "__main__":
    main()
