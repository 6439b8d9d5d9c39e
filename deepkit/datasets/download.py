"""A checked download: the whole file with the promised digest, or nothing."""

from __future__ import annotations

import hashlib
import http.client
import os
import pathlib
import tempfile
import urllib.error
import urllib.request
from typing import Any, BinaryIO

from deepkit.errors import DeepkitValueError

__all__ = ["DownloadError", "download"]

_BLOCK = 1 << 16
_SECONDS_OF_SILENCE = 20


class DownloadError(DeepkitValueError):
    """The file could not be fetched, or is not the file that was promised."""


def download(address: str, target: pathlib.Path, sha256: str) -> pathlib.Path:
    """Fetch `address` into `target`, with a progress bar on a terminal.

    The bytes go to a temporary file in the same directory, which takes the target's name only when its
    length and its SHA-256 are right; whatever happens before that leaves nothing behind.

    Raises:
        DownloadError: No answer, an error answer, a connection that broke off, or another digest.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            found = _fetch(address, file, target.name)
        if found != sha256:
            raise DownloadError(
                f"{address} sent a file with SHA-256 {found}, but {target.name} has SHA-256 {sha256}. "
                "Nothing was kept. The file was changed by its publisher or on the way: "
                "try again from another network, or report it."
            )
        os.replace(name, target)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise
    return target


def _fetch(address: str, file: BinaryIO, name: str) -> str:
    """Write the body to `file` and return its SHA-256."""
    digest, received = hashlib.sha256(), 0
    request = urllib.request.Request(address, headers={"User-Agent": "deepkit"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS_OF_SILENCE) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length is not None else None
            with _progress() as progress:
                task = progress.add_task(name, total=total)
                while block := response.read(_BLOCK):
                    file.write(block)
                    digest.update(block)
                    received += len(block)
                    progress.update(task, advance=len(block))
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{address} answered {error.code} {error.reason}.") from None
    except urllib.error.URLError as error:
        raise DownloadError(f"{address} could not be reached ({error.reason}).") from None
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{address} broke off after {received:,} bytes ({error}).") from None
    if total is not None and received != total:
        raise DownloadError(f"{address} broke off after {received:,} of {total:,} bytes.")
    return digest.hexdigest()


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
