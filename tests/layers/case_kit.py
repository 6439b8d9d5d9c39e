"""What the tables of layers are made of."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from deepkit import initializers, layers

K = keras.layers
NORMAL = initializers.RandomNormal(stddev=0.5)


@dataclasses.dataclass
class Case:
    """A layer, the row shapes of its inputs, and how to make its Keras twin (`None`: Keras has none)."""

    layer: Callable[[], layers.Layer]
    rows: tuple[tuple[int, ...], ...]
    twin: Callable[[], Any] | None = None
    random: bool = False
    dtype: str = "float32"

    @property
    def id(self):
        shapes = ",".join("x".join(map(str, row)) for row in self.rows)
        return f"{self.layer()!r}-{shapes}-{self.dtype}"


def case(layer, *rows, twin=None, random=False, dtype="float32"):
    return Case(layer, rows, twin, random, dtype)
