"""Very many epochs, very wide figures, and what a run leaves in memory."""

import gc

import jax
import numpy as np
from training_cases import Rewound, data, net

import deepkit as dk
from deepkit.training import loop, progress


def test_a_hundred_thousand_epochs():
    """Every epoch is in the history, with numbers that a run in short chunks has too; the net has 31 parameters."""
    x, y = data(20, 3)
    inputs = dk.Input(3)
    model = dk.Model(inputs, dk.layers.Dense(1)(dk.layers.Dense(6, "tanh")(inputs)))
    assert model.count_params() == 31
    model.compile(dk.optimizers.SGD(0.01), "mse")
    rewound = Rewound(model)
    history = rewound().fit(x, y, batch_size=None, epochs=100_000, verbose=0)
    assert len(history["loss"]) == len(history.epoch) == 100_000
    assert history.epoch[-1] == 99_999
    losses = np.array(history["loss"])
    assert losses[-1] < losses[0] / 2
    assert (losses > 0).all()
    short = rewound().fit(x, y, batch_size=None, epochs=3000, verbose=0)
    assert short["loss"] == history["loss"][:3000]


def test_wide_figures_do_not_fill_the_memory():
    """A confusion matrix of 300 classes, 90 000 numbers an epoch: the device keeps few epochs, the history all."""
    classes = 300
    x = np.random.default_rng(0).normal(size=(400, 4)).astype("float32")
    y = np.arange(400) % classes
    inputs = dk.Input(4)
    model = dk.Model(inputs, dk.layers.Dense(classes, "softmax")(inputs))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[dk.metrics.ConfusionMatrix()])
    history = model.fit(x, y, batch_size=None, epochs=100, verbose=0)
    matrices = history["confusion_matrix"]
    assert len(matrices) == 100
    assert all(matrix.sum() == 400 for matrix in matrices)
    assert not np.array_equal(matrices[0], matrices[99])


def test_many_fits_leave_nothing_behind():
    x, y = data()
    model = net()
    options = {"epochs": 2, "verbose": 0, "validation_split": 0.2}
    counts = {}
    for number in range(6):
        model.fit(x, y, callbacks=[dk.callbacks.EarlyStopping(patience=9, restore_best_weights=True)], **options)
        model.predict(x)
        if number in (1, 5):
            gc.collect()
            counts[number] = len(jax.live_arrays())
    assert counts[5] <= counts[1]  # what other tests left may go meanwhile
    assert len(model._trainer._functions) < 12


def test_an_epoch_longer_than_a_chunk(monkeypatch, epochs=2):
    """Chunks of one step in an epoch of 100: Ctrl-C and the display need not wait for the epoch."""
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0)
    monkeypatch.setattr(loop, "CHUNK_STEPS", 1)
    x, y = data()
    model = net()
    positions = []
    monkeypatch.setattr(progress.Progress, "position", lambda self, done, figures: positions.append(done))
    model.fit(x, y, batch_size=1, epochs=epochs, verbose=0)
    assert len(positions) == 100 * epochs
    assert positions == sorted(positions)
    assert positions[-1] == epochs
