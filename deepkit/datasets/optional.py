"""Libraries that only some loaders need, imported when they do."""

from __future__ import annotations

import importlib
from typing import Any

from deepkit.errors import DeepkitError

__all__ = ["import_tables"]


def import_tables(module: str, purpose: str) -> Any:
    """Import a module of the `tables` extra (pandas, scikit-learn), or say how to install it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0]:
            raise
        raise DeepkitError(
            f'{purpose} needs {error.name}, which is not installed. Run: pip install "deepkit[tables]"'
        ) from None
