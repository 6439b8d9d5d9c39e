"""GoogLeNet: Inception modules, and two further heads that help only in training."""

from __future__ import annotations

from typing import Any

from deepkit.errors import DeepkitValueError
from deepkit.graph import Input
from deepkit.layers import (
    AveragePooling2D,
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    LocalResponseNormalization,
    MaxPooling2D,
)
from deepkit.model import Model
from deepkit.networks.blocks import conv

GOOGLENET_LOSS_WEIGHTS = {"main": 1.0, "auxiliary_1": 0.3, "auxiliary_2": 0.3}
"""The paper's `loss_weights` for `compile`, by the names of GoogLeNet's outputs."""

MODULES = {  # 1×1; before 3×3, 3×3; before 5×5, 5×5; behind the pooling
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Table 1 of the paper."""


def InceptionModule(
    input_shape: tuple[int, ...] = (28, 28, 256),
    ones: int = 128,
    before_threes: int | None = 64,
    threes: int = 192,
    before_fives: int | None = 64,
    fives: int = 96,
    behind_pool: int | None = 64,
) -> Model:
    """Filters of three sizes and a pooling side by side, joined along the channels.

    The bottlenecks, 1×1 convolutions before the large filters, save most of the work: 271,351,808 multiply-adds and 480
    channels with the defaults, 854,196,224 and 672 channels with `None` for all three.

    Args:
        input_shape: Height, width and channels.
        ones, threes, fives: Filters of each size.
        before_threes, before_fives: Filters of the bottlenecks; `None` for none.
        behind_pool: Filters of the 1×1 convolution behind the pooling; `None` for none.
    """
    x = Input(input_shape)
    h = inception(x, ones, before_threes, threes, before_fives, fives, behind_pool)
    return Model(x, h, name="InceptionModule")


def inception(
    x: Any,
    ones: int,
    before_threes: int | None,
    threes: int,
    before_fives: int | None,
    fives: int,
    behind_pool: int | None,
) -> Any:
    """The module on a tensor; see `InceptionModule`."""
    pooled = MaxPooling2D(3, 1, padding="same")(x)
    return Concatenate()(
        [
            conv(x, ones, 1),
            conv(conv(x, before_threes, 1) if before_threes else x, threes, 3),
            conv(conv(x, before_fives, 1) if before_fives else x, fives, 5),
            conv(pooled, behind_pool, 1) if behind_pool else pooled,
        ]
    )


def GoogLeNet(input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, auxiliary: bool = True) -> Model:
    """GoogLeNet: 22 layers with kernels, 6,998,552 parameters; with the two auxiliary heads 13,378,280.

        model = dk.networks.GoogLeNet()
        model.compile("sgd", loss="cce", loss_weights=dk.networks.GOOGLENET_LOSS_WEIGHTS)
        model.fit(x, {"main": y, "auxiliary_1": y, "auxiliary_2": y})
        dk.networks.without_auxiliary_heads(model).predict(x)

    Source: Szegedy et al., "Going deeper with convolutions", 2015, table 1.

    Args:
        input_shape: Height, width and channels of an image; for the auxiliary heads at least 65×65.
        classes: Units of every softmax.
        auxiliary: Whether the outputs are a dict of `main`, `auxiliary_1`, `auxiliary_2`, else the main one alone.
    """
    x = Input(input_shape)
    h = conv(x, 64, 7, strides=2)
    h = _normalized(MaxPooling2D(3, 2, padding="same")(h))
    h = conv(conv(h, 64, 1), 192, 3)
    h = MaxPooling2D(3, 2, padding="same")(_normalized(h))
    outputs: dict[str, Any] = {}
    for name, filters in MODULES.items():
        if name in ("4a", "5a"):
            h = MaxPooling2D(3, 2, padding="same")(h)
        h = inception(h, *filters)
        if auxiliary and name in ("4a", "4d"):
            number = len(outputs) + 1
            outputs[f"auxiliary_{number}"] = _auxiliary_head(h, classes, f"auxiliary_{number}")
    h = Dropout(0.4)(GlobalAveragePooling2D()(h))
    outputs["main"] = Dense(classes, "softmax", name="main")(h)
    return Model(x, outputs if auxiliary else outputs["main"], name="GoogLeNet")


def _normalized(x: Any) -> Any:
    return LocalResponseNormalization(5)(x)


def _auxiliary_head(x: Any, classes: int, name: str) -> Any:
    h = conv(AveragePooling2D(5, 3)(x), 128, 1)
    h = Dense(1024, "relu", kernel_initializer="he_normal")(Flatten()(h))
    return Dense(classes, "softmax", name=name)(Dropout(0.7)(h))


def without_auxiliary_heads(model: Model) -> Model:
    """The part of a GoogLeNet that predicts: from the image to the main output, with the same weights."""
    outputs = dict(zip(model.graph.output_names, model.graph.outputs, strict=True))
    if "main" not in outputs:
        raise DeepkitValueError(
            f"the model has no output called 'main', only {', '.join(outputs)}. Pass what dk.networks.GoogLeNet() made."
        )
    return Model(model.graph.inputs[0], outputs["main"])
