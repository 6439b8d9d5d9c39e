"""The same net, weights and rows in Keras 3: the same history and the same final weights, within 1e-5."""

import keras
import numpy as np
import pytest

import deepkit as dk

X = np.random.default_rng(0).normal(size=(96, 6)).astype("float32")
CLASSES = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0)
BINARY = (X.sum(axis=1) > 0).astype("float32")
REAL = (X[:, :2] @ np.array([[1.0, 2.0], [0.5, -1.0]])).astype("float32")
WEIGHTS = np.random.default_rng(1).uniform(0.1, 3, 96).astype("float32")
XV, BV, CV, RV = X[:40] * 1.1, BINARY[:40], CLASSES[:40], REAL[:40]


def classifier(kit, **dense):
    x = kit.Input((6,))
    h = kit.layers.Dense(8, activation="tanh", **dense)(x)
    return kit.Model(x, kit.layers.Dense(3, activation="softmax", name="out")(h))


def binary(kit, middle=None, **dense):
    x = kit.Input((6,))
    h = kit.layers.Dense(8, activation="relu", **dense)(x)
    h = h if middle is None else middle(kit)(h)
    return kit.Model(x, kit.layers.Dense(1, activation="sigmoid", name="out")(h))


def two_outputs(kit):
    x = kit.Input((6,))
    h = kit.layers.Dense(8, activation="tanh", kernel_regularizer=kit.regularizers.L2(0.01))(x)
    first = kit.layers.Dense(1, activation="sigmoid", name="left")(h)
    second = kit.layers.Dense(2, name="right")(h)
    return kit.Model(x, [first, second])


def regularised(kit):
    return binary(
        kit,
        kernel_regularizer=kit.regularizers.L2(0.02),
        bias_regularizer=kit.regularizers.L1(0.01),
        bias_initializer="ones",  # L1's gradient at 0 is 0 here, 1 in Keras on JAX
        activity_regularizer=kit.regularizers.L1L2(0.003, 0.002),
    )


def constrained(kit):
    norm = kit.regularizers.MaxNorm if kit is dk else kit.constraints.MaxNorm
    model = binary(kit, kernel_constraint=norm(0.7, axis=0))
    model.layers[-1].trainable = False
    return model


def normalised(kit):
    return binary(kit, lambda kit: kit.layers.BatchNormalization(momentum=0.8))


SGD = ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True})
ADAM = ("Adam", {"learning_rate": 0.01, "global_clipnorm": 0.5})
RMSPROP = ("RMSprop", {"learning_rate": 0.01, "weight_decay": 0.01})
CASES = {
    "adam, sparse classes, sample weights": (
        classifier, ADAM, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
        {"y": CLASSES, "sample_weight": WEIGHTS, "validation_data": (XV, CV, WEIGHTS[:40])}, 1,
    ),
    "sgd, class weights": (
        binary, SGD, {"loss": "binary_crossentropy", "metrics": ["accuracy"], "weighted_metrics": ["mae"]},
        {"y": BINARY, "class_weight": {0: 0.5, 1: 3.0}, "validation_data": (XV, BV)}, 1,
    ),
    "rmsprop, penalties on weights and activity": (
        regularised, RMSPROP, {"loss": "binary_crossentropy", "metrics": ["mae", "accuracy"]},
        {"y": BINARY, "validation_data": (XV, BV)}, 1,
    ),
    "adam, two outputs with loss weights": (
        two_outputs, ADAM,
        {"loss": ["binary_crossentropy", "mse"], "loss_weights": [0.3, 2.0], "metrics": [["accuracy"], ["mae"]]},
        {"y": [BINARY, REAL], "validation_data": (XV, [BV, RV])}, 2,
    ),
    "sgd, batch normalisation": (
        normalised, SGD, {"loss": "binary_crossentropy", "metrics": ["accuracy"]},
        {"y": BINARY, "validation_data": (XV, BV)}, 1,
    ),
    "adam, max-norm and a frozen layer": (
        constrained, ADAM, {"loss": "binary_focal_crossentropy", "metrics": ["mae"]},
        {"y": BINARY, "validation_data": (XV, BV)}, 1,
    ),
}  # fmt: skip


def trained(kit, build, optimizer, compiled, fitted, weights=None):
    model = build(kit)
    if weights is not None:
        model.set_weights(weights)
    first = [np.array(w) for w in model.get_weights()]
    name, options = optimizer
    model.compile(optimizer=getattr(kit.optimizers, name)(**options), **compiled)
    # One output column: Keras compares (96,) with (96, 1) by broadcasting in some metrics, so give it the column.
    column = lambda y: y[:, None] if y.ndim == 1 and y.dtype == np.float32 else y  # noqa: E731
    fitted = dict(fitted)
    y = fitted.pop("y")
    y = [column(a) for a in y] if isinstance(y, list) else column(y)
    xv, yv, *wv = fitted.pop("validation_data")
    yv = [column(a) for a in yv] if isinstance(yv, list) else column(yv)
    history = model.fit(
        X, y, batch_size=32, epochs=5, shuffle=False, verbose=0, validation_data=(xv, yv, *wv), **fitted
    )
    return first, history.history, model.get_weights()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras with NumPy 2
def test_five_epochs_as_in_keras(case):
    build, optimizer, compiled, fitted, outputs = CASES[case]
    keras.utils.set_random_seed(3)
    weights, theirs, their_weights = trained(keras, build, optimizer, compiled, fitted)
    _, ours, our_weights = trained(dk, build, optimizer, compiled, fitted, weights)
    assert set(ours) == set(theirs)
    assert len(ours) > 3 * outputs
    for key, values in reversed(theirs.items()):
        np.testing.assert_allclose(ours[key], values, atol=1e-5, rtol=1e-5, err_msg=key)
    for mine, reference in zip(our_weights, their_weights, strict=True):
        np.testing.assert_allclose(mine, reference, atol=1e-5, rtol=1e-5)
    assert any(not np.allclose(a, b) for a, b in zip(weights, our_weights, strict=True))
