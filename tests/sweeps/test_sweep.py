"""A member of a sweep is the same model trained alone, however the members were grouped and mapped."""

from __future__ import annotations

import functools
import threading

import jax
import numpy as np
import pytest

import deepkit as dk
from deepkit.sweeps import engine

ROWS = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
LABELS = (ROWS.sum(axis=1) > 0).astype("float32")
DEV = (ROWS[:7], LABELS[:7])
WHOLE = {"epochs": 6, "batch_size": None, "shuffle": False}
"""For what is not about batches: a smaller program, which compiles sooner."""


def net(rate=0.1, units=5, activation="tanh"):
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(dk.layers.Dense(units, activation)(x)))
    model.compile(dk.optimizers.SGD(rate), "bce", ["accuracy"])
    return model


def alone(build, settings, seed, data=(ROWS, LABELS), **run):
    model = build(**settings)
    history = model.fit(*data, seed=seed, verbose=0, **run)
    return model, history


def same_as_alone(result, build, data=(ROWS, LABELS), tolerance=2e-5, **run):
    for member in result.members:
        model, history = alone(build, member.settings, member.seed, data, **run)
        trained = result.member(member.number)
        for figure, values in trained.history.items():
            expected = history[figure.replace("dev_", "val_")]
            np.testing.assert_allclose(values, expected, rtol=tolerance, atol=tolerance, err_msg=str(member))
        close = functools.partial(np.testing.assert_allclose, rtol=20 * tolerance, atol=20 * tolerance)
        jax.tree.map(close, trained.model.variables, model.variables)
    close(trained.model.predict(ROWS), model.predict(ROWS))


# Every kind of number that flows through the program, all at once.


def with_numbers(k):
    # k = 0 is the setting in which each of them does nothing.
    x = dk.Input(4)
    h = dk.layers.GaussianNoise(0.1 * k)(x)
    h = dk.layers.Dense(
        6, "tanh", kernel_regularizer=dk.regularizers.L1L2(0.01 * k, 0.02 * k),
        kernel_initializer=dk.initializers.VarianceScaling(1.0 + k), kernel_constraint=dk.regularizers.MaxNorm(2.0 + k),
    )(h)  # fmt: skip
    h = dk.layers.BatchNormalization(momentum=0.9 + 0.03 * k)(dk.layers.Dropout(0.2 * k)(h))
    h = dk.layers.GaussianDropout(0.1 * k)(dk.layers.AlphaDropout(0.1 * k)(h))
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid", bias_initializer=dk.initializers.Constant(0.1 * k))(h))
    loss = dk.losses.BinaryCrossentropy(label_smoothing=0.1 * k, positive_weight=1.0 + k)
    optimizer = dk.optimizers.SGD(0.1 / (k + 1), momentum=0.3 * k, weight_decay=0.01 * k, global_clipnorm=1.0 + k)
    model.compile(optimizer, loss, ["accuracy"])
    return model


def test_numbers_are_arguments_of_one_program():
    run = {"epochs": 3, "batch_size": 16, "shuffle": False}
    options = {"grid": {"k": [0, 1, 2]}, "seeds": 2, "verbose": 0, **run}
    result = dk.sweep(with_numbers, (ROWS, LABELS, DEV), width=1, **options)
    assert result.programs == 1
    assert result.figures == ("loss", "accuracy", "dev_loss", "dev_accuracy")
    same_as_alone(result, with_numbers, validation_data=DEV, **run)
    side_by_side = dk.sweep(with_numbers, (ROWS, LABELS, DEV), width=3, **options)
    assert side_by_side.programs == 1 and side_by_side.figures == result.figures
    np.testing.assert_allclose(side_by_side.history, result.history, rtol=2e-5, atol=2e-5)
    close = functools.partial(np.testing.assert_allclose, rtol=4e-4, atol=4e-4)
    for number in range(len(result)):
        jax.tree.map(close, side_by_side.member(number).model.variables, result.member(number).model.variables)


