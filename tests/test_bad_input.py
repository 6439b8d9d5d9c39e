"""What students get wrong, one row per mistake, and what deepkit says to it.

Every row does the wrong thing through the public face, as a user would. The test then demands a `DeepkitError` (or, where
said, a `DeepkitWarning`) whose message holds the words of the row; that nothing was compiled and no weight changed; and
that the traceback ends on the user's own line.
"""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
import pandas as pd

import deepkit as dk
from deepkit.errors import DeepkitTypeError, DeepkitValueError, DeepkitWarning

WRONG_VALUE, WRONG_TYPE, WARNING = DeepkitValueError, DeepkitTypeError, DeepkitWarning

layers, optimizers, callbacks = dk.layers, dk.optimizers, dk.callbacks

# Twelve rows of four numbers, with a yes or no, one of three kinds, and a price for each.
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
YES = np.tile([0, 1], 6)
KIND = np.tile([0, 1, 2], 4)
ONE_HOT = np.eye(3, dtype="float32")[KIND]
PRICE = np.random.default_rng(1).normal(size=12)
COLUMNS = ["age", "height", "pulse", "sugar"]
TABLE = pd.DataFrame(X, columns=COLUMNS)
PEOPLE = pd.DataFrame({"age": np.arange(12.0) ** 2, "sex": ["f", "m", "f"] * 4})


def changed(array, position, value, dtype=None):
    """A copy with one number changed."""
    array = np.array(array, dtype=dtype)
    array[position] = value
    return array


WATCHED = []


def compiled(model, **choices):
    """The model compiled, with weights of which the test knows that nothing may change them."""
    model.set_variables(
        jax.tree.map(
            lambda weight: np.full(weight.shape, 0.5, weight.dtype),
            jax.eval_shape(lambda: model.init(jax.random.key(0))),
        )
    )
    model.compile(**{"optimizer": "sgd", **choices})
    WATCHED.append(model)
    return model


def net(units, activation=None, shape=4, **options):
    return dk.Sequential([dk.Input(shape), layers.Dense(units, activation)], **options)


def says_yes(**choices):
    return compiled(net(1, "sigmoid"), loss="binary_crossentropy", **choices)


def tells_kind(loss="sparse_categorical_crossentropy", **choices):
    return compiled(net(3, "softmax"), loss=loss, **choices)


def tells_price(units=1, **choices):
    return compiled(net(units), loss="mse", **choices)


def two_of_each():
    """Inputs "left" and "right"; outputs "yes" and "price"."""
    left, right = dk.Input(4, name="left"), dk.Input(2, name="right")
    joined = layers.Concatenate()([left, right])
    yes = layers.Dense(1, "sigmoid", name="yes")(joined)
    return dk.Model([left, right], [yes, layers.Dense(1, name="price")(joined)])


BOTH_LOSSES = {"yes": "bce", "price": "mse"}
RIGHT = X[:, :2]


def two_compiled(**choices):
    return compiled(two_of_each(), **{"loss": BOTH_LOSSES, **choices})


def fit_frames():
    """A model that has seen a table of four columns."""
    model = says_yes()
    model.fit(TABLE, YES, verbose=0)
    WATCHED.clear()
    return model


def people_encoder(**options):
    return dk.preprocessing.TableEncoder(**options).fit(PEOPLE)


def reads_people():
    encoder = people_encoder()
    return compiled(net(1, "sigmoid", encoder.width, encoder=encoder), loss="bce")


def people_split():
    return dk.split(TABLE, pd.Series(YES), train=0.5, dev=0.25, test=0.25)


def batches(x, y, size=4):
    return ((x[start : start + size], y[start : start + size]) for start in range(0, len(x), size))


def shared_over_two_sizes():
    shared = layers.Dense(8)
    shared(dk.Input(4))
    shared(dk.Input(5))


def frozen():
    model = tells_price()
    model.layers[0].trainable = False
    return model


def not_adapted():
    model = dk.Sequential([dk.Input(4), layers.Normalization(), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def softmax_behind_relu():
    x = dk.Input(4)
    return dk.Model(x, layers.Softmax()(layers.Dense(3, "relu")(x)))


@dataclasses.dataclass(frozen=True)
class Row:
    """One mistake, what it must raise, and what the message must say."""

    id: str
    mistake: Callable[[], object]
    expected: type
    words: tuple[str, ...]


def row(id, mistake, expected, *words):
    return Row(id, mistake, expected, words)
