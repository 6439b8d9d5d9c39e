"""The floor below: `init`, `apply` and `loss` under jit, vmap, grad and optax, and what they agree with."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import deepkit as dk
from deepkit.errors import DeepkitValueError
from deepkit.program.program import combine, partition

X = np.random.default_rng(0).normal(size=(10, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")[:, None]


@pytest.fixture(scope="module")
def model():
    x = dk.Input(4)
    h = dk.layers.Dense(8, "relu")(x)
    h = dk.layers.Dropout(0.3)(dk.layers.BatchNormalization()(h))
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
    model.compile("adam", "bce", metrics=["accuracy"])
    return model


def same(left, right, tolerance=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=tolerance), left, right)


def test_init_is_pure(model):
    key = jax.random.key(3)
    variables = model.init(key)
    same(variables, model.init(key), 0)
    same(variables, jax.jit(model.init)(key))
    assert not np.array_equal(
        variables["params"]["dense"]["kernel"], model.init(jax.random.key(4))["params"]["dense"]["kernel"]
    )
    assert sorted(variables) == ["params", "state"]
    assert sorted(variables["params"]) == sorted(variables["state"])


def test_init_with_many_keys_at_once(model):
    keys = jax.random.split(jax.random.key(0), 5)
    many = jax.jit(jax.vmap(model.init))(keys)
    one = jax.jit(model.init)
    for index in range(5):
        same(jax.tree.map(lambda leaf, index=index: leaf[index], many), one(keys[index]))


def test_what_fit_draws_is_what_init_gives(model):
    """`init(key(seed))` and the weights that `fit` starts from, to the last bit."""
    x = dk.Input(4)
    fresh = dk.Model(x, dk.layers.Dense(5, kernel_initializer="he_normal")(dk.layers.Dense(7)(x)))
    fresh.compile(dk.optimizers.SGD(0.0), "mse")
    expected = fresh.init(jax.random.key(6))
    fresh.fit(X, np.zeros((10, 5), "float32"), epochs=1, verbose=0, seed=6)
    same(fresh.variables, expected, 1e-7)
    drawn = jax.tree.map(np.array, fresh.variables)
    fresh.initialize(6)
    same(fresh.variables, drawn, 1e-7)


def test_apply_agrees_with_predict(model):
    variables = model.variables
    outputs, state = model.apply(variables, X)
    np.testing.assert_allclose(outputs, model.predict(X), atol=1e-6)
    same(state, variables["state"], 0)
    outputs, state = jax.jit(model.apply)(variables, X)
    np.testing.assert_allclose(outputs, model.predict(X), atol=1e-6)


def test_apply_in_training(model):
    variables = model.variables
    with pytest.raises(DeepkitValueError, match=r"Dropout 'dropout' draws random numbers .* no key was given"):
        model.apply(variables, X, training=True)
    one, state = model.apply(variables, X, training=True, rng=jax.random.key(0))
    two, _ = model.apply(variables, X, True, jax.random.key(1))
    assert not np.array_equal(one, two)
    assert not np.array_equal(state["batch_normalization"]["moving_mean"], np.zeros(8))
    same(variables, model.variables, 0)


def test_apply_to_single_rows_under_vmap(model):
    variables = model.variables
    each = jax.jit(jax.vmap(lambda row: model.apply(variables, row[None])[0][0]))(X)
    np.testing.assert_allclose(each, model.predict(X), atol=1e-6)


def test_loss_agrees_with_evaluate(model):
    variables = model.variables
    value, (outputs, _) = model.loss(variables["params"], variables["state"], (X, Y), training=False)
    assert float(value) == pytest.approx(model.evaluate(X, Y)["loss"], abs=1e-6)
    np.testing.assert_allclose(outputs, model.predict(X), atol=1e-6)
    weights = np.linspace(0, 2, 10, dtype="float32")
    value, _ = model.loss(variables["params"], variables["state"], (X, Y, weights), training=False)
    assert float(value) == pytest.approx(model.evaluate(X, Y, sample_weight=weights)["loss"], abs=1e-6)


def test_gradients_agree_with_differences():
    """In float64, along random directions; a penalty and a fused softmax are part of it."""
    with jax.enable_x64(True):
        x = dk.Input(4, dtype="float64")
        h = dk.layers.Dense(6, "tanh", kernel_regularizer=dk.regularizers.L2(0.1))(x)
        model = dk.Model(x, dk.layers.Dense(3, "softmax")(h))
        model.compile("sgd", "scce")
        variables = model.init(jax.random.key(0))
        vector, unravel = jax.flatten_util.ravel_pytree(variables["params"])
        labels = jnp.arange(10) % 3

        @jax.jit
        def loss(vector):
            return model.loss(unravel(vector), variables["state"], (jnp.asarray(X, "float64"), labels))[0]

        direction = jax.random.normal(jax.random.key(1), vector.shape, "float64")
        step = 1e-5
        difference = (loss(vector + step * direction) - loss(vector - step * direction)) / (2 * step)
        assert vector.dtype == np.float64
        np.testing.assert_allclose(jax.jit(jax.grad(loss))(vector) @ direction, difference, rtol=1e-8)


def test_training_by_hand_with_optax(model):
    """Three full-batch steps with the pure functions are three steps of `fit`."""
    x = dk.Input(4)
    net = dk.Model(x, dk.layers.Dense(1, "sigmoid")(dk.layers.Dense(8, "tanh")(x)))
    net.compile(dk.optimizers.SGD(0.1, momentum=0.9), "bce")
    params, state = net.params, net.variables["state"]
    rule = optax.sgd(0.1, momentum=0.9)
    memory = rule.init(params)
    slope = jax.jit(jax.grad(net.loss, has_aux=True))
    for _ in range(3):
        gradients, _ = slope(params, state, (X, Y))
        updates, memory = rule.update(gradients, memory)
        params = optax.apply_updates(params, updates)
    net.fit(X, Y, batch_size=None, epochs=3, verbose=0)
    same(net.params, params)


def test_a_parameter_sweep_by_vmap(model):
    """Many parameter sets through one function: losses of 5 models in one call."""
    many = jax.jit(jax.vmap(model.init))(jax.random.split(jax.random.key(0), 5))
    one_loss = jax.jit(lambda p, s: model.loss(p, s, (X, Y), training=False)[0])
    losses = jax.jit(jax.vmap(one_loss))(many["params"], many["state"])
    for index in range(5):
        one = jax.tree.map(lambda leaf, index=index: leaf[index], many)
        alone = one_loss(one["params"], one["state"])
        assert float(losses[index]) == pytest.approx(float(alone), abs=1e-6)


def test_second_derivatives(model):
    variables = model.variables
    vector, unravel = jax.flatten_util.ravel_pytree(variables["params"])
    loss = lambda v: model.loss(unravel(v), variables["state"], (X, Y), training=False)[0]  # noqa: E731
    product = jax.jit(lambda v: jax.jvp(jax.grad(loss), (v,), (jnp.ones_like(v),))[1])(vector)
    assert product.shape == vector.shape
    assert np.isfinite(product).all()


def test_flat_params(model):
    vector, unravel = model.flat_params()
    assert vector.shape == (4 * 8 + 8 + 2 * 8 + 8 + 1,)
    same(unravel(vector), model.params, 0)


def test_partition_and_combine_are_inverse(model):
    params = model.params
    mask = jax.tree.map(lambda leaf: leaf.ndim == 2, params)
    trained, rest = partition(params, mask)
    assert len(jax.tree.leaves(trained)) == 2
    assert sorted(rest) == sorted(params)
    same(combine(trained, rest), params, 0)


def test_a_model_of_several_inputs_and_outputs_keeps_its_arrangement():
    a, b = dk.Input(2, name="a"), dk.Input(3, name="b")
    joined = dk.layers.Concatenate()([a, b])
    model = dk.Model({"a": a, "b": b}, {"z": joined, "deep": [dk.layers.Dense(1)(joined)]})
    variables = model.init(jax.random.key(0))
    outputs, _ = model.apply(variables, {"a": np.ones((5, 2)), "b": np.zeros((5, 3))})
    assert outputs["z"].shape == (5, 5)
    assert outputs["deep"][0].shape == (5, 1)
    np.testing.assert_array_equal(outputs["z"][0], [1, 1, 0, 0, 0])


def test_logits_that_saturate_keep_their_gradient():
    """Softmax and sigmoid are fused with their losses: at logits of ±200 the loss is exact and the gradient is 1."""
    x = dk.Input(1)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid", kernel_initializer="ones")(x))
    model.compile("sgd", "bce")
    variables = model.init(jax.random.key(0))
    value, gradient = jax.value_and_grad(
        lambda p: model.loss(p, variables["state"], (np.full((1, 1), 200.0), np.zeros((1, 1))))[0]
    )(variables["params"])
    assert float(value) == 200.0
    assert float(gradient["dense"]["bias"][0]) == 1.0


def test_a_run_is_pure_under_vmap():
    """The engine's state and steps are pytrees and pure functions: two learning rates in one program."""
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(x))
    model.compile(dk.optimizers.SGD(0.1), "bce", metrics=["accuracy"])
    from deepkit.training.resident import batch_shapes, make_advance
    from deepkit.training.trainer import to_device

    rows = to_device((X,), (Y,), (None,))
    _, steps = model._trainer._steps((dk.callbacks.EarlyStopping("loss", patience=5),))
    shapes = steps.shapes(batch_shapes(rows, 4), validated=False, with_rate=False)
    advance = make_advance(steps, 4, True, 1024, False)

    def run(rate):
        weights = model.program.init(jax.random.key(0))
        s = steps.begin(weights, steps.fresh(weights[0]), jnp.uint32(0), rate, shapes)
        s = jax.tree.map(jnp.asarray, s)
        return advance(s, rows, None, 3, 0).history[:3, 0]

    rates = jnp.asarray([0.1, 0.5], jnp.float32)
    together = jax.jit(jax.vmap(run))(rates)
    for rate, losses in zip((0.1, 0.5), together, strict=True):
        model.initialize(0)
        model.optimizer.learning_rate = rate
        alone = model.fit(
            X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[dk.callbacks.EarlyStopping("loss", patience=5)]
        )
        np.testing.assert_allclose(alone["loss"], losses, atol=1e-6)
