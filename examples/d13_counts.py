"""D13. Parameters and connections, by hand and by the model: LeNet, AlexNet, VGG; one 7×7 against three 3×3.

    python examples/d13_counts.py

Nothing is computed and no weight is drawn.
"""

from __future__ import annotations

from typing import Any

from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.inspect import summary_frame
from deepkit.plots.canvas import colours, legend_below, marker, new_figure


def last_layer(shape: Any, *layers: dk.layers.Layer) -> Any:
    """What the summary says about the last of these layers."""
    return summary_frame(dk.Sequential([dk.Input(shape), *layers])).iloc[-1]


def stack(channels: int, size: int, count: int) -> dk.Model:
    """Convolutions from C channels to C channels."""
    convolutions = [dk.layers.Conv2D(channels, size, padding="same", use_bias=False) for _ in range(count)]
    return dk.Sequential([dk.Input((32, 32, channels)), *convolutions])


def main() -> None:
    options = arguments(__doc__)

    filters = last_layer((32, 32, 3), dk.layers.Conv2D(4, 4))
    beside("4 filters 4×4×3, parameters", filters["trainable"], f"196 = {filters['formula']}")
    dense = last_layer(3072, dk.layers.Dense(500))
    beside("fully connected 3072 → 500, parameters", dense["trainable"], f"1536500 = {dense['formula']}")

    lenet = dk.networks.LeNet5()
    table = summary_frame(lenet).set_index("layer")
    beside("LeNet-5 C1, parameters", table.loc["C1", "trainable"], f"156 = {table.loc['C1', 'formula']}")
    beside("LeNet-5 C1, connections", table.loc["C1", "connections"], "122304 = 28·28·156")

    first = last_layer((227, 227, 3), dk.layers.Conv2D(96, 11, 4))
    beside("AlexNet conv1 on 227×227, output", first["output_shape"][1:], "(55, 55, 96)")
    beside("AlexNet conv1, parameters", first["trainable"], f"34944 = {first['formula']}")
    on_224 = last_layer((224, 224, 3), dk.layers.Conv2D(96, 11, 4))
    beside("the same on 224×224, output", on_224["output_shape"][1:], "(54, 54, 96), rounded down")
    beside("  marked as rounded down", on_224["floored"], "True")

    vgg = dk.networks.VGG16(use_bias=False)
    beside("VGG-16 without biases, parameters", vgg.count_params(), "138344128")

    counts = {"one 7×7": {}, "three 3×3": {}}
    for channels in (1, 16, 64, 128, 256, 512):
        for name, model in (("one 7×7", stack(channels, 7, 1)), ("three 3×3", stack(channels, 3, 3))):
            counts[name][channels] = model.count_params()
    beside("one 7×7 of 64 channels", counts["one 7×7"][64], f"{49 * 64**2} = 49·64²")
    beside("three 3×3 of 64 channels", counts["three 3×3"][64], f"{27 * 64**2} = 27·64²")
    fields = {
        size: summary_frame(stack(8, size, count))["receptive_field"].iloc[-1] for size, count in ((7, 1), (3, 3))
    }
    beside("  and they see as far", f"{fields[7]} and {fields[3]}", "(7, 7) and (7, 7)")

    print()
    lenet.summary(detail=True)

    lenet.plot(options.out / "d13_lenet5.png")
    print(f"wrote {options.out / 'd13_lenet5.png'}")
    figure, panels = new_figure(size=(6.4, 4.2))
    for index, (colour, (name, numbers)) in enumerate(zip(colours(2), counts.items(), strict=True)):
        panels[0, 0].loglog(list(numbers), list(numbers.values()), marker=marker(index), color=colour, label=name)
    panels[0, 0].set(
        title="Three small windows see as far as a large one, for 27C² instead of 49C²",
        xlabel="channels C",
        ylabel="parameters",
    )
    panels[0, 0].title.set_fontsize(10)
    legend_below(figure)
    keep(figure, options.out / "d13_small_windows.png")


if __name__ == "__main__":
    main()
