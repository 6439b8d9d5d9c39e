"""The machine of a new user."""

import pytest


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """An empty cache, no data directory, no proxy."""
    monkeypatch.delenv("DEEPKIT_DATA", raising=False)
    monkeypatch.setenv("DEEPKIT_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
