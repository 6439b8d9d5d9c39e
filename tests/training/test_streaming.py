"""Batches from the host: generators, loaders, functions, and arrays that do not fit the device."""

import itertools

import jax
import numpy as np
import pytest
from training_cases import Rewound, data, net, same_bits

import deepkit as dk
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError
from deepkit.training import fitting

X, Y = data()


def cut(*sizes):
    """The rows in batches of these sizes."""
    edges = np.cumsum((0, *sizes))
    return [(X[a:b], Y[a:b]) for a, b in itertools.pairwise(edges)]


class Loader:
    """Can be iterated over again and again."""

    def __init__(self, batches):
        self.batches = batches
        self.starts = 0

    def __iter__(self):
        self.starts += 1
        return iter(self.batches)


class Indexed:
    """Like keras.utils.PyDataset or a map-style loader: only `__len__` and `__getitem__`."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


class Tensor:
    """What a torch tensor on the CPU looks like to NumPy."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)

    def __len__(self):
        return len(self.array)


@pytest.fixture(scope="module")
def rewound():
    return Rewound(net(optimizer=dk.optimizers.SGD(0.1)))


def by_hand(rewound, batches, epochs=1):
    """The same steps, one at a time."""
    model = rewound()
    for _ in range(epochs):
        for x, y in batches:
            model.train_on_batch(x, y)
    return model.get_weights()


def close(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


FORTY = cut(40, 40, 20)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Loader(FORTY),
        lambda: Indexed(FORTY),
        lambda: lambda: iter(FORTY),
        lambda: Loader([(Tensor(x), Tensor(y)) for x, y in FORTY]),
        lambda: Loader([[jax.numpy.asarray(x), y[:, None]] for x, y in FORTY]),
    ],
    ids=["loader", "indexed", "function", "tensors", "lists of jax arrays"],
)
def test_everything_that_can_be_iterated_again(rewound, make):
    """A last batch of 20 rows counts as 20 rows; all epochs see all batches."""
    model = rewound()
    history = model.fit(make(), epochs=2, verbose=0)
    assert len(history.epoch) == 2
    assert model.history is history
    close(model.get_weights(), by_hand(rewound, FORTY, 2))


def test_a_generator_shared_by_the_epochs(rewound):
    taken = []

    def forever():
        while True:
            for number, batch in enumerate(FORTY):
                taken.append(number)
                yield batch

    model = rewound()
    history = model.fit(forever(), steps_per_epoch=2, epochs=3, verbose=0)
    assert len(history.epoch) == 3
    assert taken[:6] == [0, 1, 2, 0, 1, 2]
    assert len(taken) <= 7
    close(model.get_weights(), by_hand(rewound, FORTY, 2))


def test_batches_of_changing_size(rewound, sizes=(20, 40, 40)):
    model = rewound()
    history = model.fit(Loader(cut(*sizes)), epochs=1, verbose=0)
    close(model.get_weights(), by_hand(rewound, cut(*sizes)))
    model = rewound()
    model.optimizer.learning_rate = 0.0
    history = model.fit(Loader(cut(*sizes)), epochs=2, verbose=0)
    for key, value in model.evaluate(X, Y).items():
        assert history[key] == pytest.approx([value, value], abs=2e-6)


def test_epochs_of_changing_length(rewound):
    """Hooks come once per batch there is, never for one that is not."""
    lengths = iter([2, 3, 1])
    calls = []
    hooks = dk.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: calls.append(("begin", batch)),
        on_train_batch_end=lambda batch, logs: calls.append(("end", batch)),
        on_epoch_end=lambda epoch, logs: calls.append(("epoch", epoch)),
    )
    model = rewound()
    model.fit(lambda: iter(FORTY[: next(lengths)]), epochs=3, verbose=0, callbacks=[hooks])
    expected = []
    for epoch, length in enumerate([2, 3, 1]):
        for batch in range(length):
            expected += [("begin", batch), ("end", batch)]
        expected.append(("epoch", epoch))
    assert calls == expected


