"""D17: "hello" with four letters, the state carried by whoever calls, and the sizes of recurrent layers."""

import numpy as np
import pytest

import deepkit as dk

HELLO = dk.datasets.Text("hello")


def networks(units=8):
    """`(training model, model of one step)` on one-hot letters and the same layers."""
    recurrent = dk.layers.SimpleRNN(units, return_sequences=True, return_state=True)
    head = dk.layers.Dense(4, "softmax")
    x, one, state = dk.Input((4, 4)), dk.Input((1, 4)), dk.Input(units)
    sequence, _ = recurrent(x)
    output, after = recurrent([one, state])
    return dk.Model(x, head(sequence)), dk.Model([one, state], [head(output), after])


def follow(step, units=8, *, carried):
    """The most likely letter after each one written, from "h"."""
    state = np.zeros((1, units), "float32")
    written = "h"
    for _ in range(4):
        letter = np.eye(4, dtype="float32")[HELLO.codes_of(written[-1])][None]
        probabilities, after = step.predict([letter, state])
        written += HELLO.text_of(probabilities[0, 0].argmax(keepdims=True))
        state = after if carried else state
    return written


def test_hello_is_learned_exactly_and_needs_the_state():
    model, step = networks()
    model.compile(dk.optimizers.Adam(0.03), "sparse_categorical_crossentropy", ["accuracy"])
    x, y = HELLO.sequences(4)
    history = model.fit(np.eye(4, dtype="float32")[x], y, batch_size=None, epochs=150, verbose=0)
    assert history["accuracy"][-1] == 1 and history["loss"][-1] < 0.05
    assert follow(step, carried=True) == "hello"
    # From the zero state the two letters after l cannot differ.
    assert follow(step, carried=False) != "hello"


@pytest.mark.parametrize(
    ("layer", "features", "count"),
    [
        (dk.layers.SimpleRNN(3), 4, 3 * (4 + 3 + 1)),
        (dk.layers.SimpleRNN(128), 65, 128 * (65 + 128 + 1)),
        (dk.layers.GRU(128), 65, 3 * 128 * (65 + 128 + 2)),
        (dk.layers.GRU(128, reset_after=False), 65, 3 * 128 * (65 + 128 + 1)),
        (dk.layers.LSTM(128), 65, 4 * 128 * (65 + 128 + 1)),
        (dk.layers.Bidirectional(dk.layers.LSTM(64)), 128, 2 * 4 * 64 * (128 + 64 + 1)),
        (dk.layers.RNN([dk.layers.LSTMCell(8), dk.layers.GRUCell(4)]), 5, 4 * 8 * (5 + 8 + 1) + 3 * 4 * (8 + 4 + 2)),
    ],
)
def test_parameter_counts(layer, features, count):
    x = dk.Input((10, features))
    assert dk.Model(x, layer(x)).count_params() == count


def test_embedding_and_convolution_counts():
    x, images = dk.Input(10, dtype="int32"), dk.Input((3, 8, 8, 2))
    assert dk.Model(x, dk.layers.Embedding(65, 32)(x)).count_params() == 65 * 32
    layer = dk.layers.ConvLSTM2D(5, 3, padding="same")
    assert dk.Model(images, layer(images)).count_params() == 4 * 5 * (9 * (2 + 5) + 1)
