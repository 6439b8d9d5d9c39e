"""Wrong uses of recurrent layers, cells, wrappers and embeddings, refused at declaration."""

import jax.numpy as jnp
import numpy as np
import pytest

import deepkit as dk
from deepkit import initializers, layers
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError
from deepkit.graph import Input
from deepkit.layers import Context

VALUE, TYPE = DeepkitValueError, DeepkitTypeError
LSTM, GRU = layers.LSTM, layers.GRU


class TwoStates(layers.Cell):
    """Its output is not of the shape of its first state."""

    def state_shapes(self, x):
        return ((5,),)

    def call(self, weights, x, h, context):
        return x, h


class Grows(TwoStates):
    def call(self, weights, x, h, context):
        return x, jnp.concatenate([h, h], axis=1)


class Keeps(TwoStates):
    def build(self, x, *states):
        return {"count": layers.Weight((), initializers.Zeros(), trainable=False)}


class NoCall(layers.Cell):
    def state_shapes(self, x):
        return ((5,),)


WRONG = [
    (lambda: LSTM(0), VALUE, r"LSTM\(units=0\): expected a whole number of at least 1"),
    (lambda: GRU(8, dropout=1.0), VALUE, r"GRU\(dropout=1.0\).*\[0, 1\)"),
    (lambda: LSTM(8)(Input(10)), VALUE, r"\(batch, steps, features\), 3 axes, got shape \(None, 10\).*Reshape"),
    (lambda: LSTM(8)(Input(10, dtype="int32")), VALUE, r"Embedding\(input_dim, output_dim\)"),
    (lambda: LSTM(8)(Input((5, 4, 4))), VALUE, r"TimeDistributed\(dk.layers.Flatten\(\)\)"),
    (
        lambda: LSTM(8, name="first")([Input((5, 4)), Input(8)]),
        VALUE,
        r"LSTM 'first' takes 2 states of shape \(None, 8\) and \(None, 8\) after its input, got \(None, 8\)",
    ),
    (lambda: GRU(8)([Input((5, 4)), Input(4)]), VALUE, r"takes 1 state of shape \(None, 8\).*\[x, Input\(8\)\]"),
    (lambda: layers.LSTMCell(8)(Input(4)), VALUE, r"takes 2 states .* got none"),
    (lambda: layers.GRUCell(8)([Input((5, 4)), Input(8)]), VALUE, r"needs an input of 2 axes"),
    (lambda: layers.RNN(layers.GRUCell(8))(Input((5, 4, 4))), VALUE, r"GRUCell.* needs an input of 2 axes"),
    (
        lambda: layers.RNN(LSTM(8)),
        TYPE,
        r"expected a cell such as dk.layers.LSTMCell\(8\), got .*return_sequences=True",
    ),
    (lambda: layers.RNN([]), TYPE, "expected a list of cells"),
    (lambda: layers.RNN(TwoStates())(Input(())), VALUE, r"needs an input \(batch, steps, features\)"),
    (lambda: layers.RNN(layers.Cell())(Input((5, 4))), TYPE, r"does not define state_shapes\(self, x\)"),
    (
        lambda: layers.RNN(Keeps())(Input((5, 4))),
        VALUE,
        "'count' with trainable=False.*in state_shapes",
    ),
    (lambda: layers.RNN(NoCall())(Input((5, 4))), TYPE, r"does not define call"),
    (lambda: layers.RNN(Grows())(Input((5, 4))), VALUE, r"returns new states of shape \(None, 10\).*shape \(None, 5\)"),
    (lambda: run_masked(layers.RNN(TwoStates())), VALUE, r"its first state has shape \(2, 5\), its output \(2, 4\)"),
    (lambda: layers.Bidirectional(layers.Dense(3)), TYPE, r"expected a recurrent layer such as dk.layers.LSTM\(8\)"),
    (lambda: layers.Bidirectional(LSTM(3), "add"), VALUE, r"expected 'concat', 'sum', 'mul', 'ave', or None"),
    (lambda: layers.Bidirectional(LSTM(3), backward_layer=LSTM(3)), VALUE, "both run the same way"),
    (
        lambda: layers.Bidirectional(LSTM(3, return_state=True), backward_layer=LSTM(3, go_backwards=True)),
        VALUE,
        "return_state=True, backward_layer return_state=False",
    ),
    (lambda: layers.Bidirectional(LSTM(3, activity_regularizer="l2")), VALUE, "would not be seen"),
    (
        lambda: layers.Bidirectional(LSTM(3), "sum", GRU(4, go_backwards=True))(Input((5, 4))),
        VALUE,
        r"\(None, 3\) and \(None, 4\) by 'sum'",
    ),
    (lambda: layers.Bidirectional(GRU(3))([Input((5, 4)), Input(3)]), VALUE, "was given 1 states"),
    (lambda: layers.TimeDistributed(8), TYPE, "expected a layer such as"),
    (lambda: layers.TimeDistributed(layers.MixUp()), TYPE, "MixUp.*right behind the Input"),
    (lambda: layers.TimeDistributed(layers.Dense(3))(Input(4)), VALUE, r"at least 3 axes.*Dense\(units=3\)"),
    (lambda: layers.TimeDistributed(LSTM(3, return_state=True))(Input((2, 5, 4))), VALUE, "has several outputs"),
    (lambda: layers.Embedding(0, 3), VALUE, r"Embedding\(input_dim=0\)"),
    (lambda: layers.Embedding(10, 3)(Input(4)), TYPE, r'dtype float32. Declare Input\(4, dtype="int32"\)'),
    (lambda: layers.Embedding(10, 3, mask_zero=True)(Input((4, 2), dtype="int32")), VALUE, "Leave mask_zero out"),
    (lambda: layers.Masking()(Input(4)), VALUE, "at least 3 axes"),
    (lambda: layers.Masking(np.nan), VALUE, "expected a finite number"),
    (lambda: layers.ConvLSTM2D(2, 3)(Input((5, 8, 8))), VALUE, r"\(batch, steps, height, width, channels\), 5 axes"),
    (lambda: layers.ConvLSTM2D(2, 9)(Input((5, 8, 8, 1))), VALUE, "window that spans 9×9"),
    (lambda: layers.ConvLSTM2D(2, 3, strides=2, dilation_rate=2), VALUE, "Leave one of the two at 1"),
]


