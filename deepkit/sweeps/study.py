"""`dk.sweep`: train a model for every setting and seed, in as few programs as their structure allows."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from deepkit.cache import enable_compilation_cache
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, from_user_line, shown, warn
from deepkit.sweeps.devices import on_devices
from deepkit.sweeps.engine import TOO_LARGE, Pace
from deepkit.sweeps.executors import Tiles, check_executor, spread
from deepkit.sweeps.findings import say
from deepkit.sweeps.identity import identity
from deepkit.sweeps.journal import Journal
from deepkit.sweeps.members import Group, Member, Source, check_axes, grouped
from deepkit.sweeps.result import Sweep
from deepkit.sweeps.spaces import Settings, grid_points, listed_points, sampled_points
from deepkit.sweeps.workers import Failed, Finished, Job, columns_of, train_whole_group
from deepkit.training.arguments import LARGEST_SEED, check_batch_size, check_seed, listed_callbacks, whole_number
from deepkit.training.progress import duration
from deepkit.training.trainer import split_callbacks

__all__ = ["settings_of", "sweep"]


@from_user_line
def sweep(
    build: Callable[..., Any],
    data: Any,
    *,
    grid: Mapping[str, Any] | Sequence[Settings] | None = None,
    space: Mapping[str, Any] | None = None,
    samples: int | None = None,
    sampling: str = "random",
    seeds: int | Sequence[int] = 1,
    epochs: int | None = None,
    updates: int | None = None,
    equal: str = "epochs",
    batch_size: int | None = 32,
    shuffle: bool = True,
    callbacks: Iterable[Any] | None = None,
    width: int | None = None,
    resume: Any = None,
    executor: Executor | None = None,
    limit: int = 10_000,
    verbose: Any = "auto",
) -> Sweep:
    """Train `build(**settings)` for every setting and every seed, and keep what all of them did.

    deepkit finds out what differs between the members. Real numbers that only flow through the computation (rates,
    momenta, penalties, dropout, noise, seeds, drawn data) are arguments of one compiled program, and so are epochs;
    structure (depth, activations, optimizers, batch sizes) makes groups of members that compile once each. Hidden
    widths of Dense layers share a program, filled up with zeros, where that is exact and saves time. Whether the
    members of a group run side by side or one after another, on how many cores, is measured on the first ones. Where
    there are several local devices, groups are spread over them.

    A member equals the same model trained alone, `build(**settings).fit(…, seed=seed)`, within the rounding of float32.

    Args:
        build: Called with a setting, returns a compiled model. Layers must be made anew in every call.
        data: What `fit` takes: a split (trained on `train`, measured on `dev` as well), `(x, y)`, or
            `(x, y, validation_data)`. Or a function that returns one: of the seed, for fresh draws, and of any axes.
        grid: Per axis the values; every combination is trained. An axis is an argument of `build` or of the data
            function, or `batch_size` or `epochs`. Or a list of settings, each a dict with the same names.
        space: Per axis `dk.sweeps.Uniform`, `LogUniform` or `Choice`, of which `samples` points are drawn.
        samples: Points of the space.
        sampling: `"random"`, or `"latin"` for a Latin hypercube, which covers every axis evenly.
        seeds: How many (0, 1, …), or which.
        epochs: Passes over the training rows.
        updates: Gradient steps, instead of epochs; rounded up to whole epochs.
        equal: `"epochs"`, or `"updates"`: where batch sizes differ, every member takes as many steps as the one with
            the fewest batches would in `epochs`.
        batch_size, shuffle: As in `fit`.
        callbacks: Those that run inside the program, such as EarlyStopping. Others belong to single models.
        width: Members side by side. By default measured; fixed, the same sweep gives the same bits.
        resume: A file for a long study, such as "study.sweep". Members are written to it as they finish; the same call
            after a crash or Ctrl-C trains only those that it lacks. `dk.sweeps.load` reads it.
        executor: Any `concurrent.futures.Executor`, such as a pool of processes (`spawn`) or Dask's
            `client.get_executor()`: members are trained by its workers, and those of a worker that fails once more.
            `build` and a data function must be importable there; data that is no function travels with every task.
        limit: Refuse more members than this.
        verbose: `"auto"`: a line with the time left, live on a terminal; 0: nothing.

    Returns:
        A `Sweep`: `frame()`, `plot(…)`, `best("dev_accuracy").model`, `member(i)`. Members that failed are in it, with
        the reason. After Ctrl-C, those that were finished.

    Raises:
        DeepkitError: An empty grid, an axis that nobody takes, too many members, test data, or a setting that fits no
            member.
    """
    axes, settings = settings_of(grid, space, samples, sampling)
    numbers = _seeds(seeds)
    count = len(settings) * len(numbers)
    if count > limit:
        raise DeepkitValueError(
            f"{len(settings)} settings × {len(numbers)} seeds are {count} members, more than limit={limit}. Leave some "
            f"out, draw a sample (space=…, samples=…), or say that it is meant: limit={count}."
        )
    source = Source(data, settings[0])
    check_axes(build, source, settings[0])
    transitions = _transitions(callbacks)
    if executor is not None:
        check_executor(executor, build, data, transitions)
    members = [
        Member(place * len(numbers) + k, setting, seed)
        for place, setting in enumerate(settings)
        for k, seed in enumerate(numbers)
    ]
    run_of = _run_of(epochs, updates, equal, check_batch_size(batch_size), settings)
    enable_compilation_cache()
    begun = time.perf_counter()
    groups = grouped(build, source, members, run_of, shuffle, transitions)
    if not groups:
        first = next(member for member in members if member.failure is not None)
        raise DeepkitValueError(
            f"no setting could be trained. The first, {first.settings}, failed with {first.failure}"
        )
    result = _empty(build, source, axes, numbers, members, groups)
    journal = None
    if resume is not None:
        journal = Journal(resume, identity(axes, members, numbers, result.figures, groups, source.names), result)
    done = frozenset[int]() if journal is None else journal.done

    def train(stopped: threading.Event) -> Iterator[Finished | Failed]:
        if executor is None:
            return _here(groups, done, width, result.paces, stopped)
        job = Job(build, data, tuple(settings[0]), shuffle, transitions)
        return spread(executor, job, Tiles(groups, members, done, executor), width, result.paces, stopped)

    _train(result, train, journal, _line(verbose, len(members), len(done)))
    result.seconds = time.perf_counter() - begun if journal is None else journal.seconds
    if verbose != 0 and "fold" not in settings[0]:  # folds are not to be compared: `cross_validate` has its own words
        say(result)
    return result


def settings_of(
    grid: Any, space: Any, samples: int | None, sampling: str
) -> tuple[dict[str, tuple[Any, ...]], list[Settings]]:
    """The axes of a study, and its settings in C order."""
    if grid is not None and space is not None:
        raise DeepkitValueError("both grid and space were given. A grid tries every point, a space a sample: keep one.")
    if isinstance(grid, list | tuple):
        points = listed_points(grid)
        return {"setting": tuple(range(len(points)))}, points
    for name, value in (("grid", grid), ("space", space)):
        if value is not None and not isinstance(value, Mapping):
            raise DeepkitTypeError(f"{name} is {described(value)}. Pass a dict: {name}={{'learning_rate': […]}}.")
    if space is not None:
        if samples is None:
            raise DeepkitValueError("a space has no end of points. Say how many to try: samples=20.")
        points = sampled_points(space, whole_number(samples, "samples"), sampling, 0)
        return {"sample": tuple(range(len(points)))}, points
    if samples is not None:
        raise DeepkitValueError(
            "samples is for a space, and a grid tries all its points. Pass space=…, or leave it out."
        )
    axes, settings, _ = grid_points(grid or {})
    return axes, list(settings)


def _seeds(seeds: Any) -> tuple[int, ...]:
    if isinstance(seeds, bool | float):
        raise DeepkitTypeError(f"seeds={shown(seeds)}: expected how many seeds, such as seeds=10, or a list of them.")
    if isinstance(seeds, int | np.integer):
        return tuple(range(whole_number(seeds, "seeds", 1, "10")))
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise DeepkitTypeError(f"seeds={shown(seeds)}: expected how many seeds, such as seeds=10, or a list of them.")
    listed = tuple(check_seed(seed) for seed in seeds)
    if not listed or len(set(listed)) < len(listed):
        raise DeepkitValueError(
            f"seeds={shown(listed)}: expected different whole numbers up to {LARGEST_SEED}, at least one."
        )
    return listed


def _transitions(callbacks: Any) -> tuple[Any, ...]:
    hosts, transitions = split_callbacks(listed_callbacks(callbacks), scheduled=False)
    if hosts:
        raise DeepkitValueError(
            f"{type(hosts[0]).__name__} runs in Python after every epoch of one model, and a sweep trains many models "
            "in one program. Use callbacks that run inside it, such as EarlyStopping, or fit(…) the one model."
        )
    return transitions


def _run_of(
    epochs: Any, updates: Any, equal: str, batch_size: int | None, settings: Sequence[Settings]
) -> Callable[[Settings, int], tuple[int | None, int]]:
    """`(settings, rows) -> (batch_size, epochs)`."""
    if equal not in ("epochs", "updates"):
        raise DeepkitValueError(f"equal={shown(equal)}: expected 'epochs' or 'updates'.")
    named = "epochs" in settings[0]
    if sum((epochs is not None, updates is not None, named)) != 1:
        raise DeepkitValueError(
            "say how long to train in one way: epochs=100, or updates=1000, or an axis 'epochs' in the grid."
        )
    if updates is not None:
        whole_number(updates, "updates")
    sizes = [check_batch_size(setting["batch_size"]) for setting in settings if "batch_size" in setting]

    def run(setting: Settings, rows: int) -> tuple[int | None, int]:
        size = check_batch_size(setting.get("batch_size", batch_size))
        batches = -(-rows // (size or rows))
        if updates is not None:
            return size, -(-updates // batches)
        passes = whole_number(setting["epochs"] if named else epochs, "epochs")
        if equal == "updates" and sizes:
            fewest = min(-(-rows // (other or rows)) for other in sizes)
            return size, max(1, math.ceil(passes * fewest / batches))
        return size, passes

    return run


def _empty(
    build: Any, source: Source, axes: Any, seeds: Sequence[int], members: list[Member], groups: Sequence[Group]
) -> Sweep:
    figures: dict[str, None] = {}
    directions: dict[str, str | None] = {}
    for group in groups:
        figures |= dict.fromkeys(columns_of(group))
        directions |= group.recipe.model._require_trainer("sweep").objective.directions
    longest = max(group.recipe.epochs for group in groups)
    return Sweep(build, source, axes, seeds, members, list(figures), directions, longest)


def _train(
    result: Sweep,
    train: Callable[[threading.Event], Iterator[Finished | Failed]],
    journal: Journal | None,
    line: Callable[[int], None],
) -> None:
    begun, before = time.perf_counter(), 0.0 if journal is None else journal.seconds
    done = sum(member.failure is not None for member in result.members) + int((result.epochs > 0).sum())
    with _stoppable() as stopped:
        try:
            for left in train(stopped):
                done += 1
                if isinstance(left, Failed):
                    result.members[left.member].failure = left.reason
                else:
                    rows = np.full((len(left.history), len(result.figures)), np.nan, np.float32)
                    rows[:, [result.figures.index(name) for name in left.figures]] = left.history
                    result.put(left.member, rows, len(rows), left.weights)
                    if journal is not None:
                        journal.seconds = before + time.perf_counter() - begun
                        journal.add(left.member, rows, left.weights)
                line(done)
        finally:
            if journal is not None:
                journal.close(result.failures())
    for member in result.members:
        if member.failure is None and not result.epochs[member.number]:
            member.failure = "Interrupted before its turn."
    result.programs = len(result.paces)
    failed = [member for member in result.members if member.failure is not None]
    if stopped.is_set():
        result.stopped = f"Interrupted: {len(result) - len(failed)} of {len(result)} members were finished."
        warn(result.stopped)
    elif failed:
        warn(
            f"{len(failed)} of {len(result)} members failed and have no figures; result.failures() says why. "
            f"The first: {failed[0].settings}, {failed[0].failure}"
        )


def _here(
    groups: Sequence[Group], done: frozenset[int], width: int | None, paces: list[Pace], stopped: threading.Event
) -> Iterator[Finished | Failed]:
    """Every member that is not done, trained in this process."""
    left = [Group(g.recipe, [task for task in g.tasks if task.member not in done]) for g in groups]
    left = [group for group in left if group.tasks]

    def train(group: Group) -> Iterator[Finished | Failed]:
        waiting = {task.member for task in group.tasks}
        try:
            for finished in train_whole_group(group, group.tasks, width, paces, stopped):
                waiting.remove(finished.member)
                yield finished
        except TOO_LARGE as error:  # the other groups go on
            yield from (Failed(number, f"{type(error).__name__}: {error}") for number in sorted(waiting))

    devices = jax.local_devices()
    if len(devices) > 1:
        yield from on_devices(left, devices, train)
        return
    for group in left:
        yield from train(group)


def _line(verbose: Any, total: int, before: int) -> Callable[[int], None]:
    """Shows how many members are done, and the time left; `before` of them were done when this began."""
    if verbose == 0:
        return lambda done: None
    begun, live = time.perf_counter(), sys.stdout.isatty()
    last = [0.0]

    def show(done: int) -> None:
        now = time.perf_counter()
        if done == total:
            start, end = ("\r", " " * 20) if live else ("", "")
            print(f"{start}{total} members in {duration(now - begun)}{end}")
        elif live and now - last[0] > 0.1:
            last[0] = now
            left = duration((now - begun) / max(done - before, 1) * (total - done))
            print(f"\r{done}/{total} members, {left} left {' ' * 10}", end="", flush=True)

    return show


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second is Python's own."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.getsignal(signal.SIGINT) or signal.default_int_handler

    def handle(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        stopped.set()

    signal.signal(signal.SIGINT, handle)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
