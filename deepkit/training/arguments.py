"""Checks of the plain arguments of `fit` and its siblings, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, shown
from deepkit.graph import Graph
from deepkit.preprocessing.sealed import refuse_sealed
from deepkit.training.callbacks import Callback
from deepkit.training.transitions import Transition

DEFAULT_BATCH_SIZE = 32

ROWS_AT_ONCE, NUMBERS_AT_ONCE = 1024, 196_608
"""The most rows, and about the most input numbers, of a batch in evaluation: on a CPU 64 colour images of 32 × 32."""

LARGEST_SEED = 2**32 - 1
"""Seeds travel into the program as uint32."""


def whole_number(value: Any, name: str, least: int = 1, example: str = "10") -> int:
    """An integer argument of at least `least`; `example` is what errors offer."""
    wanted = f"expected a whole number of at least {least}, such as {example}"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise DeepkitTypeError(f"{name}={shown(value)}: {wanted}.")
    if value < least:
        raise DeepkitValueError(f"{name}={value}: {wanted}.")
    return int(value)


def check_seed(seed: Any) -> int:
    """A whole number that JAX can take as the start of all randomness."""
    if whole_number(seed, "seed", 0, "0") > LARGEST_SEED:
        raise DeepkitValueError(f"seed={seed}: expected a whole number of at most {LARGEST_SEED}, such as 0.")
    return int(seed)


def check_batch_size(size: Any, name: str = "batch_size") -> int | None:
    """Rows per step, or `None`."""
    return None if size is None else whole_number(size, name, 1, "32, or None for all rows at once")


def refuse_test_data(data: Any, purpose: str) -> None:
    for item in data if isinstance(data, list | tuple) else (data,):
        if isinstance(item, list | tuple):
            refuse_test_data(item, purpose)
        refuse_sealed(item, purpose)


def listed_callbacks(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback | Transition) or not isinstance(callbacks, Iterable):
        raise DeepkitTypeError(
            f"callbacks={shown(callbacks)}: expected a list of callbacks. Write callbacks=[…], also for a single one."
        )
    return list(callbacks)


def refuse_beside_batches(y: Any, sample_weight: Any, batch_size: Any, validation_split: Any) -> None:
    """What batches bring along, or cannot have."""
    if y is not None:
        raise DeepkitValueError(
            "fit was given batches and y as well, but batches bring their own targets. Leave y out, and yield (x, y)."
        )
    if sample_weight is not None:
        raise DeepkitValueError(
            "fit was given batches and sample_weight as well, but batches bring their own weights. "
            "Leave sample_weight out, and yield (x, y, weights)."
        )
    if batch_size not in (None, DEFAULT_BATCH_SIZE):
        raise DeepkitValueError(
            f"batch_size={batch_size} is for arrays, and the batches of an iterable have their own size. "
            "Leave batch_size out."
        )
    if validation_split:
        raise DeepkitValueError(
            f"validation_split={validation_split} needs all rows at hand, and batches come one by one. "
            "Pass validation_data=(x, y)."
        )


def rows_at_once(graph: Graph) -> int:
    """Rows per batch where only memory and speed depend on it, as in `predict` and `evaluate`.

    1024, or fewer where rows are large: images whose intermediate results stay in the processor's cache are computed
    faster than others, and few of them are work enough for a call.
    """
    numbers = max(tensor.spec.row_size for tensor in graph.inputs)
    at_once = NUMBERS_AT_ONCE * (1 if jax.default_backend() == "cpu" else 16)
    return max(min(ROWS_AT_ONCE, at_once // numbers), 16)
