"""Hooks: called as Keras calls them, heard at once, and harmless when they fail."""

import csv

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from training_cases import Rewound, data, net, same_bits

import deepkit as dk
from deepkit.errors import DeepkitTypeError, DeepkitValueError, DeepkitWarning

X, Y = data()
HOOKS = (
    "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"
)  # fmt: skip


@pytest.fixture(scope="module")
def rewound():
    return Rewound(net(optimizer=dk.optimizers.SGD(0.1)))


def recorder(base, calls, hooks=HOOKS):
    """A callback that writes down every call with the names of the logs; hooks take `logs` without a default."""

    def hook(name):
        if (name.startswith("on_train_b") and "batch" not in name) or name == "on_train_end":
            return lambda self, logs: calls.append((name, None, sorted(logs)))
        return lambda self, number, logs: calls.append((name, number, sorted(logs)))

    return type("Recorder", (base,), {name: hook(name) for name in hooks})()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("stop_at", [None, ("on_train_batch_end", 1), ("on_epoch_end", 1)])
def test_hooks_are_called_as_in_keras(rewound, stop_at):
    """Order, numbers, and the names of the logs; also when a hook stops the run, half way through an epoch or not."""
    theirs, ours = [], []
    x = keras.Input((5,))
    reference = keras.Model(x, keras.layers.Dense(1, activation="sigmoid")(x))
    reference.compile("sgd", "binary_crossentropy", metrics=["accuracy"])

    def stopping(base, epochs):
        def hook(self, number, logs):
            if stop_at[0] != "on_epoch_end" or number == stop_at[1]:
                self.model.stop_training = (stop_at[0], number) == stop_at

        return type("Stopping", (base,), {} if stop_at is None else {stop_at[0]: hook})()

    options = {"batch_size": 32, "epochs": 3, "initial_epoch": 1, "verbose": 0, "validation_data": (X[:9], Y[:9, None])}
    reference.fit(
        X,
        Y[:, None],
        callbacks=[recorder(keras.callbacks.Callback, theirs), stopping(keras.callbacks.Callback, 3)],
        **options,
    )
    history = rewound().fit(
        X, Y, callbacks=[recorder(dk.callbacks.Callback, ours), stopping(dk.callbacks.Callback, 3)], **options
    )
    assert ours == theirs
    assert len(history.epoch) == sum(name == "on_epoch_end" for name, *_ in theirs)


def test_old_names_of_batch_hooks(rewound):
    calls = []
    rewound().fit(
        X,
        Y,
        verbose=0,
        epochs=1,
        callbacks=[recorder(dk.callbacks.Callback, calls, ("on_batch_begin", "on_batch_end"))],
    )
    assert [(name, number) for name, number, _ in calls][:3] == [
        ("on_batch_begin", 0), ("on_batch_end", 0), ("on_batch_begin", 1)
    ]  # fmt: skip
    assert len(calls) == 8


def test_batch_logs_are_the_figures_so_far(rewound):
    seen, model = [], rewound()
    model.optimizer.learning_rate = 0.0
    hooks = dk.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    history = model.fit(X, Y, epochs=1, shuffle=False, verbose=0, callbacks=[hooks])
    for batch, loss in enumerate(seen):
        rows = slice(0, min(32 * (batch + 1), len(X)))
        assert loss == pytest.approx(model.evaluate(X[rows], Y[rows])["loss"], abs=1e-6)
    assert history["loss"][0] == pytest.approx(seen[-1], abs=1e-6)


def test_epoch_logs_are_the_history_and_may_be_added_to(rewound):
    class Adding(dk.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["ten"] = 10.0 * epoch

    seen, ended = [], []
    watch = dk.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(dict(logs)), on_train_end=lambda logs: ended.append(logs)
    )
    history = rewound().fit(X, Y, epochs=3, verbose=0, callbacks=[Adding(), watch])
    assert history["ten"] == [0.0, 10.0, 20.0]
    assert seen == [{key: values[epoch] for key, values in history.history.items()} for epoch in range(3)]
    assert ended == [seen[-1]]


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_batch_begin"])
def test_weights_set_in_a_hook_count_at_once(rewound, hook):
    """Everything to zero: then the loss of the next epoch is log 2 in its first step, and here in all, with rate 0."""

    def silence(*_):
        model.set_weights([np.zeros_like(w) for w in model.get_weights()])
        model.optimizer.learning_rate = 0.0

    model = rewound()
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[dk.callbacks.LambdaCallback(**{hook: silence})])
    assert history["loss"][1] == pytest.approx(np.log(2), abs=1e-6)
    assert all((w == 0).all() for w in model.get_weights())


