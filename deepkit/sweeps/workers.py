"""Training some members of a study, in this process or in any other: what goes in can be pickled, and what comes out
is NumPy's.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from deepkit.cache import enable_compilation_cache
from deepkit.layers.layer import Weights
from deepkit.sweeps.engine import Outcome, Pace, Recipe, Task, train_group
from deepkit.sweeps.members import Group, Member, Source, grouped
from deepkit.sweeps.numbers import describe
from deepkit.sweeps.widths import trimmed
from deepkit.training.transitions import Transition


class Finished(NamedTuple):
    """What a member left.

    Attributes:
        member: Its number.
        figures: Names of the columns of `history`.
        history: `(epochs, figures)`.
        weights: `(params, state)`: the last, or those that a callback goes back to.
    """

    member: int
    figures: tuple[str, ...]
    history: np.ndarray
    weights: tuple[Weights, Weights]


class Failed(NamedTuple):
    """A member that left nothing, and why."""

    member: int
    reason: str


@dataclasses.dataclass(frozen=True)
class Job:
    """What all members of a study share: what makes them, and how they are trained."""

    build: Callable[..., Any]
    data: Any
    axes: tuple[str, ...]
    shuffle: bool
    transitions: tuple[Transition, ...]


@dataclasses.dataclass(frozen=True)
class Tile:
    """Members of one group that one worker trains, and the arguments of their runs.

    Attributes:
        group: Number of the group in the study.
        members: By number, settings, seed, epochs.
        varying: Which of the model's numbers vary in the group: then all its tiles are the same program, which is
            compiled once and kept on the disk.
        batch_size: Of all of them.
        longest: The most epochs that any of the group's members has.
        tries: How often a worker failed with them.
    """

    group: int
    members: tuple[tuple[int, dict[str, Any], int, int], ...]
    varying: tuple[int, ...]
    batch_size: int
    longest: int
    tries: int = 0


class Report(NamedTuple):
    """What a worker sends back."""

    results: list[Finished | Failed]
    paces: list[Pace]


def train_members(job: Job, tile: Tile, width: int | None) -> Report:
    """Train the members of a tile from the beginning: a pure function of its arguments, for a worker's process."""
    enable_compilation_cache()
    known: dict[str, dict[str, Any]] = {}
    members = [
        # Members of one setting share the dict, as in the study itself: so each setting is built once.
        Member(number, known.setdefault(repr(settings), settings), seed)
        for number, settings, seed, _ in tile.members
    ]
    epochs = {repr(settings): passes for _, settings, _, passes in tile.members}
    source = Source(job.data, job.axes)
    paces: list[Pace] = []
    results: list[Finished | Failed] = []
    for group in grouped(
        job.build, source, members, lambda settings, _: (tile.batch_size, epochs[repr(settings)]),
        job.shuffle, job.transitions,
    ):  # fmt: skip
        group = _as_in_the_study(group, tile)
        results += train_whole_group(group, group.tasks, width, paces)
    results += [Failed(member.number, member.failure) for member in members if member.failure is not None]
    return Report(results, paces)


def varying_places(recipe: Recipe) -> tuple[int, ...]:
    """Where the numbers that vary stand among all numbers of the model."""
    places = {(id(n.owner), n.field): place for place, n in enumerate(describe(recipe.model).numbers)}
    return tuple(places[id(number.owner), number.field] for number in recipe.numbers)


def _as_in_the_study(group: Group, tile: Tile) -> Group:
    """The same group with the tile's numbers as arguments, also those in which its members agree, and with room for as
    many epochs.
    """
    varying = tile.varying
    numbers = describe(group.recipe.model).numbers
    own = {place: k for k, place in enumerate(varying_places(group.recipe))}
    tasks = [
        task._replace(values=tuple(task.values[own[p]] if p in own else numbers[p].value for p in varying))
        for task in group.tasks
    ]
    chosen = tuple(numbers[place] for place in varying)
    return Group(dataclasses.replace(group.recipe, numbers=chosen, epochs=tile.longest), tasks)


def train_whole_group(
    group: Group,
    tasks: Sequence[Task],
    width: int | None,
    paces: list[Pace] | None,
    stopped: threading.Event | None = None,
) -> Iterator[Finished]:
    """Train these members of a group in this process; yields each as soon as it is finished."""
    columns = columns_of(group)
    chosen = list(columns.values())
    for task, outcome in train_group(group.recipe, tasks, width=width, paces=paces, stopped=stopped):
        rows = np.asarray(outcome.history)[: int(outcome.epochs), chosen]
        weights = _weights(group, outcome)
        if "sizes" in group.recipe.differ:
            weights = trimmed(weights, task.model.program.shapes())
        yield Finished(task.member, tuple(columns), rows, weights)


def columns_of(group: Group) -> dict[str, int]:
    """Names of the scalar figures of a group, and their columns in a history row."""
    columns: dict[str, int] = {}
    position = 0
    for key, shape in group.recipe.shapes.figures.items():
        if not shape:
            columns[f"dev_{key.removeprefix('val_')}" if key.startswith("val_") else key] = position
        position += math.prod(shape)
    return columns


def _weights(group: Group, outcome: Outcome) -> tuple[Weights, Weights]:
    params, state = outcome.params, outcome.state
    for transition, memory in zip(group.recipe.transitions, outcome.memories, strict=True):
        restored = transition.finish(memory, int)
        if restored is not None:
            trained, state = restored
            params = _merged(params, trained)
    return jax.device_get((params, state))


def _merged(params: Weights, trained: Weights) -> Weights:
    return params | {
        name: _merged(params[name], item) if isinstance(item, dict) else item for name, item in trained.items()
    }
