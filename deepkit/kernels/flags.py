"""Settings of XLA's CPU compiler that help, made before the backend starts."""

from __future__ import annotations

import os

import jaxlib

FLAGS = {
    # Products of matrices go to YNNPACK, convolutions to Eigen: YNNPACK's convolution without padding runs at a tenth
    # of the machine's speed.
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT",
}
MEASURED = ((0, 10), (0, 11))
"""Versions of jaxlib, from the first and before the second, whose XLA is known to have the flags. Another one might
end the process over a flag that it does not know."""


def set_flags() -> None:
    """Add to `XLA_FLAGS` what the user has not set. Without effect once a backend has started."""
    version = tuple(map(int, jaxlib.__version__.split(".")[:2]))
    if not MEASURED[0] <= version < MEASURED[1]:
        return
    given = os.environ.get("XLA_FLAGS", "")
    missing = [f"--{name}={value}" for name, value in FLAGS.items() if name not in given]
    if missing:
        os.environ["XLA_FLAGS"] = " ".join([given, *missing]).strip()
