"""100,000 full-batch epochs of a 31-parameter net (1→10 tanh→1), with train and validation loss of every epoch.

python benchmarks/many_epochs.py
"""

from __future__ import annotations

import time

import numpy as np

import deepkit as dk


def main() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(0, 6, 20, dtype="float32")[:, None]
    y = np.sin(x) + 0.2 * rng.normal(size=x.shape).astype("float32")
    inputs = dk.Input(1)
    model = dk.Model(inputs, dk.layers.Dense(1)(dk.layers.Dense(10, "tanh")(inputs)))
    assert model.count_params() == 31
    model.compile(dk.optimizers.SGD(0.01), "mse")
    begun = time.perf_counter()
    history = model.fit(x[::2], y[::2], batch_size=None, epochs=100_000, validation_data=(x[1::2], y[1::2]), verbose=0)
    print(f"{len(history.epoch):,} epochs in {time.perf_counter() - begun:.2f} s, compilation included; {history}")


if __name__ == "__main__":
    main()