def test_optimizers_with_memory():
    def build(k):
        model = net()
        model.compile(dk.optimizers.Adam(0.01 + k, beta_1=0.8 + k, use_ema=True, ema_momentum=0.5 + k), "bce")
        return model

    result = dk.sweep(build, (ROWS, LABELS), grid={"k": [0.0, 0.05]}, width=2, verbose=0, **WHOLE)
    assert result.programs == 1
    same_as_alone(result, build, **WHOLE)


# Layers of every kind: tests/layers/test_layers_in_sweeps.py.


# Structure, data, batch sizes.


def test_structure_makes_groups():
    result = dk.sweep(
        net, (ROWS, LABELS), grid={"activation": ["relu", "tanh"], "rate": [0.1, 0.3]}, seeds=2, width=1, verbose=0,
        **WHOLE,
    )  # fmt: skip
    assert result.programs == 2
    assert result.array("loss").shape == (2, 2, 2)
    assert [m.settings | {"seed": m.seed} for m in result.members[:3]] == [
        {"activation": "relu", "rate": 0.1, "seed": 0},
        {"activation": "relu", "rate": 0.1, "seed": 1},
        {"activation": "relu", "rate": 0.3, "seed": 0},
    ]
    same_as_alone(result, net, **WHOLE)


def test_the_first_members_train_on_every_worker_and_few_are_spent_on_trials(monkeypatch):
    together = threading.Barrier(2, timeout=60)
    tiles = []
    run = engine.Program.run

    def watched(program, tasks):
        tiles.append((program.width, len(tasks)))
        if len(tiles) <= 2:
            together.wait()  # breaks if the second waits for the first
        return run(program, tasks)

    monkeypatch.setattr(engine, "_workers", lambda: 2)
    for seconds in ("VISIT_SECONDS", "WORTH_OPTIMISING", "WORTH_TRYING"):
        monkeypatch.setattr(engine, seconds, 0.0)  # whatever may be tried is tried
    monkeypatch.setattr(engine.Program, "run", watched)
    result = dk.sweep(net, (ROWS, LABELS), seeds=10, verbose=0, **WHOLE)
    assert np.isfinite(result.final("loss")).all()
    assert tiles[:2] == [(1, 1), (1, 1)]
    # Eight side by side would be all that is left.
    assert {width for width, _ in tiles} == {1} and sum(members for _, members in tiles) == 10


def test_data_drawn_by_the_seed_and_by_an_axis():
    def draw(seed, noise):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(20, 4)).astype("float32")
        return x, (x[:, 0] + noise * rng.normal(size=20) > 0).astype("float32")

    result = dk.sweep(net, draw, grid={"noise": [0.0, 2.0]}, seeds=[3, 5], epochs=3, width=2, verbose=0)
    assert result.programs == 1
    for member in result.members:
        history = net().fit(*draw(member.seed, member.settings["noise"]), epochs=3, seed=member.seed, verbose=0)
        np.testing.assert_allclose(result.member(member.number).history["loss"], history["loss"], rtol=2e-5)


def test_equal_updates():
    def build():
        x = dk.Input(4)
        model = dk.Model(x, dk.layers.Dense(1)(x))
        model.compile("sgd", "mse")
        return model

    grid, options = {"batch_size": [5, 20]}, {"shuffle": False, "verbose": 0}
    by_epochs = dk.sweep(build, (ROWS, LABELS), grid=grid, epochs=2, **options)
    by_updates = dk.sweep(build, (ROWS, LABELS), grid=grid, epochs=4, equal="updates", **options)
    assert by_epochs.epochs.tolist() == [2, 2]
    # 40 rows: 8 steps an epoch or 2; four epochs of two steps are one of eight.
    assert by_updates.epochs.tolist() == [1, 4]
    assert dk.sweep(build, (ROWS, LABELS), updates=9, batch_size=20, **options).epochs.tolist() == [5]


