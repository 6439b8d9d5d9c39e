"""What is compiled, and that nothing is compiled twice."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_cases import data, net, noisy_net, programs

import deepkit as dk
from deepkit.training.resident import batch_shapes, whole_epochs_function
from deepkit.training.trainer import to_device

X, Y = data()
SPLIT = {"verbose": 0, "validation_data": (X[:20], Y[:20])}


@pytest.fixture(scope="module", autouse=True)
def nothing_kept():
    """What an earlier process compiled would not be compiled here."""
    jax.config.update("jax_enable_compilation_cache", False)
    yield
    jax.config.update("jax_enable_compilation_cache", True)


@pytest.fixture(scope="module")
def trained():
    model = net()
    model.fit(X, Y, epochs=2, **SPLIT)
    return model


def test_a_first_fit_compiles_two_programs():
    model = net()
    model.program.draw(1)  # by programs that all models share
    with programs() as first:
        model.fit(X, Y, epochs=2, **SPLIT)
    assert len(first) == 2, first  # what the run starts from, and the whole run


@pytest.mark.parametrize(
    "change",
    [{}, {"epochs": 7}, {"verbose": 2}, {"seed": 3}, {"initial_epoch": 1}, {"validation_data": (X[:20] + 1, Y[:20])}],
)
def test_a_second_fit_compiles_nothing(trained, change):
    with programs() as found:
        trained.fit(X, Y, **{"epochs": 2, **SPLIT, **change})
    assert found == []


def test_another_learning_rate_compiles_nothing(trained):
    with programs() as found:
        for rate in (0.1, 0.0, np.float32(0.01)):
            trained.optimizer.learning_rate = rate
            trained.fit(X, Y, epochs=1, **SPLIT)
    assert found == []


def test_callbacks_of_the_host_compile_nothing(trained, tmp_path):
    class Meddler(dk.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.01 / (epoch + 1)

        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([w * 0.9 for w in self.model.get_weights()])
            self.model.stop_training = epoch == 2

    callbacks = [Meddler(), dk.callbacks.CSVLogger(tmp_path / "x.csv")]
    with programs() as found:
        history = trained.fit(X, Y, epochs=5, callbacks=callbacks, **SPLIT)
    assert found == []
    assert len(history.epoch) == 3


def test_batch_hooks_compile_only_their_figures(trained):
    seen = []
    hooks = dk.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    with programs() as found:
        trained.fit(X, Y, epochs=1, callbacks=[hooks], **SPLIT)
        trained.fit(X, Y, epochs=2, callbacks=[hooks], **SPLIT)
    assert len(found) == 1, found
    assert len(seen) == 12


def test_an_equal_transition_is_not_compiled_again(trained):
    trained.fit(X, Y, epochs=1, callbacks=[dk.callbacks.EarlyStopping(patience=3)], **SPLIT)
    with programs() as found:
        trained.fit(X, Y, epochs=1, callbacks=[dk.callbacks.EarlyStopping(patience=3)], **SPLIT)
    assert found == []


def test_evaluate_and_predict_compile_once(trained):
    trained.evaluate(X, Y)
    trained.predict(X)
    with programs() as found:
        trained.evaluate(X, Y)
        trained.predict(X)
        trained.predict(X[:90])
    assert found == []


def test_streaming_compiles_each_step_once():
    model = noisy_net()
    batches = [(X[start : start + 30], Y[start : start + 30]) for start in range(0, 100, 30)]

    def stream():
        return iter(batches)

    with programs() as first:
        model.fit(stream, epochs=2, **SPLIT)
    assert len(first) == 3, first  # what the run starts from, one step, the end of an epoch
    with programs() as second:
        model.fit(stream, epochs=3, **SPLIT)
    assert second == []


def test_the_forward_pass_is_traced_three_times():
    """For the shapes, for the training step with its gradient, and for validation: tracing is paid in every process
    that does not find the program in deepkit's cache, as with a layer of one's own.
    """
    calls = []

    class Watched(dk.layers.Dense):
        def call(self, weights, x, context):
            calls.append(self)
            return super().call(weights, x, context)

    x = dk.Input(X.shape[1])
    model = dk.Model(x, Watched(1, "sigmoid")(Watched(4)(x)))
    model.compile("adam", "bce")
    model.fit(X, Y, epochs=1, **SPLIT)
    assert len(calls) == 3 * 2


def test_the_whole_run_stays_a_small_program():
    """Kernels of `advance` for 29 → 16 → 1 with Adam, validation and a metric: what is compiled and started one by one.
    A guard against thoughtless growth; with JAX's loops for random numbers there were 138.
    """
    x, y = data(193, 29)
    model = net(features=29)
    model.fit(x, y, epochs=1, verbose=0, validation_data=(x[:48], y[:48]))
    advance = next(f for key, f in model._trainer._functions.items() if key[0] == "advance")
    s, rows, validation = _arguments(model, x, y)
    count = _kernels(jax.jit(advance).lower(s, rows, validation, 3, 0).compile().as_text())
    assert 50 < count < 120, count  # 93 with the flags of the tests, 104 with those of XLA


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_no_step_copies_large_weights(optimizer):
    """An update writes over weights that a gradient is computed with: left to itself XLA copies them first."""
    x, y = data(64)
    inner = h = dk.Input(x.shape[1])
    for _ in range(3):
        h = dk.layers.Dense(72, "relu")(h)
    model = dk.Model(inner, dk.layers.Dense(1, "sigmoid")(h))
    model.compile(optimizer, "binary_crossentropy")
    s, rows, _ = _arguments(model, x, y)
    _, steps = model._trainer._steps(())
    train = whole_epochs_function(steps, 32, True, 32, False)
    text = jax.jit(lambda s, rows: train(s, rows, None, 3)).lower(s, rows).compile().as_text()
    body = max(re.findall(r"^%\S*region.*?^}", text, re.MULTILINE | re.DOTALL), key=lambda part: part.count(" dot("))
    assert body.count("f32[72,72]{1,0} dot(") == 2, "not the loop over batches"
    assert "f32[72,72]{1,0} copy(" not in body


def _arguments(model, x, y):
    trainer = model._trainer
    _, steps = trainer._steps(())
    rows = to_device((x,), (y[:, None],), (None,))
    validation = to_device((x[:48],), (y[:48, None],), (None,))
    shapes = steps.shapes(batch_shapes(rows, 32), validated=True, with_rate=False)
    carried = steps.fresh(model.params)
    return steps.begin(model.weights(), carried, np.uint32(0), np.float32(0.1), shapes), rows, validation


def _kernels(text):
    """How many there are in a compiled program; what is fused into one counts once."""
    computations = [c for c in text.split("\n\n") if not c.startswith(("%fused", "%wrapped"))]
    return len(re.findall(r" (?:fusion|copy|dot|sort|call|conditional|custom-call)\(", "\n\n".join(computations)))


def test_a_transition_may_return_plain_numbers():
    class Halving(dk.callbacks.Transition):
        def step(self, memory, epoch):
            rate = epoch.learning_rate * jnp.float16(0.5)
            return memory, epoch.replace(learning_rate=rate, stop=epoch.logs["loss"] < 0)

    model = net()
    model.fit(X, Y, epochs=3, callbacks=[Halving()], verbose=0)
    assert model.optimizer.learning_rate == pytest.approx(0.001 / 8)


def test_predictions_of_any_number_of_rows_are_two_programs():
    model = net()
    model.weights()
    x, _ = data(100)
    with programs() as compiled:
        for rows in (4, 9, 33, 100, 3):
            model.predict(x[:rows], batch_size=4)
    assert len(compiled) == 2, compiled  # one batch, and up to eight of them
