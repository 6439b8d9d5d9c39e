"""Files that cannot be inside the project: a test that needs one is skipped without it, except in CI."""

import os

import pytest

from deepkit.errors import DeepkitError


@pytest.fixture
def published():
    """Call a loader; where its file cannot be had, the test is skipped, or fails if `CI` is set."""

    def call(load, *args, **kwargs):
        try:
            return load(*args, **kwargs)
        except DeepkitError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"the published file is not here: {error}")

    return call


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """An empty cache, no data directory, no proxy: the machine of a new user."""
    monkeypatch.delenv("DEEPKIT_DATA", raising=False)
    monkeypatch.setenv("DEEPKIT_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