def test_early_stopping_and_best_weights():
    stop = dk.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    result = dk.sweep(
        net, (ROWS, LABELS, (DEV[0], 1 - DEV[1])), grid={"rate": [0.5, 0.01]}, epochs=20, callbacks=[stop], width=2,
        verbose=0,
    )  # fmt: skip
    for member in result.members:
        again = dk.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)
        model, history = alone(
            net, member.settings, 0, epochs=20, validation_data=(DEV[0], 1 - DEV[1]), callbacks=[again]
        )
        assert result.epochs[member.number] == len(history.epoch)
        np.testing.assert_allclose(
            result.member(member.number).model.predict(ROWS), model.predict(ROWS), rtol=1e-4, atol=1e-5
        )


def test_layers_that_were_fitted_before():
    def build(rate):
        scale = dk.layers.Normalization()
        scale.adapt(ROWS)
        x = dk.Input(4)
        model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(scale(x)))
        model.compile(dk.optimizers.SGD(rate), "bce")
        return model

    result = dk.sweep(build, (ROWS, LABELS), grid={"rate": [0.1, 0.2]}, epochs=2, verbose=0)
    assert result.programs == 1
    same_as_alone(result, build, epochs=2)


# The result.


def test_named_axes_tables_and_models():
    split = dk.split(ROWS, LABELS, train=0.5, dev=0.25, test=0.25)
    rates = np.array([0.01, 0.5])
    result = dk.sweep(net, split, grid={"rate": rates}, seeds=3, epochs=4, verbose=0)
    frame = result.frame()
    assert list(frame) == ["rate", "seed", "epochs", "loss", "accuracy", "dev_loss", "dev_accuracy"]
    assert len(frame) == 6 and len(result.frame(history=True)) == 24
    best = result.best("dev_loss")
    assert best.figures["dev_loss"] == frame["dev_loss"].min()
    measured = best.model.evaluate(split.dev)
    np.testing.assert_allclose(measured["loss"], best.figures["dev_loss"], rtol=1e-5)
    assert split.test.openings == 0
    dims = result.xarray()["dev_loss"].dims
    assert dims == ("rate", "seed", "epoch")


def test_samples_of_a_space():
    space = {"rate": dk.sweeps.LogUniform(1e-3, 1e-1), "units": [2, 3]}
    result = dk.sweep(net, (ROWS, LABELS), space=space, samples=4, sampling="latin", epochs=1, verbose=0)
    rates = np.array([member.settings["rate"] for member in result.members])
    # One in each quarter of the decades.
    assert sorted(np.floor(np.log10(rates / 1e-3) * 2).astype(int)) == [0, 1, 2, 3]
    assert len(result.array("loss")) == 4


# What goes wrong.


