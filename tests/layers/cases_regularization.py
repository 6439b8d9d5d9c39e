"""Noise and penalties, and dense layers beyond Dense."""

from case_kit import NORMAL, K, case

from deepkit import layers

CASES = [
    case(lambda: layers.SpatialDropout1D(0.4), (4, 3), random=True),
    case(lambda: layers.SpatialDropout2D(0.4), (2, 2, 3), random=True),
    case(lambda: layers.SpatialDropout3D(0.4), (2, 1, 2, 3), random=True),
    case(lambda: layers.SpatialDropout1D(0), (4, 3), twin=lambda: K.SpatialDropout1D(0.0)),
    case(lambda: layers.DropPathAverage(3), (2, 3), (2, 3), random=True),
    case(lambda: layers.DropPathAverage(2, 0, 0), (4,), (4,), twin=lambda: K.Average()),
    case(lambda: layers.AlphaDropout(0.3), (5,), random=True),
    case(lambda: layers.AlphaDropout(0.3, noise_shape=(None, 1, 3)), (4, 3), random=True, dtype="int32"),
    case(lambda: layers.AlphaDropout(0), (5,), twin=lambda: K.AlphaDropout(0.0)),
    case(lambda: layers.GaussianDropout(0.3), (5,), random=True),
    case(lambda: layers.GaussianDropout(0), (5,), twin=lambda: K.GaussianDropout(0.0)),
    case(lambda: layers.ActivityRegularization(0.1, 0.2), (2, 3), twin=lambda: K.ActivityRegularization(0.1, 0.2)),
    case(lambda: layers.Maxout(3, 2, bias_initializer=NORMAL), (2, 4)),
    case(lambda: layers.Maxout(2, use_bias=False, kernel_regularizer="l2"), (3,)),
    case(
        lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3), "tanh", "de"),
        (2, 4),
        twin=lambda: K.EinsumDense("abc,cde->abde", (None, 2, 3), "tanh", "de"),
    ),
    case(
        lambda: layers.EinsumDense("...ab,abc->...c", 3, bias_axes="c", kernel_regularizer="l1"),
        (2, 3, 4),
        twin=lambda: K.EinsumDense("...ab,abc->...c", 3, bias_axes="c"),
    ),
    case(
        lambda: layers.EinsumDense("ab...,bc->ac...", 3, bias_axes="c"),
        (2, 3, 2),
        twin=lambda: K.EinsumDense("ab...,bc->ac...", 3, bias_axes="c"),
    ),
    case(
        lambda: layers.EinsumDense("abc,bcd->abd", (None, 2), bias_axes="b"),
        (3, 4),
        twin=lambda: K.EinsumDense("abc,bcd->abd", (3, 2), bias_axes="b"),
    ),
]
