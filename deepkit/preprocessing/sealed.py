"""Test data carry a mark wherever they go, so that nothing is trained, tuned or fitted on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepkit.datasets.dataset import Dataset
from deepkit.errors import DeepkitValueError

__all__ = ["ROLE", "is_sealed", "refuse_sealed", "sealed_error"]

ROLE = "deepkit_role"
"""The key in `DataFrame.attrs` that says which part of a split the table is. pandas copies it along."""


def is_sealed(data: Any) -> bool:
    """Whether `data` is a test part, a table or column taken from one, or a mapping with such a one."""
    if isinstance(data, Dataset):
        return getattr(data, "role", None) == "test"
    if isinstance(data, Mapping):
        return any(map(is_sealed, data.values()))
    return getattr(data, "attrs", {}).get(ROLE) == "test"


def refuse_sealed(data: Any, purpose: str) -> None:
    """Raise if `data` is test data; `purpose` says who wants them, as in `TableEncoder.fit`."""
    if is_sealed(data):
        raise sealed_error(purpose)


def sealed_error(purpose: str) -> DeepkitValueError:
    """What is said to somebody who trains, tunes or fits on the test part."""
    return DeepkitValueError(
        f"{purpose} was given the test part, which then could not measure anything any more. "
        "Fit on split.train, choose and tune on split.dev, and evaluate on split.test once, at the end."
    )
