"""Settings of XLA's CPU compiler that help."""

from __future__ import annotations

import os
from typing import Any

import jax
import jaxlib

FLAGS = {
    # Products of matrices go to YNNPACK, convolutions to Eigen: YNNPACK's convolution without padding runs at a tenth
    # of the machine's speed.
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT",
}
HASTY: dict[str, Any] = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}
"""For programs that run once: optimising a draw takes five times as long as leaving it as it is."""
MEASURED = ((0, 10), (0, 11))
"""Versions of jaxlib, from the first and before the second, whose XLA is known to have the flags. Another one might
end the process over a flag that it does not know."""


def set_flags() -> None:
    """Add to `XLA_FLAGS` what the user has not set; before a backend starts, or it has no effect."""
    version = tuple(map(int, jaxlib.__version__.split(".")[:2]))
    if not MEASURED[0] <= version < MEASURED[1]:
        return
    given = os.environ.get("XLA_FLAGS", "")
    missing = [f"--{name}={value}" for name, value in FLAGS.items() if name not in given]
    if missing:
        os.environ["XLA_FLAGS"] = " ".join([given, *missing]).strip()


def compiler_options(*, hasty: bool) -> dict[str, Any] | None:
    """For `jax.jit` and `compile` of one program: `HASTY` if it is to be and runs on a CPU, else XLA's own.

    What the user has set in `XLA_FLAGS` stays as it is set there.
    """
    if not hasty or jax.default_backend() != "cpu":
        return None
    given = os.environ.get("XLA_FLAGS", "")
    return {name: value for name, value in HASTY.items() if name not in given}
