"""Models declared by a class with its own `call`, and training steps written by hand."""

import jax
import numpy as np
import optax
import pytest

import deepkit as dk
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")[:, None]


class Net(dk.Model):
    """Two hidden layers in a list, a path around them, and one output."""

    def __init__(self, width=4, **arguments):
        super().__init__(**arguments)
        self.blocks = [dk.layers.Dense(width, "tanh") for _ in range(2)]
        self.add = dk.layers.Add()
        self.head = dk.layers.Dense(1, "sigmoid", name="head")

    def call(self, x):
        h = x
        for block in self.blocks:
            h = block(h)
        return self.head(self.add([x, h]))


class Sum(dk.Model):
    """Two inputs by name, no `__init__`, two outputs."""

    def call(self, x):
        both = dk.layers.Concatenate()([x["a"], x["b"]])
        return {"one": dk.layers.Dense(1, name="one")(both), "two": dk.layers.Dense(2, name="two")(both)}


def functional():
    x = dk.Input(4)
    h = dk.layers.Dense(4, "tanh")(dk.layers.Dense(4, "tanh")(x))
    return dk.Model(x, dk.layers.Dense(1, "sigmoid", name="head")(dk.layers.Add()([x, h])))


@pytest.mark.parametrize("shape", [4, (4,), (None, 4), [None, 4]])
def test_build_makes_an_ordinary_model(shape, capsys):
    net, twin = Net(), functional()
    assert not net.built and repr(net) == "<Net, not built yet>"
    net.build(shape)
    net.build(shape)  # once is enough
    assert list(net.graph.callees) == ["dense", "dense_1", "add", "head"]
    assert net.count_params() == twin.count_params() == 2 * 20 + 5
    net.set_weights(twin.get_weights())
    np.testing.assert_array_equal(net.predict(X), twin.predict(X))
    net.summary()
    assert "dense_1" in capsys.readouterr().out


def test_fit_builds_and_trains_as_the_functional_model_does():
    net, twin = Net(), functional()
    for model in (net, twin):
        model.compile("adam", "bce", metrics=["accuracy"])
        model.fit(X, Y, epochs=3, batch_size=5, verbose=0, seed=1)
    assert net.history.history == twin.history.history
    np.testing.assert_array_equal(net.predict(X), twin.predict(X))


@pytest.mark.parametrize(
    "use",
    [
        lambda net: net.predict(X),
        lambda net: net.evaluate(X, Y),
        lambda net: net.train_on_batch(X, Y),
        lambda net: net(dk.Input(4)),
        lambda net: net.fit(dk.split(X, Y, train=8, dev=2, test=2, stratify=False).train, epochs=1, verbose=0),
    ],
    ids=["predict", "evaluate", "train_on_batch", "tensor", "part"],
)
def test_first_use_builds(use):
    net = Net()
    net.compile("sgd", "bce")
    use(net)
    assert net.built and net.inputs[0].shape == (None, 4)


def test_as_a_layer_of_another_model():
    net = Net(name="inner")
    x = dk.Input(4)
    outer = dk.Model(x, dk.layers.Dense(1, name="outer")(net(x)))
    assert set(outer.params) == {"inner", "outer"}
    net.initialize(5)
    np.testing.assert_array_equal(outer.params["inner"]["head"]["kernel"], net.params["head"]["kernel"])


def test_several_inputs_and_outputs_arranged_as_given():
    net = Sum()
    out = net.predict({"a": X, "b": X[:, :2]})
    assert out["one"].shape == (12, 1) and out["two"].shape == (12, 2)
    assert net.graph.input_names == ("a", "b")
    other = Sum()
    other.build({"a": 4, "b": (None, 2)})
    other.set_weights(net.get_weights())
    np.testing.assert_array_equal(other.predict({"a": X, "b": X[:, :2]})["two"], out["two"])


