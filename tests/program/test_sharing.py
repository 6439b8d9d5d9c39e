"""Layers that stand in several places: one set of weights, the sum of the gradients, one state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitValueError

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
X2 = np.random.default_rng(1).normal(size=(12, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")[:, None]


def dense(weights, x):
    return x @ weights["kernel"] + weights["bias"]


def close(left, right):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), left, right)


def gradient(model, *batch):
    variables = model.variables
    return jax.jit(jax.grad(lambda p: model.loss(p, variables["state"], batch)[0]))(variables["params"])


def test_a_layer_in_two_sub_models_and_outside():
    """Three places, one kernel: its gradient is that of the plain function in which it occurs three times."""
    shared = dk.layers.Dense(4, "tanh", name="shared")
    a, b = dk.Input(4), dk.Input(4)
    first = dk.Model(a, dk.layers.Dense(4, name="one")(shared(a)), name="first")
    second = dk.Model(b, shared(shared(b)), name="second")
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(1, name="out")(shared(second(first(x)))))
    model.compile("sgd", "mse")
    params = model.params
    places = [path for path, layer in model.program.places.items() if layer is shared]
    assert len(places) == 1
    assert model.count_params() == 2 * (4 * 4 + 4) + 5

    def plain(one, shared, out):
        f = lambda x: jnp.tanh(dense(shared, x))  # noqa: E731
        h = dense(one, f(X))
        return jnp.square(dense(out, f(f(f(h)))) - Y).mean()

    arguments = (params["first"]["one"], params["first"]["shared"], params["out"])
    value, expected = jax.jit(jax.value_and_grad(plain, argnums=(0, 1, 2)))(*arguments)
    assert model.loss(params, model.variables["state"], (X, Y))[0] == pytest.approx(float(value), abs=1e-6)
    found = gradient(model, X, Y)
    close((found["first"]["one"], found["first"]["shared"], found["out"]), expected)


def test_siamese_twins():
    """The same branch on two inputs: distance of the codes, one set of weights."""
    inside = dk.Input(4)
    branch = dk.Model(inside, dk.layers.Dense(3, "relu", name="code")(inside), name="branch")
    left, right = dk.Input(4, name="left"), dk.Input(4, name="right")
    distance = dk.layers.Subtract()([branch(left), branch(right)])
    model = dk.Model([left, right], dk.layers.Dense(1, name="out")(distance))
    model.compile(dk.optimizers.SGD(0.1), "mse")
    params = model.params

    def plain(code, out):
        f = lambda x: jax.nn.relu(dense(code, x))  # noqa: E731
        return jnp.square(dense(out, f(X) - f(X2)) - Y).mean()

    expected = jax.jit(jax.grad(plain, argnums=(0, 1)))(params["branch"]["code"], params["out"])
    found = gradient(model, (X, X2), Y)
    close((found["branch"]["code"], found["out"]), expected)
    before = branch.predict(X)
    model.fit([X, X2], Y, batch_size=None, epochs=1, verbose=0)
    close(
        model.params["branch"]["code"],
        jax.tree.map(lambda p, g: p - 0.1 * g, params["branch"]["code"], expected[0]),
    )
    # The sub-model sees what the outer one learnt.
    code = jax.nn.relu(dense(model.params["branch"]["code"], X))
    np.testing.assert_allclose(branch.predict(X), code, atol=1e-6)
    assert not np.allclose(before, branch.predict(X))


def test_two_models_over_the_same_layers():
    x = dk.Input(4)
    hidden = dk.layers.Dense(3, "tanh", name="hidden")(x)
    model = dk.Model(x, dk.layers.Dense(1, name="out")(hidden))
    probe = dk.Model(x, hidden)
    model.compile("adam", "mse")
    probe.compile("sgd", "mse")
    assert np.array_equal(model.params["hidden"]["kernel"], probe.params["hidden"]["kernel"])
    model.fit(X, Y, epochs=3, verbose=0)
    assert np.array_equal(model.params["hidden"]["kernel"], probe.params["hidden"]["kernel"])
    probe.fit(X, np.zeros((12, 3), "float32"), epochs=3, verbose=0)
    assert np.array_equal(model.params["hidden"]["kernel"], probe.params["hidden"]["kernel"])
    np.testing.assert_allclose(
        model.predict(X), probe.predict(X) @ model.params["out"]["kernel"] + model.params["out"]["bias"], atol=1e-6
    )


def test_the_part_of_a_model_that_has_weights_keeps_them():
    """A new head on a trained body: `fit` draws the head only."""
    x = dk.Input(4)
    body = dk.layers.Dense(3, "tanh", name="body")(x)
    old = dk.Model(x, dk.layers.Dense(1)(body))
    old.compile("sgd", "mse")
    old.fit(X, Y, epochs=2, verbose=0)
    trained = np.array(old.params["body"]["kernel"])
    new = dk.Model(x, dk.layers.Dense(2, name="head")(body))
    new.compile(dk.optimizers.SGD(0.0), "mse")
    new.fit(X, np.zeros((12, 2), "float32"), epochs=1, verbose=0)
    assert np.array_equal(new.params["body"]["kernel"], trained)


@pytest.mark.parametrize("how", ["model", "layer in the outer model", "its only layer"])
def test_a_frozen_sub_model(how):
    inside = dk.Input(4)
    inner = dk.Model(inside, dk.layers.BatchNormalization()(dk.layers.Dense(3, name="code")(inside)), name="inner")
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(1, name="out")(inner(x)))
    if how == "model":
        inner.trainable = False
    elif how == "layer in the outer model":
        model.get_layer("inner").trainable = False
    else:
        for layer in inner.layers:
            layer.trainable = False
    model.compile(dk.optimizers.SGD(0.1), "mse")
    before = jax.tree.map(np.array, model.variables)
    model.fit(X, Y, epochs=3, verbose=0)
    after = model.variables
    # Frozen batch normalisation stands still, as in Keras: its moving averages are the ones that are used.
    jax.tree.map(np.testing.assert_array_equal, before["params"]["inner"], after["params"]["inner"])
    jax.tree.map(np.testing.assert_array_equal, before["state"], after["state"])
    assert not np.array_equal(before["params"]["out"]["kernel"], after["params"]["out"]["kernel"])
    inner.trainable = True
    model.fit(X, Y, epochs=1, verbose=0)
    assert not np.array_equal(before["params"]["inner"]["code"]["kernel"], model.params["inner"]["code"]["kernel"])
    assert not np.array_equal(
        jax.tree.leaves(before["state"]["inner"])[0], jax.tree.leaves(model.variables["state"]["inner"])[0]
    )


def test_everything_frozen_is_refused():
    x = dk.Input(4)
    layer = dk.layers.Dense(1, trainable=False)
    model = dk.Model(x, layer(x))
    model.compile("sgd", "mse")
    with pytest.raises(DeepkitValueError, match="every parameter is frozen"):
        model.fit(X, Y, verbose=0)
    layer.trainable = True
    model.fit(X, Y, verbose=0)


def test_freezing_between_fits_changes_the_next_one():
    x = dk.Input(4)
    first, last = dk.layers.Dense(3, "tanh"), dk.layers.Dense(1)
    model = dk.Model(x, last(first(x)))
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    first.trainable = False
    kept = np.array(model.params["dense"]["kernel"])
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.array_equal(model.params["dense"]["kernel"], kept)
    first.trainable = True
    model.fit(X, Y, epochs=2, verbose=0)
    assert not np.array_equal(model.params["dense"]["kernel"], kept)


class Counter(dk.layers.Layer):
    """Counts its calls in its state, and passes its input on."""

    def build(self, x):
        return {"calls": dk.layers.Weight((), dk.initializers.Zeros(), trainable=False)}

    def call(self, weights, x, context):
        return x, {"calls": weights["calls"] + 1}


def test_state_moves_on_from_call_to_call_in_whatever_sub_model():
    counter = Counter(name="counter")
    a, b, x = dk.Input(4), dk.Input(4), dk.Input(4)
    first, second = dk.Model(a, counter(a), name="first"), dk.Model(b, counter(counter(b)), name="second")
    model = dk.Model(x, dk.layers.Dense(1)(counter(second(first(second(x))))))
    variables = model.init(jax.random.key(0))
    _, state = model.apply(variables, X)
    assert [float(leaf) for leaf in jax.tree.leaves(state)] == [6.0]
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=2, batch_size=4, verbose=0)
    assert [float(leaf) for leaf in jax.tree.leaves(model.variables["state"])] == [36.0]


def test_penalties_of_a_shared_layer_count_once_and_of_its_calls_each():
    """Weights are one array, so one penalty; activities are as many as calls (as in Keras)."""
    layer = dk.layers.Dense(4, kernel_regularizer=dk.regularizers.L2(1.0), activity_regularizer=dk.regularizers.L2(1.0))
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(1)(layer(layer(x))))
    model.compile("sgd", "mse")
    params = model.params
    inner = dense(params["dense"], X)
    outer = dense(params["dense"], inner)
    error = jnp.square(dense(params["dense_1"], outer) - Y).mean()
    expected = error + jnp.square(params["dense"]["kernel"]).sum()
    expected += (jnp.square(inner).sum() + jnp.square(outer).sum()) / len(X)
    assert model.evaluate(X, Y)["loss"] == pytest.approx(float(expected), rel=1e-5)


def test_each_call_of_a_random_layer_draws_for_itself():
    drop = dk.layers.Dropout(0.5)
    inside = dk.Input(64)
    inner = dk.Model(inside, drop(inside), name="inner")
    x = dk.Input(64)
    model = dk.Model(x, [drop(x), drop(x), inner(x), inner(x)])
    outputs, _ = model.apply(model.init(jax.random.key(0)), np.ones((3, 64)), True, jax.random.key(1))
    masks = {np.asarray(output > 0).tobytes() for output in outputs}
    assert len(masks) == 4
