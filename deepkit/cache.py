"""deepkit's own directory, and the compiled programs that are kept there for the next process."""

from __future__ import annotations

import os
import pathlib

import jax

MINIMUM_SECONDS = 0.05
"""Programs that compile faster are not worth a file. (JAX's default, 1 s, would keep hardly any small model.)"""


def cache_directory() -> pathlib.Path:
    """`$DEEPKIT_CACHE`, else `$XDG_CACHE_HOME/deepkit`, else `~/.cache/deepkit`."""
    chosen = os.environ.get("DEEPKIT_CACHE")
    if chosen:
        return pathlib.Path(chosen).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "deepkit"


def enable_compilation_cache() -> None:
    """Switch on JAX's persistent compilation cache, unless the user has made a choice of their own.

    A user's choice is `JAX_COMPILATION_CACHE_DIR` (empty: no cache), `jax_compilation_cache_dir` or
    `jax_enable_compilation_cache`. Where the directory cannot be written, nothing is done.
    """
    # As attributes, which mypy doesn't know: `jax.config.values` makes a dict of all settings at every look.
    if getattr(jax.config, "jax_compilation_cache_dir") is not None or "JAX_COMPILATION_CACHE_DIR" in os.environ:  # noqa: B009
        return
    if not getattr(jax.config, "jax_enable_compilation_cache"):  # noqa: B009
        return
    directory = cache_directory() / "compiled"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(directory, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(directory))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", MINIMUM_SECONDS)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def compilation_cache_is_ours() -> bool:
    """Whether compiled programs are kept in deepkit's directory."""
    chosen = getattr(jax.config, "jax_compilation_cache_dir")  # noqa: B009
    enabled = getattr(jax.config, "jax_enable_compilation_cache")  # noqa: B009
    return bool(enabled) and chosen == str(cache_directory() / "compiled")