def test_a_rate_set_in_a_batch_hook_counts_for_the_next_step(rewound):
    """Rate 1 for the first step only: the same weights as one step by hand."""

    def after(batch, logs):
        model.optimizer.learning_rate = 0.0

    model = rewound()
    model.optimizer.learning_rate = 1.0
    hooks = dk.callbacks.LambdaCallback(on_train_batch_end=after)
    model.fit(X, Y, epochs=2, batch_size=32, shuffle=False, verbose=0, callbacks=[hooks])
    stepped = model.get_weights()
    model = rewound()
    model.optimizer.learning_rate = 1.0
    model.train_on_batch(X[:32], Y[:32])
    for a, b in zip(stepped, model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_batch_end"])
def test_stopping_in_a_hook(rewound, hook):
    def stop(*_):
        model.stop_training = True

    model = rewound()
    before = model.get_weights()
    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[dk.callbacks.LambdaCallback(**{hook: stop})])
    assert len(history.epoch) == (hook in ("on_epoch_end", "on_train_batch_end"))
    assert same_bits(before, model.get_weights()) == (hook in ("on_train_begin", "on_epoch_begin"))
    assert len(model.fit(X, Y, epochs=2, verbose=0).epoch) == 2


@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_batch_end", "on_train_end"]
)
def test_an_error_in_a_hook_leaves_the_weights_of_that_moment(rewound, hook, tmp_path):
    class Failing(dk.callbacks.Callback):
        calls = 0

    def fail(self, *_, **__):
        self.calls += 1
        if self.calls == 2 or ("train_b" in hook and "batch" not in hook) or hook == "on_train_end":
            raise ZeroDivisionError

    setattr(Failing, hook, fail)
    model = rewound()
    held = jax.tree.map(lambda leaf: leaf, model.params)
    first = model.get_weights()
    log = dk.callbacks.CSVLogger(tmp_path / "log.csv")
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, epochs=4, verbose=0, callbacks=[log, Failing()])
    trained = hook not in ("on_train_begin",)
    assert same_bits(first, model.get_weights()) != trained
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(held))
    assert len(model.history.epoch) == {"on_train_end": 4, "on_epoch_end": 1, "on_epoch_begin": 1}.get(hook, 0)
    assert log._file is None
    model.evaluate(X, Y)
    assert len(model.fit(X, Y, epochs=1, verbose=0).epoch) == 1


def test_training_goes_on_after_an_error_as_if_nothing_had_been(rewound):
    class Failing(dk.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise ZeroDivisionError

    model = rewound()
    model.fit(X, Y, epochs=5, verbose=0)
    whole = model.get_weights()
    model = rewound()
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, epochs=5, verbose=0, callbacks=[Failing()])
    model.fit(X, Y, epochs=3, verbose=0)
    assert same_bits(model.get_weights(), whole)


def test_arrays_that_the_user_holds_stay_valid(rewound):
    model = rewound()
    params, variables = model.params, model.variables
    copies = jax.tree.map(np.array, (params, variables))
    model.fit(X, Y, epochs=2, verbose=0)
    between = model.params
    kept = jax.tree.map(np.array, between)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[dk.callbacks.EarlyStopping("loss", restore_best_weights=True)])
    for now, then in zip(jax.tree.leaves((params, variables, between)), jax.tree.leaves((copies, kept)), strict=True):
        np.testing.assert_array_equal(now, then)


def test_arrays_that_the_user_puts_in_stay_valid(rewound):
    model = rewound()
    mine = jax.tree.map(jnp.ones_like, model.variables)
    model.set_variables(mine)
    model.fit(X, Y, epochs=2, verbose=0)
    assert all((leaf == 1).all() for leaf in jax.tree.leaves(mine))


@pytest.mark.parametrize("schedule", [lambda epoch: 0.1 / (epoch + 1), lambda epoch, rate: rate / 2 if epoch else 0.1])
def test_learning_rate_scheduler(rewound, schedule):
    model = rewound()
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[dk.callbacks.LearningRateScheduler(schedule)])
    expected = [0.1, 0.05, 0.1 / 3] if schedule.__code__.co_argcount == 1 else [0.1, 0.05, 0.025]
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-6)
    assert model.optimizer.learning_rate == pytest.approx(expected[-1], abs=1e-9)


def test_a_rate_is_not_smeared_by_float32(rewound):
    model = rewound()
    model.optimizer.learning_rate = 0.3
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[dk.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)])
    assert model.optimizer.learning_rate == 0.3


@pytest.mark.parametrize("wrong", [lambda epoch: None, lambda epoch: "0.1", 0.1])
def test_learning_rate_scheduler_refuses(rewound, wrong):
    with pytest.raises(DeepkitTypeError, match="LearningRateScheduler"):
        rewound().fit(X, Y, verbose=0, callbacks=[dk.callbacks.LearningRateScheduler(wrong)])


def test_lambda_callback_refuses_what_is_no_hook():
    with pytest.raises(DeepkitTypeError, match="no such hook"):
        dk.callbacks.LambdaCallback(on_epoch_ends=print)
    with pytest.raises(DeepkitTypeError, match="expected a function"):
        dk.callbacks.LambdaCallback(on_epoch_end=3)


