"""The numbers in which two models of a sweep differ, as arguments of one program."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from deepkit.program import description
from deepkit.program.description import Description, Number


def describe(model: Any) -> Description:
    """Take a compiled model apart, its losses resolved."""
    trainer = model._require_trainer("sweep")
    return description.describe(model.graph, trainer.optimizer, trainer.heads)


_TURNING = threading.RLock()


@contextmanager
def as_declared() -> Iterator[None]:
    """While this lasts, no thread has turned a number: what is read off a declaration is what was declared."""
    with _TURNING:
        yield


@contextmanager
def turned(numbers: Sequence[Number], values: Sequence[Any]) -> Iterator[None]:
    """While this lasts, the declarations hold these values, which may be traced; what was there comes back. One thread
    at a time: models may share declarations.
    """
    with _TURNING:
        before = [getattr(number.owner, number.field) for number in numbers]
        try:
            for number, value in zip(numbers, values, strict=True):
                number.put(value)
            yield
        finally:
            for number, value in zip(numbers, before, strict=True):
                object.__setattr__(number.owner, number.field, value)
