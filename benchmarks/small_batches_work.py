"""Studies in mini-batches of 16: many small models in `dk.sweep`, beside the loop that a course writes in PyTorch.

    python benchmarks/small_batches_work.py momentum|doughnuts deepkit|torch [seeds]
    python benchmarks/small_batches_work.py momentum|doughnuts both PYTHON [seeds]

`momentum`: 900 points, 2→8→8→3, 5 momenta × 2 forms × seeds (20), 50 epochs. `doughnuts`: 400 points, 2→128→128→1, 10
dropout rates × seeds (1), 1,000 epochs. Of the rows, 80 % are trained on; both accuracies are taken in every epoch.

`deepkit`: all models, compilation included, and without. `torch`: two models, 50 epochs of each, extrapolated to all;
with as many threads as PyTorch takes and with one, of which the faster counts. `both`: each in a process of its own,
PyTorch by that python, deepkit without a compilation cache, and the ratios of their seconds. Prints a line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np

STUDY, WHO = sys.argv[1:3]
MORE = sys.argv[3:]
MOMENTA, FORMS = (0.0, 0.5, 0.9, 0.95, 0.999), ("heavy ball", "averaging")
RATES = np.arange(10) / 10
BATCH = 16
EPOCHS = {"momentum": 50, "doughnuts": 1000}[STUDY]
MEASURED_EPOCHS = 50
SEEDS = int(MORE[WHO == "both"]) if len(MORE) > (WHO == "both") else {"momentum": 20, "doughnuts": 1}[STUDY]
MODELS = SEEDS * 10


def rows():
    """Training rows first: four fifths of them."""
    rng = np.random.default_rng(0)
    if STUDY == "momentum":
        x = np.concatenate([rng.normal(centre, 1, (300, 2)) for centre in ((1, 1), (5, 1), (4, 3))])
        y = np.repeat([0, 1, 2], 300)
    else:
        angles = np.linspace(0, 4 * np.pi, 200)
        circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        noise = ((10, [3, 1]), (15, [1, 3]))
        x = np.concatenate([radius * circle + rng.normal(0, spread, (200, 2)) for radius, spread in noise])
        y = np.repeat([0, 1], 200)
    order = rng.permutation(len(x))
    x, y = x[order].astype("float32"), y[order]
    cut = len(x) * 4 // 5
    return x[:cut], y[:cut], x[cut:], y[cut:]


def use_deepkit():
    import deepkit as dk

    def momentum_network(momentum, form):
        x = h = dk.Input(2)
        for units in (8, 8):
            h = dk.layers.Dense(units, "relu")(h)
        model = dk.Model(x, dk.layers.Dense(3, "softmax")(h))
        optimizer = dk.optimizers.SGD(0.01, momentum, averaging=form == "averaging")
        model.compile(optimizer, "crossentropy", ["accuracy"])
        return model

    def dropout_network(rate):
        x = h = dk.Input(2)
        for units in (128, 128):
            h = dk.layers.Dropout(rate)(dk.layers.Dense(units, "relu")(h))
        model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
        model.compile(dk.optimizers.SGD(0.002), "binary_crossentropy", ["accuracy"])
        return model

    studies = {
        "momentum": (momentum_network, {"momentum": MOMENTA, "form": FORMS}),
        "doughnuts": (dropout_network, {"rate": RATES}),
    }
    build, grid = studies[STUDY]
    x, y, xv, yv = rows()
    sweep = dk.sweep  # imported at the first look, as PyTorch's parts are
    begun = time.perf_counter()
    result = sweep(build, (x, y, (xv, yv)), grid=grid, seeds=SEEDS, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    seconds = time.perf_counter() - begun
    working = seconds - sum(pace.compile_seconds for pace in result.paces)
    return {
        "models": len(result),
        "seconds": seconds,
        "seconds_without_compilation": working,
        "ms_per_model": 1e3 * working / len(result),
        "widths": [pace.width for pace in result.paces],
        "accuracy": float(np.median(result.final("dev_accuracy"))),
    }


def use_torch():
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    x, y, xv, yv = rows()
    kind = np.int64 if STUDY == "momentum" else np.float32
    parts = [TensorDataset(torch.tensor(a), torch.tensor(b.astype(kind))) for a, b in ((x, y), (xv, yv))]
    training = DataLoader(parts[0], batch_size=BATCH, shuffle=True)
    unseen = DataLoader(parts[1], batch_size=len(xv))

    def momentum_network(momentum, form):
        sizes = torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
        model = torch.nn.Sequential(*sizes)
        dampening = momentum if form == "averaging" else 0
        return model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=momentum, dampening=dampening)

    def dropout_network(rate):
        layers = []
        for inputs in (2, 128):
            layers += [torch.nn.Linear(inputs, 128), torch.nn.ReLU(), torch.nn.Dropout(rate)]
        model = torch.nn.Sequential(*layers, torch.nn.Linear(128, 1), torch.nn.Flatten(0))
        return model, torch.optim.SGD(model.parameters(), lr=0.002)

    def right(output, target):
        answers = output.argmax(dim=1) if STUDY == "momentum" else output > 0
        return 100 * (answers == target).float().mean().item()

    def train(model, optimizer):
        loss_of = torch.nn.CrossEntropyLoss() if STUDY == "momentum" else torch.nn.BCEWithLogitsLoss()
        losses, accuracies = [], []
        for _ in range(MEASURED_EPOCHS):
            model.train()
            batch_losses, batch_accuracies = [], []
            for inputs, target in training:
                output = model(inputs)
                loss = loss_of(output, target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                batch_losses.append(loss.item())
                batch_accuracies.append(right(output, target))
            losses.append(np.mean(batch_losses))
            model.eval()
            with torch.no_grad():
                inputs, target = next(iter(unseen))
                accuracies.append((np.mean(batch_accuracies), right(model(inputs), target)))
        return accuracies[-1][1] / 100

    def some():
        if STUDY == "momentum":
            return [momentum_network(momentum, form) for momentum, form in zip((0.0, 0.9), FORMS, strict=True)]
        return [dropout_network(rate) for rate in (0.0, 0.5)]

    by_threads = {}
    for threads in sorted({torch.get_num_threads(), 1}):
        torch.set_num_threads(threads)
        models, begun = some(), time.perf_counter()
        reached = [train(*each) for each in models]
        by_threads[threads] = (time.perf_counter() - begun) / len(models) * EPOCHS / MEASURED_EPOCHS
    seconds = min(by_threads.values())
    return {
        "models": MODELS,
        "models_measured": len(models),
        "seconds": seconds * MODELS,
        "ms_per_model": 1e3 * seconds,
        "ms_per_model_by_threads": {threads: 1e3 * value for threads, value in by_threads.items()},
        "accuracy": float(np.median(reached)),
    }


def both(torch_python):
    """The two in turn, and how many times as long PyTorch takes."""
    figures = {}
    for who, python in (("deepkit", sys.executable), ("torch", torch_python)):
        command = [python, __file__, STUDY, who, str(SEEDS)]
        environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": ""}
        output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
        figures[who] = json.loads(output.splitlines()[-1])
    seconds = figures["torch"]["seconds"]
    figures["ratio"] = seconds / figures["deepkit"]["seconds"]
    figures["ratio_without_compilation"] = seconds / figures["deepkit"]["seconds_without_compilation"]
    return figures


if __name__ == "__main__":
    print(json.dumps(both(MORE[0]) if WHO == "both" else {"deepkit": use_deepkit, "torch": use_torch}[WHO]()))
