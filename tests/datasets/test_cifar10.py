"""CIFAR-10's binary layout, from files of the real size with invented pixels."""

import hashlib
import http.server
import shutil
import tarfile
import threading

import numpy as np
import pytest

from deepkit.datasets import cifar10, load_cifar10
from deepkit.datasets.cifar10 import CLASSES, RECORD_BYTES, read_batches
from deepkit.errors import DeepkitValueError


def record(label, pixels):
    """One record of the layout: the label, then the red, the green and the blue plane, row by row."""
    return bytes([label]) + pixels.transpose(2, 0, 1).tobytes()


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    """All six files; in file k (0 to 5) record i has label i mod 10 and every pixel is (k, i mod 7, 200)."""
    directory = tmp_path_factory.mktemp("data") / "cifar-10" / cifar10.DIRECTORY
    directory.mkdir(parents=True)
    for number, name in enumerate((*cifar10.TRAIN_FILES, *cifar10.TEST_FILES)):
        table = np.empty((10_000, RECORD_BYTES), np.uint8)
        table[:, 0] = np.arange(10_000) % 10
        table[:, 1:1025] = number
        table[:, 1025:2049] = (np.arange(10_000) % 7)[:, None]
        table[:, 2049:] = 200
        table.tofile(directory / name)
    yield directory
    shutil.rmtree(directory)


def test_pixels_are_rows_columns_colours(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    labels = [3, 9, 0, 1, 1, 8, 5]
    file = tmp_path / "batch.bin"
    file.write_bytes(b"".join(map(record, labels, images)))
    read, found = read_batches([file], records=7)
    np.testing.assert_array_equal(read, images)
    assert found.tolist() == labels
    assert (read.dtype, found.dtype) == (np.uint8, np.int32)
    assert read.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("place", [0, 1, 2], ids=["the directory", "its parent", "the data directory"])
def test_the_whole_data_set(layout, place):
    train, test = load_cifar10([layout, *layout.parents][place])
    assert train.x.shape == (50_000, 32, 32, 3) and test.x.shape == (10_000, 32, 32, 3)
    assert np.bincount(train.y).tolist() == [5000] * 10
    assert train.x[20_011, 5, 6].tolist() == [2, 11 % 7, 200]
    assert test.x[3, 31, 0].tolist() == [5, 3, 200]
    assert train.classes == CLASSES and train.classes[3] == "cat"
    assert len(train) == 50_000


def test_truncated_foreign_and_missing_files(tmp_path):
    file = tmp_path / "batch.bin"
    good = record(1, np.zeros((32, 32, 3), np.uint8))
    file.write_bytes(good * 3 + good[:100])
    with pytest.raises(DeepkitValueError, match=r"9,319 bytes and breaks off in record 4"):
        read_batches([file], records=5)
    file.write_bytes(good * 6)
    with pytest.raises(DeepkitValueError, match=r"18,438 bytes, but 5 records"):
        read_batches([file], records=5)
    file.write_bytes(good * 4 + b"\x0a" + good[1:])
    with pytest.raises(DeepkitValueError, match=r"record 5 has label 10"):
        read_batches([file], records=5)
    with pytest.raises(DeepkitValueError, match="is missing"):
        read_batches([tmp_path / "other.bin"])


def test_an_incomplete_directory_names_the_file(tmp_path):
    (tmp_path / cifar10.DIRECTORY).mkdir()
    with pytest.raises(DeepkitValueError, match=r"data_batch_1\.bin is missing"):
        load_cifar10(tmp_path)


def test_the_archive_itself_is_not_a_directory(tmp_path):
    file = tmp_path / "cifar-10-binary.tar.gz"
    file.touch()
    with pytest.raises(DeepkitValueError, match="is a file"):
        load_cifar10(file)


def test_download_and_unpack(nowhere, layout, monkeypatch):
    archive = nowhere / "served" / "archive"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz", compresslevel=1) as opened:
        opened.add(layout, cifar10.DIRECTORY)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=archive.parent)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served = cifar10.PublicFile(
        folder="cifar-10",
        name="cifar-10-binary.tar.gz",
        address=f"http://127.0.0.1:{server.server_port}/archive",
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        licence="",
    )
    monkeypatch.setattr(cifar10, "ARCHIVE", served)
    try:
        train, _ = load_cifar10()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert train.x[20_011, 5, 6].tolist() == [2, 11 % 7, 200]
    kept = {path.name for path in (nowhere / "cache" / "datasets" / "cifar-10").iterdir()}
    assert kept == {cifar10.DIRECTORY}, "the archive and the unfinished directory are gone"
    load_cifar10()  # from the cache: the server is down
    shutil.rmtree(nowhere)


def test_offline_says_what_to_unpack_where(nowhere, monkeypatch):
    monkeypatch.setattr(cifar10, "ARCHIVE", cifar10.PublicFile("cifar-10", "a.tar.gz", "http://127.0.0.1:1/a", "", ""))
    with pytest.raises(
        DeepkitValueError, match=r"unpack cifar-10-batches-bin from it; put it at .*cifar-10-batches-bin"
    ):
        load_cifar10()
