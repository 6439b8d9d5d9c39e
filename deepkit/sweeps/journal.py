"""The file of a study: what it is, and what every finished member left. Written as members finish.

Its records (see `records`): first the study as JSON; then batches of members of one group, each a safetensors file
with the members' numbers and epochs in its metadata, `history` (their epochs one behind another × figures), and their
weights stacked; and JSON again for what else happened, such as why members failed.
"""

from __future__ import annotations

import json
import os
import pathlib
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from deepkit.configuration import decode
from deepkit.errors import DeepkitError, DeepkitValueError, from_user_line, warn
from deepkit.export.container import tensors
from deepkit.export.files import as_path
from deepkit.export.names import vocabulary
from deepkit.layers.layer import Weights
from deepkit.sweeps.identity import identity, refuse_other
from deepkit.sweeps.members import Member, Source
from deepkit.sweeps.records import Records
from deepkit.sweeps.result import Sweep

FORMAT = 1
SECONDS = 1.0
"""Members that finish within so long are written together: a killed process loses no more."""
BYTES = 2**24
"""More than this is written at once."""

Leaves = dict[str, np.ndarray]


class Journal:
    """Writes the file of a study, and puts into a result what the file has already.

    Args:
        path: The file; it may be there or not.
        study: What tells this study from others; see `identity`.
        result: An empty result. What the file holds is put into it.

    Raises:
        DeepkitValueError: The file is damaged, of another kind, of another study, or being written to.
    """

    def __init__(self, path: Any, study: Mapping[str, Any], result: Sweep) -> None:
        self._records = Records(as_path(path), write=True)
        self._waiting: dict[Hashable, list[tuple[int, np.ndarray, Leaves, list[str]]]] = {}
        self._bytes = 0
        self._written = time.monotonic()
        try:
            kept = _Kept(self._records, result, study)
            if not kept.begun:
                self._records.append(_json({"format": FORMAT, **study, **_for_the_reader(result)}))
        except BaseException:
            self._records.close()
            raise
        if self._records.torn:
            warn(
                f"the last record of {self._records.path} was cut off ({self._records.torn:,} bytes): the members in "
                "it are trained again."
            )
        self.done = frozenset(kept.finished)
        """Members that the file had."""
        self.seconds = kept.seconds
        """What the study has taken so far, earlier processes included; the caller keeps it."""

    def add(self, number: int, rows: np.ndarray, weights: tuple[Weights, Weights]) -> None:
        """A member that is finished: `(epochs, figures)`, and its weights."""
        leaves, empty = _leaves({"params": weights[0], "state": weights[1]})
        kind = (*((name, leaf.shape, str(leaf.dtype)) for name, leaf in leaves.items()), *empty)
        self._waiting.setdefault(kind, []).append((number, rows, leaves, empty))
        self._bytes += rows.nbytes + sum(leaf.nbytes for leaf in leaves.values())
        if self._bytes > BYTES or time.monotonic() - self._written > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Have everything on the disk."""
        for batch in self._waiting.values():
            self._records.append(_packed(batch, self.seconds))
        self._waiting, self._bytes, self._written = {}, 0, time.monotonic()

    def close(self, failures: Mapping[int, str]) -> None:
        """Write what is left, and why members failed, and let go of the file."""
        try:
            self.flush()
            if failures:
                self._records.append(_json({"failures": {str(number): text for number, text in failures.items()}}))
        finally:
            self._records.close()


@from_user_line
def load(path: Any, build: Callable[..., Any]) -> Sweep:
    """The result that `Sweep.save` wrote, or `sweep(resume=…)`, finished or not.

    Members that the file does not have stand in it as failures. What was measured about speed (`programs`, `paces`) is
    not kept.

    Args:
        path: The file.
        build: The function that built the models; `member(i).model` calls it. The file holds numbers, no code.

    Raises:
        DeepkitValueError: The file is missing, damaged, or of another kind.
    """
    records = Records(as_path(path), write=False)
    try:
        kept = _Kept(records, build=build)
        result = kept.result
    finally:
        records.close()
    if result is None:
        raise DeepkitValueError(f"{path} holds no study: it was cut off before anything was written. Sweep again.")
    for member in result.members:
        if member.number not in kept.finished:
            member.failure = kept.failures.get(member.number, "Not trained yet when the file was written.")
    result.seconds = kept.seconds
    return result


def save(result: Sweep, path: Any) -> None:
    """Write a result to a file; see `Sweep.save`."""
    target = as_path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    study = identity(result.axes, result.members, result.seeds, result.figures, [], [])
    journal = Journal(beside, study, result)
    try:
        journal.seconds = result.seconds
        for member in result.members:
            if member.failure is None:
                rows = result.history[member.number, : result.epochs[member.number]]
                journal.add(member.number, rows, result._weights[member.number])
        journal.close(result.failures())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


class _Kept:
    """Everything that a file holds, put into a result.

    Args:
        records: The file, at its start.
        result: Where members go; by default one is made, with `build`, by what the file says.
        study: What the file must be the file of.
    """

    def __init__(
        self,
        records: Records,
        result: Sweep | None = None,
        study: Mapping[str, Any] | None = None,
        build: Callable[..., Any] | None = None,
    ) -> None:
        self.begun = False
        self.result = result
        self.finished: set[int] = set()
        self.failures: dict[int, str] = {}
        self.seconds = 0.0
        for content in records.read():
            if not self.begun:
                self.begun = True
                kept = _read_study(content, records.path)
                if study is not None:
                    refuse_other(records.path, kept, study)
                if build is not None:
                    self.result = _result_of(kept, build)
            elif content.startswith(b"{"):
                note = json.loads(content)
                self.failures |= {int(number): text for number, text in note["failures"].items()}
            else:
                self._take(content, records.path)

    def _take(self, content: bytes, path: pathlib.Path) -> None:
        arrays = tensors(content, path)
        length = 8 + int.from_bytes(content[:8], "little")
        about = json.loads(json.loads(content[8:length])["__metadata__"]["members"])
        assert self.result is not None
        self.seconds = about["seconds"]
        history = arrays.pop("history")
        ends = np.cumsum(about["epochs"])
        for place, (number, epochs, end) in enumerate(zip(about["numbers"], about["epochs"], ends, strict=True)):
            weights = _trees({name: stacked[place] for name, stacked in arrays.items()}, about["empty"])
            self.result.put(number, history[end - epochs : end], epochs, weights)
            self.finished.add(number)


def _read_study(content: bytes, path: pathlib.Path) -> dict[str, Any]:
    study: dict[str, Any] = json.loads(content)
    if study["format"] > FORMAT:
        raise DeepkitValueError(
            f"{path} was written by a newer deepkit, in format {study['format']}; this one reads formats up to "
            f"{FORMAT}. Update deepkit: pip install --upgrade deepkit."
        )
    return study


def _for_the_reader(result: Sweep) -> dict[str, Any]:
    """What `load` needs besides what tells studies apart."""
    return {
        "directions": result._directions,
        "of_data": list(result._source.names),
        "epochs": result.history.shape[1],
    }


def _result_of(study: Mapping[str, Any], build: Callable[..., Any]) -> Sweep:
    known = vocabulary()

    def value(written: Any) -> Any:
        try:
            return decode(written, known)
        except DeepkitError:  # a function of the user's, or what no file can hold: its name or its words
            return next(iter(written.values())) if isinstance(written, Mapping) else written

    source = Source(None, ())
    source.names = tuple(study["of_data"])
    seeds = study["seeds"]
    settings = [{name: value(item) for name, item in setting.items()} for setting in study["settings"]]
    members = [
        Member(place * len(seeds) + k, setting, seed)
        for place, setting in enumerate(settings)
        for k, seed in enumerate(seeds)
    ]
    axes = {name: tuple(map(value, values)) for name, values in study["axes"].items()}
    return Sweep(build, source, axes, seeds, members, study["figures"], study["directions"], study["epochs"])


def _packed(batch: Sequence[tuple[int, np.ndarray, Leaves, list[str]]], seconds: float) -> bytes:
    from safetensors.numpy import save as pack

    numbers, rows, leaves, empty = zip(*batch, strict=True)
    arrays = {name: np.stack([one[name] for one in leaves]) for name in leaves[0]}
    about = {"numbers": numbers, "epochs": [len(each) for each in rows], "empty": empty[0], "seconds": seconds}
    return pack({**arrays, "history": np.concatenate(rows)}, metadata={"members": json.dumps(about)})


def _leaves(tree: Any, path: str = "") -> tuple[Leaves, list[str]]:
    """The arrays of nested dicts by path, and the paths of the dicts that have nothing in them."""
    if not isinstance(tree, dict):
        return {path: np.asarray(tree)}, []
    leaves: Leaves = {}
    empty = [] if tree else [path]
    for name, item in tree.items():
        inner, bare = _leaves(item, f"{path}/{name}" if path else name)
        leaves |= inner
        empty += bare
    return leaves, empty


def _trees(leaves: Leaves, empty: Sequence[str]) -> tuple[Weights, Weights]:
    """`(params, state)`: the inverse of `_leaves`."""
    root: Weights = {}
    items: list[tuple[str, Any]] = [*leaves.items(), *((path, None) for path in empty)]
    for path, leaf in items:
        branch = root
        *above, last = path.split("/")
        for name in above:
            branch = branch.setdefault(name, {})
        if leaf is None:
            branch.setdefault(last, {})
        else:
            branch[last] = leaf
    return root["params"], root["state"]


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode()
