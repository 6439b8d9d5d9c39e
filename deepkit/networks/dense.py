"""Networks of fully connected layers: the multi-layer perceptron and the autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepkit.graph import Input
from deepkit.layers import Dense, Flatten
from deepkit.model import Model


def MLP(
    input_shape: int | tuple[int, ...],
    hidden: Sequence[int] = (512, 256),
    outputs: int = 10,
    activation: Any = "relu",
    output_activation: Any = "softmax",
) -> Model:
    """A multi-layer perceptron: hidden layers one after another. Images are flattened.

    Args:
        input_shape: Shape of a row.
        hidden: Units of the hidden layers.
        outputs: Units of the last layer.
        activation: Of the hidden layers.
        output_activation: "softmax" for classes, "sigmoid" for yes or no, `None` for numbers.
    """
    x = h = Input(input_shape)
    if len(x.shape) > 2:
        h = Flatten()(h)
    for units in hidden:
        h = Dense(units, activation, kernel_initializer="he_normal" if activation == "relu" else "glorot_uniform")(h)
    return Model(x, Dense(outputs, output_activation)(h), name="MLP")


def Autoencoder(
    inputs: int = 784,
    hidden: Sequence[int] = (128, 32),
    activation: Any = "relu",
    output_activation: Any = "sigmoid",
    tied: bool = False,
) -> Model:
    """Numbers through a narrow layer and back: train it with `fit(x, x)`.

    The narrow layer is called `code`; `dk.networks.encoder_of(model)` computes it.

    Args:
        inputs: Numbers in a row.
        hidden: Units of the encoder, the code last; the decoder has them in reverse.
        activation: Of the hidden layers.
        output_activation: "sigmoid" for numbers from 0 to 1, `None` for any.
        tied: Whether the decoder uses the encoder's kernels, transposed: about half as many parameters.
    """
    start = "he_normal" if activation == "relu" else "glorot_uniform"
    x = h = Input(inputs)
    encoder = []
    for number, units in enumerate(hidden, 1):
        name = "code" if number == len(hidden) else f"encoder_{number}"
        encoder.append(Dense(units, activation, kernel_initializer=start, name=name))
        h = encoder[-1](h)
    sizes = [inputs, *hidden]
    for number in reversed(range(len(hidden))):
        last = number == 0
        options = {"tied_to": encoder[number]} if tied else {} if last else {"kernel_initializer": start}
        name = "output" if last else f"decoder_{number}"
        h = Dense(sizes[number], output_activation if last else activation, name=name, **options)(h)
    return Model(x, h, name="Autoencoder")


def encoder_of(autoencoder: Model) -> Model:
    """The first half of an `Autoencoder`, from the numbers to the code, with the same weights."""
    code = autoencoder.get_layer("code")
    (output,) = next(node.outputs for node in autoencoder.graph.nodes if node.callee is code)
    return Model(autoencoder.graph.inputs[0], output, name="Encoder")
