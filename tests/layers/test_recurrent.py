"""Recurrent layers against Keras: outputs, states and gradients, with masks and given states."""

import functools

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from case_kit import K

import deepkit as dk
from deepkit.graph import Spec
from deepkit.layers import Context

L = dk.layers
ROWS, STEPS, FEATURES, UNITS = 5, 4, 3, 2
X = np.random.default_rng(0).normal(size=(ROWS, STEPS, FEATURES)).astype("float32")
VIDEO = np.random.default_rng(0).normal(size=(2, 3, 5, 4, 2)).astype("float32")
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 1]], bool)


def states_of(*units):
    draw = np.random.default_rng(1)
    return [draw.normal(size=(ROWS, size)).astype("float32") for size in units]


def close(left, right, tolerance=1e-5):
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def flat(tree, declared):
    """Leaves in the order of declaration."""
    return [
        leaf
        for name, item in declared.items()
        for leaf in (flat(tree[name], item) if isinstance(item, dict) else [tree[name]])
    ]


def scalar(output):
    return sum(jnp.sum(jnp.sin(a + jnp.arange(a.size).reshape(a.shape))) for a in jax.tree.leaves(output))


def beside_keras(layer, twin, x=X, states=(), mask=None, slopes=True):
    """The layer's weights as declared, a function of arrays, and these: outputs, states, and gradients by weights,
    input and given states, ours and those of the twin with the same weights.

    Without `slopes`, outputs and states alone.
    """
    specs = [Spec((None, *a.shape[1:])) for a in (x, *states)]
    declared = layer.weight_tree(*specs)
    shapes = jax.eval_shape(lambda: layer.init(jax.random.key(0), *specs)[0])
    draw = np.random.default_rng(2)
    params = jax.tree.map(lambda a: draw.normal(scale=0.5, size=a.shape).astype(a.dtype), shapes)
    # Its own first weights are not asked for.
    with keras.StatelessScope(initialize_variables=False):
        twin.build(x.shape)
    trainable = [tuple(v.shape) for v in twin.trainable_variables]
    assert trainable == [a.shape for a in flat(params, declared)]
    rest = [np.asarray(v.value) for v in twin.non_trainable_variables]
    context = Context(masks=(mask,))

    def ours(params, x, states):
        output, _ = layer.apply(params, {}, x, *states, context=context)
        return scalar(output), output

    def theirs(params, x, states):
        keywords = {} if mask is None else {"mask": jnp.asarray(mask)}
        if states:
            keywords["initial_state"] = states
        output, _ = twin.stateless_call(params, rest, x, **keywords)
        return scalar(output), output

    def both(params, weights, *arguments):
        return [
            jax.value_and_grad(function, (0, 1, 2), has_aux=True)(own, *arguments)
            if slopes
            else (function(own, *arguments), None)
            for function, own in ((ours, params), (theirs, weights))
        ]

    return declared, both, (params, flat(params, declared), x, [*states])


def computed(pairs):
    """What `beside_keras` says to compute, for several pairs in one program."""
    declared, functions, arguments = zip(*pairs, strict=True)
    program = jax.jit(lambda arguments: [f(*given) for f, given in zip(functions, arguments, strict=True)])
    return [*zip(declared, program(arguments), strict=True)]


def compare(declared, results):
    ((_, output), gradients), ((_, expected), slopes) = results
    close(output, expected)
    if slopes is not None:
        close(flat(gradients[0], declared), slopes[0])
        close(gradients[1:], slopes[1:])


