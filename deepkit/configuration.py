"""Declarations: small immutable objects whose fields are their whole configuration.

Layers, losses, metrics, initializers, regularizers, constraints, optimizers and schedules are all
`Configurable`. A subclass only lists its fields; it gets a constructor, a readable `repr`, `replace`,
and a round trip through JSON (`encode` and `decode`) from here. Nothing is registered globally: each
family keeps a plain dictionary of its own names, and `lookup` turns a name into an object.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import types
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import jax
import numpy as np

from deepkit.converters import flag
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, did_you_mean, from_user_line, shown

__all__ = [
    "Configurable",
    "decode",
    "encode",
    "known_to_be",
    "lookup",
    "parameter",
]

Thing = TypeVar("Thing")


def parameter(
    *, default: Any = dataclasses.MISSING, convert: Callable[[Any], Any] | None = None, kw_only: bool = False
) -> Any:
    """A field of a `Configurable`.

    `convert(value)` turns what the user wrote (a name, a list) into what is kept (a function, a tuple)
    and refuses what cannot work; its error is completed with the class and the field. It must leave its
    own results unchanged, because `replace` sends them through it again.
    """
    return dataclasses.field(default=default, kw_only=kw_only, metadata={"convert": convert})


@dataclass_transform(field_specifiers=(parameter, dataclasses.field), eq_default=True)
class Configurable:
    """Base of every declaration: annotated fields become constructor arguments, in order.

    Instances are immutable (`layer.units = 3` is refused) except for the fields named in `SETTABLE`.
    """

    BY_VALUE: ClassVar[bool] = True
    """Whether two instances with equal fields are equal. Layers compare by identity: sharing one shares its weights."""
    SETTABLE: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls).get("__init__")
        setattr(cls, "__init__", _Constructor(own))  # noqa: B010  mypy refuses to assign a method

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            self._convert(field)
        object.__setattr__(self, "_sealed", True)

    def _convert(self, field: dataclasses.Field[Any]) -> None:
        convert = field.metadata.get("convert") or (flag if field.type in ("bool", bool) else None)
        if convert is None:
            return
        value = getattr(self, field.name)
        try:
            object.__setattr__(self, field.name, convert(value))
        except (DeepkitTypeError, DeepkitValueError) as error:
            raise type(error)(f"{type(self).__name__}({field.name}={shown(value)}): {error}") from None

    @from_user_line
    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, "_sealed", False) and name not in self.SETTABLE:
            raise DeepkitTypeError(
                f"{type(self).__name__}.{name} cannot be changed after it was declared. "
                f"Make a new one: {type(self).__name__.lower()}.replace({name}={value!r})."
            )
        object.__setattr__(self, name, value)
        if getattr(self, "_sealed", False):
            self._convert(next(f for f in dataclasses.fields(self) if f.name == name))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        shown = []
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            default = field.default
            convert = field.metadata.get("convert")
            if default is not dataclasses.MISSING and convert is not None:
                default = convert(default)
            if default is dataclasses.MISSING or not _same(value, default):
                text = value.__name__ if inspect.isroutine(value) else repr(value)
                shown.append(f"{field.name}={text}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


class _Constructor:
    """Stands for the `__init__` of a class until someone asks for it; then the class becomes a dataclass.

    Making a dataclass compiles a piece of Python. For all of deepkit's classes at import, most of which a program
    never uses, that would be a tenth of the time of a small program.
    """

    def __init__(self, own: Callable[..., None] | None) -> None:
        self.own = own

    def __get__(self, instance: Any, owner: type) -> Any:
        for kind in reversed(owner.__mro__):
            waiting = vars(kind).get("__init__")
            if isinstance(waiting, _Constructor):
                by_value = kind.BY_VALUE  # type: ignore[attr-defined]
                del kind.__init__  # type: ignore[misc]  # a dataclass writes it only where there is none
                if waiting.own is not None:
                    setattr(kind, "__init__", waiting.own)  # noqa: B010  mypy refuses to assign a method
                dataclasses.dataclass(repr=False, eq=by_value, unsafe_hash=by_value)(kind)
                setattr(kind, "__init__", from_user_line(vars(kind)["__init__"]))  # noqa: B010
        return getattr(owner if instance is None else instance, "__init__")  # noqa: B009  mypy refuses


def known_to_be(value: Any, number: float) -> bool:
    """Whether a declared number is this one, and a shortcut may be taken. A sweep puts traced numbers into
    declarations, of which nothing is known yet: the general formula must hold for them.
    """
    return not isinstance(value, jax.Array) and bool(value == number)


def _same(left: Any, right: Any) -> bool:
    return left is right or (type(left) is type(right) and not isinstance(left, np.ndarray) and left == right)


def lookup(identifier: Any, family: str, names: Mapping[str, Any], *, kind: type[Thing] | None = None) -> Any:
    """The object that a user means by a name, a class, or the object itself.

    Strings are looked up in `names` (exactly, then without regard to case and underscores); classes are
    called without arguments; anything else is returned if it is a `kind`, else refused.
    """
    if isinstance(identifier, str):
        folded = {name.lower().replace("_", ""): value for name, value in names.items()}
        found = names.get(identifier, folded.get(identifier.lower().replace("_", "")))
        if found is None and "(" in identifier:
            room = family + ("es" if family.endswith("s") else "s")
            raise DeepkitValueError(
                f"no {family} is called {identifier!r}: a name takes no arguments. "
                f"Pass the object itself, without quotes: dk.{room}.{identifier}."
            )
        if found is None:
            raise DeepkitValueError(f"no {family} is called {identifier!r}. {did_you_mean(identifier, names)}")
        return found() if inspect.isclass(found) else found
    if inspect.isclass(identifier):
        return lookup(identifier(), family, names, kind=kind)
    if kind is not None and isinstance(identifier, kind):
        return identifier
    article = "an" if family[0] in "aeiou" else "a"
    raise DeepkitTypeError(
        f"expected the name of {article} {family}, such as {next(iter(names))!r}"
        + (f", or {article} {kind.__name__} object" if kind is not None else "")
        + f", got {described(identifier)}."
    )


def qualified_name(thing: Any) -> str:
    """`losses.Huber` for deepkit's own classes and functions, the bare name for a user's."""
    module = thing.__module__ or ""
    if module.startswith("deepkit."):
        return f"{module.split('.')[1]}.{thing.__name__}"
    return str(thing.__name__)


def encode(value: Any) -> Any:
    """A declaration, or any value of its fields, as JSON: no code, only names and numbers.

    Functions and classes are written by name, deepkit's own as `family.Name`, a user's as the bare name.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": str(value.dtype)}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {"mapping": [[encode(key), encode(item)] for key, item in value.items()]}
    if isinstance(value, Configurable):
        fields = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}  # type: ignore[arg-type]
        return {"class": qualified_name(type(value)), "config": fields}
    if callable(value) and hasattr(value, "__name__"):
        return {"function": qualified_name(value)}
    raise DeepkitTypeError(
        f"{value!r} of type {type(value).__name__} cannot be written as JSON. "
        "Use numbers, strings, lists, named functions, or a deepkit object."
    )


