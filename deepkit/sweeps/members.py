"""From settings and seeds to groups of members that one program can train."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from deepkit.data.part import Split
from deepkit.errors import DeepkitError, DeepkitTypeError, described, did_you_mean
from deepkit.program.description import Description
from deepkit.program.holders import partly_stored
from deepkit.program.memory import check_weights_fit
from deepkit.program.objective import Batch
from deepkit.sweeps.engine import ALWAYS, EPOCHS, ROWS, WIDTHS_OF_HIDDEN_LAYERS, Own, Recipe, Task, traces
from deepkit.sweeps.numbers import describe
from deepkit.sweeps.spaces import Settings
from deepkit.sweeps.starts import Starts
from deepkit.sweeps.widths import Outline, outline_of, padded, shelves, sizes_of
from deepkit.training.arguments import refuse_test_data
from deepkit.training.fitting import prepare
from deepkit.training.rows import resolve_losses
from deepkit.training.trainer import Plan, to_device
from deepkit.training.transitions import Transition

RUN_ARGUMENTS = ("batch_size", "epochs")
"""What may be an axis without being an argument of `build`: then it is one of the run."""
OWN_BYTES = 2**22
"""Rows that differ along an axis (folds, noise) travel with every member, up to this size: then one program trains all
their members. Larger ones are sent once, to a group of their own.
"""

KEPT_BYTES = 2**26
"""Rows drawn for seeds are kept up to this size; those of further seeds are drawn again for every setting."""


@dataclasses.dataclass
class Member:
    """One run of a sweep.

    Attributes:
        number: Its place in the result.
        settings: Its point of the grid, by axis.
        seed: Of its weights, order of rows, and everything random; and of its data, where these are drawn.
        failure: Why it has no figures; `None` if it has.
    """

    number: int
    settings: Settings
    seed: int
    failure: str | None = None


@dataclasses.dataclass
class Group:
    """Members that one program trains."""

    recipe: Recipe
    tasks: list[Task]


class Source:
    """Where the rows of a member come from: data that all share, or a function that draws or makes them.

    Args:
        data: `(x, y)`, `(x, y, validation)`, a part, a split, or a function of the seed and settings that returns one.
        axes: Names of the axes.
    """

    def __init__(self, data: Any, axes: Iterable[str]) -> None:
        self._data = data
        self.names: tuple[str, ...] = ()
        self.takes_seed = False
        self._known: dict[Hashable, Any] = {}
        self._room = KEPT_BYTES
        if not callable(data):
            return
        parameters = inspect.signature(data).parameters
        self.names = tuple(name for name in parameters if name in axes)
        rest = [name for name, p in parameters.items() if name not in axes and p.default is inspect.Parameter.empty]
        self.takes_seed = bool(rest) or "seed" in parameters
        self._seed_name = "seed" if "seed" in parameters else (rest[0] if rest else "")
        if len(rest) > 1 or (len(rest) == 1 and rest[0] != self._seed_name):
            raise DeepkitTypeError(
                f"the data function takes {', '.join(rest)}, which are neither axes of the sweep nor its seed. "
                "Let it take one seed and the axes that it heeds, and give everything else a default."
            )

    @property
    def varies(self) -> bool:
        """Whether members differ in their rows."""
        return bool(self.names) or self.takes_seed

    def of(self, settings: Settings, seed: int) -> tuple[Any, Any, Any]:
        """`(x, y, validation data or None)` of a member."""
        if not callable(self._data):
            return unpacked(self._data)
        arguments = {name: settings[name] for name in self.names} | ({self._seed_name: seed} if self.takes_seed else {})
        key = tuple((name, repr(value)) for name, value in arguments.items())
        if key in self._known:
            return self._known[key]
        made = unpacked(self._data(**arguments))
        size = _bytes(made)
        if not self.takes_seed or self._room >= size:
            self._room -= size
            self._known[key] = made
        return made


def unpacked(data: Any) -> tuple[Any, Any, Any]:
    """`(x, y, validation data or None)`. Of a split, the training part and, if it has rows, the development part."""
    if isinstance(data, Split):
        x, y = data.train.for_training("sweep")
        return x, y, data.dev if len(data.dev) else None
    if hasattr(data, "for_training"):
        return *data.for_training("sweep"), None
    if isinstance(data, tuple | list) and len(data) in (2, 3):
        refuse_test_data(list(data), "sweep")
        return (*data, None)[:3]
    raise DeepkitTypeError(
        f"data is {described(data)}. Pass a split from dk.split, (x, y), (x, y, validation_data), or a function of the "
        "seed that returns one of them."
    )


def check_axes(build: Callable[..., Any], source: Source, axes: Iterable[str]) -> None:
    """Refuse an axis that nobody takes."""
    parameters = inspect.signature(build).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    for name in axes:
        if name in parameters or name in source.names or name in RUN_ARGUMENTS:
            continue
        raise DeepkitTypeError(
            f"the sweep has an axis {name!r}, but build takes {', '.join(parameters) or 'no arguments'}. "
            f"{did_you_mean(name, [*parameters, *RUN_ARGUMENTS])}"
        )


def arguments_of(build: Callable[..., Any], settings: Settings, source: Source) -> dict[str, Any]:
    """The settings that `build` takes."""
    parameters = inspect.signature(build).parameters
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    elsewhere = (*source.names, *RUN_ARGUMENTS)
    return {
        name: value for name, value in settings.items() if name in parameters or (open_ended and name not in elsewhere)
    }


@dataclasses.dataclass
class _Variant:
    """A model that was built for some settings, and the members that want it."""

    model: Any
    members: list[Member]
    description: Description
    batch_size: int
    epochs: int
    rows: int
    own_rows: bool


def grouped(
    build: Callable[..., Any],
    source: Source,
    members: Sequence[Member],
    run_of: Callable[[Settings, int], tuple[int | None, int]],
    shuffle: bool,
    transitions: tuple[Transition, ...],
) -> list[Group]:
    """The groups, those that take the same rows first. Members whose model can't be built get their `failure`.

    `run_of(settings, rows)` gives `(batch_size, epochs)`.
    """
    variants: dict[tuple[Hashable, ...], list[_Variant]] = {}
    for same in _by_settings(members):
        try:
            variant = _variant(build, source, same, run_of)
        except Exception as error:  # whatever a user's function raises: the others go on
            _fail(same, error)
            continue
        x, y, validation = source.of(same[0].settings, same[0].seed)
        key = (
            variant.description.structure, _stored(variant), variant.batch_size,
            None if "epochs" in same[0].settings else variant.epochs,
            _shapes(x), _shapes(y), _count(validation), variant.own_rows,
            None if variant.own_rows else tuple(repr(same[0].settings[name]) for name in source.names),
        )  # fmt: skip
        variants.setdefault(key, []).append(variant)
    groups: list[Group] = []
    for alike in _on_shelves(list(variants.items())):
        try:
            groups += _groups_of(alike, source, shuffle, transitions)
        except DeepkitError as error:
            for variant in alike:
                _fail(variant.members, error)
    return groups


def _by_settings(members: Sequence[Member]) -> list[list[Member]]:
    found: dict[int, list[Member]] = {}
    for member in members:
        found.setdefault(id(member.settings), []).append(member)
    return list(found.values())


def _variant(build: Any, source: Source, members: list[Member], run_of: Any) -> _Variant:
    settings = members[0].settings
    model = build(**arguments_of(build, settings, source))
    if not hasattr(model, "graph") or not hasattr(model, "compile"):
        raise DeepkitTypeError(f"build returned {described(model)}. Let it return a compiled dk.Model.")
    trainer = model._require_trainer("sweep")
    check_weights_fit(model.program, trainer.optimizer, copies=3)  # handed over, in training, and handed back
    x, y, _ = source.of(settings, members[0].seed)
    resolve_losses(trainer, model, y, 0)
    rows = len(x) if hasattr(x, "iloc") else len(jax.tree.leaves(x)[0])
    batch_size, epochs = run_of(settings, rows)
    size = rows if batch_size is None else min(batch_size, rows)
    own_rows = source.takes_seed or (bool(source.names) and _bytes(x) + _bytes(y) <= OWN_BYTES)
    return _Variant(model, members, describe(model), size, epochs, rows, own_rows)


def _on_shelves(variants: Sequence[tuple[tuple[Hashable, ...], list[_Variant]]]) -> list[list[_Variant]]:
    """The variants, those together that share a program; of different hidden widths, the widest model comes first."""
    outlines: dict[Hashable, list[tuple[Outline, list[_Variant]]]] = {}
    for key, alike in variants:
        outline = outline_of(alike[0].model) or Outline(alike[0].description.structure, ())
        outlines.setdefault((outline.structure, key[1:]), []).append((outline, alike))
    found: list[list[_Variant]] = []
    for pairs in outlines.values():
        first = pairs[0][1][0]
        together = shelves(
            [outline.widths for outline, _ in pairs],
            [alike[0].model.count_params() for _, alike in pairs],
            [sum(len(variant.members) for variant in alike) for _, alike in pairs],
            first.rows * first.epochs,
        )
        found += [[variant for place in reversed(places) for variant in pairs[place][1]] for places in together]
    return found


def _groups_of(
    alike: list[_Variant], source: Source, shuffle: bool, transitions: tuple[Transition, ...]
) -> list[Group]:
    """Variants of one structure, but for the widths of hidden layers, of which the first has the largest: one group, or
    several where Python asks for the value of a number.
    """
    first = alike[0]
    shapes = first.model.program.shapes()
    narrower = any(variant.model.program.shapes() != shapes for variant in alike)
    starts = Starts(member.seed for variant in alike for member in variant.members)
    differ = ALWAYS.union(
        ROWS if first.own_rows else (),
        WIDTHS_OF_HIDDEN_LAYERS if narrower else (),
        EPOCHS if "epochs" in first.members[0].settings else (),
    )
    longest = max(variant.epochs for variant in alike)
    rows, validation = _rows(first, first.members[0], source)
    weights = starts.of(first.model.program, first.members[0].seed)
    shared = Own(rows, validation, weights, sizes_of(weights[0]) if narrower else None)
    if "epochs" in differ:
        shared = shared._replace(epochs=np.int32(longest))
    numbers = first.description.numbers
    table = [[number.value for number in variant.description.numbers] for variant in alike]
    varying = [k for k in range(len(numbers)) if len({row[k] for row in table}) > 1]

    def recipe(chosen: Sequence[int]) -> Recipe:
        return Recipe(
            first.model, tuple(numbers[k] for k in chosen), shared, differ, first.batch_size, longest, shuffle,
            transitions,
        )  # fmt: skip

    whole = recipe(varying)
    fixed = [k for k in varying if not traces(recipe([k]))] if varying and not traces(whole) else []
    if fixed:
        parts: dict[Hashable, list[_Variant]] = {}
        for variant, row in zip(alike, table, strict=True):
            parts.setdefault(tuple(row[k] for k in fixed), []).append(variant)
        return [group for part in parts.values() for group in _groups_of(part, source, shuffle, transitions)]
    tasks = []
    for variant, row in zip(alike, table, strict=True):
        model = variant.model if narrower else first.model
        for member in variant.members:
            own = functools.partial(_own, variant, member, source, starts, shared, differ)
            tasks.append(Task(member.number, member.seed, tuple(row[k] for k in varying), model, variant.epochs, own))
    return [Group(whole, tasks)]


def _rows(variant: _Variant, member: Member, source: Source) -> tuple[Batch, Batch | None]:
    """A member's rows, checked as `fit` checks them."""
    x, y, validation = source.of(member.settings, member.seed)
    plan = Plan(variant.epochs, 0, member.seed, 0, (), (), None)
    model = variant.model
    prepared = prepare(
        model, model._require_trainer("sweep"), plan, x, y, batch_size=variant.batch_size, validation_data=validation,
        purpose="sweep",
    )  # fmt: skip
    rows = to_device(prepared.inputs, prepared.targets, prepared.weights)
    if not variant.own_rows:
        return rows, plan.validation
    return jax.device_get((rows, plan.validation))


