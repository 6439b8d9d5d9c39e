"""Weights from one model into another, by the names of the layers."""

from __future__ import annotations

import dataclasses

from deepkit.errors import DeepkitValueError
from deepkit.program.holders import keras_paths, store, stored
from deepkit.program.program import Program, copied_tree, get, put


@dataclasses.dataclass(frozen=True)
class Copied:
    """What `Model.copy_weights` did, by the paths of the arrays: `dense/kernel`.

    Attributes:
        copied: Arrays that both models have, in the same shape.
        other_shape: Those that both have in different shapes: left as they were.
        only_here, only_there: Those that one of the models does not have.
    """

    copied: tuple[str, ...]
    other_shape: tuple[str, ...]
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]

    def __str__(self) -> str:
        lines = (
            ("copied", self.copied), ("left, of another shape", self.other_shape),
            ("left, only here", self.only_here), ("not used, only there", self.only_there),
        )  # fmt: skip
        return "\n".join(f"{what} ({len(names)}): {', '.join(names) or 'none'}" for what, names in lines)


def copy_weights(into: Program, source: Program, skip_mismatch: bool) -> Copied:
    """See `Model.copy_weights`. Both have their weights."""
    here, there = ({"/".join(path): (kind, path) for kind, path in keras_paths(p)} for p in (into, source))
    trees, theirs = stored(into), stored(source)
    assert trees is not None and theirs is not None
    declared, given = into.weight_tree(), source.weight_tree()
    copied, wrong = [], []
    for name, (kind, path) in here.items():
        if name not in there or there[name][0] != kind:
            continue
        shapes = get(declared, path).shape, get(given, path).shape
        if shapes[0] == shapes[1]:
            copied.append(name)
        else:
            wrong.append(f"{name} {shapes[0]} ← {shapes[1]}")
    if wrong and not skip_mismatch:
        raise DeepkitValueError(
            f"copy_weights: arrays of the same name have different shapes (here ← there): {', '.join(wrong)}; nothing "
            "was copied. Rename the layers that differ, or leave those arrays as they are: skip_mismatch=True."
        )
    if not copied:
        raise DeepkitValueError(
            f"copy_weights: no array has the same name in both models. Here: {', '.join(here)}. There: "
            f"{', '.join(there)}. Give the layers the same names: Dense(16, name='hidden')."
        )
    fresh = tuple(copied_tree(tree) for tree in trees)
    for name in copied:
        kind, path = here[name]
        put(fresh[kind], path, get(theirs[kind], path).astype(get(trees[kind], path).dtype))
    store(into, *fresh)
    return Copied(
        tuple(copied),
        tuple(name.split(" ")[0] for name in wrong),
        tuple(name for name in here if name not in there),
        tuple(name for name in there if name not in here),
    )
