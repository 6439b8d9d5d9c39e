"""LeNet-5."""

from __future__ import annotations

from deepkit.graph import Input
from deepkit.layers import AveragePooling2D, Conv2D, Dense, Flatten
from deepkit.model import Model


def LeNet5(input_shape: tuple[int, ...] = (32, 32, 1), classes: int = 10) -> Model:
    """LeNet-5: 32 → 28 → 14 → 10 → 5 → 1, 61,706 parameters for grey images and ten digits.

    Two things are as everybody builds it today: C3 sees all maps of S2 (in the paper a chosen part of them), and the
    averages S2 and S4 have no weights of their own. Classes come from a softmax, not from radial units.

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.

    Args:
        input_shape: Height, width and channels of an image, at least 32×32.
        classes: Units of the softmax.
    """
    x = Input(input_shape)
    h = Conv2D(6, 5, activation="tanh", name="C1")(x)
    h = AveragePooling2D(2, name="S2")(h)
    h = Conv2D(16, 5, activation="tanh", name="C3")(h)
    h = AveragePooling2D(2, name="S4")(h)
    h = Conv2D(120, 5, activation="tanh", name="C5")(h)
    h = Dense(84, "tanh", name="F6")(Flatten()(h))
    return Model(x, Dense(classes, "softmax", name="output")(h), name="LeNet5")
