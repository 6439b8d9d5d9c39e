"""The VGG networks: nothing but 3×3 convolutions between poolings."""

from __future__ import annotations

from collections.abc import Sequence

from deepkit.graph import Input
from deepkit.layers import MaxPooling2D
from deepkit.model import Model
from deepkit.networks.blocks import classifier, conv


def _vgg(name: str, counts: Sequence[int], input_shape: tuple[int, ...], classes: int, use_bias: bool) -> Model:
    x = h = Input(input_shape)
    for count, filters in zip(counts, (64, 128, 256, 512, 512), strict=True):
        for _ in range(count):
            h = conv(h, filters, 3, use_bias=use_bias)
        h = MaxPooling2D(2)(h)
    return Model(x, classifier(h, classes, use_bias=use_bias), name=name)


def VGG11(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, use_bias: bool = True) -> Model:
    """Configuration A: 132,863,336 parameters. Arguments as in `VGG16`."""
    return _vgg("VGG11", (1, 1, 2, 2, 2), input_shape, classes, use_bias)


def VGG13(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, use_bias: bool = True) -> Model:
    """Configuration B: 133,047,848 parameters. Arguments as in `VGG16`."""
    return _vgg("VGG13", (2, 2, 2, 2, 2), input_shape, classes, use_bias)


def VGG16(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, use_bias: bool = True) -> Model:
    """Configuration D: 138,357,544 parameters, 138,344,128 of them in kernels.

    Source: Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015, table 1.

    Args:
        input_shape: Height, width and channels of an image, at least 32×32.
        classes: Units of the softmax.
        use_bias: Whether the layers have biases.
    """
    return _vgg("VGG16", (2, 2, 3, 3, 3), input_shape, classes, use_bias)


def VGG19(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, use_bias: bool = True) -> Model:
    """Configuration E: 143,667,240 parameters. Arguments as in `VGG16`."""
    return _vgg("VGG19", (2, 2, 4, 4, 4), input_shape, classes, use_bias)
