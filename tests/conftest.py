"""What every test shares."""

import os

import pytest

from deepkit.errors import DeepkitError

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