EVERYTHING = {"return_sequences": True, "return_state": True}
PAIRS = {
    "SimpleRNN": (lambda: L.SimpleRNN(UNITS), lambda: K.SimpleRNN(UNITS), ()),
    "SimpleRNN relu back": (
        lambda: L.SimpleRNN(UNITS, "relu", False, go_backwards=True, **EVERYTHING),
        lambda: K.SimpleRNN(UNITS, "relu", False, go_backwards=True, **EVERYTHING),
        (UNITS,),
    ),
    "GRU": (lambda: L.GRU(UNITS, **EVERYTHING), lambda: K.GRU(UNITS, **EVERYTHING), (UNITS,)),
    "GRU before": (
        lambda: L.GRU(UNITS, "relu", "hard_sigmoid", reset_after=False),
        lambda: K.GRU(UNITS, "relu", "hard_sigmoid", reset_after=False),
        (),
    ),
    "LSTM": (lambda: L.LSTM(UNITS), lambda: K.LSTM(UNITS), ()),
    "LSTM zeros": (
        lambda: L.LSTM(UNITS, zero_output_for_mask=True, **EVERYTHING),
        lambda: K.LSTM(UNITS, zero_output_for_mask=True, **EVERYTHING),
        (UNITS, UNITS),
    ),
    "RNN stacked": (
        lambda: L.RNN([L.LSTMCell(UNITS), L.SimpleRNNCell(3)], **EVERYTHING),
        lambda: K.RNN([K.LSTMCell(UNITS), K.SimpleRNNCell(3)], **EVERYTHING),
        (),
    ),
    "Bidirectional": (
        lambda: L.Bidirectional(L.GRU(UNITS, **EVERYTHING)),
        lambda: K.Bidirectional(K.GRU(UNITS, **EVERYTHING)),
        (UNITS, UNITS),
    ),
    "Bidirectional ave": (
        lambda: L.Bidirectional(L.LSTM(UNITS), "ave", L.SimpleRNN(UNITS, go_backwards=True)),
        lambda: K.Bidirectional(K.LSTM(UNITS), "ave", backward_layer=K.SimpleRNN(UNITS, go_backwards=True)),
        (),
    ),
    "Bidirectional two": (
        lambda: L.Bidirectional(L.SimpleRNN(UNITS, return_sequences=True), None),
        lambda: K.Bidirectional(K.SimpleRNN(UNITS, return_sequences=True), None),
        (),
    ),
}


# A row of the mask is whole; without any mask, one pair of each kind, whose gradients are proven in test_layers.py.
WHOLE = ["SimpleRNN relu back", "GRU", "LSTM", "RNN stacked", "Bidirectional"]


def pair_of(name, masked):
    layer, twin, states = PAIRS[name]
    return beside_keras(layer(), twin(), states=states_of(*states), mask=MASK if masked else None, slopes=masked)


@functools.cache
def several(names, masked):
    """Those of one list share a program; where one of them fails, each has its own, so that only its test fails."""
    try:
        return dict(zip(names, computed([pair_of(name, masked) for name in names]), strict=True))
    except Exception:
        return {}


@pytest.mark.parametrize(("name", "masked"), [*((name, False) for name in WHOLE), *((name, True) for name in PAIRS)])
def test_parity(name, masked):
    found = several(tuple(PAIRS if masked else WHOLE), masked)
    compare(*(found[name] if found else computed([pair_of(name, masked)])[0]))


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 3, "padding": "same", **EVERYTHING},
        {"kernel_size": (3, 2), "strides": (2, 1), "use_bias": False},
        {"kernel_size": 2, "dilation_rate": 2, "unit_forget_bias": False, "go_backwards": True},
    ],
    ids=["same", "strided", "dilated"],
)
def test_parity_of_convolutions(arguments):
    (found,) = computed([beside_keras(L.ConvLSTM2D(2, **arguments), K.ConvLSTM2D(2, **arguments), VIDEO)])
    compare(*found)


def test_images_left_out_change_nothing():
    """Keras fails on masked images; here they are as if they were not there."""
    layer = L.ConvLSTM2D(2, 2, return_sequences=True)
    mask = np.array([[True, False, True]] * 2)

    @jax.jit
    def both():
        params, _ = layer.init(jax.random.key(0), Spec((None, *VIDEO.shape[1:])))
        output = layer.call(params, jnp.asarray(VIDEO), Context(masks=(mask,)))
        return output, layer.call(params, jnp.asarray(VIDEO[:, ::2]), Context())

    output, expected = jax.device_get(both())
    close(output[:, ::2], expected)
    np.testing.assert_array_equal(output[:, 1], output[:, 0])
    # An image as high as the sequence is long is no sequence.
    square = np.zeros((2, 3, 3, 3, 1))
    last = L.ConvLSTM2D(2, 1)
    assert last.output_mask((mask,), [square], np.zeros((2, 3, 3, 2))) is None