def run_masked(layer):
    x = jnp.ones((2, 3, 4))
    return layer.apply({"cell": {}}, {}, x, context=Context(masks=(jnp.ones((2, 3), bool),)))


@pytest.mark.parametrize(("use", "kind", "text"), WRONG, ids=[text for *_, text in WRONG])
def test_wrong_use(use, kind, text):
    with pytest.raises(kind, match=text) as caught:
        use()
    assert isinstance(caught.value, DeepkitError)


def test_what_a_step_that_is_left_out_puts_out_can_be_zero():
    x = jnp.ones((2, 3, 4))
    layer = layers.RNN(TwoStates(), zero_output_for_mask=True, return_sequences=True)
    mask = jnp.asarray([[True, False, True]] * 2)
    output, _ = layer.apply({"cell": {}}, {"cell": {}}, x, context=Context(masks=(mask,)))
    np.testing.assert_array_equal(output, x * mask[..., None])


def test_a_code_without_a_row_is_refused_before_anything_runs():
    x = dk.Input(3, dtype="int32")
    model = dk.Model(x, dk.layers.Dense(1)(dk.layers.Flatten()(dk.layers.Embedding(5, 2, name="words")(x))))
    model.compile("sgd", "mse")
    codes = np.array([[0, 1, 2], [3, 4, 5]])
    for call in (lambda: model.predict(codes), lambda: model.fit(codes, np.zeros(2), verbose=0)):
        with pytest.raises(DeepkitError, match="holds the code 5, but Embedding 'words' has rows for the codes 0 to 4"):
            call()
    assert model.predict(codes - 1 + (codes == 0)).shape == (2, 1)
