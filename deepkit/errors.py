"""Every error and warning that deepkit raises, and the helpers that make them teach.

An error says in one sentence what is wrong with which layer, argument or column (both shapes or
values), and in one more how to mend it. It is raised before anything is compiled, and its traceback
ends on the user's own line: see `from_user_line`.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

__all__ = [
    "DeepkitError",
    "DeepkitMemoryError",
    "DeepkitTypeError",
    "DeepkitValueError",
    "DeepkitWarning",
    "described",
    "did_you_mean",
    "from_user_line",
    "shown",
    "warn",
]

_NOT_THE_USER = ("deepkit", "jax", "jaxlib")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class DeepkitError(Exception):
    """Base of every error that deepkit raises on purpose."""


class DeepkitValueError(DeepkitError, ValueError):
    """A value, shape or name that cannot work."""


class DeepkitTypeError(DeepkitError, TypeError):
    """An object of a kind that is not understood here."""


class DeepkitMemoryError(DeepkitError, MemoryError):
    """What would need more memory than there is."""


class DeepkitWarning(UserWarning):
    """Something that runs, but probably not as the user means it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'adam'?` for a misspelt name, else the list of all names, as one sentence."""
    options = sorted(set(known))
    for option in options:
        if name and name == "".join(word[:1] for word in option.split("_")):
            return f"Did you mean {option!r}?"
    folded = {option.lower().replace("_", ""): option for option in options}
    close = difflib.get_close_matches(name.lower().replace("_", ""), folded, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    return f"Known names: {', '.join(options)}."


def described(value: Any) -> str:
    """What a value is, as part of a sentence: `an array of shape (12, 4)`, `the class Dense`, `None`."""
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if hasattr(type(value), "label"):
        return str(value.label)
    if isinstance(shape, tuple):
        columns = f", columns {', '.join(map(str, value.columns))}" if hasattr(value, "columns") else ""
        return f"{'a table' if columns else 'an array'} of shape {shape}{columns}"
    if isinstance(value, list | tuple | dict | set):
        return f"a {kind} of {len(value)} {'entry' if len(value) == 1 else 'entries'}"
    if inspect.isroutine(value):
        return "a lambda function" if value.__name__ == "<lambda>" else f"the function {value.__name__}"
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def shown(value: Any) -> str:
    """A value as the user wrote it, or what it is where that would be long: `units=<an array of shape (12, 4)>`."""
    text = repr(value)
    return text if len(text) <= 60 and not text.startswith("<") and "\n" not in text else f"<{described(value)}>"


def warn(message: str) -> None:
    """Issue a `DeepkitWarning` that points at the first line outside the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _NOT_THE_USER:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, DeepkitWarning, stacklevel=level + 1)


def from_user_line(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a `DeepkitError` raised anywhere below `function` show the user's line, not deepkit's insides.

    A call with misspelt, missing or too many arguments becomes a `DeepkitTypeError` too.
    """

    @functools.wraps(function)
    def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except DeepkitError as error:
            raise error.with_traceback(None) from error.__cause__
        except TypeError as error:
            inside = error.__traceback__ is not None and error.__traceback__.tb_next is not None
            wrong = None if inside else _wrong_call(function, args, kwargs)
            if wrong is None:
                raise
            raise DeepkitTypeError(wrong) from None

    return wrapper


def _wrong_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """What is wrong with the arguments of a call that Python refused."""
    name = function.__qualname__.rpartition("<locals>.")[2].removesuffix(".__init__")
    known = dict(inspect.signature(function).parameters)
    count = len(args) - (known.pop("self", None) is not None)
    for keyword in kwargs:
        if keyword not in known:
            return f"{name} has no argument {keyword!r}. {did_you_mean(keyword, known)}"
    positional = [p.name for p in known.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if count > len(positional):
        return (
            f"{name} takes {len(positional)} argument{'s' * (len(positional) != 1)} by position "
            f"({', '.join(positional)}), but {count} were given. "
            "Pass the others by name, and several things that belong together as one list."
        )
    for place, parameter in enumerate(known.values()):
        if parameter.default is parameter.empty and place >= count and parameter.name not in kwargs:
            return f"{name} needs the argument {parameter.name!r}. Write {name}({parameter.name}=…)."
    return None
