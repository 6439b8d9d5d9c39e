"""deepkit's settings of XLA leave alone what the user has set, other backends, and versions that may not know them."""

import os

import jax
import jaxlib
import pytest

from deepkit.kernels import compiler_options, set_flags
from deepkit.kernels.compiler import FLAGS

LEVEL = "xla_backend_optimization_level"
FLAG = next(iter(FLAGS))


def test_a_hasty_program_is_not_optimised_unless_the_user_has_said_how(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    assert compiler_options(hasty=True)[LEVEL] == 0
    monkeypatch.setenv("XLA_FLAGS", f"--{LEVEL}=3")
    assert LEVEL not in compiler_options(hasty=True)


@pytest.mark.parametrize("hasty", [True, False])
def test_xla_knows_the_settings(monkeypatch, hasty):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    doubled = jax.jit(lambda x: 2 * x, compiler_options=compiler_options(hasty=hasty))
    assert doubled(3.0) == 6.0


def test_other_backends_have_settings_of_their_own(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert compiler_options(hasty=True) is None


def test_a_flag_that_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", f"--{FLAG}=nothing")
    set_flags()
    assert os.environ["XLA_FLAGS"] == f"--{FLAG}=nothing"


def test_a_flag_joins_those_of_the_user_once(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    set_flags()
    joined = os.environ["XLA_FLAGS"]
    set_flags()
    assert joined == os.environ["XLA_FLAGS"] == f"--xla_force_host_platform_device_count=2 --{FLAG}={FLAGS[FLAG]}"


def test_a_jaxlib_that_was_not_measured_gets_no_flags(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setattr(jaxlib, "__version__", "0.99.0")
    set_flags()
    assert "XLA_FLAGS" not in os.environ
