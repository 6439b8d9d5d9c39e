"""Every row counts once, padding counts never, and a run does what a hand-written loop does."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from training_cases import Rewound, data, net

import deepkit as dk
from deepkit.errors import DeepkitWarning
from deepkit.training.resident import _order
from deepkit.training.steps import order_key

X, Y = data(193)
METRICS = ("accuracy", "mae", "auc", "precision")


@pytest.mark.parametrize(("batch_size", "metrics"), [(32, METRICS), (None, METRICS[:2]), (192, METRICS[:2])])
def test_a_run_without_learning_reports_what_evaluate_does(batch_size, metrics):
    model = net(optimizer=dk.optimizers.SGD(0.0), metrics=metrics)
    history = model.fit(X, Y, batch_size=batch_size, epochs=1, verbose=0, validation_data=(X, Y))
    exact = model.evaluate(X, Y)
    for key, value in exact.items():
        assert history[key][0] == pytest.approx(value, abs=2e-6), key
        assert history[f"val_{key}"][0] == pytest.approx(value, abs=2e-6), key


def test_evaluation_is_the_same_in_any_batches():
    model = net(metrics=METRICS)
    exact = model.evaluate(X, Y)
    for batch_size in (1, 100, 192):
        assert model.evaluate(X, Y, batch_size=batch_size) == pytest.approx(exact, abs=2e-6)


def test_weighted_rows_count_by_their_weight():
    """Σ weight·loss / rows, whatever the batches: doubling a row's weight is not repeating it."""
    weights = np.random.default_rng(1).uniform(0, 3, len(X)).astype("float32")
    model = net(optimizer=dk.optimizers.SGD(0.0), weighted_metrics=["accuracy"], metrics=["mae"])
    history = model.fit(X, Y, sample_weight=weights, epochs=1, verbose=0)
    p = model.predict(X)[:, 0]
    loss = -(Y * np.log(p) + (1 - Y) * np.log(1 - p))
    assert history["loss"][0] == pytest.approx((weights * loss).sum() / len(X), rel=1e-5)
    assert history["mae"][0] == pytest.approx(np.abs(p - Y).mean(), rel=1e-5)
    assert history["accuracy"][0] == pytest.approx((weights * ((p > 0.5) == Y)).sum() / weights.sum(), rel=1e-5)


def test_three_epochs_of_a_hand_written_loop():
    """optax and the published order of the rows, written out: the same numbers to 1e-6."""
    model = net(optimizer=dk.optimizers.SGD(0.1, momentum=0.9))
    params = jax.tree.map(jnp.copy, model.params)
    history = model.fit(X, Y, batch_size=32, epochs=3, verbose=0, seed=4)

    def loss(params, x, y):
        h = jax.nn.relu(x @ params["dense"]["kernel"] + params["dense"]["bias"])
        logits = (h @ params["dense_1"]["kernel"] + params["dense_1"]["bias"])[:, 0]
        return optax.sigmoid_binary_cross_entropy(logits, y).mean()

    rule = optax.sgd(0.1, momentum=0.9)
    memory = rule.init(params)
    step = jax.jit(jax.value_and_grad(loss))
    losses = []
    for epoch in range(3):
        s = type("S", (), {"seed": np.uint32(4), "epoch": jnp.int32(epoch)})
        order = np.asarray(_order(order_key(s), len(X), len(X), True))
        total = 0.0
        for start in range(0, len(X), 32):
            rows = order[start : start + 32]
            value, gradients = step(params, X[rows], Y[rows])
            updates, memory = rule.update(gradients, memory, params)
            params = optax.apply_updates(params, updates)
            total += float(value) * len(rows)
        losses.append(total / len(X))
    np.testing.assert_allclose(history["loss"], losses, atol=1e-6)
    for name in ("dense", "dense_1"):
        for part in ("kernel", "bias"):
            np.testing.assert_allclose(model.params[name][part], params[name][part], atol=1e-6)


class Poisoned(dk.layers.Layer):
    """Gives NaN in one row, the one that is marked by a large first column."""

    def call(self, weights, x, context):
        return jnp.where(x[:, :1] > 100, jnp.nan, x)


