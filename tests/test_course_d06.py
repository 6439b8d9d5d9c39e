"""D6, exactly: parameter counts, linear autoencoders against the principal components, XOR, and two rings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepkit as dk


def rows_in_four_dimensions():
    """200 centred rows with variances 4, 2, ½ and ¼ along rotated axes."""
    rng = np.random.default_rng(0)
    turned, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    x = rng.normal(size=(200, 4)) * np.sqrt([4.0, 2.0, 0.5, 0.25]) @ turned
    return (x - x.mean(axis=0)).astype("float32")


def autoencoder(tied):
    x = dk.Input(4)
    encode = dk.layers.Dense(2, name="encode")
    decode = dk.layers.Dense(4, tied_to=encode if tied else None, name="decode")
    return dk.Model(x, decode(encode(x)))


@pytest.mark.parametrize(("widths", "parameters"), [((4, 2), 26), ((4, 4, 2), 46)])
def test_counts(widths, parameters):
    model = dk.Sequential([dk.Input(3), *(dk.layers.Dense(width) for width in widths)])
    assert model.count_params() == parameters


def test_counts_of_the_autoencoders():
    """Tying saves the second kernel: 8 of 22."""
    assert (autoencoder(False).count_params(), autoencoder(True).count_params()) == (22, 14)


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_linear_autoencoder_reaches_the_error_of_the_principal_components(tied, seed):
    x = rows_in_four_dimensions()
    lost = np.linalg.eigvalsh(x.T @ x / len(x))[:2].sum() / 4
    model = autoencoder(tied)
    model.initialize(seed)
    model.compile(dk.optimizers.Adam(0.02), "mse")
    model.fit(x, x, batch_size=None, epochs=1500, verbose=0)
    assert model.evaluate(x, x)["loss"] == pytest.approx(lost, rel=1e-3)
    # It keeps the plane of the first two components; tied, its code turns that plane and nothing else.
    first = np.linalg.eigh(x.T @ x)[1][:, 2:]
    kernel = np.asarray(model.params["encode"]["kernel"])
    np.testing.assert_allclose(first @ first.T @ kernel, kernel, atol=0.02)
    if tied:
        np.testing.assert_allclose(kernel.T @ kernel, np.eye(2), atol=0.02)


def test_the_principal_components_are_a_minimum_of_both():
    """With the components as weights the loss is the error, and its gradient is zero."""
    x = rows_in_four_dimensions()
    first = np.linalg.eigh(x.T @ x)[1][:, 2:].astype("float32")
    lost = np.linalg.eigvalsh(x.T @ x / len(x))[:2].sum() / 4
    for tied in (False, True):
        model = autoencoder(tied)
        model.compile("sgd", "mse")
        zeros = [np.zeros(2, "float32")]
        model.set_weights([first, *zeros, *([] if tied else [first.T]), np.zeros(4, "float32")])
        params, state = model.weights()
        value, gradient = jax.value_and_grad(lambda p, m=model, s=state: m.loss(p, s, (x, x))[0])(params)
        assert float(value) == pytest.approx(lost, rel=1e-5)
        assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradient)) < 1e-5


def test_xor_needs_a_hidden_layer():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = np.array([0, 1, 1, 0], "float32")[:, None]
    line = dk.Sequential([dk.Input(2), dk.layers.Dense(1, "sigmoid")])
    bent = dk.Sequential([dk.Input(2), dk.layers.Dense(4, "tanh"), dk.layers.Dense(1, "sigmoid")])
    for model in (line, bent):
        model.compile(dk.optimizers.Adam(0.1), "bce", ["accuracy"])
        model.fit(x, y, batch_size=None, epochs=400, verbose=0)
    # The best a line can say is ½ everywhere.
    assert line.evaluate(x, y)["loss"] == pytest.approx(np.log(2), abs=1e-3)
    np.testing.assert_allclose(line.predict(x), 0.5, atol=0.01)
    assert bent.evaluate(x, y)["accuracy"] == 1.0


def test_rings_are_a_line_in_polar_coordinates():
    rng = np.random.default_rng(1)
    outer = rng.integers(0, 2, 300)
    radius, angle = 1 + outer + rng.uniform(-0.3, 0.3, 300), rng.uniform(-np.pi, np.pi, 300)
    polar = np.stack([radius, angle], axis=1).astype("float32")
    flat = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype("float32")
    scores = {}
    for name, x in (("polar", polar), ("cartesian", flat)):
        model = dk.Sequential([dk.Input(2), dk.layers.Dense(1, "sigmoid")])
        model.compile(dk.optimizers.Adam(0.1), "bce", ["accuracy"])
        model.fit(x, outer, batch_size=None, epochs=400, verbose=0)
        scores[name] = model.evaluate(x, outer)["accuracy"]
    assert scores["polar"] == 1.0 and scores["cartesian"] < 0.7
