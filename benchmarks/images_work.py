"""One process that trains and applies one image network by one library; prints its figures as one line of JSON.

    python benchmarks/images_work.py deepkit|torch|torch-channels-last cnn|lenet5|resnet20 [images]

The work: random 32×32 colour images, ten classes, batches of 128, Adam; `train` and `predict` are images per second,
training after one epoch to warm up, the best of two further ones; predictions of all images.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

BATCH = 128


def images(count):
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((count, 32, 32, 3), dtype=np.float32), rng.integers(0, 10, count)


def deepkit_network(name):
    import deepkit as dk

    if name == "lenet5":
        return dk.networks.LeNet5(input_shape=(32, 32, 3))
    if name == "resnet20":
        return dk.networks.ResNet20()
    x = dk.Input((32, 32, 3))
    h = dk.layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    h = dk.layers.Conv2D(32, 3, activation="relu")(h)
    h = dk.layers.MaxPooling2D(2)(h)
    h = dk.layers.Conv2D(64, 3, padding="same", activation="relu")(h)
    h = dk.layers.Conv2D(64, 3, activation="relu")(h)
    h = dk.layers.MaxPooling2D(2)(h)
    h = dk.layers.Dense(512, activation="relu")(dk.layers.Flatten()(h))
    return dk.Model(x, dk.layers.Dense(10, activation="softmax")(h))


def use_deepkit(name, x, y):
    model = deepkit_network(name)
    model.compile("adam", "sparse_categorical_crossentropy")

    def epoch():
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)

    def step_by_step():
        for start in range(0, len(x), BATCH):
            model.train_on_batch(x[start : start + BATCH], y[start : start + BATCH])

    return epoch, lambda: model.predict(x), step_by_step


def torch_network(name):
    from torch import nn

    def normalised(inputs, filters, stride):
        return [nn.Conv2d(inputs, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters)]

    class Block(nn.Module):
        def __init__(self, inputs, filters, stride):
            super().__init__()
            self.body = nn.Sequential(*normalised(inputs, filters, stride), nn.ReLU(), *normalised(filters, filters, 1))
            self.stride, self.more = stride, filters - inputs

        def forward(self, x):
            short = x[:, :, :: self.stride, :: self.stride]
            if self.more:
                short = nn.functional.pad(short, (0, 0, 0, 0, self.more // 2, self.more // 2))
            return nn.functional.relu(self.body(x) + short)

    if name == "lenet5":
        return nn.Sequential(
            nn.Conv2d(3, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
            nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
        )  # fmt: skip
    if name == "resnet20":
        blocks = [
            Block(inputs, filters, stride)
            for filters, first, step in ((16, 16, 1), (32, 16, 2), (64, 32, 2))
            for inputs, stride in ((first, step), (filters, 1), (filters, 1))
        ]
        return nn.Sequential(
            *normalised(3, 16, 1), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
        )
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 36, 512), nn.ReLU(), nn.Linear(512, 10),
    )  # fmt: skip


def use_torch(name, x, y, channels_last):
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    x = torch.tensor(x).permute(0, 3, 1, 2).contiguous().to(memory_format=layout)
    y = torch.tensor(y)
    model = torch_network(name).to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = torch.nn.CrossEntropyLoss()

    def epoch():
        model.train()
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH):
            batch = order[start : start + BATCH]
            optimizer.zero_grad()
            loss = loss_of(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()

    def predict():
        model.eval()
        with torch.no_grad():
            return [model(x[start : start + 256]) for start in range(0, len(x), 256)]

    return epoch, predict, None


def seconds(work: Callable[[], object], times: int = 2) -> float:
    work()
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return min(spent)


def main() -> None:
    who, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 5120
    x, y = images(count)
    if who == "deepkit":
        epoch, predict, step_by_step = use_deepkit(name, x, y)
    else:
        epoch, predict, step_by_step = use_torch(name, x, y, who.endswith("last"))
    figures = {"train": count / seconds(epoch), "predict": count / seconds(predict)}
    if step_by_step is not None:
        figures["step_by_step"] = count / seconds(step_by_step, 1)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
