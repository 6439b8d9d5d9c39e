"""Spreading a study over the workers of a `concurrent.futures.Executor`, and living through the death of some."""

from __future__ import annotations

import collections
import dataclasses
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from typing import Any

from deepkit.errors import DeepkitTypeError, DeepkitValueError, described
from deepkit.sweeps.engine import Pace
from deepkit.sweeps.members import Group, Member
from deepkit.sweeps.workers import Failed, Finished, Job, Report, Tile, train_members, varying_places

TRIES = 3
"""Workers that may fail with a member before the member counts as failed."""
TILES_PER_WORKER = 4
"""Of a group whose pace is not known yet."""
LARGEST_TILE = 256
TILE_SECONDS = 5.0
"""Aim for a tile, so that little is lost with a worker, and results come in steadily."""
WORTH_COMPILING = 4.0
"""A tile trains at least so many times as long as it compiles."""
FRUITLESS = 10
"""Failures after which a study in which no worker has finished anything is given up."""
WORKERS = 8
"""Assumed of an executor that does not tell."""


def check_executor(executor: Any, build: Callable[..., Any], data: Any, transitions: Sequence[Any]) -> None:
    """Refuse what is no executor, and functions that cannot be had in another process."""
    if not isinstance(executor, Executor):
        raise DeepkitTypeError(
            f"executor is {described(executor)}. Pass a concurrent.futures.Executor: ProcessPoolExecutor(4, "
            "mp_context=multiprocessing.get_context('spawn')), or Dask's client.get_executor()."
        )
    for name, thing in (("build", build), ("data", data if callable(data) else None), ("callbacks", transitions)):
        try:
            pickle.dumps(thing)
        except Exception as error:  # pickle raises whatever the object in its hands raises
            raise DeepkitTypeError(
                f"{name} is {described(thing)}, which another process cannot import ({error}). Define it with def at "
                "the top of a module, not as a lambda or inside a function."
            ) from None
        if (
            isinstance(executor, ProcessPoolExecutor)
            and getattr(thing, "__module__", "") == "__main__"
            and not hasattr(sys.modules["__main__"], "__file__")
        ):
            raise DeepkitTypeError(
                f"{name} is {described(thing)}, typed into this session, and another process cannot import it. "
                "Put it into a file, such as study.py, and import it from there."
            )


