"""The groups of a study on all local devices at once: a thread and a program per device."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from deepkit.sweeps.members import Group
from deepkit.sweeps.numbers import as_declared
from deepkit.sweeps.workers import Failed, Finished


def on_devices(
    groups: Sequence[Group], devices: Sequence[Any], train: Callable[[Group], Iterator[Finished | Failed]]
) -> Iterator[Finished | Failed]:
    """`train` every group, each on the next device that is free; where there are fewer groups than devices, in parts.

    What is yielded comes in the order in which it is finished. When nobody asks for more, the devices stop after the
    member at hand.
    """
    parts: queue.SimpleQueue[Group] = queue.SimpleQueue()
    for part in _divided(groups, len(devices)):
        parts.put(part)
    finished: queue.SimpleQueue[Finished | Failed | BaseException | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def work(device: Any) -> None:
        try:
            with jax.default_device(device):
                while not stopped.is_set():
                    for result in train(_moved(parts.get_nowait(), device)):
                        finished.put(result)
                        if stopped.is_set():
                            break
        except queue.Empty:
            finished.put(None)
        except BaseException as error:  # raised again where the results are read
            finished.put(error)

    threads = [threading.Thread(target=work, args=(device,), daemon=True) for device in devices]
    for thread in threads:
        thread.start()
    try:
        working = len(threads)
        while working:
            result = finished.get()
            if isinstance(result, BaseException):
                raise result
            if result is None:
                working -= 1
            else:
                yield result
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def _divided(groups: Sequence[Group], devices: int) -> Iterator[Group]:
    pieces = -(-devices // max(len(groups), 1))
    for group in groups:
        size = max(1, -(-len(group.tasks) // pieces))
        for begin in range(0, len(group.tasks), size):
            yield Group(group.recipe, group.tasks[begin : begin + size])


def _moved(group: Group, device: Any) -> Group:
    shared, differ = group.recipe.shared, group.recipe.differ
    # What every member has its own of is an example here, or only shapes.
    common = {name: getattr(shared, name) for name in shared._fields if name not in differ}
    recipe = dataclasses.replace(group.recipe, shared=shared._replace(**jax.device_put(common, device)))
    # Another thread may be tracing another part of the group, with numbers turned in the declarations of both.
    with as_declared():
        recipe.prepare()
    return Group(recipe, group.tasks)
