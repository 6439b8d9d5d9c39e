"""A model's arrays by flat names, `params/dense/kernel` and `state/batch_normalization/moving_mean`, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from deepkit.errors import DeepkitValueError, warn
from deepkit.layers.layer import Layer, Weight, Weights
from deepkit.program import Program, SubModel
from deepkit.program.holders import fitting_array, keras_paths
from deepkit.program.program import Path, get, put

KINDS = ("params", "state")


class Place(NamedTuple):
    """Where an array belongs.

    Attributes:
        layer: Its layer.
        inside: Its path in the layer's own tree.
        kind: 0 for a parameter, 1 for state: an index into `KINDS`.
        path: Its path in the model's tree.
        weight: Its declaration.
    """

    layer: Layer
    inside: Path
    kind: int
    path: Path
    weight: Weight


def declared_arrays(program: Program) -> dict[str, Place]:
    """Every array that the model declares, in Keras's order."""
    tree = program.weight_tree()
    return {
        "/".join((KINDS[kind], *path)): Place(*_owner(program, path), kind, path, get(tree, path))
        for kind, path in keras_paths(program)
    }


def present_arrays(program: Program) -> dict[str, np.ndarray]:
    """The arrays of all layers that have some, in Keras's order."""
    found = {}
    for name, place in declared_arrays(program).items():
        tree = (place.layer.holder.params, place.layer.holder.state)[place.kind]
        if tree is not None:
            found[name] = np.asarray(get(tree, place.inside))
    return found


def put_arrays(program: Program, arrays: Mapping[str, np.ndarray]) -> None:
    """Give the layers their arrays. A layer may have none yet, but not some; nothing is given if one does not fit."""
    trees: dict[int, tuple[Weights, Weights]] = {}
    absent: dict[int, str] = {}
    declared = declared_arrays(program)
    for name, place in declared.items():
        given = trees.setdefault(id(place.layer), ({}, {}))
        if name in arrays:
            put(given[place.kind], place.inside, as_declared(arrays[name], place.weight, name))
        else:
            absent[id(place.layer)] = name
    unknown = [name for name in arrays if name not in declared]
    half = [name for layer, name in absent.items() if any(trees[layer])]
    if unknown or half:
        raise DeepkitValueError(
            f"the arrays are not those of the model (unknown: {listed(unknown)}; missing: {listed(half)}). "
            "Save the model again."
        )
    for layer in program.places.values():
        # Layers without arrays are drawn when all others are.
        if not isinstance(layer, SubModel) and id(layer) not in absent and (id(layer) in trees or not absent):
            layer.holder.params, layer.holder.state = trees.get(id(layer), ({}, {}))


def as_declared(array: np.ndarray, declared: Weight, name: str) -> jax.Array:
    """The array in the declared dtype, as far as JAX has it switched on; refuses another shape."""
    dtype = jax.dtypes.canonicalize_dtype(declared.dtype)
    if array.dtype == np.float64 and declared.dtype == "float64" and dtype != np.float64:
        warn(
            f"{name} is float64, and JAX computes in {dtype.name} only: digits are lost. "
            "Set jax.config.update('jax_enable_x64', True) first if they count."
        )
    return fitting_array(array, dataclasses.replace(declared, dtype=dtype.name), name)


def listed(names: Any) -> str:
    """Some names, as errors show them."""
    names = list(names)
    shown = ", ".join(names[:6]) or "none"
    return f"{shown}, … {len(names) - 6} more" if len(names) > 6 else shown


def _owner(program: Program, path: Path) -> tuple[Layer, Path]:
    """The layer that an array belongs to, and the array's path inside it."""
    for end in range(1, len(path)):
        layer = program.places.get(path[:end])
        if layer is not None and not isinstance(layer, SubModel):
            return layer, path[end:]
    raise AssertionError(f"no layer declares {path}")
