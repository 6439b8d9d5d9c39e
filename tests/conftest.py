"""What every test shares."""

import os
import tempfile

import pytest

from deepkit.errors import DeepkitError

# Files of deepkit's own go into a folder of this run, not into the user's cache.
os.environ["DEEPKIT_CACHE"] = tempfile.mkdtemp(prefix="deepkit-tests-")
# Nobody reads the lines of Python that JAX notes beside every operation; noting them takes a twentieth of the time.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
# Keras is a test dependency only: the independent implementation that parity is measured against.
os.environ.setdefault("KERAS_BACKEND", "jax")


def pytest_configure():
    """Give each worker a core of its own: the tests then take a tenth less of processor time."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if worker and int(os.environ["PYTEST_XDIST_WORKER_COUNT"]) <= len(cores):
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw"))]})


LONG = ("test_examples.py", "test_layers_in_sweeps.py", "test_readme.py")


def pytest_collection_modifyitems(items):
    """Long tests first: a worker that has done its own takes half of what the other has left, which should be short."""
    items.sort(key=lambda item: item.path.name not in LONG)


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
