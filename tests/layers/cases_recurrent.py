"""Recurrent layers, cells, and wrappers along a sequence. Their parity with Keras is tested in test_recurrent.py:
Keras counts the seed of a cell's dropout among its weights.
"""

from case_kit import NORMAL, K, case

from deepkit import layers

GRU, LSTM, SimpleRNN = layers.GRU, layers.LSTM, layers.SimpleRNN
SEQUENCE = (4, 3)

CASES = [
    case(lambda: SimpleRNN(2, "relu", False, return_sequences=True, go_backwards=True), SEQUENCE),
    case(lambda: GRU(2, "relu", "hard_sigmoid", reset_after=False, bias_initializer=NORMAL), SEQUENCE),
    case(lambda: GRU(2, dropout=0.5, recurrent_dropout=0.5), SEQUENCE, random=True),
    case(lambda: LSTM(2, return_sequences=True, return_state=True, unit_forget_bias=False), SEQUENCE, (2,), (2,)),
    case(lambda: LSTM(2), SEQUENCE, dtype="uint8"),
    case(lambda: layers.SimpleRNNCell(2), (3,), (2,)),
    case(lambda: layers.GRUCell(2), (3,), (2,)),
    case(lambda: layers.LSTMCell(2), (3,), (2,), (2,)),
    case(lambda: layers.StackedRNNCells([layers.LSTMCell(2), layers.GRUCell(3)]), (3,), (2,), (2,), (3,)),
    case(lambda: layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)], return_sequences=True), SEQUENCE),
    case(
        lambda: layers.Bidirectional(
            LSTM(2, return_sequences=True), "sum", SimpleRNN(2, go_backwards=True, return_sequences=True)
        ),
        SEQUENCE,
    ),
    case(lambda: layers.Bidirectional(GRU(2, return_state=True), None), SEQUENCE, (2,), (2,)),
    case(lambda: layers.ConvLSTM2D(2, 2, padding="same", return_state=True), (2, 3, 3, 1)),
    case(
        lambda: layers.TimeDistributed(layers.Dense(2, "relu")),
        (2, 2, 3),
        twin=lambda: K.TimeDistributed(K.Dense(2, "relu")),
    ),
    case(lambda: layers.TimeDistributed(layers.BatchNormalization()), SEQUENCE),
]
