"""Training the members of one group: a program that trains any number of them, and the search for its fastest form.

A member is one training run, written as a function of its seed, its numbers and its rows. A program maps it over a
tile of members, `width` at a time side by side (`vmap`) and these chunks one after another; and one program runs on
every core that XLA leaves idle. On a CPU small models are often faster one after another than side by side, and
nobody can say beforehand when: so the first members of a large group are trained in different ways, and the clock
decides about the others.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.errors import DeepkitMemoryError
from deepkit.kernels import compiler_options
from deepkit.layers.layer import Weights
from deepkit.program.description import Number
from deepkit.program.memory import check_fits
from deepkit.program.objective import Batch
from deepkit.program.program import combine, partition
from deepkit.sweeps.numbers import as_declared, turned
from deepkit.sweeps.widths import masks, seconds_of
from deepkit.training.arguments import rows_at_once
from deepkit.training.resident import batch_shapes, whole_epochs_function
from deepkit.training.steps import Shapes, Steps
from deepkit.training.transitions import Transition

WIDTHS = (1, 8, 64)
"""Members side by side that are tried, as long as more of them are faster; on a CPU, first one in haste."""
VISIT_SECONDS = 0.3
"""Aim for the time between two visits to the host: for the progress line and Ctrl-C."""
TILE_BYTES = 2**25
"""Memory for what one tile hands back."""
WORTH_OPTIMISING = 0.3
"""Seconds of work from which on a program is optimised at once: one compiled in haste may take eight times as long."""
WORTH_TRYING = 4.0
"""Another form is tried where what is left to do takes so many times as long as it takes to compile."""
LOOK_SECONDS = 0.2
"""Between two looks at whether the study is to stop."""
TOO_LARGE = DeepkitMemoryError, jax.errors.JaxRuntimeError
"""What is raised where memory runs out, before or after XLA asked for it."""
OPTIMISING = 3.0
"""A program that is optimised takes so many times as long to compile, about."""


class Outcome(NamedTuple):
    """What a member leaves: its weights, the figures of its epochs (one row each), how many there were."""

    params: Weights
    state: Weights
    history: jax.Array
    epochs: jax.Array
    memories: tuple[Any, ...]


class Own(NamedTuple):
    """What a member may have of its own.

    Attributes:
        rows: For training.
        validation: For measuring.
        weights: `(parameters, state)` from the start.
        sizes: Where widths are padded, the shapes of the parameters' own parts.
        epochs: Where epochs are an axis, how many of those that the recipe has room for.
    """

    rows: Batch
    validation: Batch | None
    weights: tuple[Weights, Weights]
    sizes: Weights | None = None
    epochs: jax.Array | np.int32 | None = None


ALWAYS = frozenset({"weights"})
"""What every member has of its own."""
ROWS = frozenset({"rows", "validation"})
"""What differs where members have rows of their own."""
WIDTHS_OF_HIDDEN_LAYERS = frozenset({"sizes"})
"""What differs where members have widths of their own."""
EPOCHS = frozenset({"epochs"})
"""What differs where epochs are an axis."""


class Task(NamedTuple):
    """One member, as its program takes it.

    Attributes:
        member: Its number.
        seed: Its seed.
        values: One per varying number.
        model: Compiled; as the recipe's, but for its hidden widths.
        epochs: How many it is trained for.
        own: Makes what members have of their own, by the recipe.
    """

    member: int
    seed: int
    values: tuple[float, ...]
    model: Any
    epochs: int
    own: Callable[[], Own]


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """What all members of a group share.

    Attributes:
        model: A compiled model whose declarations stand for all.
        numbers: The numbers in them that vary.
        shared: What all have, on the device; of what every member has its own, that of one as an example.
        differ: The fields of `Own` that every member has its own of.
        batch_size: Rows per step.
        epochs: Epochs that are trained, or the most of them.
        shuffle: Whether every epoch has an order of its own.
        transitions: Callbacks inside the program.
    """

    model: Any
    numbers: tuple[Number, ...]
    shared: Own
    differ: frozenset[str]
    batch_size: int
    epochs: int
    shuffle: bool
    transitions: tuple[Transition, ...]

    @functools.cached_property
    def shapes(self) -> Shapes:
        """Of the statistics and figures."""
        return self.steps.shapes(
            batch_shapes(self.shared.rows, self.batch_size),
            validated=self.shared.validation is not None,
            with_rate=self.with_rate,
        )

    @functools.cached_property
    def member(self) -> Member:
        """`member(seed, values, own) -> Outcome`, pure; traced once, for however many programs."""
        return jax.jit(_member_function(self), inline=True)

    def prepare(self) -> None:
        """Look up what the member is made of; it is traced later."""
        _ = self.member

    @functools.cached_property
    def steps(self) -> Steps:
        """What training is made of."""
        return self.model._require_trainer("sweep").steps(self.transitions)

    @property
    def rows(self) -> int:
        """Rows of training."""
        return self.shared.rows.inputs[0].shape[0]

    @property
    def with_rate(self) -> bool:
        """Whether the learning rate is a figure."""
        return any(transition.REPORTS_RATE for transition in self.transitions)


Member = Callable[..., Outcome]


def _member_function(recipe: Recipe) -> Member:
    program, optimizer, steps = recipe.model.program, recipe.model._require_trainer("sweep").optimizer, recipe.steps
    # Looked up before anything is traced: while it is, there are no numbers to look up by.
    shapes, measured = recipe.shapes, max(recipe.batch_size, rows_at_once(program.graph))

    def member(seed: jax.Array, values: Sequence[jax.Array], own: Own) -> Outcome:
        with turned(recipe.numbers, values):
            params, state = own.weights
            mine = steps
            if own.sizes is not None:
                present = partition(masks(own.sizes, program.shapes()[0]), steps.trainable)[0]
                mine = Steps(steps.objective, optimizer, steps.trainable, steps.transitions, present)
            train = whole_epochs_function(mine, recipe.batch_size, recipe.shuffle, measured, recipe.with_rate)
            carried = steps.fresh(partition(params, steps.trainable)[0])
            rate = jnp.float32(0.0 if optimizer.scheduled else optimizer.learning_rate)
            s = steps.begin((params, state), carried, seed, rate, shapes, capacity=recipe.epochs)
            s = train(s, own.rows, own.validation, recipe.epochs if own.epochs is None else own.epochs)
            trained = optimizer.averaged(s.optimizer, s.trained)
            return Outcome(combine(trained, s.frozen), s.state, s.history, s.epoch, s.memories)

    return member


def traces(recipe: Recipe) -> bool:
    """Whether the numbers may be arguments: no Python in the model asks how large one is."""
    values = [jax.ShapeDtypeStruct((), np.float32) for _ in recipe.numbers]
    try:
        jax.eval_shape(recipe.member, np.uint32(0), values, recipe.shared)
    except (jax.errors.ConcretizationTypeError, TypeError):
        return False
    return True


class Program:
    """The members of a group, `width` side by side, compiled as soon as it is made."""

    def __init__(self, recipe: Recipe, width: int, hasty: bool, members: int) -> None:
        self.width = width
        self._recipe = recipe
        axes = Own(*(0 if name in recipe.differ else None for name in Own._fields))  # type: ignore[arg-type]

        def member(*arguments: Any) -> dict[str, jax.Array]:
            return _packed(recipe.member(*arguments))

        self._chunk: Any = jax.vmap(member, in_axes=(0, 0, axes)) if width > 1 else member
        arguments = np.uint32(0), [np.float32(0)] * len(recipe.numbers), recipe.shared
        self._example = jax.eval_shape(recipe.member, *arguments)
        each = self._example, [getattr(recipe.shared, name) for name in recipe.differ]
        size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(each))
        # A power of two, so that groups and tiles of about one size share a program in the compilation cache.
        needed = 1 << max(-(-members // (width * _workers())) - 1, 0).bit_length()
        self.chunks = max(1, min(256 // width, TILE_BYTES // max(size * width, 1), needed))
        self._lead = (self.chunks,) if width == 1 else (self.chunks, width)
        self._empty = self._shapes(jax.eval_shape(_packed, self._example))
        begun = time.perf_counter()
        own = {name: self._shapes(getattr(recipe.shared, name)) for name in recipe.differ}
        numbers = [jax.ShapeDtypeStruct(self._lead, np.float32) for _ in recipe.numbers]
        tile = jax.ShapeDtypeStruct(self._lead, np.uint32), numbers, recipe.shared._replace(**own), np.int32(0)
        self._compiled = jax.jit(self._tile).lower(*tile).compile(compiler_options(hasty=hasty))
        self.compile_seconds = time.perf_counter() - begun
        size = self._compiled.memory_analysis()
        if size is not None:
            needed = size.argument_size_in_bytes + size.temp_size_in_bytes + size.output_size_in_bytes
            check_fits(needed, f"training {'a member' if width == 1 else f'{width} members side by side'}")

    def _shapes(self, one: Any) -> Any:
        """Of a tile of such trees."""
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*self._lead, *leaf.shape), leaf.dtype), one)

    def _tile(self, seeds: jax.Array, values: Sequence[jax.Array], own: Own, count: jax.Array) -> dict[str, jax.Array]:
        def at(tree: Any, number: jax.Array) -> Any:
            return jax.tree.map(lambda leaf: leaf[number], tree)

        def one(number: jax.Array, outcomes: dict[str, jax.Array]) -> dict[str, jax.Array]:
            mine = own._replace(**{name: at(getattr(own, name), number) for name in self._recipe.differ})
            outcome = self._chunk(at(seeds, number), at(values, number), mine)
            return jax.tree.map(
                lambda all_, new: jax.lax.dynamic_update_index_in_dim(all_, new, number, 0), outcomes, outcome
            )

        empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self._empty)
        return jax.lax.fori_loop(0, count, one, empty)

    def run(self, tasks: Sequence[Task]) -> list[Outcome]:
        """Train these members, at most `chunks · width`; what comes back is in the host's memory."""
        filled = [*tasks, *[tasks[-1]] * (self.chunks * self.width - len(tasks))]
        seeds = np.array([task.seed for task in filled], np.uint32).reshape(self._lead)
        values = [
            np.array([task.values[number] for task in filled], np.float32).reshape(self._lead)
            for number in range(len(self._recipe.numbers))
        ]
        with as_declared():
            each = [task.own() for task in tasks]
        each += [each[-1]] * (len(filled) - len(each))
        stacks = {name: _stacked([getattr(one, name) for one in each], self._lead) for name in self._recipe.differ}
        own = self._recipe.shared._replace(**stacks)
        count = np.int32(-(-len(tasks) // self.width))
        outcomes = jax.device_get(self._compiled(seeds, values, own, count))
        members = {dtype: numbers.reshape(-1, numbers.shape[-1]) for dtype, numbers in outcomes.items()}
        return [
            _unpacked({dtype: numbers[place] for dtype, numbers in members.items()}, self._example)
            for place in range(len(tasks))
        ]


def _packed(tree: Any) -> dict[str, jax.Array]:
    """All numbers of a tree by dtype: every array that a loop hands back is a kernel to compile."""
    leaves: dict[str, list[jax.Array]] = {}
    for leaf in jax.tree.leaves(tree):
        leaves.setdefault(str(leaf.dtype), []).append(leaf.reshape(-1))
    return {dtype: jnp.concatenate(numbers) for dtype, numbers in leaves.items()}


def _unpacked(packed: dict[str, np.ndarray], example: Any) -> Any:
    """The tree again, in arrays of its own."""
    leaves, structure = jax.tree.flatten(example)
    taken = dict.fromkeys(packed, 0)
    arrays = []
    for leaf in leaves:
        dtype = str(leaf.dtype)
        arrays.append(packed[dtype][taken[dtype] : taken[dtype] + leaf.size].reshape(leaf.shape).copy())
        taken[dtype] += leaf.size
    return jax.tree.unflatten(structure, arrays)


def _stacked(trees: Sequence[Any], lead: tuple[int, ...]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves).reshape(*lead, *leaves[0].shape), *trees)


class Pace(NamedTuple):
    """How fast a form of the program turned out to be, at a batch size; `hasty` if the compiler was told to hurry."""

    width: int
    seconds_per_member: float
    compile_seconds: float
    batch_size: int
    hasty: bool


def train_group(
    recipe: Recipe,
    tasks: Sequence[Task],
    *,
    width: int | None = None,
    paces: list[Pace] | None = None,
    stopped: threading.Event | None = None,
) -> Iterator[tuple[Task, Outcome]]:
    """Train every task; yields each with its outcome as soon as it is there.

    Args:
        recipe: What they share.
        tasks: Each member's own.
        width: Members side by side; by default the clock decides.
        paces: Receives what was measured.
        stopped: Whether to leave it at what is finished. What runs can't be stopped, but nobody waits for it.

    Raises:
        DeepkitMemoryError, JaxRuntimeError: Not even one member fits into memory.
    """
    waiting = {task.member: task for task in tasks}
    measured: list[Pace] = [] if paces is None else paces
    stopped = stopped or threading.Event()
    best: Program | None = None
    pace: Pace | None = None
    pool = ThreadPoolExecutor(_workers())
    try:
        for candidate, hasty in _forms(recipe, len(tasks), width):
            # The first form trains on every worker from the start, another one at most half of what is left.
            tiles = _workers() if best is None else min(_workers(), len(waiting) // (2 * candidate))
            if not waiting or not tiles or stopped.is_set():
                break
            if pace is not None:
                compiling = pace.compile_seconds * (OPTIMISING if pace.hasty else 1.0)
                if pace.seconds_per_member * len(waiting) < WORTH_TRYING * compiling:
                    break
            try:
                program = Program(recipe, candidate, hasty, len(waiting))
                seconds = math.inf  # not known yet: a tile is one chunk
                for _ in range(2):
                    # Where a chunk is done sooner than it can be measured, once more with tiles of a good size.
                    begun, done = time.perf_counter(), 0
                    for task, outcome in _spread(program, list(waiting.values()), pool, stopped, seconds, tiles):
                        done += 1
                        del waiting[task.member]
                        yield task, outcome
                    if stopped.is_set():
                        return
                    elapsed = time.perf_counter() - begun
                    busy = min(tiles, -(-done // candidate))
                    seconds = elapsed / done * busy / _workers()
                    if elapsed > VISIT_SECONDS or not waiting or width is not None:
                        break
            except TOO_LARGE:
                if best is None:
                    raise
                break  # so many side by side take more memory than there is
            this = Pace(candidate, seconds, program.compile_seconds, recipe.batch_size, hasty)
            measured.append(this)
            if pace is not None and this.seconds_per_member >= pace.seconds_per_member and not pace.hasty:
                break
            if pace is None or this.seconds_per_member < pace.seconds_per_member:
                best, pace = program, this
        if waiting and best is not None and pace is not None:
            yield from _spread(best, list(waiting.values()), pool, stopped, pace.seconds_per_member)
    finally:
        pool.shutdown(wait=not stopped.is_set(), cancel_futures=True)


def _forms(recipe: Recipe, members: int, width: int | None) -> list[tuple[int, bool]]:
    """What is tried: members side by side, and whether the compiler is to hurry."""
    if width is not None:
        return [(width, False)]
    rows, steps = recipe.rows, -(-recipe.rows // recipe.batch_size)
    weights = recipe.model.count_params()
    seconds = members * recipe.epochs * seconds_of(weights, rows, steps)
    hasty = [(1, True)] if jax.default_backend() == "cpu" and seconds < WORTH_OPTIMISING else []
    return hasty + [(candidate, False) for candidate in WIDTHS]


def _spread(
    program: Program,
    tasks: Sequence[Task],
    pool: ThreadPoolExecutor,
    stopped: threading.Event,
    seconds: float,
    tiles: int | None = None,
) -> Iterator[tuple[Task, Outcome]]:
    """Tiles of about `VISIT_SECONDS` on all workers, in the order of the tasks; all of them, or so many tiles."""
    workers = _workers()
    position, begun = 0, 0
    running: dict[Future[list[Outcome]], Sequence[Task]] = {}
    while True:
        while len(running) < workers and position < len(tasks) and begun != tiles and not stopped.is_set():
            ahead = int(VISIT_SECONDS / max(seconds * program.width * workers, 1e-9)) + 1
            left = -(-(len(tasks) - position) // (workers * program.width))
            size = min(ahead, left, program.chunks) * program.width
            tile = tasks[position : position + size]
            running[pool.submit(program.run, tile)] = tile
            position += len(tile)
            begun += 1
        if not running:
            return
        finished = wait(running, LOOK_SECONDS, FIRST_COMPLETED).done
        if stopped.is_set() and not finished:
            return
        for future in finished:
            tile = running.pop(future)
            yield from zip(tile, future.result(), strict=True)


def _workers() -> int:
    """Tiles at a time: a small model keeps one core of a CPU busy, and any other device is busy with one."""
    return max(1, os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1