def test_batch_hooks_change_no_bit_of_a_stream(rewound):
    model = rewound()
    plain = model.fit(Loader(FORTY), epochs=3, verbose=0)
    weights = model.get_weights()
    hooks = dk.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    model = rewound()
    assert model.fit(Loader(FORTY), epochs=3, verbose=0, callbacks=[hooks]).history == plain.history
    assert same_bits(model.get_weights(), weights)


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end"])
def test_stopping_a_stream(rewound, hook):
    model = rewound()
    stop = dk.callbacks.LambdaCallback(**{hook: lambda number, logs: setattr(model, "stop_training", True)})
    history = model.fit(Loader(FORTY), epochs=5, verbose=0, callbacks=[stop])
    assert len(history.epoch) == 1
    close(model.get_weights(), by_hand(rewound, FORTY[:1] if "batch" in hook else FORTY))


def test_early_stopping_of_a_stream(rewound):
    stopping = dk.callbacks.EarlyStopping("loss", min_delta=100, patience=2)
    assert len(rewound().fit(Loader(FORTY), epochs=9, verbose=0, callbacks=[stopping]).epoch) == 3


def test_a_generator_that_runs_out(rewound):
    model = rewound()
    with pytest.raises(DeepkitValueError, match=r"epoch 2 has none\. A generator can be read only once"):
        model.fit((batch for batch in FORTY), epochs=3, verbose=0)
    assert len(model.history.epoch) == 1
    close(model.get_weights(), by_hand(rewound, FORTY))


def test_a_generator_that_fails_leaves_the_weights_of_that_moment(rewound):
    def failing():
        yield from FORTY[:2]
        raise ZeroDivisionError

    model = rewound()
    with pytest.raises(ZeroDivisionError):
        model.fit(failing(), epochs=3, verbose=0)
    close(model.get_weights(), by_hand(rewound, FORTY[:2]))
    assert len(model.fit(Loader(FORTY), epochs=1, verbose=0).epoch) == 1


@pytest.mark.parametrize(
    ("stream", "options", "error", "message"),
    [
        (Loader([]), {}, DeepkitValueError, "without a single batch"),
        (Loader([X[:3]]), {}, DeepkitTypeError, r"a batch is an? .*array.*Yield \(x, y\)"),
        (Loader([(X[:3],)]), {}, DeepkitTypeError, "tuple of 1 entry"),
        (Loader([(X[:3], Y[:4])]), {}, DeepkitError, "different numbers of rows"),
        (Loader([FORTY[0], (X[:3] * np.nan, Y[:3])]), {}, DeepkitError, "NaN"),
        (Loader(FORTY), {"y": Y}, DeepkitError, "bring their own targets"),
        (Loader(FORTY), {"validation_split": 0.2}, DeepkitError, "needs all rows at hand"),
    ],
)
def test_batches_that_cannot_be_used(rewound, stream, options, error, message):
    with pytest.raises(error, match=message):
        rewound().fit(stream, verbose=0, **options)


def test_validation_data_may_be_a_loader(rewound):
    model = rewound()
    history = model.fit(Loader(FORTY), epochs=2, verbose=0, validation_data=Loader(cut(30, 30, 7)))
    expected = model.evaluate(X[:67], Y[:67])
    assert history["val_loss"][-1] == pytest.approx(expected["loss"], abs=1e-6)
    assert history["val_accuracy"][-1] == pytest.approx(expected["accuracy"], abs=1e-6)


def test_weights_of_rows_in_batches(rewound):
    weights = np.random.default_rng(3).uniform(0, 2, len(X)).astype("float32")
    batches = [(X[a : a + 40], Y[a : a + 40], weights[a : a + 40]) for a in range(0, 100, 40)]
    model = rewound()
    streamed = model.fit(Loader(batches), epochs=2, verbose=0, class_weight={0: 1.0, 1: 2.0})
    kept = model.get_weights()
    model = rewound()
    resident = model.fit(
        X, Y, sample_weight=weights, class_weight={0: 1.0, 1: 2.0}, batch_size=40, shuffle=False, epochs=2, verbose=0
    )
    np.testing.assert_allclose(streamed["loss"], resident["loss"], atol=1e-6)
    close(kept, model.get_weights())


