"""Training the members of one group: a program that trains any number of them, and the search for its fastest form.

A member is one training run, written as a function of its seed, its numbers and its rows. A program maps it over a
tile of members, `width` at a time side by side (`vmap`) and these chunks one after another; and one program runs on
every core that XLA leaves idle. On a CPU small models are often faster one after another than side by side, and
nobody can say beforehand when: so the first members of a large group are trained in different ways, and the clock
decides about the others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.layers.layer import Weights
from deepkit.program.description import Number
from deepkit.program.objective import Batch
from deepkit.program.program import combine, partition
from deepkit.sweeps.numbers import turned
from deepkit.training.arguments import rows_at_once
from deepkit.training.resident import advance_function, batch_shapes
from deepkit.training.steps import Shapes, Steps
from deepkit.training.transitions import Transition

WIDTHS = (1, 8, 64)
"""Members side by side that are tried, as long as more of them are faster."""
VISIT_SECONDS = 0.3
"""Aim for the time between two visits to the host: for the progress line and Ctrl-C."""
TILE_BYTES = 2**25
"""Memory for what one tile hands back."""
WORTH_TRYING = 4.0
"""Another width is tried where what is left to do takes so many times as long as it takes to compile."""


class Outcome(NamedTuple):
    """What a member leaves: its weights, the figures of its epochs (one row each), how many there were."""

    params: Weights
    state: Weights
    history: jax.Array
    epochs: jax.Array
    memories: tuple[Any, ...]


Own = tuple[Batch, Batch | None, tuple[Weights, Weights]]
"""Rows, validation rows, and the weights that layers have from the start, such as fitted statistics."""


class Task(NamedTuple):
    """One member, as its program takes it: the seed, one value per varying number, and what makes its own rows and
    fitted statistics, if it has any.
    """

    member: int
    seed: int
    values: tuple[float, ...]
    own: Callable[[], Own] | None


class Recipe(NamedTuple):
    """What all members of a group share.

    Attributes:
        model: A compiled model whose declarations stand for all.
        numbers: The numbers in them that vary.
        rows, validation: On the device; where every member has rows of its own, those of one as an example.
        given: Weights that layers have from the start.
        batch_size: Rows per step.
        epochs: Epochs that are trained.
        shuffle: Whether every epoch has an order of its own.
        transitions: Callbacks inside the program.
    """

    model: Any
    numbers: tuple[Number, ...]
    rows: Batch
    validation: Batch | None
    given: tuple[Weights, Weights]
    batch_size: int
    epochs: int
    shuffle: bool
    transitions: tuple[Transition, ...]

    @property
    def own(self) -> Own:
        """What a member may have of its own."""
        return self.rows, self.validation, self.given


Member = Callable[..., Outcome]


def member_function(recipe: Recipe) -> tuple[Member, Shapes]:
    """`member(seed, values, rows, validation, given) -> Outcome`, pure, and the shapes of its figures."""
    model, trainer = recipe.model, recipe.model._require_trainer("sweep")
    program, optimizer = model.program, trainer.optimizer
    steps: Steps = trainer.steps(recipe.transitions)
    with_rate = any(transition.REPORTS_RATE for transition in recipe.transitions)
    shapes = steps.shapes(
        batch_shapes(recipe.rows, recipe.batch_size), validated=recipe.validation is not None, with_rate=with_rate
    )
    measured = max(recipe.batch_size, rows_at_once(program.graph))
    advance = advance_function(steps, recipe.batch_size, recipe.shuffle, measured, with_rate)

    def member(
        seed: jax.Array, values: Sequence[jax.Array], rows: Batch, validation: Batch | None, given: Sequence[Weights]
    ) -> Outcome:
        with turned(recipe.numbers, values):
            drawn = program.init(jax.random.key(seed))
            params, state = (_over(mine, theirs) for mine, theirs in zip(drawn, given, strict=True))
            carried = steps.fresh(partition(params, steps.trainable)[0])
            rate = jnp.float32(0.0 if optimizer.scheduled else optimizer.learning_rate)
            s = steps.begin((params, state), carried, seed, rate, shapes, capacity=recipe.epochs)
            s = advance(s, rows, validation, np.int32(recipe.epochs), np.int32(0))
            trained = optimizer.averaged(s.optimizer, s.trained)
            return Outcome(combine(trained, s.frozen), s.state, s.history, s.epoch, s.memories)

    return member, shapes


def _over(drawn: Weights, given: Weights) -> Weights:
    """`drawn`, with the leaves that `given` has in their places."""
    merged = dict(drawn)
    for name, item in given.items():
        merged[name] = _over(drawn[name], item) if isinstance(item, dict) else item
    return merged


def traces(recipe: Recipe) -> bool:
    """Whether the numbers may be arguments: no Python in the model asks how large one is."""
    member, _ = member_function(recipe)
    values = [jax.ShapeDtypeStruct((), np.float32) for _ in recipe.numbers]
    try:
        jax.eval_shape(member, np.uint32(0), values, *recipe.own)
    except (jax.errors.ConcretizationTypeError, TypeError):
        return False
    return True


class Program:
    """The members of a group, `width` side by side, compiled when it is first run."""

    def __init__(self, recipe: Recipe, member: Member, width: int, own_rows: bool) -> None:
        self.width = width
        self.own_rows = own_rows
        self._recipe = recipe
        axis = 0 if own_rows else None
        self._chunk: Any = jax.vmap(member, in_axes=(0, 0, axis, axis, axis)) if width > 1 else member
        example = jax.eval_shape(member, np.uint32(0), [np.float32(0)] * len(recipe.numbers), *recipe.own)
        each = (example, recipe.own) if own_rows else example
        size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(each))
        self.chunks = max(1, min(256 // width, TILE_BYTES // max(size * width, 1)))
        lead = (self.chunks,) if width == 1 else (self.chunks, width)
        self._empty = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*lead, *leaf.shape), leaf.dtype), example)
        self._compiled: Any = None
        self.compile_seconds = 0.0

    def _tile(self, seeds: jax.Array, values: Sequence[jax.Array], own: Own, count: jax.Array) -> Outcome:
        def at(tree: Any, number: jax.Array) -> Any:
            return jax.tree.map(lambda leaf: leaf[number], tree)

        def one(number: jax.Array, outcomes: Outcome) -> Outcome:
            mine = at(own, number) if self.own_rows else own
            outcome = self._chunk(at(seeds, number), at(values, number), *mine)
            return jax.tree.map(
                lambda all_, new: jax.lax.dynamic_update_index_in_dim(all_, new, number, 0), outcomes, outcome
            )

        empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self._empty)
        return jax.lax.fori_loop(0, count, one, empty)

    def run(self, tasks: Sequence[Task]) -> list[Outcome]:
        """Train these members, at most `chunks · width`; what comes back is in the host's memory."""
        lead = (self.chunks,) if self.width == 1 else (self.chunks, self.width)
        filled = [*tasks, *[tasks[-1]] * (self.chunks * self.width - len(tasks))]
        seeds = np.array([task.seed for task in filled], np.uint32).reshape(lead)
        values = [
            np.array([task.values[number] for task in filled], np.float32).reshape(lead)
            for number in range(len(self._recipe.numbers))
        ]
        own = self._recipe.own
        if self.own_rows:
            each = [task.own() for task in tasks if task.own is not None]
            each += [each[-1]] * (len(filled) - len(each))
            own = jax.tree.map(lambda *leaves: np.stack(leaves).reshape(*lead, *leaves[0].shape), *each)
        count = np.int32(-(-len(tasks) // self.width))
        arguments = (seeds, values, own, count)
        if self._compiled is None:
            begun = time.perf_counter()
            self._compiled = jax.jit(self._tile).lower(*arguments).compile()
            self.compile_seconds = time.perf_counter() - begun
        outcomes = jax.device_get(self._compiled(*arguments))
        if self.width > 1:
            outcomes = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), outcomes)
        return [jax.tree.map(lambda leaf, n=number: leaf[n].copy(), outcomes) for number in range(len(tasks))]


