"""One process of the heart-shaped fit, by one library; prints its figures as one line of JSON.

    python benchmarks/heart_work.py deepkit|keras|torch|jax [warm fits]

The work: 242 rows × 29 numbers, of which 49 validate after every epoch; 29→16 ReLU→1 sigmoid, Adam, batches of
32 (the last has 1 row), 300 epochs. `cold` is everything from the start of the imports to the end of the first
fit; `warm` the median of further fits on the same model; `predict` the median time for one row.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable

BEGUN = time.perf_counter()
EPOCHS, BATCH = 300, 32


def rows():
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(242, 29)).astype("float32")
    y = (x[:, :3].sum(1) + 0.5 * rng.normal(size=242) > 0).astype("float32")
    return x[:193], y[:193], x[193:], y[193:]


def use_deepkit():
    import deepkit as dk

    imported = time.perf_counter()
    x, y, xv, yv = rows()
    inputs = dk.Input(29)
    hidden = dk.layers.Dense(16, activation="relu")(inputs)
    model = dk.Model(inputs, dk.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])

    def fit():
        model.fit(x, y, epochs=EPOCHS, batch_size=BATCH, validation_data=(xv, yv), verbose=0)

    return imported, fit, lambda: model.predict(x[:1])


def use_keras():
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    imported = time.perf_counter()
    x, y, xv, yv = rows()
    inputs = keras.Input(shape=(29,))
    hidden = keras.layers.Dense(16, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])

    def fit():
        model.fit(x, y, epochs=EPOCHS, batch_size=BATCH, validation_data=(xv, yv), verbose=0)

    return imported, fit, lambda: model.predict(x[:1], verbose=0)


def use_torch():
    import torch

    imported = time.perf_counter()
    x, y, xv, yv = (torch.tensor(array) for array in rows())
    model = torch.nn.Sequential(torch.nn.Linear(29, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = torch.nn.BCEWithLogitsLoss()

    def fit():
        for _ in range(EPOCHS):
            order = torch.randperm(193)
            for start in range(0, 193, BATCH):
                batch = order[start : start + BATCH]
                optimizer.zero_grad()
                loss = loss_of(model(x[batch])[:, 0], y[batch])
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                loss_of(model(xv)[:, 0], yv).item()

    def predict():
        with torch.no_grad():
            return torch.sigmoid(model(x[:1]))

    return imported, fit, predict


def use_jax():
    """The whole run written by hand as one program: the floor."""
    import jax
    import jax.numpy as jnp
    import optax

    imported = time.perf_counter()
    x, y, xv, yv = (jnp.asarray(array) for array in rows())
    steps = -(-193 // BATCH)
    optimizer = optax.adam(1e-3)

    def init(key):
        first, second = jax.random.split(key)
        glorot = jax.nn.initializers.glorot_uniform()
        return {"w1": glorot(first, (29, 16)), "b1": jnp.zeros(16), "w2": glorot(second, (16, 1)), "b2": jnp.zeros(1)}

    def logits(p, x):
        return (jax.nn.relu(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"])[:, 0]

    def loss(p, x, y, w):
        z = logits(p, x)
        return (optax.sigmoid_binary_cross_entropy(z, y) * w).sum() / w.sum(), ((z > 0) == (y > 0.5)) @ w

    def epoch(carry, key):
        order = jnp.concatenate([jax.random.permutation(key, 193), jnp.zeros(steps * BATCH - 193, int)])
        weights = (jnp.arange(steps * BATCH) < 193).astype(jnp.float32).reshape(steps, BATCH)

        def step(carry, batch):
            p, s = carry
            chosen, w = batch
            figures, gradients = jax.value_and_grad(loss, has_aux=True)(p, x[chosen], y[chosen], w)
            updates, s = optimizer.update(gradients, s, p)
            return (optax.apply_updates(p, updates), s), figures

        carry, figures = jax.lax.scan(step, carry, (order.reshape(steps, BATCH), weights))
        return carry, (figures, loss(carry[0], xv, yv, jnp.ones(49)))

    run = jax.jit(lambda carry, keys: jax.lax.scan(epoch, carry, keys))
    params = init(jax.random.key(0))
    carry = [(params, optimizer.init(params))]

    def fit():
        carry[0], history = run(carry[0], jax.random.split(jax.random.key(0), EPOCHS))
        jax.block_until_ready((carry[0], history))

    forward = jax.jit(lambda p, x: jax.nn.sigmoid(logits(p, x)))
    one = jax.device_get(x[:1])
    return imported, fit, lambda: jax.device_get(forward(carry[0][0], one))


def median_time(work: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def main() -> None:
    who, fits = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    imported, fit, predict = {"deepkit": use_deepkit, "keras": use_keras, "torch": use_torch, "jax": use_jax}[who]()
    fit()
    cold = time.perf_counter() - BEGUN
    figures = {"import": imported - BEGUN, "cold": cold}
    if fits:
        predict()
        figures |= {"warm": median_time(fit, fits), "predict": median_time(predict, 200)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
