"""Weights that change nothing, because the next layer takes their effect out again."""

from __future__ import annotations

from typing import Any

from deepkit import activations
from deepkit.errors import DeepkitTypeError, described, from_user_line
from deepkit.graph import Graph
from deepkit.layers import BatchNormalization, Dense
from deepkit.layers.convolution import WindowedWeights
from deepkit.program.submodel import SubModel


@from_user_line
def redundant_biases(model: Any) -> list[str]:
    """Names of the layers whose bias a batch normalisation subtracts again; those of sub-models as `model/layer`.

    A Dense or convolution with `use_bias=True` and a linear output that only batch normalisations over its features
    read: in training they subtract the mean, the bias with it, so that its gradient is 0 and it stays where it
    started; their `beta` (`center=True`) does its work. `use_bias=False` saves the parameters.

    Args:
        model: A `dk.Model`; it need not be compiled.

    Raises:
        DeepkitTypeError: for anything else.
    """
    from deepkit.model import Model

    if not isinstance(model, Model):
        raise DeepkitTypeError(
            f"redundant_biases needs a model, got {described(model)}. Pass dk.Model(inputs, outputs)."
        )
    return _redundant(model.program.graph)


def _redundant(graph: Graph) -> list[str]:
    seen = {id(tensor) for tensor in graph.outputs}
    names = []
    for name, layer in graph.callees.items():
        if isinstance(layer, SubModel):
            names += [f"{name}/{inner}" for inner in _redundant(layer.graph)]
        elif _adds_a_bias(layer):
            outputs = [tensor for node in graph.nodes if node.callee is layer for tensor in node.outputs]
            readers = [node.callee for node in graph.nodes if any(x is y for x in node.inputs for y in outputs)]
            shown = any(id(tensor) in seen for tensor in outputs)
            if readers and not shown and all(_centres(reader, outputs[0].spec.rank) for reader in readers):
                names.append(name)
    return names


def _adds_a_bias(layer: Any) -> bool:
    linear = getattr(layer, "activation", None) is activations.linear
    weighs = isinstance(layer, Dense | WindowedWeights)
    return weighs and layer.use_bias and linear


def _centres(layer: Any, rank: int) -> bool:
    """Whether it takes the mean of every feature out and has a bias of its own. A frozen one subtracts constants."""
    is_norm = isinstance(layer, BatchNormalization)
    return is_norm and layer.center and layer.trainable and layer.axis % rank == rank - 1
