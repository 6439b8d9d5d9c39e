"""Normalisations of rows, groups and kernels."""

from case_kit import NORMAL, K, case

from deepkit import layers

CASES = [
    case(
        lambda: layers.GroupNormalization(2, gamma_initializer=NORMAL, beta_initializer=NORMAL),
        (3, 4),
        twin=lambda: K.GroupNormalization(2),
    ),
    case(
        lambda: layers.GroupNormalization(3, 1, 0.1, scale=False),
        (6, 2, 2),
        twin=lambda: K.GroupNormalization(3, 1, 0.1, scale=False),
    ),
    case(
        lambda: layers.GroupNormalization(-1, center=False), (3, 2), twin=lambda: K.GroupNormalization(-1, center=False)
    ),
    case(lambda: layers.RMSNormalization(), (3, 4), twin=lambda: K.RMSNormalization()),
    case(lambda: layers.RMSNormalization((2, 1), 0.1), (3, 4), twin=lambda: K.RMSNormalization((1, 2), 0.1)),
    case(lambda: layers.UnitNormalization(), (4,), twin=lambda: K.UnitNormalization()),
    case(lambda: layers.UnitNormalization((1, -1)), (3, 4), twin=lambda: K.UnitNormalization((1, -1))),
    case(lambda: layers.LocalResponseNormalization(3, 0.5, 0.6, 2.0), (2, 5)),
    case(lambda: layers.LocalResponseNormalization(4, alpha=0.5), (5,)),
    # Many iterations: no gradient goes through the vectors, which is exact only where they have settled.
    case(lambda: layers.SpectralNormalization(layers.Dense(3), 20), (4,)),
    case(lambda: layers.SpectralNormalization(layers.Dense(3, "tanh", use_bias=False), power_iterations=30), (2, 4)),
]