def test_callbacks_of_another_kind_are_refused(rewound):
    for wrong in (keras.callbacks.EarlyStopping(), dk.callbacks.EarlyStopping, print):
        with pytest.raises(DeepkitTypeError, match="callbacks holds"):
            rewound().fit(X, Y, verbose=0, callbacks=[wrong])


@pytest.mark.parametrize(
    ("hook", "message"),
    [("on_test_end", "on_test_end is never called: validation"), ("on_epoch_ends", "Did you mean 'on_epoch_end'")],
)
def test_hooks_that_nobody_calls_are_told(rewound, hook, message):
    callback = type("Mine", (dk.callbacks.Callback,), {hook: lambda self, *_: None})()
    with pytest.warns(DeepkitWarning, match=message):
        rewound().fit(X, Y, verbose=0, callbacks=[callback])


def rows_of(path, **options):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, **options))


def test_csv_logger_writes_the_history(rewound, tmp_path):
    path = tmp_path / "log.csv"
    model = rewound()
    history = model.fit(X, Y, epochs=3, verbose=0, validation_split=0.2, callbacks=[dk.callbacks.CSVLogger(path)])
    rows = rows_of(path)
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    for key, values in history.history.items():
        assert [float(row[key]) for row in rows] == values
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[dk.callbacks.CSVLogger(path, separator=";")])
    assert len(rows_of(path, delimiter=";")) == 2


def test_csv_logger_appends(rewound, tmp_path):
    path = tmp_path / "log.csv"
    model = rewound()
    logger = dk.callbacks.CSVLogger(path, append=True)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[logger])
    model.fit(X, Y, epochs=4, initial_epoch=2, verbose=0, callbacks=[logger])
    assert [int(row["epoch"]) for row in rows_of(path)] == [0, 1, 2, 3]
    assert path.read_text().count("epoch") == 1


def test_csv_logger_is_written_while_the_run_lasts(rewound, tmp_path):
    path = tmp_path / "log.csv"
    lengths = []
    watch = dk.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: lengths.append(len(rows_of(path))))
    rewound().fit(X, Y, epochs=3, verbose=0, callbacks=[dk.callbacks.CSVLogger(path), watch])
    assert lengths == [1, 2, 3]


def test_set_params_and_set_model(rewound):
    callback = dk.callbacks.Callback()
    model = rewound()
    model.fit(X, Y, epochs=3, initial_epoch=1, verbose=0, callbacks=[callback])
    assert callback.model is model
    assert callback.params == {"epochs": 3, "steps": 4, "verbose": 0}


def test_checkpoint_after_every_epoch(rewound, tmp_path):
    model = rewound()
    weights = []
    watch = dk.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))
    checkpoint = dk.callbacks.ModelCheckpoint(tmp_path / "at-{epoch:02d}-{loss:.3f}.npz", save_weights_only=True)
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[checkpoint, watch])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"at-{epoch + 1:02d}-{loss:.3f}.npz" for epoch, loss in enumerate(history["loss"])]
    for name, expected in zip(names, weights, strict=True):
        model.load_weights(tmp_path / name)
        assert same_bits(model.get_weights(), expected)


def test_checkpoint_of_the_best_epoch(tmp_path):
    """The file holds the best weights of the run, the model goes on from the last ones, and no bit changes."""
    options = {"epochs": 15, "verbose": 0, "validation_split": 0.3}
    rewound = Rewound(net(optimizer=dk.optimizers.SGD(3.0)))
    plain = rewound().fit(X, Y, **options)
    model, best = rewound(), int(np.argmin(plain["val_loss"]))
    snapshots = []
    watch = dk.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: snapshots.append(model.get_weights()))
    model.fit(X, Y, callbacks=[watch], **options)
    model = rewound()
    path = tmp_path / "inner" / "best.deepkit"
    history = model.fit(X, Y, callbacks=[dk.callbacks.ModelCheckpoint(path, save_best_only=True)], **options)
    assert history.history == plain.history
    assert 0 < best < 14
    assert same_bits(model.get_weights(), snapshots[-1])
    assert same_bits(dk.load_model(path).get_weights(), snapshots[best])


def test_checkpoint_errors(rewound, tmp_path):
    with pytest.raises(DeepkitValueError, match=r"End it in \.npz or \.safetensors"):
        dk.callbacks.ModelCheckpoint("model.h5", save_weights_only=True)
    checkpoint = dk.callbacks.ModelCheckpoint(tmp_path / "{val_auc}.npz", save_weights_only=True)
    with pytest.raises(DeepkitValueError, match="the run reports no 'val_auc', only loss, accuracy"):
        rewound().fit(X, Y, verbose=0, callbacks=[checkpoint])
