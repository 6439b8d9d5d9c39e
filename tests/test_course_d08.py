"""D8: batch normalisation's exact numbers: biased variance, γ = 1, β = 0, the closed form of its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitTypeError
from deepkit.inspect import redundant_biases

X = np.random.default_rng(0).normal([1, -2, 5], [0.5, 2, 10], (7, 3))
EPSILON = 1e-3


def normalised(x):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + EPSILON)


def test_it_starts_with_gamma_1_and_beta_0_and_divides_by_the_biased_variance():
    with jax.enable_x64(True):
        x = dk.Input(3, dtype="float64")
        model = dk.Model(x, dk.layers.BatchNormalization()(x))
        variables = model.init(jax.random.key(0))
        (layer,) = variables["params"].values()
        assert (layer["gamma"] == 1).all() and (layer["beta"] == 0).all()
        output, state = model.apply(variables, X, training=True)
        np.testing.assert_allclose(output, normalised(X), rtol=1e-12, atol=1e-12)
        # Divided by the number of rows, not by one less; in the running statistics as well.
        (moving,) = state.values()
        np.testing.assert_allclose(moving["moving_mean"], 0.01 * X.mean(0), rtol=1e-12)
        np.testing.assert_allclose(moving["moving_variance"], 0.99 + 0.01 * X.var(0, ddof=0), rtol=1e-12)


def test_gradients_equal_the_closed_form():
    """dx = γ/√(σ² + ε) · (dy − mean(dy) − x̂ · mean(dy · x̂)), dγ = Σ dy · x̂, dβ = Σ dy."""
    with jax.enable_x64(True):
        layer = dk.layers.BatchNormalization()
        draw = np.random.default_rng(1)
        gamma, beta, dy = draw.normal(size=3), draw.normal(size=3), draw.normal(size=X.shape)
        state = {"moving_mean": jnp.zeros(3), "moving_variance": jnp.ones(3)}

        def loss(params, x):
            return jnp.vdot(dy, layer.apply(params, state, x, context=dk.layers.Context(training=True))[0])

        params, dx = jax.jit(jax.grad(loss, (0, 1)))({"gamma": gamma, "beta": beta}, X)
        hat = normalised(X)
        expected = gamma / np.sqrt(X.var(0) + EPSILON) * (dy - dy.mean(0) - hat * (dy * hat).mean(0))
        np.testing.assert_allclose(dx, expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(params["gamma"], (dy * hat).sum(0), rtol=1e-10)
        np.testing.assert_allclose(params["beta"], dy.sum(0), rtol=1e-10)


def test_running_statistics_after_many_batches_are_the_geometric_mean_of_theirs():
    x = dk.Input(3)
    model = dk.Model(x, dk.layers.BatchNormalization(momentum=0.9)(x))
    model.compile("sgd", "mse")
    model.initialize(0)
    rows = X.astype(np.float32)
    model.fit(rows, np.zeros_like(rows), batch_size=None, epochs=20, verbose=0)
    (moving,) = model.variables["state"].values()
    left = 0.9**20
    np.testing.assert_allclose(moving["moving_mean"], (1 - left) * X.mean(0), rtol=1e-4)
    np.testing.assert_allclose(moving["moving_variance"], left + (1 - left) * X.var(0), rtol=1e-4)
    by_hand = (rows - moving["moving_mean"]) / np.sqrt(moving["moving_variance"] + EPSILON)
    (params,) = model.params.values()
    np.testing.assert_allclose(
        model.predict(rows, verbose=0), params["gamma"] * by_hand + params["beta"], rtol=1e-4, atol=1e-5
    )


def test_the_bias_before_a_batch_norm_has_gradient_0_and_is_reported():
    x = dk.Input(3)
    h = dk.layers.BatchNormalization()(dk.layers.Dense(4, name="useless")(x))
    model = dk.Model(x, dk.layers.Dense(1, name="useful")(dk.layers.ReLU()(h)))
    model.compile("sgd", "mse")
    variables = model.variables
    y = np.ones((7, 1), np.float32)
    slopes = jax.grad(lambda p: model.loss(p, variables["state"], (X.astype(np.float32), y), training=True)[0])
    slopes = jax.jit(slopes)(variables["params"])
    assert abs(slopes["useless"]["bias"]).max() < 1e-5 * abs(slopes["useless"]["kernel"]).max()
    assert abs(slopes["useful"]["bias"]).max() > 0.01
    assert redundant_biases(model) == ["useless"]


def norm(**kwargs):
    return dk.layers.BatchNormalization(**kwargs)


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (lambda x: norm()(dk.layers.Conv2D(2, 1, name="conv")(x)), ["conv"]),
        (lambda x: norm()(dk.layers.Dense(2, use_bias=False)(x)), []),
        (lambda x: norm()(dk.layers.Dense(2, "relu")(x)), []),
        (lambda x: norm(center=False)(dk.layers.Dense(2)(x)), []),
        (lambda x: norm(trainable=False)(dk.layers.Dense(2)(x)), []),
        (lambda x: norm(axis=1)(dk.layers.Dense(2)(x)), []),
        (lambda x: dk.layers.LayerNormalization()(dk.layers.Dense(2)(x)), []),
    ],
)
def test_which_biases_are_redundant(build, names):
    x = dk.Input((4, 4, 3))
    assert redundant_biases(dk.Model(x, build(x))) == names


def test_a_bias_that_something_else_reads_is_not_redundant():
    x = dk.Input(3)
    h = dk.layers.Dense(4, name="dense")(x)
    assert redundant_biases(dk.Model(x, [norm()(h), dk.layers.ReLU()(h)])) == []
    assert redundant_biases(dk.Model(x, [norm()(h), h])) == []
    assert redundant_biases(dk.Model(x, [norm()(h), norm()(h)])) == ["dense"]


def test_sub_models_are_looked_into():
    x, y = dk.Input(3), dk.Input(3)
    inner = dk.Model(x, norm()(dk.layers.Dense(4, name="dense")(x)), name="inner")
    assert redundant_biases(dk.Model(y, inner(y))) == ["inner/dense"]
    with pytest.raises(DeepkitTypeError, match="redundant_biases needs a model, got 3"):
        redundant_biases(3)
