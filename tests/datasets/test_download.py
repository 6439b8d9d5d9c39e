"""The downloader against a real server on this machine: whole and right, or nothing."""

import contextlib
import hashlib
import http.server
import re
import threading

import pytest

from deepkit.cache import cache_directory
from deepkit.datasets import heart_disease, load_heart_disease
from deepkit.datasets.download import DownloadError, download
from deepkit.datasets.locate import PublicFile, cached_path, locate
from deepkit.errors import DeepkitValueError

BODY = bytes(range(256)) * 1024
DIGEST = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.path == "/dropped":
            self.wfile.write(BODY[: len(BODY) // 2])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(BODY)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    # Whoever reaches the world through a proxy reaches this machine without it.
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def files_in(directory):
    return [path for path in directory.rglob("*") if path.is_file()] if directory.exists() else []


def public(address, digest=DIGEST):
    return PublicFile("things", "thing.bin", address, digest, "CC0")


def test_a_good_file_arrives_whole_and_is_kept(nowhere, server):
    file = public(f"{server}/good")
    found = locate(file)
    assert found == cached_path(file) and found.read_bytes() == BODY
    assert files_in(nowhere) == [found]


def test_what_is_in_the_cache_is_not_fetched_again(nowhere, server):
    found = locate(public(f"{server}/good"))
    assert locate(public(f"{server}/missing")) == found


def test_a_wrong_digest_names_both_and_leaves_nothing(nowhere, server):
    wrong = "0" * 64
    with pytest.raises(DeepkitValueError, match=f"(?s){DIGEST}.*{wrong}"):
        locate(public(f"{server}/good", wrong))
    assert files_in(nowhere) == []


def test_a_connection_that_drops_half_way_leaves_nothing(nowhere, server):
    with pytest.raises(DownloadError, match=r"broke off after [\d,]+"):
        download(f"{server}/dropped", nowhere / "thing.bin", DIGEST)
    assert files_in(nowhere) == []


def test_a_failed_download_does_not_harm_an_older_file(nowhere, server):
    target = nowhere / "thing.bin"
    target.write_bytes(b"old")
    with pytest.raises(DownloadError):
        download(f"{server}/dropped", target, DIGEST)
    assert target.read_bytes() == b"old"
    download(f"{server}/good", target, DIGEST)
    assert target.read_bytes() == BODY


def test_404(nowhere, server):
    with pytest.raises(DeepkitValueError, match="answered 404"):
        locate(public(f"{server}/missing"))
    assert files_in(nowhere) == []


def test_no_server_says_which_file_to_put_where(nowhere, server):
    with contextlib.closing(http.server.HTTPServer(("127.0.0.1", 0), Handler).socket) as free:
        port = free.getsockname()[1]
    file = public(f"http://127.0.0.1:{port}/good")
    with pytest.raises(DeepkitValueError) as raised:
        locate(file)
    message = str(raised.value)
    assert "thing.bin is not on this machine" in message
    assert file.address in message and str(cached_path(file)) in message
    assert files_in(nowhere) == []


def test_the_offline_error_names_the_data_directory_if_there_is_one(nowhere, monkeypatch):
    monkeypatch.setenv("DEEPKIT_DATA", str(nowhere / "data"))
    with pytest.raises(DeepkitValueError, match=re.escape(str(nowhere / "data" / "things" / "thing.bin"))):
        locate(public("http://127.0.0.1:1/good"))


def test_an_interrupted_download_leaves_nothing(nowhere, server, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("deepkit.datasets.download._fetch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        locate(public(f"{server}/good"))
    assert files_in(nowhere) == []


def test_a_loader_refuses_what_a_changed_publisher_sends(nowhere, server, monkeypatch):
    changed = PublicFile("heart-disease", heart_disease.FILE.name, f"{server}/good", heart_disease.FILE.sha256, "")
    monkeypatch.setattr(heart_disease, "FILE", changed)
    with pytest.raises(DeepkitValueError, match=DIGEST):
        load_heart_disease()
    assert files_in(nowhere) == []


def test_order_of_places(nowhere, monkeypatch):
    file = public("http://127.0.0.1:1/good")
    places = [nowhere / "named" / "thing.bin", nowhere / "data" / "things" / "thing.bin", cached_path(file)]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"here")
    monkeypatch.setenv("DEEPKIT_DATA", str(nowhere / "data"))
    assert locate(file, nowhere / "named") == places[0]
    assert locate(file) == places[1]
    places[1].unlink()
    assert locate(file) == places[2]


@pytest.mark.parametrize("path", ["", "nothing-here"])
def test_a_named_path_without_the_file_is_not_downloaded(nowhere, path):
    with pytest.raises(DeepkitValueError, match=r"is not thing\.bin and does not hold it"):
        locate(public("http://127.0.0.1:1/good"), nowhere / path)


def test_cache_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPKIT_CACHE", str(tmp_path / "mine"))
    assert cache_directory() == tmp_path / "mine"
    monkeypatch.delenv("DEEPKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "deepkit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == tmp_path / ".cache" / "deepkit"
