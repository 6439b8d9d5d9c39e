"""Names for what a declaration cannot hold: the classes and functions it refers to.

deepkit's own go by `family.Name`. A user's go by their own name, or, where that says nothing (a lambda, an
object) or two go by the same one, by the place where they stand: `dense_1.activation`. So a model can always be
saved, no name ever stands for two things, and whoever loads it passes `custom_objects={"dense_1.activation": …}`.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from deepkit import activations, initializers, layers, losses, metrics, optimizers, regularizers
from deepkit.configuration import Configurable, encode, qualified_name
from deepkit.errors import DeepkitTypeError

FAMILIES: tuple[ModuleType, ...] = (
    layers, activations, initializers, regularizers, losses, metrics, optimizers, optimizers.schedules,
)  # fmt: skip


def vocabulary() -> dict[str, Any]:
    """Every class and function of deepkit that a file may name. Nothing else is ever looked up."""
    things = [
        thing
        for family in FAMILIES
        for thing in map(family.__dict__.__getitem__, family.__all__)
        if inspect.isclass(thing) and issubclass(thing, Configurable)
    ]
    return {qualified_name(thing): thing for thing in [*things, *activations.ACTIVATIONS.values()]}


class Names:
    """The names of one file, given out while it is written."""

    def __init__(self) -> None:
        self._own = vocabulary()
        self._given: dict[str, Any] = {}

    def name(self, thing: Any, place: str) -> str:
        """The one name of a class or function; `place` is where it stands."""
        called = getattr(thing, "__name__", "")
        if called and self._own.get(qualified_name(thing)) is thing:
            return qualified_name(thing)
        for name in _candidates(called, place):
            if name not in self._own and self._given.setdefault(name, thing) is thing:
                return name
        raise AssertionError("there are as many candidates as one likes")

    def write(self, value: Any, place: str) -> Any:
        """`configuration.encode` of a declaration, with these names.

        Raises:
            DeepkitTypeError: for a field that holds what JSON cannot; the message names it.
        """
        if isinstance(value, Configurable):
            fields = {
                field.name: self.write(getattr(value, field.name), f"{place}.{field.name}")
                for field in dataclasses.fields(value)  # type: ignore[arg-type]
            }
            return {"class": self.name(type(value), place), "config": fields}
        if isinstance(value, list | tuple):
            return [self.write(item, f"{place}.{number}") for number, item in enumerate(value)]
        if isinstance(value, Mapping):
            return {"mapping": [[encode(key), self.write(item, f"{place}.{key}")] for key, item in value.items()]}
        if callable(value):
            return {"function": self.name(value, place)}
        try:
            return encode(value)
        except DeepkitTypeError as error:
            raise DeepkitTypeError(f"{place} cannot be saved: {error}") from None


def _candidates(called: str, place: str) -> Iterator[str]:
    if called.isidentifier():
        yield called
    yield place
    yield from (f"{place}#{number}" for number in itertools.count(2))


def _is_deepkits(name: str) -> bool:
    """Whether a name has the form of deepkit's own: `losses.Huber`, `activations.relu`."""
    family, _, rest = name.partition(".")
    known = {module.__name__.split(".")[1] for module in FAMILIES}
    return family in known and rest.isidentifier() and (rest[0].isupper() or family == "activations")


def names_in(written: Any) -> Iterator[tuple[str, str]]:
    """Every `("class" or "function", name)` in what `Names.write` wrote."""
    if isinstance(written, list):
        for item in written:
            yield from names_in(item)
    elif isinstance(written, dict):
        if "class" in written:
            yield "class", written["class"]
            yield from names_in(list(written["config"].values()))
        elif "function" in written:
            yield "function", written["function"]
        elif "mapping" in written:
            yield from names_in(written["mapping"])


def what_is_missing(written: Any, known: Mapping[str, Any]) -> str:
    """Which names are not known, and how to pass them; "" if there are none."""
    missing = {name: kind for kind, name in names_in(written) if name not in known}
    if not missing:
        return ""
    newer = [name for name in missing if _is_deepkits(name)]
    if newer:
        return f"it needs {', '.join(newer)}, which this version of deepkit does not have. Update deepkit."
    listed = ", ".join(f"the {kind} {name!r}" for name, kind in missing.items())
    pairs = ", ".join(f"{name!r}: {name if name.isidentifier() else '…'}" for name in missing)
    dotted = [name for name in missing if not name.isidentifier()]
    where = f" ({dotted[0]!r} says where it stood, because it had no name of its own)" if dotted else ""
    return (
        f"it needs {listed} of yours{where}, and no code is loaded from a file. "
        f"Pass what the model was built with: load_model(path, custom_objects={{{pairs}}})."
    )