def _own(variant: _Variant, member: Member, source: Source, starts: Starts, shared: Own, differ: frozenset[str]) -> Own:
    own = shared
    if "rows" in differ:
        rows, validation = _rows(variant, member, source)  # fits statistics, which are among the weights
        own = own._replace(rows=rows, validation=validation)
    weights = starts.of(variant.model.program, member.seed)
    own = own._replace(weights=padded(weights, shared.weights) if "sizes" in differ else weights)
    if "sizes" in differ:
        own = own._replace(sizes=sizes_of(weights[0]))
    if "epochs" in differ:
        own = own._replace(epochs=np.int32(variant.epochs))
    return own


def _fail(members: Iterable[Member], error: BaseException) -> None:
    for member in members:
        member.failure = f"{type(error).__name__}: {error}"


def _shapes(data: Any) -> Hashable:
    if hasattr(data, "iloc"):
        return tuple(data.shape), tuple(map(str, getattr(data, "columns", ())))
    return tuple((np.shape(leaf), str(getattr(leaf, "dtype", type(leaf)))) for leaf in jax.tree.leaves(data))


def _count(validation: Any) -> int | None:
    """How many rows are measured on, where that can be told."""
    data = validation[0] if isinstance(validation, tuple | list) and validation else validation
    return len(data) if hasattr(data, "__len__") else None


def _bytes(data: Any) -> int:
    if hasattr(data, "memory_usage"):
        return int(np.sum(data.memory_usage(index=False)))
    return sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(data))


def _stored(variant: _Variant) -> Hashable:
    """The weights that layers have from the start; only their shapes where every member takes its own along."""
    leaves = jax.tree_util.tree_leaves_with_path(partly_stored(variant.model.program))
    return tuple(
        (str(path), np.shape(leaf) if variant.own_rows else np.asarray(leaf).tobytes()) for path, leaf in leaves
    )


__all__ = ["Group", "Member", "Source", "arguments_of", "check_axes", "grouped", "unpacked"]
