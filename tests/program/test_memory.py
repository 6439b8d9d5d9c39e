"""Models that do not fit into memory are refused before anything of them is made."""

import math

import jax
import pytest

import deepkit as dk
from deepkit.errors import DeepkitMemoryError
from deepkit.program import memory

TOO_MANY = 10**11


def network(units, optimizer="adam"):
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(1)(dk.layers.Dense(units, "relu")(x)))
    model.compile(optimizer, "mse")
    return model


def test_fit_refuses_what_does_not_fit_and_says_how_large_it_is():
    rows = [[0.0] * 4] * 8
    with pytest.raises(DeepkitMemoryError, match=r"600,000,000,001 parameters takes at least 9,600\.0 GB .* are free"):
        network(TOO_MANY).fit(rows, [0.0] * 8, verbose=0)
    with pytest.raises(MemoryError, match=r"4,800\.0 GB"):  # plain descent remembers nothing
        network(TOO_MANY, "sgd").fit(rows, [0.0] * 8, verbose=0)


def test_what_is_free_is_the_least_of_what_anybody_tells(monkeypatch, tmp_path):
    for name, content in {"max": "3000", "current": "2500", "stat": "anon 2000\ninactive_file 400\n"}.items():
        (tmp_path / f"memory.{name}").write_text(content)
    whole = memory.free_bytes()
    assert 0 < whole <= math.inf
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    if jax.default_backend() == "cpu":
        assert memory.free_bytes() == 900
        memory.check_fits(900, "this")
        with pytest.raises(DeepkitMemoryError, match="this takes"):
            memory.check_fits(901, "this")
    (tmp_path / "memory.max").write_text("max")  # no limit
    assert memory._free_of_container() == math.inf
