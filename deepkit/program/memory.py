"""Whether a model fits into memory, asked before anything is drawn: afterwards, the system ends the process."""

from __future__ import annotations

import contextlib
import math
import pathlib
from typing import Any

import jax

from deepkit.errors import DeepkitMemoryError
from deepkit.program.program import Program

CONTAINER = pathlib.Path("/sys/fs/cgroup")
"""Where Linux says how much a container may take."""


def free_bytes() -> float:
    """What this process may still take: of its device, or on Linux of the machine and the container that it runs in.
    Infinity where nobody tells.
    """
    statistics = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in statistics:
        return statistics["bytes_limit"] - statistics.get("bytes_in_use", 0)
    return min(_free_of_machine(), _free_of_container())


def check_fits(needed: float, what: str) -> None:
    """Refuse `needed` bytes for `what` if so many are not free."""
    free = free_bytes()
    if needed > free:
        raise DeepkitMemoryError(
            f"{what} takes at least {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free. Make the "
            "model or its batches smaller."
        )


def check_weights_fit(program: Program, optimizer: Any, copies: int) -> None:
    """Refuse a model whose weights, `copies` times at least, do not fit together with what its optimizer remembers."""
    parameters, state = program.shapes()
    weights = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves((parameters, state)))
    if weights < 2**28:  # of no interest, and asking takes a millisecond
        return
    memory = jax.tree.leaves(jax.eval_shape(optimizer.init, parameters))
    needed = copies * weights + sum(leaf.size * leaf.dtype.itemsize for leaf in memory)
    count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(parameters))
    check_fits(needed, f"training a model of {count:,} parameters")


def _free_of_machine() -> float:
    with contextlib.suppress(OSError, ValueError, KeyError):
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        kilobytes = {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
        return 1024 * (kilobytes["MemAvailable"] + kilobytes["SwapFree"])
    return math.inf


def _free_of_container() -> float:
    with contextlib.suppress(OSError, ValueError, KeyError):
        most, taken = (int((CONTAINER / f"memory.{name}").read_text()) for name in ("max", "current"))
        lines = (CONTAINER / "memory.stat").read_text().splitlines()
        return most - taken + int(dict(line.split() for line in lines)["inactive_file"])
    return math.inf