def test_evaluate_and_predict_of_streams(rewound):
    model = rewound()
    assert model.evaluate(Loader(FORTY)) == pytest.approx(model.evaluate(X, Y), abs=1e-6)
    np.testing.assert_allclose(model.predict(Loader(FORTY)), model.predict(X), atol=1e-6)


def test_dictionaries_of_inputs_and_outputs():
    left, right = dk.Input(2, name="left"), dk.Input(3, name="right")
    joined = dk.layers.Concatenate()([left, right])
    model = dk.Model(
        {"left": left, "right": right},
        {"a": dk.layers.Dense(1, "sigmoid", name="a")(joined), "b": dk.layers.Dense(1, name="b")(joined)},
    )
    model.compile(dk.optimizers.SGD(0.1), {"a": "bce", "b": "mse"}, metrics={"a": ["accuracy"]})
    x, y = {"left": X[:, :2], "right": X[:, 2:]}, {"a": Y, "b": X[:, 0]}
    rewound = Rewound(model)
    resident = rewound().fit(x, y, batch_size=40, shuffle=False, epochs=2, verbose=0)
    slices = [slice(a, a + 40) for a in range(0, 100, 40)]
    part = lambda tree, rows: {key: value[rows] for key, value in tree.items()}  # noqa: E731
    streamed = rewound().fit(Loader([(part(x, s), part(y, s)) for s in slices]), epochs=2, verbose=0)
    assert list(streamed.history) == list(resident.history) == ["loss", "a_loss", "a_accuracy", "b_loss"]
    for key, values in resident.history.items():
        np.testing.assert_allclose(streamed[key], values, atol=1e-6)


def test_arrays_too_large_for_the_device(rewound, monkeypatch):
    """They go over batch by batch: every row once per epoch, shuffled anew, the same bits again."""
    monkeypatch.setattr(fitting, "resident_bytes", lambda: 100)
    model = rewound()
    exact = model.evaluate(X, Y)
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, Y, epochs=2, verbose=0, validation_split=0.1)
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    still = rewound()
    still.optimizer.learning_rate = 0.0
    assert still.fit(X, Y, epochs=1, verbose=0)["loss"][0] == pytest.approx(exact["loss"], abs=1e-6)
    runs = []
    for _ in range(2):
        model = rewound()
        runs.append((model.fit(X, Y, epochs=3, verbose=0).history, model.get_weights()))
    assert runs[0][0] == runs[1][0]
    assert same_bits(runs[0][1], runs[1][1])
    assert rewound().fit(X, Y, epochs=3, verbose=0, seed=1).history != runs[0][0]


def test_large_arrays_unshuffled_are_the_resident_run(rewound, monkeypatch):
    model = rewound()
    resident = model.fit(X, Y, epochs=3, verbose=0, shuffle=False)
    weights = model.get_weights()
    monkeypatch.setattr(fitting, "resident_bytes", lambda: 100)
    model = rewound()
    streamed = model.fit(X, Y, epochs=3, verbose=0, shuffle=False)
    np.testing.assert_allclose(streamed["loss"], resident["loss"], atol=1e-6)
    close(model.get_weights(), weights)


def test_a_loader_starts_again_when_steps_per_epoch_outrun_it():
    rng = np.random.default_rng(0)
    loader = [(rng.normal(size=(8, 3)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")) for _ in range(3)]

    class Loader:
        def __iter__(self):
            return iter(loader)

    inputs = dk.Input(3)
    model = dk.Model(inputs, dk.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    history = model.fit(Loader(), steps_per_epoch=2, epochs=5, verbose=0)
    assert history.epoch == [0, 1, 2, 3, 4]
