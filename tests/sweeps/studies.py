"""Small studies that other processes can import, or run: `python studies.py FILE` sweeps, and writes to the file."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
import time

import numpy as np

import deepkit as dk

GRID = {"learning_rate": [0.05, 0.1, 0.2], "units": [3, 4]}
SEEDS = 8
MEMBERS = 3 * 2 * SEEDS
FOLDER = "DEEPKIT_TEST_FOLDER"
"""Environment variable: where processes that come after one another leave notes."""


def blobs(seed=0, rows=24):
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    return (random.normal(size=(rows, 3)) + labels[:, None]).astype("float32"), labels.astype("float32")


def net(learning_rate=0.1, units=4):
    x = dk.Input(3)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(dk.layers.Dense(units, "tanh")(x)))
    model.compile(dk.optimizers.SGD(learning_rate), "bce", ["accuracy"])
    return model


def slow_blobs(seed):
    """A fresh draw that takes its time, so that there is a middle to be killed in."""
    if os.environ.get(FOLDER):
        time.sleep(0.2)
    return blobs(seed)


def net_that_kills(learning_rate=0.1):
    """Kills its process with one of the settings, the first time that a worker builds it."""
    once = pathlib.Path(os.environ[FOLDER]) / "killed"
    if learning_rate == 0.2 and os.getpid() != int(os.environ["DEEPKIT_TEST_PARENT"]) and not once.exists():
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return net(learning_rate)


def study(path, data=slow_blobs, **arguments):
    return dk.sweep(
        net, data, grid=GRID, seeds=SEEDS, epochs=3, batch_size=8, width=1, resume=path, verbose=0, **arguments
    )


if __name__ == "__main__":
    study(sys.argv[1])
