"""Compiled programs that a second process finds without tracing them."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from training_cases import data

import deepkit as dk
from deepkit import kept

X, Y = data()

WORK = """
import json, sys
import numpy as np
import jax
from jax._src import monitoring
import deepkit as dk

seen = []
monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **more: "backend_compile" in event and seen.append(more.get("fun_name"))
)
x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
y = (x[:, 0] > 0).astype("float32")

def trained(setting):
    inputs = dk.Input(3)
    h = dk.layers.Dense(4, "tanh")(inputs)
    if setting.get("custom"):
        h = dk.layers.Lambda(lambda t: t * setting["custom"])(h)
    if "dropout" in setting:
        h = dk.layers.Dropout(setting["dropout"])(h)
    model = dk.Model(inputs, dk.layers.Dense(1, "sigmoid")(h))
    model.compile(dk.optimizers.SGD(setting.get("rate", 0.1)), "bce")
    if "predict" in setting:
        model.predict(x)
    seen.clear()
    history = model.fit(x, y, epochs=3, verbose=0)
    return {"loss": history["loss"], "programs": list(seen)}

print(json.dumps([trained(setting) for setting in json.loads(sys.argv[1])]))
"""


def run(cache, *settings):
    """Trains a model for each of these, in one new process."""
    environment = {**os.environ, "DEEPKIT_CACHE": str(cache)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, "-c", WORK, json.dumps(settings)]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def processes(cache):
    """What four processes did, one after another. Only the first model of a process is sure to come from a file."""
    return [
        run(cache, {}),
        run(cache, {}, {"rate": 0.5}, {"dropout": 0.5}),
        run(cache, {"dropout": 0.25}, {"custom": 1.0}),
        run(cache, {"custom": 2.0}, {"predict": True}),
    ]


def test_a_second_process_compiles_nothing_and_learns_the_same(processes):
    (first,), (second, *_), *_ = processes
    assert "jit(advance)" in first["programs"] and second["programs"] == []
    assert first["loss"] == second["loss"]


def test_another_rate_is_the_same_program_and_another_declaration_is_not(processes):
    (first,), (_, faster, half), (quarter, _), _ = processes
    assert faster["programs"] == [] and faster["loss"] != first["loss"]
    assert "jit(advance)" in half["programs"]
    assert quarter["loss"] != half["loss"]


def test_a_users_function_is_traced_every_time(processes):
    # Its name is the same; what it does is not.
    _, _, (_, once), (twice, _) = processes
    assert once["loss"] != twice["loss"]


def test_a_damaged_file_is_compiled_again(cache, processes):
    ((first,), *_) = processes
    for file in (cache / "programs").iterdir():
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    (again,) = run(cache, {})
    assert "jit(advance)" in again["programs"] and again["loss"] == first["loss"]


def test_what_jaxs_own_cache_has_is_compiled_again_before_it_is_kept(cache, processes):
    # JAX remembers that its cache is in use; what comes from there cannot be written once more.
    first = processes[-1][-1]
    for file in (cache / "programs").iterdir():
        file.unlink()
    for _ in range(2):
        (again,) = run(cache, {"predict": True})
        assert again["loss"] == first["loss"]


def test_a_loop_over_models_loads_their_program_once(monkeypatch):
    loads = []
    loaded = kept.Kept._loaded
    monkeypatch.setattr(kept.Kept, "_loaded", lambda *given: loads.append(given[0]) or loaded(*given))
    monkeypatch.setattr(kept, "_AT_HAND", {})

    def fit(seed, units=8):
        x = dk.Input(5)
        model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(dk.layers.Dense(units, "relu")(x)))
        model.compile("adam", "bce")
        return model.fit(X, Y, epochs=2, seed=seed, verbose=0)["loss"]

    first = fit(0)
    several = len(loads)
    assert several and fit(0) == first and fit(1) != first
    assert len(loads) == several
    monkeypatch.setattr(kept, "MOST_AT_HAND", 1)
    fit(0, units=9)
    assert len(kept._AT_HAND) == 1 and len(loads) > several
