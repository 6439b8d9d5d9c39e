"""165 architectures in one sweep, and in one `fit` after another with a compilation each; a line of JSON.

    python benchmarks/architectures_work.py sweep|one_by_one

4 to 100 units by threes, 1 to 5 hidden layers, three blobs, 100 epochs in batches of 16. `one_by_one`
fits every twelfth architecture and extrapolates. Both without a compilation cache.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "0"

import numpy as np

import deepkit as dk

WIDTHS, DEPTHS, EPOCHS, BATCH = range(4, 101, 3), range(1, 6), 100, 16


def rows():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(centre, 1, (100, 2)) for centre in ((1, 1), (5, 1), (3, -2))])
    return x.astype("float32"), np.repeat([0, 1, 2], 100)


def build(width, depth):
    x = h = dk.Input(2)
    for _ in range(depth):
        h = dk.layers.Dense(width, "relu")(h)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(h))
    model.compile(dk.optimizers.SGD(0.01), "crossentropy", ["accuracy"])
    return model


def sweep():
    begun = time.perf_counter()
    grid = {"width": list(WIDTHS), "depth": list(DEPTHS)}
    result = dk.sweep(build, rows(), grid=grid, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    compiling = sum(pace.compile_seconds for pace in result.paces)
    seconds = time.perf_counter() - begun
    return {"models": len(result), "seconds": seconds, "programs": result.programs, "compiling": compiling}


def one_by_one():
    settings = [(width, depth) for width in WIDTHS for depth in DEPTHS]
    x, y = rows()
    build(3, 1).fit(x, y, epochs=1, batch_size=BATCH, verbose=0)  # what a process does once
    spent = []
    for width, depth in settings[::12]:
        begun = time.perf_counter()
        build(width, depth).fit(x, y, epochs=EPOCHS, batch_size=BATCH, verbose=0)
        spent.append(time.perf_counter() - begun)
    return {"models": len(settings), "seconds": float(np.mean(spent)) * len(settings), "fitted": len(spent)}


if __name__ == "__main__":
    print(json.dumps({"sweep": sweep, "one_by_one": one_by_one}[sys.argv[1]]()))
