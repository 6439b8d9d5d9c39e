"""Small data, small models and a counter of compilations, shared by the tests of the engine."""

import contextlib

import jax
import numpy as np

import deepkit as dk

ROWS = 100


def data(rows=ROWS, features=5, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, features)).astype("float32")
    return x, (x.sum(axis=1) + generator.normal(size=rows) > 0).astype("float32")


def net(*middle, features=5, optimizer="adam", metrics=("accuracy",), **compiled):
    """features → 8 relu → middle layers → 1 sigmoid, compiled with binary cross-entropy."""
    x = dk.Input(features)
    h = dk.layers.Dense(8, "relu")(x)
    for layer in middle:
        h = layer(h)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
    model.compile(optimizer, "bce", metrics=list(metrics), **compiled)
    return model


def noisy_net(**compiled):
    """A net with everything that could tell two ways of training apart: random layers and layers with state."""
    return net(dk.layers.Dropout(0.3), dk.layers.BatchNormalization(), **compiled)


class Rewound:
    """One compiled model that can be set back to its first weights, so that many runs share one compilation."""

    def __init__(self, model):
        self.model = model
        self.weights = model.get_weights()
        self.rate = None if model.optimizer.scheduled else model.optimizer.learning_rate

    def __call__(self):
        self.model.set_weights(self.weights)
        self.model._forget()
        if self.rate is not None:
            self.model.optimizer.learning_rate = self.rate
        return self.model


def same_bits(left, right):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(left, right, strict=True))


_EVENTS = []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, _, **what: _EVENTS.append(what.get("fun_name", name)) if "jaxpr_to_mlir" in name else None
)


@contextlib.contextmanager
def programs():
    """A list that fills with the names of the programs that are lowered for compilation inside the `with`."""
    found = []
    before = len(_EVENTS)
    yield found
    found += _EVENTS[before:]
