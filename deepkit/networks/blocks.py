"""What the networks are made of: convolutions of ReLU nets, started as He et al. (2015) advise."""

from __future__ import annotations

from typing import Any

from deepkit.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, ReLU


def conv(x: Any, filters: int, size: int, strides: int = 1, padding: Any = "same", **options: Any) -> Any:
    """Convolution with bias, ReLU."""
    return Conv2D(filters, size, strides, padding, activation="relu", kernel_initializer="he_normal", **options)(x)


def normalized_conv(x: Any, filters: int, size: int, strides: int = 1, *, relu: bool = True) -> Any:
    """Convolution, batch normalisation, ReLU. Without a bias, for the normalisation would take it off again."""
    h = Conv2D(filters, size, strides, padding=size // 2, use_bias=False, kernel_initializer="he_normal")(x)
    h = BatchNormalization(momentum=0.9, epsilon=1e-5)(h)
    return ReLU()(h) if relu else h


def classifier(x: Any, classes: int, units: int = 4096, *, use_bias: bool = True) -> Any:
    """The three fully connected layers that end the networks of 2012 to 2014, half of each hidden one dropped."""
    h = Flatten()(x)
    for _ in range(2):
        h = Dropout(0.5)(Dense(units, "relu", use_bias, kernel_initializer="he_normal")(h))
    return Dense(classes, "softmax", use_bias)(h)
