"""The pure functions of one graph: `init` and `forward` over one tree of parameters and one of state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from deepkit.cache import enable_compilation_cache
from deepkit.errors import DeepkitValueError
from deepkit.graph import Graph
from deepkit.initializers.drawing import keys_of
from deepkit.kernels.threefry import key_of
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.wrapper import Wrapper
from deepkit.program.forward import Pass, forward
from deepkit.program.submodel import SubModel

Path = tuple[str, ...]


class Program:
    """A graph compiled to pure functions. Holds no arrays.

    A layer that stands in several sub-models has its weights once, at the first place (`places`); the other
    places (`aliases`) have none.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.places: dict[Path, Layer] = {}
        self.aliases: dict[Path, Path] = {}
        self._root = SubModel(graph)
        self._place(graph, (), {})

    def _place(self, graph: Graph, prefix: Path, seen: dict[int, Path]) -> None:
        for name, layer in graph.callees.items():
            path = (*prefix, name)
            if id(layer) in seen:
                self.aliases[path] = seen[id(layer)]
                continue
            seen[id(layer)] = path
            self.places[path] = layer
            if isinstance(layer, SubModel):
                self._place(layer.graph, path, seen)

    def weight_tree(self) -> Weights:
        """Every declared `Weight`, parameters and state together, nested by layer name."""
        return self._without_aliases(self._root.weight_tree())

    def shapes(self) -> tuple[Weights, Weights]:
        """Shapes and dtypes of `(parameters, state)`, as declared; nothing is drawn."""
        declared = self.weight_tree()
        return shapes_of(parameters_of(declared)), shapes_of(state_of(declared))

    def init(self, key: jax.Array) -> tuple[Weights, Weights]:
        """Fresh `(parameters, state)`. Pure: the same key gives the same numbers."""
        self.check_borrowed()
        params, state = self._root.init(key)
        return self._without_aliases(params), self._without_aliases(state)

    def draw(self, seed: int) -> tuple[Weights, Weights]:
        """`init(jax.random.key(seed))`, also where a traced function asks; the seed has at most 32 bits."""
        enable_compilation_cache()
        with jax.ensure_compile_time_eval():
            drawn = self.init(key_of(seed))
        # In the order of names, as everything is that comes out of a program.
        return jax.tree.map(lambda array: array, drawn)

    def draw_stack(self, seeds: Sequence[int]) -> tuple[Weights, Weights]:
        """What `draw` gives for each of these seeds, stacked; what no seed has a hand in has its own shape.

        For models of deepkit's layers and initializers, on JAX's own generator.
        """
        enable_compilation_cache()
        with jax.ensure_compile_time_eval():
            return self.init(keys_of(seeds))

    def forward(self, params: Weights, state: Weights, inputs: Sequence[jax.Array], context: Context) -> Pass:
        """One pass; see `deepkit.program.forward.Pass`. Its state is a tree again."""
        self.check_borrowed()
        layers = {path: layer for path, layer in self.places.items() if not isinstance(layer, SubModel)}
        result = forward(
            self.graph,
            {layer: _branch(params, path) for path, layer in layers.items()},
            {layer: _branch(state, path) for path, layer in layers.items()},
            inputs,
            context,
        )
        after = copied_tree(state)
        for path, layer in layers.items():
            put(after, path, result.state[layer])
        return result._replace(state=after)

    def check_borrowed(self) -> None:
        """Raise a DeepkitError if a layer computes with the weights of one that is not here, or of another size.

        Not when a model is declared: it may be meant as a part of a larger one that has both layers.
        """
        for path, layer in self.places.items():
            for owner, name in layer.borrowed().values():
                if not any(owner is other for other in self.places.values()):
                    raise DeepkitValueError(
                        f"{layer.label} uses the {name} of {owner.label}, which is not part of this model. Make a "
                        "model that holds both layers: dk.Model(inputs of the one, outputs of the other)."
                    )
                # Its owner may have been called later than the layer itself; now all sizes are known.
                layer.output_specs(*self.input_specs_of(path))

    def trainable_mask(self) -> Weights:
        """For every parameter, whether it is trained: false below a frozen layer or sub-model."""
        mask: Weights = {}
        for path, layer in self.places.items():
            ancestors = (self.places.get(path[:end]) for end in range(1, len(path)))
            trained = layer.trainable and all(a is None or a.trainable for a in ancestors)
            if isinstance(layer, SubModel):
                put(mask, path, {})
            else:
                put(mask, path, _trained(layer, self.input_specs_of(path), trained))
        return mask

    def input_specs_of(self, path: Path) -> Any:
        """Specs of the tensors on which the layer at this place is called."""
        graph = self.graph
        for name in path[:-1]:
            graph = graph.callees[name].graph
        return graph.input_specs_of(graph.callees[path[-1]])

    def _without_aliases(self, tree: Weights) -> Weights:
        if not self.aliases:
            return tree
        pruned = copied_tree(tree)
        for place in self.aliases:
            del get(pruned, place[:-1])[place[-1]]
        return pruned


