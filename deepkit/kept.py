"""Compiled programs that are found again without tracing them.

JAX keeps compiled programs as well, but has to trace and lower a function before it knows which one it wants; in the
second process of a small run that takes as long as importing JAX. A program that deepkit makes of deepkit's own
declarations is known before: by these, by the shapes of its arguments, and by the versions of everything that had a
hand in it. A user's layers and functions can't be known by their names; with them, JAX's way is taken.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import pickle
import platform
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jaxlib

from deepkit.cache import compilation_cache_is_ours

MOST_FILES = 256
"""Files that are kept; then the one that was longest unused goes."""
MOST_AT_HAND = 64
"""Programs that this process has at hand for the next model of the same declarations.

Loading a small one from its file takes up to 50 ms.
"""
_AT_HAND: dict[pathlib.Path, Any] = {}
_CANNOT_BE_KEPT = (
    ValueError, TypeError, AttributeError, NotImplementedError, OSError,
    pickle.PicklingError, jax.errors.JaxRuntimeError,
)  # fmt: skip
"""Not every program can be written, nor every disk be written to."""


class Kept:
    """A pure function, compiled for the shapes that it is first called on, or taken from the cache.

    Args:
        function: Jitted.
        identity: Text that says everything that the function was made from, or `None` if nothing can.
    """

    def __init__(self, function: Any, identity: str | None) -> None:
        self._function = function
        self._identity = identity
        self._known: dict[Any, Any] = {}

    def __call__(self, *arguments: Any) -> Any:
        """The function's value."""
        leaves, structure = jax.tree.flatten(arguments)
        if self._identity is None or any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            return self._function(*arguments)
        key = structure, tuple(map(_shape, leaves))
        if key not in self._known:
            self._known[key] = self._found(key, arguments) or self._function
        return self._known[key](*arguments)

    def _found(self, key: Any, arguments: Any) -> Any:
        """The program from its file, or compiled and put there; `None` where programs are not kept."""
        file = _file(self._identity, key)
        if file is None:
            return None
        if file not in _AT_HAND:
            _AT_HAND[file] = self._loaded(file, arguments)
            while len(_AT_HAND) > MOST_AT_HAND:
                _AT_HAND.pop(next(iter(_AT_HAND)))
        return _AT_HAND[file]

    def _loaded(self, file: pathlib.Path, arguments: Any) -> Any:
        from jax.experimental import serialize_executable

        payload = _read(file)
        if payload is not None:
            try:
                program, result = pickle.loads(payload)
                inputs, outputs = jax.tree.structure((arguments, {})), jax.tree.structure(result)
                return serialize_executable.deserialize_and_load(program, inputs, outputs)
            except Exception:  # whatever a file of another time may bring about: compile
                file.unlink(missing_ok=True)
        with _jax_cache_aside():
            compiled = self._function.lower(*arguments).compile()
        with contextlib.suppress(*_CANNOT_BE_KEPT):
            program, _, outputs = serialize_executable.serialize(compiled)
            # A tree's structure can't be written, but a tree can.
            _write(file, pickle.dumps((program, jax.tree.unflatten(outputs, range(outputs.num_leaves)))))
        return compiled


def kept_value(identity: str | None, key: Any, make: Callable[[], Any]) -> Any:
    """What `make()` returns, or returned in an earlier process where `identity` and the text of `key` were the same."""
    file = _file(identity, key)
    if file is None:
        return make()
    payload = _read(file)
    if payload is not None:
        try:
            return pickle.loads(payload)
        except Exception:  # as above
            file.unlink(missing_ok=True)
    value = make()
    with contextlib.suppress(*_CANNOT_BE_KEPT):
        _write(file, pickle.dumps(value))
    return value


def _file(identity: str | None, key: Any) -> pathlib.Path | None:
    """Where something of this identity is kept, or `None` where nothing is."""
    if identity is None or not compilation_cache_is_ours():
        return None
    if jax.default_backend() != "cpu" or jax.device_count() > 1:
        return None
    settings = repr(sorted((name, repr(value)) for name, value in jax.config.values.items()))
    everything = "\n".join((identity, repr(key), _surroundings(), settings))
    digest = hashlib.sha256(everything.encode()).hexdigest()
    return pathlib.Path(jax.config.jax_compilation_cache_dir).with_name("programs") / digest  # type: ignore[attr-defined]


@contextlib.contextmanager
def _jax_cache_aside() -> Iterator[None]:
    """While this lasts, JAX compiles and doesn't look into its own cache: what comes from there can't be written again.
    JAX remembers its first look at the setting, until it is reset.
    """
    from jax.experimental.compilation_cache import compilation_cache

    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
        compilation_cache.reset_cache()


def _shape(leaf: Any) -> Any:
    if isinstance(leaf, int | float):
        return type(leaf).__name__
    return leaf.shape, str(leaf.dtype), getattr(leaf, "weak_type", False)


@functools.cache
def _surroundings() -> str:
    """What has a hand in every program: versions, deepkit's own files, the processor."""
    package = pathlib.Path(__file__).parent
    files = [
        (entry.path, entry.stat().st_size, entry.stat().st_mtime_ns)
        for folder, _, _ in os.walk(package)
        if not folder.endswith("__pycache__")
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
        if entry.name.endswith(".py")
    ]
    versions = jax.__version__, jaxlib.__version__, os.environ.get("XLA_FLAGS")
    return repr((versions, files, _processor()))


def _processor() -> str:
    """The processor and its instructions: a cache may lie on a disk that several machines share."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return repr(platform.uname())
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features")))


def _read(file: pathlib.Path) -> bytes | None:
    """A file's content, if its checksum is right."""
    try:
        data = file.read_bytes()
        os.utime(file)
    except OSError:
        return None
    payload = data[32:]
    return payload if hashlib.sha256(payload).digest() == data[:32] else None


def _write(file: pathlib.Path, payload: bytes) -> None:
    """All of it or nothing, also where several processes write."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}")
    part.write_bytes(hashlib.sha256(payload).digest() + payload)
    os.replace(part, file)
    kept = sorted(file.parent.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in kept[: max(0, len(kept) - MOST_FILES)]:
        old.unlink(missing_ok=True)
