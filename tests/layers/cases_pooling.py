"""Pooling, each layer with its Keras twin."""

from case_kit import K, case

from deepkit import layers

CASES = [
    case(lambda: layers.MaxPooling2D(), (5, 4, 2), twin=lambda: K.MaxPooling2D()),
    case(lambda: layers.MaxPooling2D(3, (2, 1), "same"), (5, 4, 2), twin=lambda: K.MaxPooling2D(3, (2, 1), "same")),
    case(lambda: layers.MaxPooling2D(3, 2, strict=True, padding=((1, 0), (1, 1))), (4, 3, 2)),
    case(lambda: layers.MaxPooling2D(2), (4, 4, 2), dtype="int32"),
    case(lambda: layers.MaxPooling1D(2, padding="same"), (5, 2), twin=lambda: K.MaxPooling1D(2, padding="same")),
    case(lambda: layers.MaxPooling3D((2, 1, 2), 1), (3, 2, 3, 1), twin=lambda: K.MaxPooling3D((2, 1, 2), 1)),
    case(lambda: layers.AveragePooling2D(2), (5, 4, 2), twin=lambda: K.AveragePooling2D(2)),
    case(
        lambda: layers.AveragePooling2D(3, (2, 1), "same"),
        (6, 4, 2),
        twin=lambda: K.AveragePooling2D(3, (2, 1), "same"),
    ),
    case(lambda: layers.AveragePooling2D(4), (9, 8, 1), twin=lambda: K.AveragePooling2D(4)),
    case(lambda: layers.AveragePooling2D(4, 3, "same"), (9, 8, 1), twin=lambda: K.AveragePooling2D(4, 3, "same")),
    case(lambda: layers.AveragePooling1D(3, 2, padding=(1, 0)), (4, 2), dtype="uint8"),
    case(lambda: layers.AveragePooling3D(2), (2, 3, 4, 1), twin=lambda: K.AveragePooling3D(2)),
    case(lambda: layers.GlobalMaxPooling1D(), (3, 2), twin=lambda: K.GlobalMaxPooling1D()),
    case(lambda: layers.GlobalMaxPooling2D(True), (3, 2, 2), twin=lambda: K.GlobalMaxPooling2D(keepdims=True)),
    case(lambda: layers.GlobalMaxPooling3D(), (2, 3, 2, 2), twin=lambda: K.GlobalMaxPooling3D()),
    case(
        lambda: layers.GlobalAveragePooling1D(keepdims=True),
        (3, 2),
        twin=lambda: K.GlobalAveragePooling1D(keepdims=True),
    ),
    case(lambda: layers.GlobalAveragePooling2D(), (3, 2, 2), twin=lambda: K.GlobalAveragePooling2D()),
    case(lambda: layers.GlobalAveragePooling3D(), (2, 3, 2, 2), twin=lambda: K.GlobalAveragePooling3D()),
    case(lambda: layers.AdaptiveAveragePooling1D(3), (5, 2), twin=lambda: K.AdaptiveAveragePooling1D(3)),
    case(lambda: layers.AdaptiveAveragePooling2D((2, 3)), (4, 7, 2), twin=lambda: K.AdaptiveAveragePooling2D((2, 3))),
    case(lambda: layers.AdaptiveAveragePooling3D(2), (2, 4, 6, 1), twin=lambda: K.AdaptiveAveragePooling3D(2)),
    case(lambda: layers.AdaptiveMaxPooling1D(2), (6, 2), twin=lambda: K.AdaptiveMaxPooling1D(2)),
    case(lambda: layers.AdaptiveMaxPooling2D(3), (5, 4, 2), twin=lambda: K.AdaptiveMaxPooling2D(3)),
    case(lambda: layers.AdaptiveMaxPooling3D((1, 2, 3)), (2, 2, 4, 1), twin=lambda: K.AdaptiveMaxPooling3D((1, 2, 3))),
]
