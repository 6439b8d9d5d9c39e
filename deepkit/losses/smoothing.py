"""Label smoothing, in the two conventions that go by this name."""

from __future__ import annotations

from typing import Any

import jax

from deepkit.configuration import known_to_be
from deepkit.errors import DeepkitValueError

CONVENTIONS = ("optax", "textbook")


def smoothing_convention(value: Any) -> str:
    """Converter: the name of a convention."""
    if value not in CONVENTIONS:
        raise DeepkitValueError(
            "expected 'optax' (ten classes, smoothing .1: .91 and .01; Keras and PyTorch too) "
            "or 'textbook' (.9 and .1/9)."
        )
    return str(value)


def smooth(labels: jax.Array, amount: float, classes: int, convention: str) -> jax.Array:
    """Labels in [0, 1] moved towards uniform over `classes`.

    - `"optax"`: (1−a)·y + a/K, the mixture with the uniform distribution (Szegedy et al. 2016); also what
      Keras and PyTorch do.
    - `"textbook"`: 1−a for the class, a/(K−1) for each other one (Goodfellow et al. 2016, section 7.5.1). It
      is the same mixture with a·K/(K−1) in the place of a.
    """
    if known_to_be(amount, 0):
        return labels
    if convention == "textbook":
        amount = amount * classes / (classes - 1)
    return (1 - amount) * labels + amount / classes
