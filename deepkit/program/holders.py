"""Reading and writing the arrays that belong to a program's layers.

Each layer has a mutable cell (`layer.holder`), so that models which share layers share weights. Only models
and the training loop call these functions; everything below works on trees that are passed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, described
from deepkit.layers.layer import Weight, Weights
from deepkit.program.program import Program, get, put
from deepkit.program.submodel import SubModel


def stored(program: Program) -> tuple[Weights, Weights] | None:
    """`(parameters, state)` of all layers, or `None` if some layer has none yet."""
    params: Weights = {}
    state: Weights = {}
    for path, layer in program.places.items():
        if isinstance(layer, SubModel):
            put(params, path, {})
            put(state, path, {})
        elif layer.holder.params is None:
            return None
        else:
            put(params, path, layer.holder.params)
            put(state, path, layer.holder.state)
    return params, state


def partly_stored(program: Program) -> tuple[Weights, Weights]:
    """`(parameters, state)` of those layers that have some, such as a fitted Normalization."""
    params: Weights = {}
    state: Weights = {}
    for path, layer in program.places.items():
        for tree, arrays in ((params, layer.holder.params), (state, layer.holder.state)):
            if arrays and not isinstance(layer, SubModel):
                put(tree, path, arrays)
    return params, state


def store(program: Program, params: Weights, state: Weights, *, overwrite: bool = True) -> None:
    """Put arrays into the layers' cells; without `overwrite` only where a layer has none yet."""
    for path, layer in program.places.items():
        if isinstance(layer, SubModel):
            continue
        fresh = layer.holder.params is None
        if overwrite or fresh:
            layer.holder.params = get(params, path)
        # A fitted Normalization layer has its statistics before it has been part of any model.
        if overwrite or (fresh and layer.holder.state is None):
            layer.holder.state = get(state, path)


def keras_order(program: Program, params: Weights, state: Weights) -> list[jax.Array]:
    """All arrays as Keras lists them: layer by layer, within a layer parameters before state, as declared."""
    return [get((params, state)[kind], path) for kind, path in keras_paths(program)]


def from_keras_order(program: Program, arrays: Sequence[Any]) -> tuple[Weights, Weights]:
    """The inverse of `keras_order`; refuses another number of arrays or other shapes."""
    declared = program.weight_tree()
    paths = keras_paths(program)
    if not isinstance(arrays, Sequence):
        raise DeepkitTypeError(
            f"set_weights takes a list of arrays in the order of get_weights, got {described(arrays)}. "
            "For weights by name use set_variables."
        )
    if len(arrays) != len(paths):
        raise DeepkitValueError(
            f"the model has {len(paths)} arrays, but {len(arrays)} were given. Pass them in the order of get_weights: "
            f"{', '.join('/'.join(path) for _, path in paths)}."
        )
    trees: tuple[Weights, Weights] = empty_trees(program)
    for (kind, path), array in zip(paths, arrays, strict=True):
        put(trees[kind], path, fitting_array(array, get(declared, path), "/".join(path)))
    return trees


def checked(program: Program, variables: Mapping[str, Any]) -> tuple[Weights, Weights]:
    """`(parameters, state)` from a tree that must have the model's names and shapes."""
    if not isinstance(variables, Mapping) or "params" not in variables:
        raise DeepkitTypeError(
            f"expected weights as model.variables gives them, {{'params': …, 'state': …}}, got {described(variables)}. "
            "For a list of arrays use set_weights."
        )
    declared = program.weight_tree()
    trees = empty_trees(program)
    given = {"params": variables["params"], "state": variables.get("state", {})}
    for kind, path in keras_paths(program):
        branch: Any = given[("params", "state")[kind]]
        for name in path:
            if not isinstance(branch, Mapping) or name not in branch:
                raise DeepkitValueError(
                    f"the weights have no {'/'.join(path)!r} under {('params', 'state')[kind]!r}. "
                    "Give every layer of the model its arrays, by the names in model.variables."
                )
            branch = branch[name]
        put(trees[kind], path, fitting_array(branch, get(declared, path), "/".join(path)))
    return trees


def fitting_array(array: Any, declared: Weight, name: str) -> jax.Array:
    """The array in the declared dtype; refuses another shape, and what is no numbers."""
    if np.shape(array) != declared.shape:
        raise DeepkitValueError(
            f"{name} has shape {declared.shape} in the model, but an array of shape {np.shape(array)} was given. "
            "Weights are never broadcast or cut; give the layer the size of the array, or leave the array out."
        )
    dtype = getattr(array, "dtype", None) or np.asarray(array).dtype
    if dtype.kind in "OSUMm":
        raise DeepkitTypeError(f"{name} was given an array of dtype {dtype}. Weights are numbers: convert it first.")
    return jnp.asarray(array, declared.dtype)


def empty_trees(program: Program) -> tuple[Weights, Weights]:
    """Two trees with an empty branch for every layer."""
    params: Weights = {}
    state: Weights = {}
    for path in program.places:
        put(params, path, {})
        put(state, path, {})
    return params, state


def keras_paths(program: Program) -> list[tuple[int, tuple[str, ...]]]:
    """`(0 for a parameter or 1 for state, path)` of every array, in Keras's order."""
    paths: list[tuple[int, tuple[str, ...]]] = []
    for place, layer in program.places.items():
        if isinstance(layer, SubModel):
            continue
        declared = layer.weight_tree(*program.input_specs_of(place))
        leaves = _declared_leaves(declared, place)
        paths += [(0, path) for path, weight in leaves if weight.trainable]
        paths += [(1, path) for path, weight in leaves if not weight.trainable]
    return paths


def _declared_leaves(tree: Weights, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Weight]]:
    """Leaves in the order of declaration (JAX would sort them by name)."""
    leaves: list[tuple[tuple[str, ...], Weight]] = []
    for name, item in tree.items():
        leaves += _declared_leaves(item, (*path, name)) if isinstance(item, dict) else [((*path, name), item)]
    return leaves
