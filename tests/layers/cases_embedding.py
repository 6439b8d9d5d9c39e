"""Embedding and Masking."""

from case_kit import NORMAL, K, case

from deepkit import layers

CASES = [
    case(lambda: layers.Embedding(9, 2, NORMAL), (3, 2), dtype="int32"),
    case(lambda: layers.Embedding(9, 2, mask_zero=True), (3,), dtype="int32"),
    case(lambda: layers.Masking(), (3, 2), twin=lambda: K.Masking()),
    case(lambda: layers.Masking(-1.0), (2, 2, 2)),
]
