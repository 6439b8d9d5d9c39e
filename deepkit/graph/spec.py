"""What is known of a tensor before any number exists: its shape, its dtype, and what its values mean."""

from __future__ import annotations

import dataclasses
import enum
import math
from functools import cached_property
from typing import Any


def row_text(shape: tuple[int, ...]) -> str:
    """A row's shape as it is written in `Input(…)`: `4` for `(4,)`."""
    return str(shape[0]) if len(shape) == 1 else str(shape)


class Meaning(enum.Enum):
    """What the values of a tensor are, as far as the declaration tells.

    Losses and metrics read it: it decides whether a cross-entropy is computed from logits, and whether an
    accuracy compares a threshold or an arg-max.
    """

    REAL = "real numbers"
    PROBABILITY = "independent probabilities (sigmoid)"
    DISTRIBUTION = "a distribution over the last axis (softmax)"
    LOG_DISTRIBUTION = "log-probabilities over the last axis (log_softmax)"
    NON_NEGATIVE = "numbers of at least zero"
    BOUNDED = "numbers in a bounded range"


@dataclasses.dataclass(frozen=True)
class Spec:
    """Shape (the batch first, `None` where the size is not known yet), dtype, and meaning."""

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    meaning: Meaning = Meaning.REAL

    @property
    def rank(self) -> int:
        """Number of axes, the batch included."""
        return len(self.shape)

    @property
    def features(self) -> int:
        """Size of the last axis."""
        size = self.shape[-1]
        assert size is not None, "only the batch axis may be unknown"
        return size

    @cached_property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row: everything behind the batch axis."""
        return tuple(size for size in self.shape[1:] if size is not None)

    @property
    def row_size(self) -> int:
        """Numbers in one row."""
        return math.prod(self.row_shape)

    def replace(self, **changes: Any) -> Spec:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def real(self) -> Spec:
        """The same tensor with nothing known about its values."""
        return self.replace(meaning=Meaning.REAL)
