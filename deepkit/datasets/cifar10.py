"""CIFAR-10: 60,000 colour photographs of 32 × 32 pixels in ten classes."""

from __future__ import annotations

import os
import pathlib
import shutil
import tarfile
import tempfile
from collections.abc import Sequence

import numpy as np

from deepkit.datasets.dataset import Dataset
from deepkit.datasets.download import DownloadError, download
from deepkit.datasets.locate import Path, PublicFile, cached_path, find, offline_error
from deepkit.errors import DeepkitValueError, from_user_line

__all__ = ["load_cifar10"]

ARCHIVE = PublicFile(
    folder="cifar-10",
    name="cifar-10-binary.tar.gz",
    address="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    licence="free for research and teaching, please cite",
)
DIRECTORY = "cifar-10-batches-bin"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILES = ("test_batch.bin",)
RECORDS_PER_FILE = 10_000
SHAPE = (3, 32, 32)
RECORD_BYTES = 1 + 3 * 32 * 32


@from_user_line
def load_cifar10(path: Path | None = None) -> tuple[Dataset, Dataset]:
    """CIFAR-10: `train, test = load_cifar10()`, the publisher's 50,000 and 10,000 images.

    Args:
        path: The directory `cifar-10-batches-bin` with the six `.bin` files, or one that holds it.
            Default: `$DEEPKIT_DATA`, then the cache, then a download of 170 MB from cs.toronto.edu.

    Returns:
        Two `Dataset`s: `x` uint8 (N, 32, 32, 3), rows × columns × (red, green, blue) from 0 to 255;
        `y` int32 (N,), 0 to 9, named by `classes`. (Keras returns `y` as uint8 (N, 1).)

    Raises:
        DeepkitValueError: The files are nowhere, or one is not in the binary layout: 10,000 records of one
            label byte and 3,072 pixel bytes, red plane first, each plane row by row.

    Source: Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images. No pickle is read.
    """
    directory = _directory(path)
    return _part(directory, TRAIN_FILES, "CIFAR-10 train"), _part(directory, TEST_FILES, "CIFAR-10 test")


def _directory(path: Path | None) -> pathlib.Path:
    if path is not None and (pathlib.Path(path).expanduser() / TEST_FILES[0]).is_file():
        return pathlib.Path(path).expanduser()
    found = find(ARCHIVE, DIRECTORY, path)
    if found is None:
        try:
            return _fetch()
        except (DownloadError, OSError) as error:
            raise offline_error(ARCHIVE, DIRECTORY, error) from None
    if not found.is_dir():
        raise DeepkitValueError(
            f"path={str(path)!r} is a file. Unpack {ARCHIVE.name} and give the directory {DIRECTORY}."
        )
    return found


def _fetch() -> pathlib.Path:
    """Download and unpack into the cache; the directory appears only when it is complete."""
    archive = download(ARCHIVE.address, cached_path(ARCHIVE), ARCHIVE.sha256)
    target = archive.with_name(DIRECTORY)
    unfinished = pathlib.Path(tempfile.mkdtemp(dir=archive.parent, prefix=f".{DIRECTORY}."))
    try:
        with tarfile.open(archive, "r:gz") as opened:
            for name in (*TRAIN_FILES, *TEST_FILES):
                member = opened.extractfile(f"{DIRECTORY}/{name}")
                assert member is not None, "the digest promises these files"
                with member, (unfinished / name).open("wb") as file:
                    shutil.copyfileobj(member, file)
        if not target.exists():  # another process may have been faster
            os.replace(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        archive.unlink(missing_ok=True)
    return target


def _part(directory: pathlib.Path, files: tuple[str, ...], name: str) -> Dataset:
    images, labels = read_batches([directory / file for file in files])
    return Dataset(images, labels, name=name, target="class", classes=CLASSES, source=ARCHIVE.source)


def read_batches(paths: Sequence[pathlib.Path], records: int = RECORDS_PER_FILE) -> tuple[np.ndarray, np.ndarray]:
    """Files of the binary layout: images uint8 (files · records, 32, 32, 3) and labels int32 (files · records,)."""
    images = np.empty((len(paths), records, *SHAPE[1:], SHAPE[0]), np.uint8)
    labels = np.empty((len(paths), records), np.int32)
    for place, path in enumerate(paths):
        table = _records(path, records)
        labels[place] = table[:, 0]
        planes = table[:, 1:].reshape(records, *SHAPE)
        for channel in range(SHAPE[0]):  # three times as fast as NumPy's transposition
            images[place, ..., channel] = planes[:, channel]
    return images.reshape(-1, *images.shape[2:]), labels.reshape(-1)


def _records(path: pathlib.Path, records: int) -> np.ndarray:
    """A file's bytes, a record a row: label, then pixels."""
    if not path.is_file():
        raise DeepkitValueError(f"{path} is missing. {_MEND}")
    content = np.fromfile(path, dtype=np.uint8)
    if content.size != records * RECORD_BYTES:
        short = content.size < records * RECORD_BYTES
        where = f" and breaks off in record {content.size // RECORD_BYTES + 1:,}" if short else ""
        raise DeepkitValueError(
            f"{path} has {content.size:,} bytes{where}, but {records:,} records "
            f"of {RECORD_BYTES:,} bytes make {records * RECORD_BYTES:,}. {_MEND}"
        )
    table = content.reshape(records, RECORD_BYTES)
    if table[:, 0].max() >= len(CLASSES):
        record = int(np.argmax(table[:, 0] >= len(CLASSES)))
        raise DeepkitValueError(
            f"{path}: record {record + 1:,} has label {table[record, 0]}, but labels are 0 to {len(CLASSES) - 1}. "
            f"{_MEND}"
        )
    return table


_MEND = f"Get {ARCHIVE.name} from {ARCHIVE.address} and unpack {DIRECTORY} again."
