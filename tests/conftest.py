"""Settings that every test shares."""

import os

# Keras is a test dependency only: the independent implementation that parity is measured against.
os.environ.setdefault("KERAS_BACKEND", "jax")
