"""Any `flax.nnx` module as a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.errors import DeepkitTypeError
from deepkit.graph import Spec
from deepkit.initializers import Zeros
from deepkit.initializers.drawing import drawn_once
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.specs import traced_spec


def _module_or_factory(value: Any) -> Any:
    if isinstance(value, type) or not callable(value):
        raise DeepkitTypeError(
            "expected a flax.nnx module or a function that makes one, such as lambda rngs: nnx.Linear(4, 8, rngs=rngs)."
        )
    return value


class Flax(Layer):
    """A `flax.nnx` module: `Flax(lambda rngs: nnx.Linear(4, 8, rngs=rngs))`.

    `nnx.Param` become parameters, all other variables (`nnx.BatchStat`, …) state, nested as in the module;
    the items of lists are named "0", "1", …. The module is called with the input arrays, in `train()` mode in
    training and in `eval()` mode else; its random streams start from a fresh key at every training call. It
    is never changed itself.

    Rows that only fill up the last batch do count in the statistics of `nnx.BatchNorm`; they do not in
    `dk.layers.BatchNormalization`.

    Args:
        module: A function `f(rngs: nnx.Rngs)` that returns a module, called once for every `init`; or a
            module, which starts every training from the arrays that it holds. Only a named function can be
            saved by name.

    Raises:
        DeepkitError: for a class or anything else that is no module, or when called on shapes that the module
            fails on.
    """

    module: Any = parameter(convert=_module_or_factory)

    def __repr__(self) -> str:
        return f"Flax({getattr(self.module, '__name__', type(self.module).__name__)})"

    def _made(self, key: jax.Array | None) -> Any:
        """The module: with arrays if there is a key, else with their shapes only."""
        from flax import nnx

        if isinstance(self.module, nnx.Module):
            return self.module

        def make(key: jax.Array) -> Any:
            made = self.module(nnx.Rngs(key))
            if not isinstance(made, nnx.Module):
                raise DeepkitTypeError(
                    f"{self.label}: the function returned {type(made).__name__}, not a flax.nnx module. "
                    "Return one, such as nnx.Linear(4, 8, rngs=rngs)."
                )
            return made

        return make(key) if key is not None else nnx.eval_shape(lambda: make(jax.random.key(0)))

    def weight_tree(self, *inputs: Spec) -> Weights:
        """Shapes of parameters and state, nested as in the module, which draws its own first values."""
        _, _, params, state = _split(self._made(None))
        trees = [
            jax.tree.map(lambda a, t=trainable: Weight(a.shape, Zeros(), t, a.dtype.name), _named(part))
            for part, trainable in ((params, True), (state, False))
        ]
        return _merged(*trees)

    def init(self, key: jax.Array, *inputs: Spec) -> tuple[Weights, Weights]:
        """The arrays of a module made with this key."""

        def draw(key: jax.Array) -> tuple[Weights, Weights]:
            _, _, params, state = _split(self._made(key))
            # Copies, because a training loop gives its arrays away, and a module that was passed in keeps its own.
            return jax.tree.map(jnp.array, (_named(params), _named(state)))

        return drawn_once(draw, key)

    def output_spec(self, *inputs: Spec) -> Any:
        """What the module returns, by tracing it."""

        def predict(*arrays: Any) -> Any:
            return self.apply(*self.init(jax.random.key(0)), *arrays, context=Context())[0]

        return traced_spec(self, predict, *inputs)

    def apply(self, params: Weights, state: Weights, *inputs: Any, context: Context) -> tuple[Any, Weights]:
        """Call a copy of the module that holds these arrays; the state is what the call left in it."""
        from flax import nnx

        definition, streams, param_part, state_part = _split(self._made(None))
        module = nnx.merge(
            definition,
            self._seeded(streams, context),
            nnx.map_state(lambda path, variable: variable.replace(_at(params, path)), param_part),
            # JAX arrays, because nnx writes into NumPy arrays in place.
            nnx.map_state(lambda path, variable: variable.replace(jnp.asarray(_at(state, path))), state_part),
        )
        (module.train if context.training else module.eval)()
        output = module(*inputs)
        after = _named(nnx.state(module, nnx.Not(nnx.Any(nnx.RngState, nnx.Param))))
        return output, jax.tree_util.tree_map_with_path(
            lambda path, _: _at(after, tuple(entry.key for entry in path)), state
        )

    def _seeded(self, streams: Any, context: Context) -> Any:
        """The module's random streams, each from a key of its own; in prediction nothing draws from them."""
        from flax import nnx

        paths = [path for path, _ in nnx.to_flat_state(streams)]
        key = context.key_for(self) if context.training and paths else jax.random.key(0)

        def fresh(path: Any, variable: Any) -> Any:
            if isinstance(variable, nnx.RngKey):
                return variable.replace(jax.random.fold_in(key, paths.index(path)))
            return variable.replace(jnp.zeros(variable.shape, variable.dtype))

        return nnx.map_state(fresh, streams)


def _split(module: Any) -> Any:
    """`(definition, random streams, parameters, all other variables)`."""
    from flax import nnx

    return nnx.split(module, nnx.RngState, nnx.Param, ...)


def _named(part: Any) -> Weights:
    """An nnx state as nested dicts of arrays with string keys, as in the rest of a parameter tree."""
    from flax import nnx

    def renamed(tree: Any) -> Any:
        return {str(k): renamed(v) for k, v in tree.items()} if isinstance(tree, Mapping) else tree

    return renamed(nnx.to_pure_dict(part))


def _at(tree: Weights, path: Any) -> Any:
    for name in path:
        tree = tree[str(name)]
    return tree


def _merged(left: Weights, right: Weights) -> Weights:
    return {
        **left,
        **{k: _merged(left[k], v) if isinstance(v, dict) and k in left else v for k, v in right.items()},
    }
