"""Residual networks, and their plain twins without the shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from deepkit.graph import Input
from deepkit.layers import (
    Add,
    AveragePooling2D,
    Concatenate,
    Dense,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
    Rescaling,
)
from deepkit.model import Model
from deepkit.networks.blocks import normalized_conv

# For ImageNet: table 1 of the paper.


def _basic(x: Any, filters: int, strides: int) -> Any:
    """Two 3×3 convolutions, and a shortcut with a projection where the shape changes."""
    h = normalized_conv(x, filters, 3, strides)
    h = normalized_conv(h, filters, 3, relu=False)
    return ReLU()(Add()([h, _projected(x, filters, strides)]))


def _bottleneck(x: Any, filters: int, strides: int) -> Any:
    """1×1, 3×3 and 1×1 convolutions; the last one has four times as many filters."""
    h = normalized_conv(x, filters, 1, strides)
    h = normalized_conv(h, filters, 3)
    h = normalized_conv(h, 4 * filters, 1, relu=False)
    return ReLU()(Add()([h, _projected(x, 4 * filters, strides)]))


def _projected(x: Any, filters: int, strides: int) -> Any:
    """The input itself where it has the shape, else a 1×1 convolution of it (option B)."""
    return x if strides == 1 and x.shape[-1] == filters else normalized_conv(x, filters, 1, strides, relu=False)


def _resnet(
    name: str, block: Callable[..., Any], counts: Sequence[int], input_shape: tuple[int, ...], classes: int
) -> Model:
    x = Input(input_shape)
    h = MaxPooling2D(3, 2, padding=1)(normalized_conv(x, 64, 7, 2))
    for stage, count in enumerate(counts):
        for number in range(count):
            h = block(h, 64 * 2**stage, 2 if stage and not number else 1)
    return Model(x, Dense(classes, "softmax")(GlobalAveragePooling2D()(h)), name=name)


def ResNet18(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000) -> Model:
    """18 layers, 11,689,512 parameters. Arguments as in `ResNet50`."""
    return _resnet("ResNet18", _basic, (2, 2, 2, 2), input_shape, classes)


def ResNet34(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000) -> Model:
    """34 layers, 21,797,672 parameters. Arguments as in `ResNet50`."""
    return _resnet("ResNet34", _basic, (3, 4, 6, 3), input_shape, classes)


def ResNet50(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000) -> Model:
    """50 layers, 25,557,032 parameters, and 53,120 moving averages as state.

    As in the paper the first convolution of a block has the stride (in torchvision the second).

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, table 1.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Units of the softmax.
    """
    return _resnet("ResNet50", _bottleneck, (3, 4, 6, 3), input_shape, classes)


# For CIFAR-10: section 4.2 of the paper. 6n + 2 layers, n blocks each of 16, 32 and 64 filters.


def _cifar(name: str, n: int, shortcuts: bool, input_shape: tuple[int, ...], classes: int) -> Model:
    x = Input(input_shape)
    h = normalized_conv(x, 16, 3)
    for filters in (16, 32, 64):
        for number in range(n):
            strides = 2 if filters > 16 and not number else 1
            g = normalized_conv(h, filters, 3, strides)
            g = normalized_conv(g, filters, 3, relu=False)
            h = ReLU()(Add()([g, _shortened(h) if strides == 2 else h]) if shortcuts else g)
    return Model(x, Dense(classes, "softmax")(GlobalAveragePooling2D()(h)), name=name)


def _shortened(x: Any) -> Any:
    """Every second row and column, and as many channels of zeros again: a shortcut without parameters (option A)."""
    every_second = AveragePooling2D(1, 2)(x)
    return Concatenate()([every_second, Rescaling(0.0)(every_second)])


def ResNet20(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """For CIFAR-10: 20 layers, 269,722 parameters.

    Three stages of n = 3 blocks; shortcuts without parameters, so that `PlainNet20` has the same parameters.

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, section 4.2.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Units of the softmax.
    """
    return _cifar("ResNet20", 3, True, input_shape, classes)


def ResNet32(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """`ResNet20` with 32 layers: 464,154 parameters."""
    return _cifar("ResNet32", 5, True, input_shape, classes)


def ResNet44(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """`ResNet20` with 44 layers: 658,586 parameters."""
    return _cifar("ResNet44", 7, True, input_shape, classes)


def ResNet56(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """`ResNet20` with 56 layers: 853,018 parameters."""
    return _cifar("ResNet56", 9, True, input_shape, classes)


def ResNet110(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """`ResNet20` with 110 layers: 1,727,962 parameters."""
    return _cifar("ResNet110", 18, True, input_shape, classes)


def PlainNet20(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """`ResNet20` without its shortcuts."""
    return _cifar("PlainNet20", 3, False, input_shape, classes)


def PlainNet32(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """`ResNet32` without its shortcuts."""
    return _cifar("PlainNet32", 5, False, input_shape, classes)


def PlainNet44(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """`ResNet44` without its shortcuts."""
    return _cifar("PlainNet44", 7, False, input_shape, classes)


def PlainNet56(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """`ResNet56` without its shortcuts."""
    return _cifar("PlainNet56", 9, False, input_shape, classes)


def PlainNet110(input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10) -> Model:
    """`ResNet110` without its shortcuts."""
    return _cifar("PlainNet110", 18, False, input_shape, classes)
