"""Padding, cropping, up-sampling, and other arrangements of places."""

from case_kit import K, case

from deepkit import layers

CASES = [
    case(lambda: layers.ZeroPadding1D((1, 2)), (3, 2), twin=lambda: K.ZeroPadding1D((1, 2))),
    case(lambda: layers.ZeroPadding2D((1, 2)), (2, 3, 2), twin=lambda: K.ZeroPadding2D((1, 2))),
    case(lambda: layers.ZeroPadding2D(((1, 0), (0, 2))), (2, 3, 1), dtype="int32"),
    case(lambda: layers.ZeroPadding3D(), (1, 2, 1, 2), twin=lambda: K.ZeroPadding3D()),
    case(lambda: layers.Cropping1D(), (4, 2), twin=lambda: K.Cropping1D()),
    case(lambda: layers.Cropping2D(((1, 0), (0, 2))), (2, 4, 2), twin=lambda: K.Cropping2D(((1, 0), (0, 2)))),
    case(lambda: layers.Cropping3D(1), (3, 4, 3, 1), twin=lambda: K.Cropping3D(1)),
    case(lambda: layers.UpSampling1D(3), (2, 2), twin=lambda: K.UpSampling1D(3)),
    case(lambda: layers.UpSampling2D((2, 3)), (2, 3, 1), twin=lambda: K.UpSampling2D((2, 3))),
    case(
        lambda: layers.UpSampling2D(2, "bilinear"), (2, 3, 2), twin=lambda: K.UpSampling2D(2, interpolation="bilinear")
    ),
    case(lambda: layers.UpSampling2D(2, "bicubic"), (3, 3, 1), twin=lambda: K.UpSampling2D(2, interpolation="bicubic")),
    case(lambda: layers.UpSampling3D((1, 2, 2)), (2, 1, 2, 1), twin=lambda: K.UpSampling3D((1, 2, 2))),
    case(lambda: layers.Permute((2, 3, 1)), (2, 3, 4), twin=lambda: K.Permute((2, 3, 1))),
    case(lambda: layers.RepeatVector(3), (2,), twin=lambda: K.RepeatVector(3)),
]
