"""Whole files in and out: a crash leaves the old file or the new one, and every failure is a `DeepkitError`."""

from __future__ import annotations

import os
import pathlib
import secrets
from typing import Any

from deepkit.errors import DeepkitTypeError, DeepkitValueError


def as_path(path: Any) -> pathlib.Path:
    """A file name as `pathlib.Path`; links are followed, so that a link to a file stays one."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise DeepkitTypeError(f"expected the name of a file, got {path!r} of type {type(path).__name__}.")
    return pathlib.Path(os.path.realpath(os.path.expanduser(os.fspath(path))))


def write_whole(path: pathlib.Path, data: bytes) -> None:
    """Put `data` under the name at once: it is written and flushed beside it, and renamed.

    Killed at any moment, the name stands for what it stood for before, or for all of `data`. (A killed process
    may leave its unfinished `.name.….tmp` behind.)
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with beside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        if not path.parent.is_dir():
            reason, mend = f"there is no folder {path.parent}", "Make it first, or choose another"
        elif path.is_dir():
            reason, mend = "it is a folder", "Name a file in it"
        else:
            reason, mend = f"{error.strerror or error}", "Choose a place that can be written to"
        raise DeepkitValueError(f"cannot write {path}: {reason}. {mend}.") from error


def read_whole(path: pathlib.Path) -> bytes:
    """The content of a file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DeepkitValueError(
            f"there is no file {path}. Check its name and the folder you are in: {pathlib.Path.cwd()}."
        ) from None
    except IsADirectoryError:
        raise DeepkitValueError(
            f"{path} is a folder. A deepkit model is one file: name it, such as {path / 'm.deepkit'}."
        ) from None
    except OSError as error:
        raise DeepkitValueError(f"cannot read {path}: {error.strerror or error}. Check its permissions.") from error
