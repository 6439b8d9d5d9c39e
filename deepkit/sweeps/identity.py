"""What tells one study from another: written at the head of its file, and compared when it is resumed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from deepkit.configuration import encode
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Graph
from deepkit.program.holders import partly_stored
from deepkit.program.submodel import SubModel
from deepkit.sweeps.members import Group, Member
from deepkit.sweeps.numbers import describe

_RUN = ("batch size", "number of epochs", "model", "data")
"""What is written of every setting."""


def identity(
    axes: Mapping[str, Sequence[Any]],
    members: Sequence[Member],
    seeds: Sequence[int],
    figures: Sequence[str],
    groups: Sequence[Group],
    data_axes: Sequence[str],
) -> dict[str, Any]:
    """A sweep, as JSON: the same for the same call in another process, and another one where anything else would be
    trained or measured.
    """
    runs: dict[str, list[Any]] = {}
    drawn: dict[str, str] = {}
    accounts: dict[int, str] = {}
    for group in groups:
        recipe = group.recipe
        shared = digest_of((recipe.shared.rows, recipe.shared.validation, partly_stored(recipe.model.program)))
        how = f"{recipe.shuffle} {_text(recipe.transitions)}"
        for task in group.tasks:
            place = str(task.member // len(seeds))
            if place in runs:
                continue
            data = shared
            if "rows" in recipe.differ and task.own is not None:
                which = str([members[task.member].settings[name] for name in data_axes])
                data = drawn[which] = drawn.get(which) or digest_of(task.own()[:2])
            if id(task.model) not in accounts:
                accounts[id(task.model)] = account(task.model)
            program = _digest(f"{accounts[id(task.model)]}\n{how}\n{task.values}".encode())
            runs[place] = [recipe.batch_size, task.epochs, program, data]
    return {
        "axes": {name: [written(value) for value in values] for name, values in axes.items()},
        "settings": [
            {name: written(value) for name, value in member.settings.items()} for member in members[:: len(seeds)]
        ],
        "seeds": list(seeds),
        "figures": list(figures),
        "runs": runs,
    }


def refuse_other(path: Any, kept: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise a DeepkitValueError that says in what the study of a file differs from the one at hand."""
    mend = "Call sweep as it was called then, or give this study a file of its own."
    if not kept["runs"]:
        raise DeepkitValueError(
            f"resume: {path} is a result that Sweep.save wrote. It does not say which models and rows it was trained "
            "with, so nothing can be added to it. Read it with dk.sweeps.load, or give this study a file of its own."
        )
    for what in ("axes", "settings", "seeds", "figures"):
        if kept[what] != now[what]:
            raise DeepkitValueError(
                f"resume: {path} is the file of another study. Its {what}: {_short(kept[what])}; those of this one: "
                f"{_short(now[what])}. {mend}"
            )
    for place, run in now["runs"].items():
        for what, before, after in zip(_RUN, kept["runs"].get(place, run), run, strict=True):
            if before != after:
                plain = f" ({before}, now {after})" if isinstance(before, int) else ""
                others = " (a layer, an optimizer, a callback or a number in them)" if what == "model" else ""
                raise DeepkitValueError(
                    f"resume: {path} is the file of another study: with {now['settings'][int(place)]} it has another "
                    f"{what}{plain}{others}. {mend}"
                )


def account(model: Any) -> str:
    """A compiled model in words: graph, layers, weights, optimizer, losses, metrics, and every number in them."""
    trainer = model._require_trainer("sweep")
    heads = [(h.name, h.loss, h.metrics, h.weighted_metrics, h.scale) for h in trainer.heads]
    numbers = [(number.path, number.value) for number in describe(model).numbers]
    return "\n".join([*_graph(model.graph), _text(trainer.optimizer), _text(heads), repr(numbers)])


def digest_of(arrays: Any) -> str:
    """A digest of all arrays of a tree, with their shapes and dtypes."""
    digest = hashlib.blake2b(digest_size=8)
    for leaf in jax.tree.leaves(arrays):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(array.view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def written(value: Any) -> Any:
    """A setting as JSON; what no JSON can hold, in words."""
    try:
        return encode(value)
    except DeepkitTypeError:
        return {"text": _text(value)}


def _graph(graph: Graph) -> list[str]:
    places = {id(tensor): f"input {n} {tensor.shape} {tensor.dtype}" for n, tensor in enumerate(graph.inputs)}
    lines = []
    for number, node in enumerate(graph.nodes):
        callee: Any = node.callee
        own = _graph(callee.graph) if isinstance(callee, SubModel) else [_text(callee)]
        shapes = jax.tree.map(
            lambda weight: weight.shape,
            callee.weight_tree(*graph.input_specs_of(callee)),
            is_leaf=lambda leaf: hasattr(leaf, "initializer"),
        )
        given = [places[id(tensor)] for tensor in node.inputs]
        lines += [f"{graph.name_of(callee)} {callee.trainable} {shapes} {given}", *own]
        places |= {id(tensor): f"{number}.{n}" for n, tensor in enumerate(node.outputs)}
    return [*lines, str([places[id(tensor)] for tensor in graph.outputs])]


def _text(value: Any) -> str:
    """`repr`, without the addresses of functions, which differ from process to process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:197]}…"