def test_saved_it_comes_back_as_a_plain_model_without_code(tmp_path):
    net = Net()
    net.compile("adam", "bce")
    net.fit(X, Y, epochs=1, verbose=0)
    net.save(tmp_path / "net.deepkit")
    back = dk.load_model(tmp_path / "net.deepkit")
    assert type(back) is dk.Model
    np.testing.assert_array_equal(back.predict(X), net.predict(X))
    again = Net()
    again.build(4)
    again.load_weights(tmp_path / "net.deepkit")
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


def test_integer_inputs_by_dtype():
    net = Net()
    net.build(4, dtype="int32")
    assert net.inputs[0].dtype == "int32"


class Nothing(dk.Model):
    def call(self, x):
        dk.layers.Dense(1)(x)


class Numbers(dk.Model):
    def call(self, x):
        return x + 1


class Autoencoder(dk.Model):
    def __init__(self):
        super().__init__()
        self.encoder = dk.Sequential([dk.Input(4), dk.layers.Dense(2)])

    def call(self, x):
        return self.encoder(x)


class Kept(Net):
    def __init__(self):
        super().__init__()
        self.layers = [dk.layers.Dense(2)]


class Listed(dk.Model):
    """Without a call."""


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: Net().summary(), DeepkitValueError, ("Net", "not built", "build(29)")),
        (lambda: Net().count_params(), DeepkitValueError, ("Net", "not built", "weights")),
        (lambda: Net().fit(iter([(X, Y)])), DeepkitValueError, ("Net", "batches", "build")),
        (lambda: Net().predict(3.0), DeepkitValueError, ("3.0", "one row per example")),
        (lambda: Net()(X), DeepkitTypeError, ("array", "model.predict")),
        (lambda: Nothing().build(4), DeepkitTypeError, ("Nothing.call", "None", "return")),
        (lambda: Numbers().build(4), DeepkitError, ("operator +", "symbolic")),
        (lambda: Autoencoder(), DeepkitValueError, ("self.encoder", "Autoencoder", "otherwise")),
        (lambda: Kept(), DeepkitValueError, ("self.layers", "Kept")),
        (lambda: dk.Model(), DeepkitTypeError, ("Model", "'inputs'")),
        (lambda: Listed(), DeepkitTypeError, ("'inputs'", "Listed", "call(self, x)")),
        (lambda: functional().call(1), DeepkitTypeError, ("model(x)",)),
    ],
)
def test_mistakes(make, kind, words):
    with pytest.raises(kind) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_a_wrong_loss_is_found_when_the_model_is_built():
    net = Net()
    net.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(DeepkitError, match="head"):
        net.build(4)
    with pytest.raises(DeepkitValueError, match="not built yet, so it has no optimizer"):
        again = Net()
        again.compile("adam", "bce")
        again.optimizer  # noqa: B018


def test_twenty_steps_by_hand_are_those_of_fit():
    """`model.loss`, `jax.value_and_grad`, optax and `set_variables`: what a training loop of one's own is made of."""
    model, ours = functional(), functional()
    for each in (model, ours):
        each.compile(dk.optimizers.SGD(0.5, momentum=0.9), "bce")
        each.initialize(3)
    optimizer = optax.sgd(0.5, momentum=0.9)
    params, state = model.variables["params"], model.variables["state"]
    memory = optimizer.init(params)

    @jax.jit
    def step(params, state, memory):
        (value, (_, state)), gradients = jax.value_and_grad(model.loss, has_aux=True)(params, state, (X, Y))
        updates, memory = optimizer.update(gradients, memory, params)
        return optax.apply_updates(params, updates), state, memory, value

    losses = []
    for _ in range(20):
        params, state, memory, value = step(params, state, memory)
        losses.append(float(value))
    model.set_variables({"params": params, "state": state})
    history = ours.fit(X, Y, batch_size=None, epochs=20, shuffle=False, verbose=0)
    np.testing.assert_allclose(losses, history["loss"], rtol=1e-5)
    for left, right in zip(model.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)
    assert losses[-1] < losses[0]
