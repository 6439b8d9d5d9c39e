"""AlexNet, and ZFNet, which was made by looking into it."""

from __future__ import annotations

from typing import Any

from deepkit.graph import Input
from deepkit.layers import LocalResponseNormalization, MaxPooling2D
from deepkit.model import Model
from deepkit.networks.blocks import classifier, conv


def _normalized(x: Any) -> Any:
    """The paper's k = 2, n = 5, α = 1e-4, β = 0.75; its α is of one channel, the layer's of all five together."""
    return LocalResponseNormalization(5, alpha=5e-4, k=2.0)(x)


def AlexNet(input_shape: tuple[int, ...] = (227, 227, 3), classes: int = 1000, groups: int = 2) -> Model:
    """AlexNet: 55 → 27 → 13, 60,965,224 parameters.

    The paper says 224, from which its 55 does not follow: (227 − 11)/4 + 1 = 55.

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", 2012.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Units of the softmax.
        groups: Halves of the second, fourth and fifth convolution that don't see each other, as on the paper's two
            GPUs; 1 gives the whole (62,378,344 parameters).
    """
    x = Input(input_shape)
    h = conv(x, 96, 11, strides=4, padding="valid")
    h = MaxPooling2D(3, 2)(_normalized(h))
    h = conv(h, 256, 5, groups=groups)
    h = MaxPooling2D(3, 2)(_normalized(h))
    h = conv(h, 384, 3)
    h = conv(h, 384, 3, groups=groups)
    h = conv(h, 256, 3, groups=groups)
    h = MaxPooling2D(3, 2)(h)
    return Model(x, classifier(h, classes), name="AlexNet")


def ZFNet(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000) -> Model:
    """ZFNet: AlexNet with a finer first layer (7×7, stride 2) and no groups: 62,357,608 parameters.

    Sizes: 110 → 55 → 26 → 13 → 6.

    Source: Zeiler, Fergus, "Visualizing and understanding convolutional networks", 2014, figure 3.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Units of the softmax.
    """
    x = Input(input_shape)
    h = conv(x, 96, 7, strides=2, padding=1)
    h = _normalized(MaxPooling2D(3, 2, padding="same")(h))
    h = conv(h, 256, 5, strides=2, padding="valid")
    h = _normalized(MaxPooling2D(3, 2, padding="same")(h))
    h = conv(h, 384, 3)
    h = conv(h, 384, 3)
    h = conv(h, 256, 3)
    h = MaxPooling2D(3, 2)(h)
    return Model(x, classifier(h, classes), name="ZFNet")
