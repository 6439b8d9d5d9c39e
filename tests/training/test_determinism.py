"""The same seed gives the same bits, whoever watches and however the run is cut into chunks."""

import functools
import hashlib
import os
import subprocess
import sys
import types

import jax
import numpy as np
import pytest
from training_cases import Rewound, data, noisy_net, same_bits

import deepkit as dk
from deepkit.training import loop, resident
from deepkit.training.resident import _order
from deepkit.training.steps import order_key

X, Y = data()
EPOCHS = 6


class EachEpoch(dk.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


class EachBatch(dk.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


class Looker(dk.callbacks.Callback):
    """Uses the model while it trains."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.predict(X[:3])
        self.model.evaluate(X, Y)
        self.model.set_weights(self.model.get_weights())


@pytest.fixture(scope="module")
def rewound():
    return Rewound(noisy_net())


def run(rewound, **options):
    model = rewound()
    options = {"epochs": EPOCHS, "verbose": 0, "validation_split": 0.2, **options}
    history = model.fit(X, Y, **options)
    return history, model.get_weights()


@pytest.fixture(scope="module")
def plain(rewound):
    return run(rewound)


@pytest.mark.parametrize("callbacks", [[EachEpoch], [EachBatch], [EachEpoch, EachBatch], [Looker]])
def test_callbacks_change_no_bit(rewound, plain, callbacks):
    history, weights = run(rewound, callbacks=[callback() for callback in callbacks])
    assert history.history == plain[0].history
    assert same_bits(weights, plain[1])


def test_csv_logger_changes_no_bit(rewound, plain, tmp_path):
    history, weights = run(rewound, callbacks=[dk.callbacks.CSVLogger(tmp_path / "log.csv")])
    assert history.history == plain[0].history
    assert same_bits(weights, plain[1])


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_displays_change_no_bit(rewound, plain, verbose):
    history, weights = run(rewound, verbose=verbose)
    assert history.history == plain[0].history
    assert same_bits(weights, plain[1])


@pytest.mark.parametrize("seconds, steps", [(0, 1), (0, 2), (100, 8)])
def test_chunks_change_no_bit(rewound, plain, monkeypatch, seconds, steps):
    monkeypatch.setattr(loop, "CHUNK_SECONDS", seconds)
    monkeypatch.setattr(loop, "CHUNK_STEPS", steps)
    history, weights = run(rewound, batch_size=32)
    assert history.history == plain[0].history
    assert same_bits(weights, plain[1])


def test_rounds_of_the_history_buffer_change_no_bit(rewound, plain, monkeypatch, capacity=3):
    monkeypatch.setattr("deepkit.training.steps.HISTORY_CAPACITY", capacity)
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 100)
    history, weights = run(rewound)
    assert history.history == plain[0].history
    assert same_bits(weights, plain[1])


def test_two_runs_are_one_long_run(rewound, plain):
    model = rewound()
    first = model.fit(X, Y, epochs=2, verbose=0, validation_split=0.2)
    second = model.fit(X, Y, epochs=EPOCHS - 2, verbose=0, validation_split=0.2)
    joined = {key: first.history[key] + second.history[key] for key in first.history}
    assert joined == plain[0].history
    assert same_bits(model.get_weights(), plain[1])


def test_two_runs_with_a_schedule_are_one_long_run():
    schedule = dk.optimizers.schedules.CosineDecay(0.1, 20)
    rewound = Rewound(noisy_net(optimizer=dk.optimizers.SGD(schedule, momentum=0.9)))
    whole = run(rewound)[1]
    model = rewound()
    for epochs in (1, EPOCHS - 1):
        model.fit(X, Y, epochs=epochs, verbose=0, validation_split=0.2)
    assert same_bits(model.get_weights(), whole)


def test_a_schedule_counts_every_step_of_every_run():
    class Rate(dk.callbacks.Transition):
        REPORTS_RATE = True

    schedule = dk.optimizers.schedules.CosineDecay(0.1, 20)
    model = noisy_net(optimizer=dk.optimizers.SGD(schedule))
    rates = []
    for epochs in (2, 3):
        rates += model.fit(X, Y, batch_size=32, epochs=epochs, verbose=0, callbacks=[Rate()])["learning_rate"]
    # Four steps make an epoch; the last of them was taken with the rate of step 3, 7, 11, …
    np.testing.assert_allclose(rates, [float(schedule(step)) for step in range(3, 20, 4)], rtol=1e-6)


def test_a_stop_and_a_second_run_are_one_long_run(rewound, plain):
    class StopAfterTwo(dk.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    model = rewound()
    options = {"verbose": 0, "validation_split": 0.2}
    assert len(model.fit(X, Y, epochs=EPOCHS, callbacks=[StopAfterTwo()], **options).epoch) == 2
    model.fit(X, Y, epochs=EPOCHS - 2, **options)
    assert same_bits(model.get_weights(), plain[1])


def test_another_seed_gives_another_order_and_other_noise(rewound, plain):
    assert run(rewound, seed=1)[0].history["loss"] != plain[0].history["loss"]


def test_the_seed_draws_the_weights():
    fresh = [noisy_net() for _ in range(3)]
    for model, seed in zip(fresh, (7, 7, 8), strict=True):
        model.optimizer.learning_rate = 0.0
        model.fit(X, Y, epochs=1, verbose=0, seed=seed)
    first, again, other = (model.params["dense"]["kernel"] for model in fresh)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(first, fresh[0].program.draw(7)[0]["dense"]["kernel"])


@pytest.mark.parametrize("seed", [2**31 - 1, np.int64(3)])
def test_large_seeds(rewound, seed):
    history, weights = run(rewound, seed=seed, epochs=1)
    assert same_bits(weights, run(rewound, seed=seed, epochs=1)[1])
    assert np.isfinite(history["loss"][0])


def test_every_epoch_takes_every_row_once_in_a_new_order():
    at = functools.partial(types.SimpleNamespace, seed=np.uint32(3))
    order = jax.jit(lambda epoch: _order(order_key(at(epoch=epoch)), 37, 64, True))
    orders = [np.asarray(order(np.int32(epoch))) for epoch in range(4)]
    for order in orders:
        assert sorted(order[:37].tolist()) == list(range(37))
        assert (order[37:] == 0).all()
    assert len({tuple(order.tolist()) for order in orders}) == 4


@pytest.mark.parametrize("count", [1, 2, 4096, 4097, 70_000])
def test_an_order_has_every_number_once_and_no_trend(count):
    """Below and above the number of rows from which on there are two passes."""
    order = np.asarray(jax.jit(lambda key: resident._shuffled(key, count))(jax.random.key(3)))
    np.testing.assert_array_equal(np.sort(order), np.arange(count))
    if count > 2:
        assert abs(np.corrcoef(np.arange(count), order)[0, 1]) < 4 / count**0.5


@pytest.mark.parametrize("passes", [1, 2])
def test_all_orders_are_equally_likely(monkeypatch, passes):
    monkeypatch.setattr(resident, "LEAST_RANDOM_BITS", 20 * passes)
    keys = jax.random.split(jax.random.key(0), 24 * 1000)
    orders = np.asarray(jax.jit(jax.vmap(lambda key: resident._shuffled(key, 4)))(keys))
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    # χ² with 23 degrees of freedom: mean 23, standard deviation 6.8.
    assert ((counts - 1000) ** 2 / 1000).sum() < 23 + 5 * 6.8


def test_streaming_agrees_with_resident_to_1e_6(rewound):
    """Two programs, so rounding may differ in the last bit; keys, masks and the short last batch are the same."""
    resident = run(rewound, shuffle=False, validation_split=0.0, validation_data=(X[:30], Y[:30]), batch_size=32)
    batches = [(X[start : start + 32], Y[start : start + 32]) for start in range(0, len(X), 32)]

    class Loader:
        def __iter__(self):
            return iter(batches)

    model = rewound()
    history = model.fit(Loader(), epochs=EPOCHS, verbose=0, validation_data=(X[:30], Y[:30]))
    for key, values in history.history.items():
        np.testing.assert_allclose(values, resident[0].history[key], atol=1e-6, rtol=1e-6)
    for a, b in zip(model.get_weights(), resident[1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6, rtol=1e-6)


PROGRAM = """
import sys; sys.path.insert(0, {path!r})
from test_determinism import digest
print(digest())
"""


def digest():
    model = noisy_net()
    history = model.fit(X, Y, epochs=EPOCHS, verbose=0, validation_split=0.2, seed=5)
    numbers = [np.asarray(v) for v in history.history.values()] + model.get_weights()
    return hashlib.sha256(b"".join(a.tobytes() for a in numbers)).hexdigest()


def test_a_second_process_gives_the_same_bits():
    program = PROGRAM.format(path=os.path.dirname(__file__))
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == digest(), result.stderr