def _trained(layer: Layer, specs: Sequence[Any], outside: bool) -> Weights:
    """For every parameter of a layer whether it is trained; `outside`: whether the layers around it are."""
    trained = outside and layer.trainable
    mask: Weights = jax.tree.map(lambda _: trained, parameters_of(layer.weight_tree(*specs)), is_leaf=is_weight)
    if isinstance(layer, Wrapper):
        for name, (part, specs_of_part) in layer.parts(*specs).items():
            mask[name] = _trained(part, specs_of_part, trained)
    return mask


def is_weight(leaf: Any) -> bool:
    """Leaf test for trees of declared weights."""
    return isinstance(leaf, Weight)


def parameters_of(declared: Weights) -> Weights:
    """The trainable part of a tree of declared weights; layers without parameters keep an empty branch."""
    return _selected(declared, trainable=True)


def state_of(declared: Weights) -> Weights:
    """The other part of a tree of declared weights; layers without state keep an empty branch."""
    return _selected(declared, trainable=False)


def _selected(declared: Weights, trainable: bool) -> Weights:
    return {
        name: _selected(item, trainable) if isinstance(item, dict) else item
        for name, item in declared.items()
        if isinstance(item, dict) or item.trainable is trainable
    }


def shapes_of(declared: Weights) -> Weights:
    """A tree of declared weights as JAX's abstract arrays."""

    def shape(weight: Weight) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(weight.shape, jax.dtypes.canonicalize_dtype(weight.dtype))

    return jax.tree.map(shape, declared, is_leaf=is_weight)


def get(tree: Weights, path: Path) -> Any:
    """The branch at a path."""
    for name in path:
        tree = tree[name]
    return tree


def _branch(tree: Weights, path: Path) -> Any:
    """The branch at a path, empty where there is none: a tree need not name the layers that have nothing in it."""
    for name in path:
        tree = tree.get(name, {})
    return tree


def put(tree: Weights, path: Path, branch: Any) -> None:
    """Set the branch at a path, in place."""
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = branch


def copied_tree(tree: Weights) -> Weights:
    """The same leaves on branches of their own."""
    return {name: copied_tree(item) if isinstance(item, dict) else item for name, item in tree.items()}


def partition(params: Weights, mask: Weights) -> tuple[Weights, Weights]:
    """`(trained, rest)`: the parameters whose mask is true, and all others with every branch kept."""
    trained: Weights = {}
    rest: Weights = {}
    for name, item in params.items():
        if isinstance(item, dict):
            inner, rest[name] = partition(item, mask[name])
            if inner:
                trained[name] = inner
        else:
            (trained if mask[name] else rest)[name] = item
    return trained, rest


def combine(trained: Weights, rest: Weights) -> Weights:
    """The inverse of `partition`."""
    merged = dict(rest)
    for name, item in trained.items():
        merged[name] = combine(item, rest[name]) if isinstance(item, dict) else item
    return merged
