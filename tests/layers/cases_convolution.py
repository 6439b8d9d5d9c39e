"""Convolutions, each with its Keras twin."""

from case_kit import NORMAL, K, case

from deepkit import layers

CASES = [
    case(
        lambda: layers.Conv2D(3, 3, bias_initializer=NORMAL, activation="relu"),
        (5, 6, 2),
        twin=lambda: K.Conv2D(3, 3, activation="relu"),
    ),
    case(
        lambda: layers.Conv2D(4, (3, 1), (2, 1), "same", groups=2),
        (5, 4, 2),
        twin=lambda: K.Conv2D(4, (3, 1), (2, 1), "same", groups=2),
    ),
    case(
        lambda: layers.Conv2D(
            2, 3, dilation_rate=(2, 1), use_bias=False, kernel_regularizer="l2", activity_regularizer="l1"
        ),
        (6, 5, 2),
        twin=lambda: K.Conv2D(2, 3, dilation_rate=(2, 1), use_bias=False),
    ),
    case(lambda: layers.Conv2D(2, 3, 2, padding=((0, 1), (2, 0)), kernel_constraint="max_norm"), (4, 3, 1)),
    case(lambda: layers.Conv2D(2, 3, 2, padding=1, strict=True), (3, 5, 1)),
    case(lambda: layers.Conv2D(2, 1, 2), (4, 4, 3), twin=lambda: K.Conv2D(2, 1, 2), dtype="uint8"),
    case(lambda: layers.Conv1D(2, 3, 2), (7, 2), twin=lambda: K.Conv1D(2, 3, 2)),
    case(
        lambda: layers.Conv1D(2, 2, padding="causal", dilation_rate=2),
        (5, 3),
        twin=lambda: K.Conv1D(2, 2, padding="causal", dilation_rate=2),
    ),
    case(lambda: layers.Conv1D(2, 3, padding=(2, 0)), (4, 2)),
    case(
        lambda: layers.Conv3D(2, (2, 3, 1), (1, 2, 1)),
        (3, 4, 2, 2),
        twin=lambda: K.Conv3D(2, (2, 3, 1), (1, 2, 1)),
    ),
    case(
        lambda: layers.DepthwiseConv1D(3, padding="causal", depth_multiplier=2, use_bias=False),
        (4, 2),
    ),
    case(lambda: layers.DepthwiseConv1D(3, 2, "same"), (4, 3), twin=lambda: K.DepthwiseConv1D(3, 2, "same")),
    case(
        lambda: layers.DepthwiseConv2D((2, 3), (1, 2), "valid", 2, activation="tanh", bias_initializer=NORMAL),
        (3, 5, 2),
        twin=lambda: K.DepthwiseConv2D((2, 3), (1, 2), "valid", 2, activation="tanh"),
    ),
    case(lambda: layers.SeparableConv1D(3, 3, 2), (7, 2), twin=lambda: K.SeparableConv1D(3, 3, 2)),
    case(
        lambda: layers.SeparableConv2D(3, 3, padding="same", dilation_rate=2, depth_multiplier=2),
        (4, 3, 2),
        twin=lambda: K.SeparableConv2D(3, 3, padding="same", dilation_rate=2, depth_multiplier=2),
    ),
    case(lambda: layers.Conv1DTranspose(2, 2, 3), (3, 2), twin=lambda: K.Conv1DTranspose(2, 2, 3)),
    case(
        lambda: layers.Conv1DTranspose(2, 4, 3, "same", 1, bias_initializer=NORMAL),
        (3, 2),
        twin=lambda: K.Conv1DTranspose(2, 4, 3, "same", 1),
    ),
    case(
        lambda: layers.Conv2DTranspose(2, 3, 2, "same", activation="relu"),
        (3, 2, 2),
        twin=lambda: K.Conv2DTranspose(2, 3, 2, "same", activation="relu"),
    ),
    case(
        lambda: layers.Conv2DTranspose(2, (2, 3), output_padding=0, dilation_rate=2, use_bias=False),
        (3, 2, 1),
        twin=lambda: K.Conv2DTranspose(2, (2, 3), output_padding=0, dilation_rate=2, use_bias=False),
    ),
    case(
        lambda: layers.Conv2DTranspose(2, 3, (2, 3), "valid", (1, 2)),
        (2, 3, 1),
        twin=lambda: K.Conv2DTranspose(2, 3, (2, 3), "valid", (1, 2)),
    ),
    case(lambda: layers.Conv2DTranspose(2, 4, 2, ((1, 1), (0, 2))), (3, 2, 1)),
    case(
        lambda: layers.Conv3DTranspose(1, 2, (1, 2, 1)), (2, 1, 2, 2), twin=lambda: K.Conv3DTranspose(1, 2, (1, 2, 1))
    ),
]
