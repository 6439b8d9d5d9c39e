"""One process of the qwerties study (2→1→1, SGD, full batches of 200 rows, accuracy every epoch); a line of JSON.

    python benchmarks/qwerties_work.py deepkit|hand|torch [rates] [seeds] [epochs]

`deepkit`: `dk.sweep`, compilation included, and per model without. `hand`: the same written by hand in JAX, one after
another and side by side in chunks, without compilation. `torch`: the loop that a course writes, for 20 of the models.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

RATES, SEEDS, EPOCHS = (int(n) for n in (sys.argv[2:5] if len(sys.argv) > 4 else (40, 50, 500)))


def rows():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(centre, 1, size=(100, 2)) for centre in ((1, 1), (5, 1))])
    return x.astype("float32"), np.repeat([0, 1], 100).astype("float32")


def use_deepkit():
    import deepkit as dk

    def build(learning_rate):
        x = dk.Input(2)
        h = dk.layers.Dense(1, "relu")(x)
        model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
        model.compile(dk.optimizers.SGD(learning_rate), "binary_crossentropy", ["accuracy"])
        return model

    grid = {"learning_rate": np.linspace(0.001, 0.1, RATES)}
    begun = time.perf_counter()
    result = dk.sweep(build, rows(), grid=grid, seeds=SEEDS, epochs=EPOCHS, batch_size=None, verbose=0)
    seconds = time.perf_counter() - begun
    working = seconds - sum(pace.compile_seconds for pace in result.paces)
    return {
        "seconds": seconds,
        "ms_per_model": 1e3 * working / len(result),
        "learned": float((result.final("accuracy") > 0.7).mean()),
        "widths": [pace.width for pace in result.paces],
    }  # fmt: skip


def use_hand():
    import jax
    import jax.numpy as jnp
    from jax import lax

    x, y = map(jnp.asarray, rows())

    def forward(p):
        return (jax.nn.relu(x @ p[0] + p[1]) @ p[2] + p[3])[:, 0]

    def loss(p):
        z = forward(p)
        return (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()

    def member(seed, rate):
        one, two = jax.random.split(jax.random.key(seed))
        draw = jax.nn.initializers.glorot_uniform()
        p = (draw(one, (2, 1)), jnp.zeros(1), draw(two, (1, 1)), jnp.zeros(1))

        def epoch(p, _):
            value, gradients = jax.value_and_grad(loss)(p)
            correct = ((forward(p) > 0) == (y > 0.5)).mean()
            return jax.tree.map(lambda a, g: a - rate * g, p, gradients), (value, correct)

        return lax.scan(epoch, p, None, EPOCHS)

    figures = {}
    for width in (1, 8, 64):
        count = 256
        seeds, rates = np.arange(count), np.linspace(0.001, 0.1, count, dtype="float32")
        if width == 1:
            run = jax.jit(lambda s, r: lax.map(lambda sr: member(*sr), (s, r)))
        else:
            seeds, rates = seeds.reshape(-1, width), rates.reshape(-1, width)
            run = jax.jit(lambda s, r: lax.map(lambda sr: jax.vmap(member)(*sr), (s, r)))
        jax.block_until_ready(run(seeds, rates))
        spent = []
        for _ in range(3):
            begun = time.perf_counter()
            jax.block_until_ready(run(seeds, rates))
            spent.append(time.perf_counter() - begun)
        figures[f"width {width}"] = 1e3 * min(spent) / count
    return figures


def use_torch():
    import torch

    x, y = (torch.tensor(array) for array in rows())
    begun, count = time.perf_counter(), 20
    for rate in np.linspace(0.001, 0.1, count):
        model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU(), torch.nn.Linear(1, 1), torch.nn.Sigmoid())
        loss_of, optimizer = torch.nn.BCELoss(), torch.optim.SGD(model.parameters(), lr=float(rate))
        losses, accuracies = [], []
        for _ in range(EPOCHS):
            output = model(x)[:, 0]
            loss = loss_of(output, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            accuracies.append(100 * ((output > 0.5) == (y > 0.5)).float().mean().item())
    return {"ms_per_model": 1e3 * (time.perf_counter() - begun) / count}


if __name__ == "__main__":
    print(json.dumps({"deepkit": use_deepkit, "hand": use_hand, "torch": use_torch}[sys.argv[1]]()))