@pytest.mark.parametrize("row", [0, 192])
def test_a_real_row_of_nan_is_not_hidden(row):
    x = X.copy()
    x[row, 0] = 1000
    inputs = dk.Input(5)
    model = dk.Model(inputs, dk.layers.Dense(1, "sigmoid")(Poisoned()(inputs)))
    model.compile(dk.optimizers.SGD(0.0), "bce", metrics=["accuracy"])
    assert np.isnan(model.evaluate(x, Y, batch_size=64)["loss"])
    with pytest.warns(DeepkitWarning, match="loss became nan in epoch 1"):
        history = model.fit(x, Y, epochs=1, verbose=0)
    assert np.isnan(history["loss"][0])


class Inflating(dk.layers.Layer):
    """Gives NaN in the rows that only fill up."""

    def call(self, weights, x, context):
        if context.row_mask is None:
            return x
        return jnp.where(context.row_mask[:, None], x, jnp.nan)


def test_nan_in_the_padding_reaches_nothing():
    """Padding turned to NaN behind the input: loss, metrics, penalties and batch statistics stay as they are."""

    def make(*extra):
        inputs = dk.Input(5)
        h = inputs
        for layer in extra:
            h = layer(h)
        h = dk.layers.BatchNormalization()(h)
        h = dk.layers.Dense(4, "relu", activity_regularizer="l2")(h)
        model = dk.Model(inputs, dk.layers.Dense(1, "sigmoid")(h))
        model.compile(dk.optimizers.SGD(0.0), "bce", metrics=["accuracy", "mae"])
        return model

    clean, poisoned = make(), make(Inflating())
    poisoned.set_weights(clean.get_weights())
    histories = [model.fit(X, Y, batch_size=50, epochs=1, verbose=0, shuffle=False) for model in (clean, poisoned)]
    assert histories[0].history == histories[1].history
    for a, b in zip(clean.get_weights(), poisoned.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nan_in_the_outputs_of_padding_reaches_no_figure():
    inputs = dk.Input(5)
    model = dk.Model(inputs, dk.layers.Dense(1, "sigmoid")(Inflating()(inputs)))
    model.compile("sgd", "bce", metrics=list(METRICS))
    assert model.evaluate(X, Y, batch_size=50) == pytest.approx(model.evaluate(X, Y), abs=2e-6)


def test_a_last_batch_of_one_row_with_batch_normalisation(rows=65):
    """The same as the batches by hand: the short one normalises by its own single row."""
    model = net(dk.layers.BatchNormalization(momentum=0.5), optimizer=dk.optimizers.SGD(0.1))
    weights = model.get_weights()
    model.fit(X[:rows], Y[:rows], batch_size=32, epochs=1, verbose=0, shuffle=False)
    trained = model.get_weights()
    model.set_weights(weights)
    model._forget()
    for start in range(0, rows, 32):
        model.train_on_batch(X[start : start + 32][: rows - start], Y[start : start + 32][: rows - start])
    for a, b in zip(trained, model.get_weights(), strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_train_on_batch_is_a_step_of_fit():
    rewound = Rewound(net())
    model = rewound()
    model.fit(X, Y, batch_size=None, epochs=3, verbose=0, shuffle=False)
    expected = model.get_weights()
    model = rewound()
    figures = [model.train_on_batch(X, Y) for _ in range(3)]
    assert figures[0]["loss"] > figures[2]["loss"]
    for a, b in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_penalties_are_in_the_loss_of_training_and_of_evaluation():
    inputs = dk.Input(5)
    model = dk.Model(inputs, dk.layers.Dense(1, kernel_regularizer=dk.regularizers.L2(0.5))(inputs))
    model.compile(dk.optimizers.SGD(0.0), "mse")
    loss = model.fit(X, Y, epochs=1, verbose=0)["loss"][0]
    error = np.square(model.predict(X)[:, 0] - Y).mean()
    expected = error + 0.5 * np.square(model.get_weights()[0]).sum()
    assert loss == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(X, Y)["loss"] == pytest.approx(expected, rel=1e-5)
