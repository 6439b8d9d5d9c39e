"""Every error and warning that deepkit raises, and the helpers that make them teach.

An error says in one sentence what is wrong with which layer, argument or column (both shapes or
values), and in one more how to mend it. It is raised before anything is compiled, and its traceback
ends on the user's own line: see `from_user_line`.
"""

from __future__ import annotations

import difflib
import functools
import pathlib
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

__all__ = [
    "DeepkitError",
    "DeepkitTypeError",
    "DeepkitValueError",
    "DeepkitWarning",
    "did_you_mean",
    "from_user_line",
    "warn",
]

_PACKAGE = str(pathlib.Path(__file__).parent)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class DeepkitError(Exception):
    """Base of every error that deepkit raises on purpose."""


class DeepkitValueError(DeepkitError, ValueError):
    """A value, shape or name that cannot work."""


class DeepkitTypeError(DeepkitError, TypeError):
    """An object of a kind that is not understood here."""


class DeepkitWarning(UserWarning):
    """Something that runs, but probably not as the user means it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'adam'?` for a misspelt name, else the list of all names, as one sentence."""
    options = sorted(set(known))
    folded = {option.lower().replace("_", ""): option for option in options}
    close = difflib.get_close_matches(name.lower().replace("_", ""), folded, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    return f"Known names: {', '.join(options)}."


def warn(message: str) -> None:
    """Issue a `DeepkitWarning` that points at the first line outside the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, DeepkitWarning, stacklevel=level + 1)


def from_user_line(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a `DeepkitError` raised anywhere below `function` show the user's line, not deepkit's insides."""

    @functools.wraps(function)
    def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except DeepkitError as error:
            raise error.with_traceback(None) from error.__cause__

    return wrapper
