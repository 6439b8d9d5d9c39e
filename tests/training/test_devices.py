"""A process that sees eight devices, and numbers of twice the precision."""

import os
import subprocess
import sys

import jax

PROGRAM = """
import numpy as np, jax, deepkit as dk
assert jax.device_count() == {devices}
x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype("float32")
i = dk.Input(4)
model = dk.Model(i, dk.layers.Dense(1, "sigmoid")(dk.layers.Dense(8, "relu")(i)))
model.compile("adam", "bce", metrics=["accuracy"])
history = model.fit(x, y, epochs=5, validation_split=0.2, verbose=0, callbacks=[dk.callbacks.EarlyStopping()])
history = model.fit(lambda: iter([(x, y)]), epochs=2, verbose=0)
print(history["loss"], model.evaluate(x, y), model.predict(x).sum(), model.predict(x).dtype)
"""


def run(devices, **environment):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(devices=devices)], capture_output=True, text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, **environment}, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_eight_devices_give_the_numbers_of_one(capsys):
    exec(PROGRAM.format(devices=jax.device_count()), {})
    assert run(8) == capsys.readouterr().out


def test_training_under_x64():
    assert "float32" in run(1, JAX_ENABLE_X64="1")
