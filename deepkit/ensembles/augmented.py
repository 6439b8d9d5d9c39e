"""Test-time augmentation: the average of a model's answers to several changed copies of each image."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from deepkit.cache import enable_compilation_cache
from deepkit.data.arrays import input_arrays, restore
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, from_user_line
from deepkit.graph import Graph, Spec, SymbolicTensor
from deepkit.layers.augmentation import Augmentation
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.model import Model
from deepkit.program import Program, SubModel
from deepkit.program.holders import stored
from deepkit.training.arguments import check_batch_size, check_seed, rows_at_once, whole_number
from deepkit.training.rows import check_ready, in_own_units, model_inputs

__all__ = ["Augmented"]


class Augmented:
    """Predicts with a model whose augmentation layers (RandomFlip, RandomCrop, …) work as in training, several times.

    Everything else stays as in prediction: nothing is dropped, batch normalisation uses its running statistics.
    MixUp and CutMix, which mix images with one another, stay off. The weights are the model's own, as they are at each
    call; the passes are one program.

    Args:
        model: A model, or an `Ensemble`, with augmentation layers in it or in its sub-models.
        passes: Times that each row is changed.
        seed: Of the changes.

    Raises:
        DeepkitError: A model without augmentation layers.
    """

    @from_user_line
    def __init__(self, model: Model, passes: int = 10, *, seed: int = 0) -> None:
        if not isinstance(model, Model) or not model.built:
            raise DeepkitTypeError(f"Augmented was given {described(model)}, not a built model.")
        self.model = model
        self.passes = whole_number(passes, "passes")
        self.seed = check_seed(seed)
        wrapped: dict[int, Layer] = {}
        self._program = Program(_with_augmentation(model.graph, wrapped))
        if not any(isinstance(layer, _Always) for layer in wrapped.values()):
            raise DeepkitValueError(
                "the model has no augmentation layers, so all passes would be the same. Train it with some, such as "
                "dk.layers.RandomFlip('horizontal') behind the Input."
            )
        self._run = jax.jit(self._outputs)

    @from_user_line
    def predict(self, x: Any, batch_size: int | None = None) -> Any:
        """The average over the passes, as `Model.predict` arranges it."""
        return jax.tree.map(lambda passes: passes.mean(axis=0), self.predict_passes(x, batch_size))

    @from_user_line
    def spread(self, x: Any, batch_size: int | None = None) -> Any:
        """The standard deviation over the passes (n − 1 below): how much the answer hangs on what should not matter."""
        if self.passes == 1:
            raise DeepkitValueError("one pass has no spread. Say passes=2 or more.")
        return jax.tree.map(lambda passes: passes.std(axis=0, ddof=1), self.predict_passes(x, batch_size))

    @from_user_line
    def predict_passes(self, x: Any, batch_size: int | None = None) -> Any:
        """Every pass by itself: `(passes, rows, …)`."""
        enable_compilation_cache()
        model = self.model
        size = check_batch_size(batch_size) or rows_at_once(model.graph)
        arrays = input_arrays(model_inputs(model, x, "predict"), model.graph)
        check_ready(model)
        model.weights()
        weights = stored(self._program)
        assert weights is not None, "the layers are the model's own"
        pieces = []
        for number, start in enumerate(range(0, len(arrays[0]), size)):
            rows = tuple(array[start : start + size] for array in arrays)
            key = jax.random.fold_in(jax.random.key(self.seed), number)
            pieces.append(jax.device_get(self._run(*weights, rows, jax.random.split(key, self.passes))))
        outputs = [np.concatenate(parts, axis=1) for parts in zip(*pieces, strict=True)]
        passes = [
            in_own_units(model, restore([output[n] for output in outputs], model.graph)) for n in range(self.passes)
        ]
        return jax.tree.map(lambda *each: np.stack(each), *passes)

    def _outputs(
        self, params: Weights, state: Weights, rows: tuple[jax.Array, ...], keys: jax.Array
    ) -> tuple[jax.Array, ...]:
        # One after another: side by side they would need the memory of all.
        return jax.lax.map(lambda key: self._program.forward(params, state, rows, Context(rng=key)).outputs, keys)


class _Always(Layer):
    """An augmentation layer that changes images in prediction too."""

    layer: Any

    def output_spec(self, x: Spec) -> Spec:
        return self.layer.output_spec(x)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        return self.layer.call(weights, x, dataclasses.replace(context, training=True))


def _with_augmentation(graph: Graph, wrapped: dict[int, Layer]) -> Graph:
    """The same graph over the same layers, but for augmentation and the sub-models that have some in them."""
    known: dict[int, SymbolicTensor] = {id(tensor): tensor for tensor in graph.inputs}
    for node in graph.nodes:
        callee: Any = node.callee
        if id(callee) not in wrapped:
            wrapped[id(callee)] = _wrapped(callee, wrapped)
        outputs: Sequence[SymbolicTensor] = jax.tree.leaves(
            wrapped[id(callee)]([known[id(tensor)] for tensor in node.inputs]),
            is_leaf=lambda leaf: isinstance(leaf, SymbolicTensor),
        )
        known |= {id(tensor): output for tensor, output in zip(node.outputs, outputs, strict=True)}
    return Graph(list(graph.inputs), [known[id(tensor)] for tensor in graph.outputs])


def _wrapped(callee: Any, wrapped: dict[int, Layer]) -> Layer:
    if isinstance(callee, Augmentation):
        always = _Always(callee)
        object.__setattr__(always, "holder", callee.holder)  # the same place for what it has: nothing
        return always
    if isinstance(callee, SubModel):
        return SubModel(_with_augmentation(callee.graph, wrapped), name=callee.name, trainable=callee.trainable)
    return callee
