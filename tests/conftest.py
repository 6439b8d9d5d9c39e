"""What every test shares."""

import os
import tempfile

import pytest

from deepkit.errors import DeepkitError

# Files of deepkit's own go into a folder of this run, not into the user's cache.
os.environ["DEEPKIT_CACHE"] = tempfile.mkdtemp(prefix="deepkit-tests-")
# Keras is a test dependency only: the independent implementation that parity is measured against.
os.environ.setdefault("KERAS_BACKEND", "jax")


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
