"""A study in a process that sees four devices."""

import json
import os
import subprocess
import sys

PROGRAM = """
import collections, json, warnings
import numpy as np, jax, deepkit as dk
from deepkit.sweeps import engine

used = collections.Counter()
run = engine.Program.run

def counted(self, tasks):
    outcome = run(self, tasks)
    (device,) = self._compiled.runtime_executable().local_devices()
    used[str(device)] += len(tasks)
    return outcome

engine.Program.run = counted

def build(rate, activation, units=6):
    x = dk.Input(4)
    # Numbers of several kinds, so that parts of one group on several devices turn them at the same time.
    start = dk.initializers.VarianceScaling(1 + rate)
    h = dk.layers.Dense(units, activation, kernel_initializer=start)(x)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
    model.compile(dk.optimizers.SGD(rate), dk.losses.BinaryCrossentropy(label_smoothing=rate), ["accuracy"])
    return model

def drawn(seed):
    x = np.random.default_rng(seed).normal(size=(40, 4)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("float32")

def fails(rate):
    if rate > 0.1:
        raise ValueError("too fast")
    return build(rate, "relu")

grid = {"rate": [0.01, 0.1, 0.3], "activation": ["relu"]}
whole = {"batch_size": None, "shuffle": False, "verbose": 0}  # a smaller program, which compiles sooner
few = dk.sweep(build, drawn(0), grid=grid, seeds=4, epochs=5, width=1, **whole)
grid = {"rate": [0.01, 0.1, 0.3], "activation": ["tanh"], "units": [3, 5]}
own = dk.sweep(build, drawn, grid=grid, seeds=2, epochs=2, batch_size=8, width=1, verbose=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    failed = dk.sweep(fails, drawn(0), grid={"rate": [0.1, 0.3]}, seeds=3, epochs=1, **whole)
print(json.dumps({
    "few": few.history.tolist(), "own": own.history.tolist(), "devices": len(used), "all": sum(used.values()),
    "failures": len(failed.failures()),
    "predicted": float(few.best("accuracy").model.predict(drawn(1)[0]).sum()),
}))
"""


def run(devices):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_four_devices_give_the_numbers_of_one():
    one, four = run(1), run(4)
    assert one.pop("devices") == 1 and four.pop("devices") == 4
    assert one == four
