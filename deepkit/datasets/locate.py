"""Where a data set's file is: the path argument, `$DEEPKIT_DATA`, the cache, or its official address."""

from __future__ import annotations

import dataclasses
import os
import pathlib

from deepkit.cache import cache_directory
from deepkit.datasets.download import DownloadError, download
from deepkit.errors import DeepkitValueError

__all__ = ["PublicFile", "cached_path", "find", "locate", "offline_error"]

Path = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class PublicFile:
    """A file that its publisher offers for download.

    Attributes:
        folder: The directory that deepkit keeps it in, below `$DEEPKIT_DATA` and below the cache.
        name: The file's name.
        address: The official address.
        sha256: The digest of the official file.
        licence: What the publisher allows.
    """

    folder: str
    name: str
    address: str
    sha256: str
    licence: str

    @property
    def source(self) -> str:
        """Address and licence, as text."""
        return f"{self.address} ({self.licence})"


def cached_path(file: PublicFile) -> pathlib.Path:
    """Where a download of this file is kept."""
    return cache_directory() / "datasets" / file.folder / file.name


def locate(file: PublicFile, path: Path | None = None) -> pathlib.Path:
    """The path of `file` on this machine, downloaded and checked if it is nowhere yet.

    Args:
        file: Which file.
        path: The file itself, or a directory that holds it, directly or in `file.folder`. Then no other
            place is tried.

    Raises:
        DeepkitValueError: It is not there, or it is nowhere and cannot be downloaded.
    """
    if (found := find(file, file.name, path)) is not None:
        return found
    target = cached_path(file)
    try:
        return download(file.address, target, file.sha256)
    except (DownloadError, OSError) as error:
        raise offline_error(file, file.name, error) from None


def find(file: PublicFile, name: str, path: Path | None) -> pathlib.Path | None:
    """The file or directory called `name` on this machine: in `path` if given, else in the usual places."""
    if path is not None:
        given = pathlib.Path(path).expanduser()
        if given.is_file() or (given.name == name and given.exists()):
            return given
        if (found := _within(given, file.folder, name)) is not None:
            return found
        raise DeepkitValueError(
            f"path={str(path)!r} is not {name} and does not hold it "
            f"({'the directory has no such file' if given.is_dir() else 'there is nothing at this path'}). "
            f"Give the file itself or its directory, or leave path out to download it."
        )
    if (data := os.environ.get("DEEPKIT_DATA")) and (
        found := _within(pathlib.Path(data).expanduser(), file.folder, name)
    ) is not None:
        return found
    kept = cached_path(file).with_name(name)
    return kept if kept.exists() else None


def _within(directory: pathlib.Path, folder: str, name: str) -> pathlib.Path | None:
    candidates = (directory / folder / name, directory / name)
    return next((candidate for candidate in candidates if candidate.exists()), None)


def offline_error(file: PublicFile, name: str, cause: Exception) -> DeepkitValueError:
    """Why there is no such file, and where to put it by hand."""
    data = os.environ.get("DEEPKIT_DATA")
    place = pathlib.Path(data) / file.folder / name if data else cached_path(file).with_name(name)
    unpacked = "" if name == file.name else f" and unpack {name} from it"
    return DeepkitValueError(
        f"{name} is not on this machine and could not be downloaded: {cause} "
        f"On a machine with a network, fetch {file.address}{unpacked}; put it at {place}, "
        f"or pass path=… (without a network, load_wine(), load_iris() and load_digits() always work)."
    )