def test_first_weights_are_drawn_as_in_keras():
    params, _ = L.LSTM(64).init(jax.random.key(0), Spec((None, 5, 32)))
    np.testing.assert_array_equal(params["bias"], np.repeat([0, 1, 0, 0], 64))
    limit = np.sqrt(6 / (32 + 256))
    assert 0.95 * limit < np.abs(params["kernel"]).max() <= limit
    recurrent = np.asarray(params["recurrent_kernel"])
    close(recurrent @ recurrent.T, np.eye(64))


def test_dropout_keeps_its_mask_along_a_sequence_and_is_off_in_prediction():
    layer = L.SimpleRNN(8, "linear", use_bias=False, recurrent_initializer="zeros", dropout=0.5, return_sequences=True)
    plain = L.SimpleRNN(8, "linear", use_bias=False, recurrent_initializer="zeros", return_sequences=True)

    @jax.jit
    def everything():
        x = jnp.ones((3, 6, 16))
        params, _ = layer.init(jax.random.key(0), Spec((None, 6, 16)))
        training = layer.call(params, x, Context(training=True, rng=jax.random.key(1)))
        many = layer.call(params, jnp.ones((4000, 1, 16)), Context(True, jax.random.key(2)))
        return training, layer.call(params, x, Context()), plain.call(params, x, Context()), many

    training, predicted, expected, many = jax.device_get(everything())
    np.testing.assert_array_equal(training, np.broadcast_to(training[:, :1], training.shape))
    assert not np.allclose(training[0], training[1])
    np.testing.assert_array_equal(predicted, expected)
    np.testing.assert_allclose(many.mean(axis=(0, 1)), expected[0, 0], atol=0.1)


def test_the_two_directions_drop_different_numbers():
    layer = L.Bidirectional(L.SimpleRNN(8, "linear", recurrent_initializer="zeros", dropout=0.5), None)

    @jax.jit
    def both():
        params, state = layer.init(jax.random.key(0), Spec((None, 1, 16)))
        params = dict.fromkeys(params, params["forward_layer"])
        context = Context(training=True, rng=jax.random.key(1))
        return layer.apply(params, state, jnp.ones((2, 1, 16)), context=context)[0]

    forward, backward = both()
    assert not np.allclose(forward, backward)


@pytest.mark.parametrize("kind", [L.SimpleRNN, L.GRU, L.LSTM])
def test_stepwise_is_the_whole_sequence(kind):
    """One layer in two models: the training model sees the sequence, the other one step and the states.

    Training one model changes the other: one kind is enough for it.
    """
    layer = kind(UNITS, return_sequences=True, return_state=True)
    head = L.Dense(3, "softmax")
    x = dk.Input((STEPS, FEATURES))
    model = dk.Model(x, head(layer(x)[0]))
    one, states = dk.Input((1, FEATURES)), [dk.Input(UNITS) for _ in layer.cell.state_shapes(Spec((None, FEATURES)))]
    y, *after = layer([one, *states])
    step = dk.Model([one, *states], [head(y), *after])

    if kind is L.GRU:
        model.compile("adam", "cce")
        model.fit(X, np.eye(3)[np.arange(ROWS * STEPS).reshape(ROWS, STEPS) % 3], epochs=2, verbose=0)
    carried = [np.zeros((ROWS, UNITS), "float32") for _ in states]
    outputs = []
    for t in range(STEPS):
        output, *carried = step.predict([X[:, t : t + 1], *carried])
        outputs.append(output)
    close(np.concatenate(outputs, axis=1), model.predict(X))


@pytest.mark.parametrize("kind", [L.SimpleRNNCell, L.GRUCell, L.LSTMCell])
def test_a_cell_is_a_layer_of_one_step(kind):
    cell = kind(UNITS)
    layer = {"SimpleRNNCell": L.SimpleRNN, "GRUCell": L.GRU, "LSTMCell": L.LSTM}[kind.__name__](UNITS)
    x = dk.Input(FEATURES)
    states = [dk.Input(UNITS) for _ in cell.state_shapes(x.spec)]
    step = dk.Model([x, *states], list(cell([x, *states])))
    sequence = dk.Input((STEPS, FEATURES))
    whole = dk.Model(sequence, layer(sequence))
    step.set_weights(whole.get_weights())
    carried = [np.zeros((ROWS, UNITS), "float32") for _ in states]
    for t in range(STEPS):
        output, *carried = step.predict([X[:, t], *carried])
    close(output, whole.predict(X))