class Tiles:
    """Members that wait for a worker, cut into tiles when there is one.

    Args:
        groups: The groups of the study.
        members: All members of the study.
        done: Numbers of those that need not be trained.
        executor: Tells how many workers there are, if it does.
    """

    def __init__(
        self, groups: Sequence[Group], members: Sequence[Member], done: frozenset[int], executor: Executor
    ) -> None:
        self.workers = _workers(executor)
        self.paces: dict[int, Pace] = {}
        """Per group the best that was measured."""
        self._groups = groups
        self._members = members
        self._epochs = {task.member: task.epochs for group in groups for task in group.tasks}
        self._waiting = [[task.member for task in group.tasks if task.member not in done] for group in groups]

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def cut(self) -> Tile:
        """The next tile. It takes every n-th of its group, so that tiles are alike, and it is worth its compilation as
        soon as anybody knows how long that takes.
        """
        place = next(place for place, waiting in enumerate(self._waiting) if waiting)
        waiting, pace = self._waiting[place], self.paces.get(place)
        size = share = -(-len(waiting) // self.workers)
        if pace is None:
            size = -(-share // TILES_PER_WORKER)
        else:
            seconds = max(TILE_SECONDS, WORTH_COMPILING * pace.compile_seconds)
            size = min(share, int(seconds / max(pace.seconds_per_member, 1e-6)) + 1)
        step = -(-len(waiting) // min(size, LARGEST_TILE))
        chosen = waiting[::step]
        self._waiting[place] = [number for k, number in enumerate(waiting) if k % step]
        members = tuple((n, self._members[n].settings, self._members[n].seed, self._epochs[n]) for n in chosen)
        recipe = self._groups[place].recipe
        return Tile(place, members, varying_places(recipe), recipe.batch_size, recipe.epochs)

    def learn(self, place: int, paces: Sequence[Pace]) -> None:
        """Take in what a worker has measured."""
        known = [self.paces[place]] if place in self.paces else []
        if known or paces:
            self.paces[place] = min([*known, *paces], key=lambda pace: pace.seconds_per_member)


def spread(
    executor: Executor,
    job: Job,
    tiles: Tiles,
    width: int | None,
    paces: list[Pace],
    stopped: threading.Event,
) -> Iterator[Finished | Failed]:
    """Train all tiles on the executor's workers.

    A tile whose worker fails is tried again, in halves. Where a whole pool breaks because one of its processes was
    killed, a new one takes its place, and nobody can tell whose fault it was: tiles that were there twice run alone,
    until the member is found.

    Raises:
        DeepkitValueError: The executor takes no work, or no worker ever finishes anything.
    """
    pool = _Pool(executor)
    waiting, suspects = collections.deque[Tile](), collections.deque[Tile]()
    running: dict[Future[Report], tuple[Tile, Executor]] = {}
    fruitless = 0

    def start(tile: Tile) -> None:
        known = tiles.paces.get(tile.group)
        future = pool.submit(train_members, job, tile, width if known is None else known.width)
        running[future] = tile, pool.now

    try:
        while (tiles or waiting or suspects or running) and not stopped.is_set():
            if suspects and not running:
                start(suspects.popleft())
            # Few at first, for nobody knows how large a tile should be; then one each in reserve.
            while (waiting or tiles) and not suspects and len(running) < tiles.workers * (2 if fruitless < 0 else 1):
                start(waiting.popleft() if waiting else tiles.cut())
            for future in wait(running, timeout=0.2, return_when=FIRST_COMPLETED).done:
                tile, where = running.pop(future)
                error = _error(future)
                if stopped.is_set():
                    return
                if error is None:
                    report, fruitless = future.result(), -1
                    paces += report.paces
                    tiles.learn(tile.group, report.paces)
                    yield from report.results
                    continue
                broken = isinstance(error, BrokenExecutor)
                if fruitless >= 0 and (not broken or pool.renew(where)):
                    fruitless += 1
                elif broken:
                    pool.renew(where)
                if fruitless >= FRUITLESS + tiles.workers:
                    raise DeepkitValueError(f"no worker of the executor finished anything. {_explained(error)}")
                tries = min(tile.tries + 1, TRIES)
                if tries == TRIES and len(tile.members) == 1:
                    yield Failed(tile.members[0][0], _explained(error))
                elif tries >= TRIES - 1:
                    suspects += _halves(tile, tries)
                else:
                    waiting += _halves(tile, tries)
    finally:
        for future in running:
            future.cancel()
        pool.close()


class _Pool:
    """The user's executor, or the one that took the place of a pool that broke."""

    def __init__(self, executor: Executor) -> None:
        self._given = executor
        self.now = executor

    def submit(self, *call: Any) -> Future[Report]:
        try:
            return self.now.submit(*call)
        except BrokenExecutor as error:  # since the last look at its futures
            future: Future[Report] = Future()
            future.set_exception(error)
            return future
        except RuntimeError as error:
            raise DeepkitValueError(
                f"the executor takes no work ({error}). Call sweep while it is open, inside its with block."
            ) from None

    def renew(self, broken: Executor) -> bool:
        """Go on with a new pool of the same kind, unless that was done already."""
        if broken is not self.now or not isinstance(broken, ProcessPoolExecutor):
            return False
        self.close()
        arguments: Any = (
            getattr(broken, f"_{name}") for name in ("max_workers", "mp_context", "initializer", "initargs")
        )
        self.now = ProcessPoolExecutor(*arguments)
        return True

    def close(self) -> None:
        """End what was started here; the user's own executor stays."""
        if self.now is not self._given:
            self.now.shutdown(wait=False, cancel_futures=True)


def _error(future: Future[Report]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:  # by whoever else has the executor in hand
        return error


def _workers(executor: Any) -> int:
    dask = getattr(executor, "_client", None)
    if dask is not None and hasattr(dask, "nthreads"):
        return sum(dask.nthreads().values()) or WORKERS
    return getattr(executor, "_max_workers", None) or WORKERS


def _halves(tile: Tile, tries: int) -> list[Tile]:
    middle = len(tile.members) // 2
    parts = [tile.members[:middle], tile.members[middle:]]
    return [dataclasses.replace(tile, members=part, tries=tries) for part in parts if part]


def _explained(error: BaseException) -> str:
    reason = f"{type(error).__name__}: {error}"
    if not isinstance(error, BrokenExecutor):
        return reason
    return (
        f"{reason} If no worker lives long enough to finish anything: a script that starts processes needs its own "
        "code under if __name__ == '__main__'."
    )