def test_members_that_fail_are_named_and_the_others_go_on():
    def build(units):
        if units == 3:
            raise RuntimeError("three is too many")
        return net(units=units)

    with pytest.warns(UserWarning, match="1 of 2 members failed"):
        result = dk.sweep(build, (ROWS, LABELS), grid={"units": [2, 3]}, epochs=1, verbose=0)
    assert "three is too many" in result.failures()[1]
    assert np.isfinite(result.final("loss")[0]) and np.isnan(result.final("loss")[1])
    with pytest.raises(dk.errors.DeepkitValueError, match="three is too many"):
        result.member(1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"grid": {"speed": [1]}}, "build takes rate, units"),
        ({"grid": {"rate": []}}, "no values"),
        ({"grid": {"rate": 0.1}}, "not a list"),
        ({"grid": {"rate": [0.1]}, "seeds": 2.0}, "how many seeds"),
        ({"grid": {"rate": [0.1]}, "seeds": [1, 1]}, "different"),
        ({"grid": {"rate": [0.1], "epochs": [1]}}, "in one way"),
        ({"grid": {"rate": np.linspace(0, 1, 200)}, "seeds": 100}, "limit=20000"),
        ({"space": {"rate": dk.sweeps.Uniform(0, 1)}}, "samples"),
        ({"grid": {"rate": [0.1]}, "callbacks": [dk.callbacks.CSVLogger("x.csv")]}, "CSVLogger"),
        ({"grid": {"rate": [0.1]}, "equal": "steps"}, "updates"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(dk.errors.DeepkitError, match=message):
        dk.sweep(net, (ROWS, LABELS), epochs=1, verbose=0, **arguments)


def test_test_data_are_refused():
    split = dk.split(ROWS, LABELS, train=0.5, dev=0.25, test=0.25)
    with pytest.raises(dk.errors.DeepkitValueError, match="test part"):
        dk.sweep(net, split.test, epochs=1, verbose=0)
    with pytest.raises(dk.errors.DeepkitError, match="test part"):
        dk.sweep(net, (split.train.x, split.train.y, split.test), epochs=1, verbose=0)


def test_ctrl_c_keeps_what_is_finished():
    import os
    import signal

    calls = []

    def draw(seed):
        calls.append(seed)
        if len(calls) == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return ROWS, LABELS

    with pytest.warns(UserWarning, match="Interrupted"):
        result = dk.sweep(net, draw, seeds=40, epochs=1, width=1, verbose=0)
    done = result.epochs > 0
    assert 0 < done.sum() < 40
    assert result.failures()[int(np.flatnonzero(~done)[0])].startswith("Interrupted")
    assert np.isfinite(result.final("loss")[done]).all()


def test_ctrl_c_waits_for_nobody(monkeypatch):
    """What runs inside XLA can't be stopped; the study ends all the same, with what was finished before."""
    import signal

    run, released, once, calls = engine.Program.run, threading.Event(), threading.Lock(), []

    def slow(self, tasks):
        calls.append(len(tasks))
        if len(calls) > 6:
            if once.acquire(blocking=False):  # the second Ctrl-C is Python's own
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert released.wait(60), "the study waited"
        return run(self, tasks)

    monkeypatch.setattr(engine.Program, "run", slow)
    monkeypatch.setattr(engine, "VISIT_SECONDS", 0)
    try:
        with pytest.warns(UserWarning, match="Interrupted"):
            result = dk.sweep(net, (ROWS, LABELS), seeds=40, epochs=1, width=1, verbose=0)
    finally:
        released.set()
    assert 0 < (result.epochs > 0).sum() < 10


def test_a_member_too_large_for_memory_leaves_the_others_alone():
    def build(units):
        x = dk.Input(4)
        model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(dk.layers.Dense(units, "relu")(x)))
        model.compile("sgd", "bce")
        return model

    with pytest.warns(UserWarning, match="1 of 3 members failed"):
        result = dk.sweep(build, (ROWS, LABELS), grid={"units": [3, 10**11, 5]}, epochs=1, verbose=0)
    assert list(result.failures()) == [1]
    assert "DeepkitMemoryError: training a model of 600,000,000,001 parameters" in result.failures()[1]
    assert np.isfinite(result.final("loss")[[0, 2]]).all()


def test_a_program_too_large_for_memory_leaves_the_other_groups_alone(monkeypatch):
    from deepkit.program import memory

    def build(activation, units):
        x = dk.Input(4)
        model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(dk.layers.Dense(units, activation)(x)))
        model.compile("sgd", "bce")
        return model

    monkeypatch.setattr(memory, "free_bytes", lambda: 3e5)
    settings = [{"activation": "relu", "units": 3}, {"activation": "tanh", "units": 5000}]
    with pytest.warns(UserWarning, match="1 of 2 members failed"):
        result = dk.sweep(build, (ROWS, LABELS), grid=settings, epochs=1, batch_size=None, verbose=0)
    assert list(result.failures()) == [1]
    assert "training a member takes at least" in result.failures()[1]


def test_members_side_by_side_that_do_not_fit_train_one_after_another(monkeypatch):
    asked = []

    def check(needed, what):
        asked.append(what)
        if "side by side" in what:
            raise dk.errors.DeepkitMemoryError(what)

    monkeypatch.setattr(engine, "check_fits", check)
    monkeypatch.setattr(engine, "WORTH_TRYING", 0)
    monkeypatch.setattr(engine, "WORTH_OPTIMISING", 0)
    result = dk.sweep(net, (ROWS, LABELS), seeds=80, epochs=1, verbose=0)
    assert asked == ["training a member", "training 8 members side by side"]
    assert not result.failures() and [pace.width for pace in result.paces] == [1]