class Pace(NamedTuple):
    """How fast a width turned out to be, at a batch size."""

    width: int
    seconds_per_member: float
    compile_seconds: float
    batch_size: int


def train_group(
    recipe: Recipe, tasks: Sequence[Task], *, width: int | None = None, paces: list[Pace] | None = None
) -> Iterator[tuple[Task, Outcome]]:
    """Train every task; yields each with its outcome as soon as it is there.

    Args:
        recipe: What they share.
        tasks: Each member's own.
        width: Members side by side; by default the clock decides.
        paces: Receives what was measured.
    """
    member, _ = member_function(recipe)
    own_rows = tasks[0].own is not None
    waiting = list(tasks)
    measured: list[Pace] = [] if paces is None else paces
    best: Program | None = None
    pace: Pace | None = None
    with ThreadPoolExecutor(_workers()) as pool:
        for candidate in WIDTHS if width is None else (width,):
            if not waiting or (best is not None and candidate > len(waiting)):
                break
            if pace is not None and pace.seconds_per_member * len(waiting) < WORTH_TRYING * pace.compile_seconds:
                break
            program = Program(recipe, member, candidate, own_rows)
            first, waiting = waiting[:candidate], waiting[candidate:]
            begun = time.perf_counter()
            yield from zip(first, program.run(first), strict=True)  # compiles
            seconds = (time.perf_counter() - begun - program.compile_seconds) / len(first)
            begun, done = time.perf_counter(), 0
            if waiting and width is None:
                for task, outcome in _spread(program, waiting, pool, seconds, rounds=1):
                    done += 1
                    yield task, outcome
                if done:
                    seconds = (time.perf_counter() - begun) / done
                waiting = waiting[done:]
            this = Pace(candidate, seconds, program.compile_seconds, recipe.batch_size)
            measured.append(this)
            if pace is not None and this.seconds_per_member >= pace.seconds_per_member:
                break
            best, pace = program, this
        if waiting and best is not None and pace is not None:
            yield from _spread(best, waiting, pool, pace.seconds_per_member)


def _spread(
    program: Program, tasks: Sequence[Task], pool: ThreadPoolExecutor, seconds: float, rounds: int | None = None
) -> Iterator[tuple[Task, Outcome]]:
    """Tiles of about `VISIT_SECONDS` on all workers, in the order of the tasks; all of them, or so many rounds."""
    workers = _workers()
    position, begun = 0, 0
    running: dict[Future[list[Outcome]], Sequence[Task]] = {}
    while True:
        while len(running) < workers and position < len(tasks) and (rounds is None or begun < rounds * workers):
            ahead = int(VISIT_SECONDS / max(seconds * program.width * workers, 1e-9)) + 1
            left = -(-(len(tasks) - position) // (workers * program.width))
            size = min(ahead, left, program.chunks) * program.width
            tile = tasks[position : position + size]
            running[pool.submit(program.run, tile)] = tile
            position += len(tile)
            begun += 1
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            tile = running.pop(future)
            yield from zip(tile, future.result(), strict=True)


def _workers() -> int:
    """Tiles at a time: a small model keeps one core of a CPU busy, and any other device is busy with one."""
    return max(1, os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1