def test_initial_state_by_keyword_is_the_same_as_further_inputs():
    x, h, c = dk.Input((STEPS, FEATURES)), dk.Input(UNITS), dk.Input(UNITS)
    layer, both = L.LSTM(UNITS), L.Bidirectional(L.SimpleRNN(UNITS))
    outputs = [layer([x, h, c]), layer(x, initial_state=[h, c]), both([x, h, c]), both(x, initial_state=[h, c])]
    model = dk.Model([x, h, c], outputs)
    given = states_of(UNITS, UNITS)
    first, second, third, fourth = model.predict([X, *given])
    np.testing.assert_array_equal(third, fourth)
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, dk.Model(x, layer(x)).predict(X))


class Leaky(L.Cell):
    """The example of the docstring of Cell."""

    units: int = 8

    def build(self, x, *states):
        return {"kernel": L.Weight((x.features, self.units), dk.initializers.GlorotUniform())}

    def state_shapes(self, x):
        return ((self.units,),)

    def call(self, weights, x, h, context):
        h = 0.9 * h + x @ weights["kernel"]
        return h, h


def test_a_users_cell():
    x = dk.Input((STEPS, FEATURES))
    model = dk.Model(x, L.RNN([Leaky(6), L.GRUCell(UNITS), Leaky(4)], return_sequences=True, name="rnn")(x))
    assert model.predict(X).shape == (ROWS, STEPS, 4)
    assert {name: list(part) for name, part in model.params["rnn"]["cell"].items()} == {
        "cell_0": ["kernel"],
        "cell_1": ["bias", "kernel", "recurrent_kernel"],
        "cell_2": ["kernel"],
    }
    only = dk.Model(x, L.RNN(Leaky(6))(x))
    kernel = only.get_weights()[0]
    close(only.predict(X), sum(0.9 ** (STEPS - 1 - t) * X[:, t] @ kernel for t in range(STEPS)))


def test_time_distributed_leaves_masked_steps_out_of_batch_statistics():
    layer = L.TimeDistributed(L.BatchNormalization(momentum=0.0))
    rows = np.array([True, True, True, True, False])

    @jax.jit
    def trained():
        params, state = layer.init(jax.random.key(0), Spec((None, STEPS, FEATURES)))
        context = Context(training=True, masks=(jnp.asarray(MASK),), row_mask=jnp.asarray(rows))
        return layer.apply(params, state, jnp.asarray(X), context=context)[1]

    after = trained()
    close(after["layer"]["moving_mean"], X[MASK & rows[:, None]].mean(axis=0))


def test_sigmoid_at_every_step_is_trained_from_logits():
    x = dk.Input((STEPS, FEATURES))
    layer = L.TimeDistributed(L.Dense(1, "sigmoid", kernel_initializer=dk.initializers.Constant(1e4)))
    model = dk.Model(x, layer(x))
    model.compile("sgd", "bce")
    loss = model.evaluate(np.ones_like(X), np.zeros((ROWS, STEPS, 1)))["loss"]
    np.testing.assert_allclose(loss, 3e4)


def test_a_model_read_from_a_file_trains_on(tmp_path):
    x = dk.Input(STEPS, dtype="int32")
    h = L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True)(L.Embedding(9, 4, mask_zero=True)(x))
    h = L.TimeDistributed(L.Dense(3, "relu"))(h)
    model = dk.Model(x, L.Dense(1)(L.Bidirectional(L.SimpleRNN(2, dropout=0.2))(h)))
    model.compile("adam", "mse")
    codes, y = np.arange(ROWS * STEPS).reshape(ROWS, STEPS) % 9, np.ones((ROWS, 1))
    plainly = {"batch_size": None, "shuffle": False, "verbose": 0}
    model.fit(codes, y, epochs=2, **plainly)
    model.save(tmp_path / "m.deepkit")
    back = dk.load_model(tmp_path / "m.deepkit")
    jax.tree.map(np.testing.assert_array_equal, back.get_weights(), model.get_weights())
    for each in (model, back):
        each.fit(codes, y, epochs=4, initial_epoch=2, **plainly)
    jax.tree.map(np.testing.assert_array_equal, back.get_weights(), model.get_weights())
    np.testing.assert_array_equal(back.predict(codes), model.predict(codes))
