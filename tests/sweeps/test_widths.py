"""Hidden widths that share a program: every member learns what it learns alone."""

import jax
import numpy as np
import pytest

import deepkit as dk
from deepkit.sweeps.widths import outline_of, shelves

WIDTHS = [3, 8]
BATCHES = {"epochs": 4, "batch_size": 16}
WHOLE = {"epochs": 12, "batch_size": None, "shuffle": False}
"""As many steps, in a smaller program, which compiles sooner."""


def rows(seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(40, 3)).astype("float32")
    return x, (x[:, 0] + x[:, 1] > 0).astype("float32")


def net(width=4, activation="relu", optimizer=None, middle=None, rate=None, **dense):
    x = dk.Input(3)
    h = dk.layers.Dense(width, activation, **dense)(x)
    if middle is not None:
        h = middle()(h)
    h = dk.layers.Dense(width + 1, "tanh")(h)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
    model.compile(optimizer or dk.optimizers.Adam(rate or 0.03), "binary_crossentropy", ["accuracy"])
    return model


def check(build, data, programs, run=WHOLE, alone=(0,), **options):
    """Sweep over widths, and members against the same model trained alone: 0 is narrow and padded, 3 is wide."""
    result = dk.sweep(build, data, grid={"width": WIDTHS}, seeds=[3, 9], verbose=0, **run, **options)
    assert result.programs == programs
    for number in alone:
        member = result.member(number)
        model = build(**member.settings)
        x, y, *validation = data(seed=member.seed) if callable(data) else data
        history = model.fit(
            x, y, seed=member.seed, verbose=0, validation_data=validation[0] if validation else None, **run, **options
        )
        kept = member.model
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), kept.params, model.params)
        np.testing.assert_allclose(member.history["loss"][: len(history["loss"])], history["loss"], rtol=2e-4)
    return result


def test_narrow_and_wide_members_in_batches():
    check(net, rows(), 1, BATCHES, alone=(0, 3))


@pytest.mark.parametrize("activation", ["sigmoid", "exponential"])
def test_activations_of_which_zero_is_not_zero(activation):
    check(lambda width: net(width, activation), rows(), 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: dk.optimizers.SGD(0.1, momentum=0.9), lambda: dk.optimizers.AdamW(0.02, global_clipnorm=0.1),
        lambda: dk.optimizers.RMSprop(0.01, centered=True), lambda: dk.optimizers.Adagrad(0.1),
        lambda: dk.optimizers.Adadelta(1.0), lambda: dk.optimizers.Adamax(0.02), lambda: dk.optimizers.Nadam(0.02),
        lambda: dk.optimizers.Lion(0.003), lambda: dk.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    ],
)  # fmt: skip
def test_optimizers(make):
    check(lambda width: net(width, optimizer=make()), rows(), 1)


def test_penalties_validation_and_the_best_weights():
    build = lambda width: net(width, "sigmoid", kernel_regularizer=dk.regularizers.L1L2(0.01, 0.02))  # noqa: E731
    early = [dk.callbacks.EarlyStopping("val_loss", patience=1, min_delta=0.05, restore_best_weights=True)]
    check(build, (*rows(), rows(1)), 1, BATCHES, alone=(0, 3), callbacks=early)


def test_rows_of_their_own_and_fitted_statistics():
    def build(width):
        x = dk.Input(3)
        normal = dk.layers.Normalization()
        normal.adapt(rows(5)[0] * width)
        h = dk.layers.Dense(width, "relu")(normal(x))
        model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
        model.compile("adam", "binary_crossentropy")
        return model

    check(build, lambda seed: rows(seed), 1, BATCHES)


def test_layers_between_and_frozen_layers():
    check(lambda width: net(width, middle=dk.layers.LeakyReLU), rows(), 1)
    check(lambda width: net(width, trainable=False), rows(), 1)


@pytest.mark.parametrize(
    "build",
    [
        lambda width: net(width, "softmax"),
        lambda width: net(width, middle=lambda: dk.layers.Dropout(0.5)),
        lambda width: net(width, activity_regularizer="l2"),
        lambda width: net(width, kernel_constraint="max_norm"),
        lambda width: net(width, optimizer=dk.optimizers.Adafactor(0.01)),
        lambda width: net(width, lambda x: x / (1 + abs(x).sum(-1, keepdims=True))),
    ],
    ids=["softmax", "dropout", "activity", "constraint", "adafactor", "function"],
)
def test_where_units_look_at_each_other_nothing_is_padded(build):
    first = outline_of(build(3))
    # The last hidden layer may still be free; a padded one must not be the one that looks.
    assert first is None or len(first.widths) == 1
    small, large = outline_of(build(3)), outline_of(build(5))
    assert small is None or large is None or small.structure != large.structure


def test_large_models_are_not_trained_at_the_width_of_larger_ones():
    widths, weights = [(10,), (20,), (1000,)], [100, 200, 10_000]
    assert shelves(widths, weights, [1, 1, 1], 1000) == [[0, 1, 2]]
    assert shelves(widths, weights, [1, 1, 1], 1_000_000) == [[0, 1], [2]]
    assert shelves(widths, weights, [50, 50, 1], 1_000_000_000) == [[0], [1], [2]]
    assert shelves([(4, 9), (9, 4)], [50, 60], [1, 1], 10) == [[0], [1]]