def decode(value: Any, vocabulary: Mapping[str, Any]) -> Any:
    """The inverse of `encode`. `vocabulary` maps every name that may occur to its class or function.

    Lists come back as tuples. An unknown name is an error that says how to pass it.
    """
    if isinstance(value, list):
        return tuple(decode(item, vocabulary) for item in value)
    if not isinstance(value, dict):
        return value
    if "float" in value:
        return float(value["float"])
    if "array" in value:
        return np.asarray(value["array"], dtype=value["dtype"])
    if "mapping" in value:
        return {decode(key, vocabulary): decode(item, vocabulary) for key, item in value["mapping"]}
    if "function" in value:
        return _known(value["function"], vocabulary, "function")
    declared = _known(value["class"], vocabulary, "class")
    return declared(**{name: decode(item, vocabulary) for name, item in value["config"].items()})


def _known(name: str, vocabulary: Mapping[str, Any], kind: str) -> Any:
    if name not in vocabulary:
        raise DeepkitValueError(
            f"the file names the {kind} {name!r}, which deepkit does not have, and no code is loaded from a file. "
            f"Pass yours: custom_objects={{{name!r}: {name.strip('<>')}}}."
        )
    found = vocabulary[name]
    expected = (type,) if kind == "class" else (types.FunctionType, types.BuiltinFunctionType, Callable)
    if not isinstance(found, expected):  # type: ignore[arg-type]
        raise DeepkitTypeError(f"custom_objects[{name!r}] is {found!r}, but the file needs a {kind}.")
    return found
