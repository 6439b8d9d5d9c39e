"""What students get wrong, one row per mistake, and what deepkit says to it.

Every row does the wrong thing through the public face, as a user would. The test then demands a `DeepkitError` (or,
where said, a `DeepkitWarning`) whose message holds the words of the row: what is wrong where, and what to do. Nothing
may have been compiled, no weight changed, and the traceback must end on the user's own line.
"""

import dataclasses
import pathlib
import pickle
import traceback
import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest
import scipy.sparse

import deepkit as dk
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, DeepkitWarning

VALUE, TYPE, WARNING = DeepkitValueError, DeepkitTypeError, DeepkitWarning

layers, optimizers, callbacks = dk.layers, dk.optimizers, dk.callbacks

# Twelve rows of four numbers, with a yes or no, one of three kinds, and a price for each.
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
YES = np.tile([0, 1], 6)
KIND = np.tile([0, 1, 2], 4)
ONE_HOT = np.eye(3, dtype="float32")[KIND]
PRICE = np.random.default_rng(1).normal(size=12)
RIGHT = X[:, :2]
TABLE = pd.DataFrame(X, columns=["age", "height", "pulse", "sugar"])
PEOPLE = pd.DataFrame({"age": np.arange(12.0) ** 2, "sex": ["f", "m", "f"] * 4})
SPLIT = dk.split(TABLE, pd.Series(YES), train=0.5, dev=0.25, test=0.25)
IN, A, B, SAME = dk.Input(4), dk.Input(4, name="a"), dk.Input(4, name="b"), dk.Input(4, name="a")
BOTH = {"yes": "bce", "price": "mse"}

COMPILATIONS: list[str] = []
"""One entry per program that XLA was given since the row began."""

WATCHED: list[dk.Model] = []
"""Models of the row whose weights are all one half, and must stay so."""


def count_compilations(event, _seconds, **_):
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILATIONS.append(event)


jax.monitoring.register_event_duration_secs_listener(count_compilations)


def halves(model):
    """The model's weights, all one half; made without compiling anything."""
    drawn = jax.eval_shape(lambda: model.init(jax.random.key(0)))
    return jax.tree.map(lambda weight: np.full(weight.shape, 0.5, weight.dtype), drawn)


def compiled(model, **choices):
    model.set_variables(halves(model))
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


def two_compiled(**choices):
    return compiled(two_of_each(), **{"loss": BOTH, **choices})


def fit_yes(*data, **options):
    says_yes().fit(*data, verbose=0, **options)


def fit_kind(*data, **options):
    tells_kind().fit(*data, verbose=0, **options)


def fit_price(*data, **options):
    tells_price().fit(*data, verbose=0, **options)


def fit_both(*data, **options):
    two_compiled().fit(*data, verbose=0, **options)


def trained_on_a_table():
    """A model that has seen the four columns of TABLE."""
    model = net(1, "sigmoid")
    model.compile("sgd", "bce")
    model.fit(TABLE, YES, verbose=0)
    COMPILATIONS.clear()
    return model


def people_encoder(**options):
    return dk.preprocessing.TableEncoder(**options).fit(PEOPLE)


def reads_people():
    encoder = people_encoder()
    return compiled(net(1, "sigmoid", encoder.width, encoder=encoder), loss="bce")


def scheduled():
    return compiled(net(1), loss="mse", optimizer=optimizers.SGD(optimizers.CosineDecay(0.1, 100)))


def batches(x, y, size=4):
    return ((x[start : start + size], y[start : start + size]) for start in range(0, len(x), size))


def changed(array, position, value, dtype=None):
    """A copy with one number changed."""
    array = np.array(array, dtype=dtype)
    array[position] = value
    return array


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
    return dk.Model(IN, layers.Softmax()(layers.Dense(3, "relu")(IN)))


def deeper():
    return dk.Sequential([dk.Input(4), layers.Dense(4), layers.Dense(1)])


class Mine(layers.Dense):
    """A layer of the user's own."""


def with_my_layer():
    return dk.Sequential([dk.Input(4), Mine(1)])


def load_changed(change):
    """Load a saved model after something happened to its bytes."""
    says_yes().save("m.deepkit")
    file = pathlib.Path("m.deepkit")
    file.write_bytes(change(file.read_bytes()))
    dk.load_model(file)


@dataclasses.dataclass(frozen=True)
class Row:
    """One mistake, what it must raise, and what the message must say."""

    id: str
    expected: type
    mistake: Callable[[], object]
    words: tuple[str, ...]


def row(id, expected, mistake, *words):
    return Row(id, expected, mistake, words)


# fmt: off
ROWS = [

    # Input
    row("input-none", TYPE, lambda: dk.Input(None), "Input(shape=None)", "Input(29)"),
    row("input-open-size", VALUE, lambda: dk.Input((None, 3)), "Input(shape=(None, 3))", "batch"),
    row("input-negative", VALUE, lambda: dk.Input(-3), "Input(shape=-3)", "at least 1"),
    row("input-zero", VALUE, lambda: dk.Input((4, 0)), "(4, 0)", "at least 1"),
    row("input-text", TYPE, lambda: dk.Input("29"), "'29'", "Input(29)"),
    row("input-float", TYPE, lambda: dk.Input(4.0), "4.0", "whole number"),
    row("input-bool", VALUE, lambda: dk.Input(True), "True", "whole number"),
    row("input-array", TYPE, lambda: dk.Input(X), "Input", "(12, 4)", "Input(4)"),
    row("input-dtype", VALUE, lambda: dk.Input(4, dtype="float"), "dtype='float'", "float32"),
    row("input-dtype-unknown", VALUE, lambda: dk.Input(4, dtype="flot32"), "'flot32'", "float32"),
    row("input-name-number", TYPE, lambda: dk.Input(4, name=3), "Input", "name=3"),

    # Layers
    row("dense-zero", VALUE, lambda: layers.Dense(0), "Dense(units=0)", "at least 1"),
    row("dense-text", TYPE, lambda: layers.Dense("16"), "Dense(units='16')", "whole number"),
    row("dense-fraction", TYPE, lambda: layers.Dense(2.5), "Dense(units=2.5)", "whole number"),
    row("dense-bool", TYPE, lambda: layers.Dense(True), "Dense(units=True)", "whole number"),
    row("dense-negative", VALUE, lambda: layers.Dense(-1), "Dense(units=-1)"),
    row("dense-none", TYPE, lambda: layers.Dense(None), "Dense(units=None)"),
    row("dense-no-units", TYPE, lambda: layers.Dense(), "Dense", "units"),
    row("dense-misspelt-argument", TYPE, lambda: layers.Dense(4, activaton="relu"),
        "Dense", "'activaton'", "'activation'"),
    row("dense-initializer", VALUE, lambda: layers.Dense(4, kernel_initializer="he_normale"),
        "he_normale", "'he_normal'"),
    row("dense-regularizer", VALUE, lambda: layers.Dense(4, kernel_regularizer="l3"), "kernel_regularizer", "'l3'"),
    row("dense-regularizer-number", TYPE, lambda: layers.Dense(4, kernel_regularizer=0.01),
        "kernel_regularizer=0.01", "'l1'"),
    row("regularizer-negative", VALUE, lambda: dk.regularizers.L2(-0.1), "L2", "-0.1"),
    row("dense-use-bias-text", TYPE, lambda: layers.Dense(4, use_bias="no"), "use_bias='no'", "True or False"),
    row("dense-units-and-input-swapped", TYPE, lambda: layers.Dense(dk.Input(4)), "Dense(units="),
    row("dense-name-slash", VALUE, lambda: layers.Dense(4, name="a/b"), "name='a/b'"),
    row("dense-name-number", VALUE, lambda: layers.Dense(4, name=4), "name=4"),
    row("activation-unknown", VALUE, lambda: layers.Dense(4, activation="rellu"), "activation='rellu'", "'relu'"),
    row("activation-number", TYPE, lambda: layers.Dense(4, 16), "Dense(activation=16)", "relu"),
    row("activation-layer", TYPE, lambda: layers.Dense(4, activation=layers.ReLU()), "ReLU", "layer"),
    row("activation-class", TYPE, lambda: layers.Dense(4, activation=layers.ReLU), "ReLU", "layer"),
    row("dropout-over-one", VALUE, lambda: layers.Dropout(1.5), "Dropout(rate=1.5)", "[0, 1)"),
    row("dropout-negative", VALUE, lambda: layers.Dropout(-0.1), "Dropout(rate=-0.1)", "[0, 1)"),
    row("dropout-percent", VALUE, lambda: layers.Dropout(50), "Dropout(rate=50)", "[0, 1)"),
    row("dropout-text", TYPE, lambda: layers.Dropout("half"), "Dropout(rate='half')", "number"),
    row("reshape-nonsense", VALUE, lambda: layers.Reshape((0, 4)), "Reshape(target_shape=(0, 4))"),
    row("reshape-other-size", VALUE, lambda: layers.Reshape((3, 3))(dk.Input(8)),
        "Reshape", "(8,)", "(3, 3)", "8", "9"),
    row("layer-on-array", TYPE, lambda: layers.Dense(4)(X), "Dense", "array of shape (12, 4)", "dk.Input", "predict"),
    row("layer-on-layer", TYPE, lambda: layers.Dense(4)(layers.Dense(8)), "Dense", "dk.Input"),
    row("layer-on-class", TYPE, lambda: layers.Dense(4)(layers.Dense), "Dense", "dk.Input"),
    row("layer-on-nothing", TYPE, lambda: layers.Dense(4)(None), "Dense", "None", "dk.Input"),
    row("layer-without-input", TYPE, lambda: layers.Dense(4)(), "Dense", "dk.Input"),
    row("layer-on-empty-list", TYPE, lambda: layers.Concatenate()([]), "Concatenate", "dk.Input"),
    row("list-where-one-is-meant", TYPE, lambda: layers.Dense(4)([dk.Input(4), dk.Input(4)]),
        "Dense", "2 tensors", "Concatenate"),
    row("wrong-rank-scalar", VALUE, lambda: layers.Dense(4)(dk.Input(())), "Dense", "(None,)", "Reshape"),
    row("merge-mismatched", VALUE, lambda: layers.Add()([dk.Input(4), dk.Input(5)]),
        "Add", "(None, 4)", "(None, 5)", "Dense"),
    row("concatenate-mismatched", VALUE, lambda: layers.Concatenate()([dk.Input((4, 2)), dk.Input((5, 3))]),
        "Concatenate", "(None, 4, 2)", "(None, 5, 3)"),
    row("concatenate-ranks", VALUE, lambda: layers.Concatenate()([dk.Input((4, 2)), dk.Input(2)]),
        "Concatenate", "(None, 4, 2)", "(None, 2)", "Flatten"),
    row("dot-mismatched", VALUE, lambda: layers.Dot(1)([dk.Input(4), dk.Input(5)]), "Dot", "(None, 4)", "(None, 5)"),
    row("subtract-three", TYPE, lambda: layers.Subtract()([dk.Input(4)] * 3), "Subtract", "3", "[a, b]"),
    row("softmax-twice", VALUE, lambda: layers.Softmax()(layers.Dense(3, "softmax")(dk.Input(4))),
        "softmax", "Leave one"),
    row("sigmoid-twice", VALUE, lambda: layers.Sigmoid()(layers.Dense(1, "sigmoid")(dk.Input(4))),
        "sigmoid", "Leave one"),
    row("softmax-of-one-unit", VALUE, lambda: layers.Dense(1, "softmax")(dk.Input(4)),
        "Dense", "softmax", "1", "sigmoid"),
    row("units-changed-later", TYPE, lambda: setattr(layers.Dense(4), "units", 3), "Dense.units", "replace(units=3)"),
    row("trainable-text", TYPE, lambda: setattr(layers.Dense(4), "trainable", "no"), "trainable='no'", "True or False"),
    row("shared-over-two-sizes", VALUE, shared_over_two_sizes, "Dense", "(4, 8)", "(5, 8)", "second layer"),
    row("lambda-not-a-function", TYPE, lambda: layers.Lambda(3), "Lambda(function=3)"),
    row("lambda-fails", VALUE, lambda: layers.Lambda(lambda a: a @ jnp.ones((3, 3)))(dk.Input(4)),
        "Lambda", "(None, 4)"),
    row("lambda-over-batch", VALUE, lambda: layers.Lambda(lambda a: a.sum(axis=0))(dk.Input(4)),
        "Lambda", "axis 1", "batch"),
    row("normalization-adapt-nan", VALUE, lambda: layers.Normalization().adapt(changed(X, (2, 1), np.nan)),
        "Normalization", "1 of 48", "NaN"),
    row("normalization-adapt-test", VALUE, lambda: layers.Normalization().adapt(SPLIT.test),
        "test part", "split.train"),
    row("normalization-adapt-test-frame", VALUE, lambda: layers.Normalization().adapt(SPLIT.test.x),
        "test part", "split.train"),

    # symbolic
    row("operator-plus", TYPE, lambda: dk.Input(4) + dk.Input(4), "operator +", "Add"),
    row("operator-plus-number", TYPE, lambda: 1 + dk.Input(4), "operator +", "Lambda"),
    row("operator-times", TYPE, lambda: 2.0 * dk.Input(4), "operator *", "Rescaling"),
    row("operator-array", TYPE, lambda: X + dk.Input(4), "np.add", "dk.layers.Add"),
    row("operator-minus-sign", TYPE, lambda: -dk.Input(4), "operator -", "Lambda"),
    row("operator-greater", TYPE, lambda: dk.Input(4) > 0, "operator >", "Lambda"),
    row("operator-abs", TYPE, lambda: abs(dk.Input(4)), "abs()", "Lambda"),
    row("operator-float", TYPE, lambda: float(dk.Input(1)), "float()", "predict"),
    row("numpy-on-tensor", TYPE, lambda: np.exp(dk.Input(4)), "np.exp", "Lambda"),
    row("numpy-concatenate", TYPE, lambda: np.concatenate([dk.Input(4), dk.Input(4)]), "Concatenate"),
    row("jax-on-tensor", VALUE, lambda: jnp.exp(dk.Input(4)), "JAX", "Lambda"),
    row("if-on-tensor", TYPE, lambda: 1 if dk.Input(4) else 0, "truth", "Lambda"),
    row("loop-over-tensor", TYPE, lambda: list(dk.Input(4)), "iteration", "Lambda"),
    row("index-into-tensor", TYPE, lambda: dk.Input(4)[:, 0], "indexing", "Lambda"),
    row("length-of-tensor", TYPE, lambda: len(dk.Input(4)), "len()", ".shape"),

    # Model
    row("model-swapped", VALUE, lambda: dk.Model(layers.Dense(1)(IN), IN), "inputs", "outputs", "order"),
    row("model-missing-input", VALUE, lambda: dk.Model(A, layers.Add()([A, B])),
        "Input 'b'", "(None, 4)", "Model(inputs="),
    row("model-input-not-connected", VALUE, lambda: dk.Model([A, B], layers.Dense(1)(A)),
        "Input 'b'", "no output depends"),
    row("model-other-input", VALUE, lambda: dk.Model(dk.Input(4), layers.Dense(1)(dk.Input(4))),
        "Input", "same tensor"),
    row("model-same-input-twice", VALUE, lambda: dk.Model([A, A], layers.Add()([A, A])), "Input 'a'", "twice"),
    row("model-of-layers", TYPE, lambda: dk.Model(dk.Input(4), layers.Dense(1)), "outputs", "Dense", "Dense(1)(x)"),
    row("model-of-a-list-of-layers", TYPE, lambda: dk.Model([dk.Input(4), layers.Dense(1)], []), "Dense", "Sequential"),
    row("model-number-as-input", TYPE, lambda: dk.Model(4, layers.Dense(1)(dk.Input(4))), "inputs", "4", "dk.Input"),
    row("model-no-outputs", VALUE, lambda: dk.Model(dk.Input(4), []), "outputs"),
    row("model-none-output", VALUE, lambda: dk.Model(dk.Input(4), None), "outputs", "None"),
    row("model-duplicate-layer-names", VALUE,
        lambda: dk.Sequential([dk.Input(4), layers.Dense(4, name="a"), layers.Dense(4, name="a")]),
        "'a'"),
    row("model-duplicate-input-names", VALUE, lambda: dk.Model([A, SAME], layers.Add()([A, SAME])),
        "'a'", "name of its own"),
    row("model-called-on-array", TYPE, lambda: net(1)(X), "model", "array of shape (12, 4)", "predict"),
    row("model-called-on-other-shape", VALUE, lambda: net(1)(dk.Input(5)), "the model", "(None, 4)", "(None, 5)"),
    row("model-called-on-two", VALUE, lambda: net(1)([dk.Input(4), dk.Input(4)]),
        "(None, 4) and (None, 4)", "1 tensor"),
    row("sequential-without-input", TYPE, lambda: dk.Sequential([layers.Dense(4)]), "Sequential", "Dense", "dk.Input"),
    row("sequential-empty", TYPE, lambda: dk.Sequential([]), "Sequential", "dk.Input"),
    row("sequential-only-input", VALUE, lambda: dk.Sequential([dk.Input(4)]), "Sequential", "layer"),
    row("sequential-class", TYPE, lambda: dk.Sequential([dk.Input(4), layers.Dense]),
        "Dense", "class", "dk.layers.Dense("),
    row("sequential-text", TYPE, lambda: dk.Sequential([dk.Input(4), "relu"]), "'relu'", "Activation('relu')"),
    row("sequential-function", TYPE, lambda: dk.Sequential([dk.Input(4), jnp.tanh]), "tanh", "Activation"),
    row("sequential-tensor", TYPE, lambda: dk.Sequential([IN, layers.Dense(4)(IN)]), "Sequential", "output of Dense"),
    row("sequential-two-inputs", TYPE, lambda: dk.Sequential([dk.Input(4), dk.Input(4), layers.Dense(1)]),
        "Sequential", "Input"),
    row("sequential-not-a-list", TYPE, lambda: dk.Sequential(dk.Input(4), layers.Dense(1)),
        "Sequential", "layers", "list"),
    row("sequential-input-class", TYPE, lambda: dk.Sequential([dk.Input, layers.Dense(1)]), "Sequential", "dk.Input("),
    row("get-layer-misspelt", VALUE,
        lambda: dk.Sequential([dk.Input(4), layers.Dense(4, name="hidden")]).get_layer("hiden"),
        "'hiden'", "'hidden'"),
    row("encoder-not-fitted", VALUE, lambda: net(1, encoder=dk.preprocessing.TableEncoder()),
        "TableEncoder", "fit(split.train)"),
    row("encoder-of-another-width", VALUE, lambda: net(1, encoder=people_encoder()),
        "encoder", "3", "4", "Input(encoder.width)"),
    row("encoder-class", TYPE, lambda: net(1, encoder=dk.preprocessing.TableEncoder), "encoder", "TableEncoder()"),
    row("encoder-scaler", TYPE, lambda: net(1, encoder="zscore"), "encoder", "'zscore'", "TableEncoder"),

    # Weights
    row("set-weights-shapes", VALUE, lambda: net(2).set_weights([np.zeros((5, 2)), np.zeros(2)]),
        "dense/kernel", "(4, 2)", "(5, 2)"),
    row("set-weights-count", VALUE, lambda: net(2).set_weights([np.zeros((4, 2))]), "2 arrays", "1", "dense/bias"),
    row("set-weights-text", TYPE, lambda: net(1).set_weights([np.full((4, 1), "a"), np.zeros(1)]), "dense/kernel"),
    row("set-weights-dict", TYPE, lambda: net(1).set_weights({"kernel": np.zeros((4, 1))}), "set_variables"),
    row("set-variables-misspelt", VALUE, lambda: net(1).set_variables({"params": {"dence": {}}}), "dense/kernel"),
    row("set-variables-list", TYPE, lambda: net(1).set_variables([np.zeros((4, 1))]), "params"),
    row("initialize-float-seed", TYPE, lambda: net(1).initialize(0.5), "seed=0.5", "whole number"),

    # compile
    row("optimizer-misspelt", VALUE, lambda: net(1).compile("adamm", "mse"), "'adamm'", "'adam'"),
    row("optimizer-number", TYPE, lambda: net(1).compile(0.01, "mse"), "0.01", "optimizer"),
    row("optimizer-none", TYPE, lambda: net(1).compile(None, "mse"), "None", "optimizer"),
    row("optimizer-function", TYPE, lambda: net(1).compile(optax.adam, "mse"), "optimizer", "adam("),
    row("optimizer-and-loss-swapped", VALUE, lambda: net(1).compile("mse", "adam"),
        "'adam'", "compile(optimizer, loss)"),
    row("loss-misspelt", VALUE, lambda: net(1).compile("adam", "mean_sqared_error"),
        "'mean_sqared_error'", "'mean_squared_error'"),
    row("loss-none", VALUE, lambda: net(1).compile("adam"), "loss", "'mse'"),
    row("loss-number", TYPE, lambda: net(1).compile("adam", 3), "3", "loss"),
    row("loss-of-one-argument", TYPE, lambda: net(1).compile("adam", lambda y: y), "y_true, y_pred"),
    row("loss-list-length", VALUE, lambda: two_of_each().compile("adam", ["bce"]), "1", "2 outputs", "yes", "price"),
    row("loss-list-for-one-output", VALUE, lambda: net(1).compile("adam", ["mse", "mae"]), "2", "1 output"),
    row("loss-dict-unknown", VALUE, lambda: two_of_each().compile("adam", {"yes": "bce", "prise": "mse"}),
        "'prise'", "'price'"),
    row("loss-one-for-both", VALUE, lambda: two_of_each().compile("adam", "bce"), "price", "linear"),
    row("loss-weights-text", TYPE, lambda: two_of_each().compile("adam", BOTH, loss_weights={"yes": "1"}),
        "loss_weights", "'1'", "'yes'", "number"),
    row("loss-weights-length", VALUE, lambda: two_of_each().compile("adam", BOTH, loss_weights=[1.0]),
        "loss_weights", "1", "2 outputs"),
    row("loss-weights-nan", VALUE, lambda: two_of_each().compile("adam", BOTH, loss_weights=[1.0, np.nan]),
        "loss_weights", "nan"),
    row("metric-misspelt", VALUE, lambda: net(1, "sigmoid").compile("adam", "bce", metrics=["acuracy"]),
        "'acuracy'", "'accuracy'"),
    row("metric-number", TYPE, lambda: net(1).compile("adam", "mse", metrics=[3]), "metric", "3"),
    row("metric-twice", VALUE, lambda: net(1).compile("adam", "mse", metrics=["mae", "mae"]), "'mae'", "name="),
    row("metric-and-weighted-twice", VALUE,
        lambda: net(1).compile("adam", "mse", metrics=["mae"], weighted_metrics=["mae"]),
        "'mae'", "name="),
    row("metric-called-loss", VALUE,
        lambda: net(1).compile("adam", "mse", metrics=[dk.metrics.MeanAbsoluteError(name="loss")]),
        "'loss'", "name="),
    row("metrics-of-two-outputs", VALUE, lambda: two_of_each().compile("adam", BOTH, metrics=["mae"]),
        "2 outputs", "each metric", "'yes'"),
    row("metrics-dict-unknown", VALUE, lambda: two_of_each().compile("adam", BOTH, metrics={"prise": "mae"}),
        "'prise'", "'price'"),
    row("accuracy-of-regression", VALUE, lambda: net(1).compile("adam", "mse", metrics=["accuracy"]),
        "accuracy", "Dense", "mae", "r2"),
    row("r2-of-classes", VALUE, lambda: net(3, "softmax").compile("adam", "scce", metrics=["r2"]), "r2", "accuracy"),
    row("auc-of-regression", VALUE, lambda: net(1).compile("adam", "mse", metrics=["auc"]), "auc", "rmse"),
    row("f1-of-regression", VALUE, lambda: net(1).compile("adam", "mse", metrics=["f1"]), "f1", "rmse"),
    row("linear-with-bce", VALUE, lambda: net(1).compile("adam", "bce"),
        "Dense", "linear", "sigmoid", "from_logits=True"),
    row("linear-with-cce", VALUE, lambda: net(3).compile("adam", "cce"),
        "Dense", "linear", "softmax", "from_logits=True"),
    row("relu-with-bce", VALUE, lambda: net(1, "relu").compile("adam", "bce"), "Dense", "relu", "sigmoid"),
    row("tanh-with-bce", VALUE, lambda: net(1, "tanh").compile("adam", "bce"), "Dense", "tanh", "sigmoid"),
    row("relu-on-logits", VALUE, lambda: softmax_behind_relu().compile("adam", "scce"),
        "Softmax", "Dense", "never negative", "linear"),
    row("softmax-and-from-logits", VALUE,
        lambda: net(3, "softmax").compile("adam", dk.losses.CategoricalCrossentropy(from_logits=True)),
        "softmax", "from_logits"),
    row("sigmoid-and-from-logits", VALUE,
        lambda: net(1, "sigmoid").compile("adam", dk.losses.BinaryCrossentropy(from_logits=True)),
        "sigmoid", "from_logits"),
    row("softmax-with-bce", VALUE, lambda: net(3, "softmax").compile("adam", "bce"),
        "softmax", "crossentropy", "sigmoid"),
    row("sigmoid-with-cce", VALUE, lambda: net(3, "sigmoid").compile("adam", "cce"),
        "sigmoid", "softmax", "binary_crossentropy"),
    row("one-unit-with-cce", VALUE, lambda: net(1, "sigmoid").compile("adam", "cce"),
        "only one", "binary_crossentropy"),
    row("hinge-of-sigmoid", VALUE, lambda: net(1, "sigmoid").compile("adam", "hinge"), "Hinge", "sigmoid"),
    row("from-logits-text", TYPE, lambda: dk.losses.BinaryCrossentropy(from_logits="yes"), "from_logits='yes'", "True"),
    row("smoothing-over-one", VALUE, lambda: dk.losses.BinaryCrossentropy(label_smoothing=1.5), "label_smoothing=1.5"),
    row("pinball-quantile", VALUE, lambda: dk.losses.Pinball(quantile=1.5), "quantile=1.5"),
    row("rate-negative", VALUE, lambda: optimizers.Adam(learning_rate=-0.1), "Adam(learning_rate=-0.1)", "at least 0"),
    row("rate-nan", VALUE, lambda: optimizers.Adam(learning_rate=float("nan")), "learning_rate=nan"),
    row("rate-text", TYPE, lambda: optimizers.Adam(learning_rate="0.1"), "learning_rate='0.1'", "0.01"),
    row("rate-misspelt", TYPE, lambda: optimizers.Adam(learning_rat=0.1), "Adam", "'learning_rat'", "'learning_rate'"),
    row("rate-old-name", TYPE, lambda: optimizers.Adam(lr=0.1), "Adam", "'lr'", "'learning_rate'"),
    row("rate-set-negative", VALUE, lambda: setattr(tells_price().optimizer, "learning_rate", -1), "learning_rate=-1"),
    row("momentum-over-one", VALUE, lambda: optimizers.SGD(0.1, momentum=1.5), "momentum=1.5"),
    row("two-clippings", VALUE, lambda: optimizers.SGD(0.1, clipnorm=1.0, clipvalue=1.0), "clipnorm=1", "clipvalue=1"),
    row("optimizer-before-compile", VALUE, lambda: net(1).optimizer, "compile"),

    # fit: order of calls
    row("fit-misspelt-argument", TYPE, lambda: says_yes().fit(X, YES, epoch=3), "fit", "'epoch'", "'epochs'"),
    row("fit-nothing", TYPE, lambda: says_yes().fit(), "fit", "'x'"),
    row("fit-before-compile", VALUE, lambda: net(1).fit(X, PRICE), "fit", "model.compile("),
    row("evaluate-before-compile", VALUE, lambda: net(1).evaluate(X, PRICE), "evaluate", "model.compile("),

    # fit: x
    row("x-nan", VALUE, lambda: fit_yes(changed(X, (3, 2), np.nan), YES), "x", "row 3", "nan"),
    row("x-infinite", VALUE, lambda: fit_yes(changed(X, (3, 2), np.inf), YES), "x", "row 3", "inf"),
    row("x-overflow", VALUE, lambda: fit_yes(changed(X, (3, 2), 1e300, "float64"), YES),
        "x", "row 3", "1e+300", "float32"),
    row("x-strings", TYPE, lambda: fit_yes(np.full((12, 4), "a"), YES), "x", "text", "'a'", "TableEncoder"),
    row("x-objects", TYPE, lambda: fit_yes(changed(X, (0, 0), None, object), YES), "x", "object", "None"),
    row("x-ragged", VALUE, lambda: fit_yes([[1, 2, 3, 4], [1, 2, 3]], [0, 1]), "x", "unequal length"),
    row("y-ragged", VALUE, lambda: fit_price(X, [[1], [2, 3]] * 6), "y", "unequal length"),
    row("x-sparse", TYPE, lambda: fit_yes(scipy.sparse.csr_matrix(X), YES), "x", "sparse", "x.toarray()"),
    row("x-records", TYPE, lambda: fit_yes(TABLE.to_records(), YES), "x", "records", "DataFrame"),
    row("x-same-column-twice", VALUE, lambda: fit_yes(TABLE.set_axis(["a", "b", "c", "a"], axis=1), YES), "x", "'a'"),
    row("x-dates", TYPE, lambda: fit_yes(np.full((12, 4), "2024-01-01", "datetime64[D]"), YES), "x", "dates"),
    row("x-complex", TYPE, lambda: fit_yes(X + 1j, YES), "x", "complex"),
    row("x-none", TYPE, lambda: fit_yes(None, YES), "x", "None"),
    row("x-text", TYPE, lambda: fit_yes("data.csv", YES), "x", "'data.csv'", "read_csv"),
    row("x-number", VALUE, lambda: fit_yes(3, 1), "x", "()", "rows"),
    row("x-empty", VALUE, lambda: fit_yes(X[:0], YES[:0]), "x", "no rows"),
    row("x-empty-list", VALUE, lambda: fit_yes([], []), "x", "no rows"),
    row("x-single-row", VALUE, lambda: fit_yes(X[0], [1]), "x", "(4,)", "x[None]"),
    row("x-transposed", VALUE, lambda: fit_yes(X.T, YES), "x", "(4, 12)", "(rows, 4)", "x.T"),
    row("x-too-few-columns", VALUE, lambda: fit_yes(X[:, :3], YES), "x", "(12, 3)", "Input(3)"),
    row("x-images", VALUE, lambda: fit_yes(np.zeros((12, 2, 2)), YES), "x", "(12, 2, 2)", "reshape(-1, 4)"),
    row("x-table-with-text", TYPE, lambda: fit_yes(TABLE.assign(sugar="low"), YES), "sugar", "TableEncoder"),
    row("x-table-too-wide", VALUE, lambda: fit_yes(TABLE.assign(weight=1.0), YES), "x", "(12, 5)", "Input(5)"),
    row("x-table-nan", VALUE, lambda: fit_yes(TABLE.assign(sugar=[np.nan] * 12), YES), "'sugar'", "12", "NaN"),
    row("x-rows-differ", VALUE, lambda: fit_yes(X, YES[:11]), "x has 12", "y has 11"),
    row("x-dict-wrong-key", VALUE, lambda: fit_both({"left": X, "rihgt": RIGHT}, [YES, PRICE]), "'right'", "'rihgt'"),
    row("x-dict-extra-key", VALUE, lambda: fit_both({"left": X, "right": RIGHT, "up": RIGHT}, [YES, PRICE]),
        "'up'", "left", "right"),
    row("x-one-of-two", VALUE, lambda: fit_both(X, [YES, PRICE]), "2 inputs", "left", "right"),
    row("x-three-of-two", VALUE, lambda: fit_both([X, RIGHT, RIGHT], [YES, PRICE]), "2 inputs", "3 entries"),
    row("x-inputs-swapped", VALUE, lambda: fit_both([RIGHT, X], [YES, PRICE]),
        "x[0]", "(12, 2)", "'left'", "(rows, 4)"),
    row("x-inputs-rows-differ", VALUE, lambda: fit_both([X, RIGHT[:5]], [YES, PRICE]),
        "x['left'] has 12", "x['right'] has 5"),
    row("x-dict-without-encoder", VALUE, lambda: fit_yes({"age": 3}, YES), "'input'", "'age'"),

    # fit: y
    row("y-missing", VALUE, lambda: fit_yes(X), "y is missing", "fit(x, y)"),
    row("y-one-column-for-three-units", VALUE, lambda: tells_price(3).fit(X, PRICE, verbose=0),
        "y", "(12,)", "(12, 3)", "one unit"),
    row("y-column-vector-for-three-units", VALUE, lambda: tells_price(3).fit(X, PRICE[:, None], verbose=0),
        "y", "(12, 1)", "(12, 3)"),
    row("y-three-columns-for-one-unit", VALUE, lambda: fit_price(X, X[:, :3]), "y", "(12, 3)", "(12, 1)", "3 units"),
    row("y-row-vector", VALUE, lambda: fit_price(X, PRICE[None]), "y", "(1, 12)", "y.T"),
    row("y-nan", VALUE, lambda: fit_price(X, changed(PRICE, 5, np.nan)), "y", "1 NaN", "row 5"),
    row("y-infinite", VALUE, lambda: fit_price(X, changed(PRICE, 5, np.inf)), "y", "1 infinite", "row 5"),
    row("y-strings", TYPE, lambda: fit_kind(X, np.array(["cat", "dog", "cow"] * 4)), "y", "'cat'", "np.unique"),
    row("y-strings-crossentropy", TYPE, lambda: tells_kind("crossentropy").fit(X, ["cat", "dog", "cow"] * 4, verbose=0),
        "y", "'cat'", "np.unique"),
    row("y-strings-series", TYPE, lambda: fit_yes(X, pd.Series(["no", "yes"] * 6)), "y", "'no'", "np.unique"),
    row("y-objects", TYPE, lambda: fit_price(X, changed(PRICE, 0, None, object)), "y", "object", "None"),
    row("y-column-name", TYPE, lambda: fit_yes(TABLE, "sugar"), "y", "'sugar'", "table[name]"),
    row("y-too-high", VALUE, lambda: fit_kind(X, KIND + 5), "y", "5 to 7", "3 units"),
    row("y-negative", VALUE, lambda: fit_kind(X, KIND - 1), "y", "-1 to 1", "3 units"),
    row("y-from-one", VALUE, lambda: fit_kind(X, KIND + 1), "y", "1…3", "subtract 1"),
    row("y-from-one-yes-no", VALUE, lambda: fit_yes(X, YES + 1), "y", "1…2", "subtract 1"),
    row("y-minus-one", VALUE, lambda: fit_yes(X, YES * 2 - 1), "y", "hinge", "(y + 1) / 2"),
    row("y-fractions-as-classes", VALUE, lambda: fit_kind(X, KIND + 0.5), "y", "0.5", "whole numbers"),
    row("y-one-hot-for-sparse", VALUE, lambda: fit_kind(X, ONE_HOT),
        "y", "one-hot", "(12, 3)", "categorical_crossentropy"),
    row("y-numbers-for-one-hot", VALUE, lambda: tells_kind("cce").fit(X, KIND, verbose=0),
        "y", "(12,)", "sparse_categorical_crossentropy", "one_hot"),
    row("y-not-summing-to-one", VALUE, lambda: tells_kind("cce").fit(X, ONE_HOT * 2, verbose=0), "y", "sums to 2"),
    row("y-one-hot-for-one-unit", VALUE, lambda: fit_yes(X, np.eye(2)[YES]), "y", "two columns", "one unit"),
    row("y-numbers-for-sigmoids", VALUE, lambda: compiled(net(3, "sigmoid"), loss="bce").fit(X, KIND, verbose=0),
        "y", "(12,)", "3 sigmoid"),
    row("y-classes-for-one-sigmoid", VALUE, lambda: fit_yes(X, KIND), "y", "0 to 2", "softmax"),
    row("y-percent-for-sigmoid", VALUE, lambda: fit_yes(X, YES * 255), "y", "255"),
    row("y-hinge-labels", VALUE, lambda: compiled(net(1), loss="hinge").fit(X, KIND, verbose=0),
        "y", "Hinge", "2 in row 2"),
    row("y-negative-counts", VALUE, lambda: compiled(net(1, "softplus"), loss="poisson").fit(X, -KIND, verbose=0),
        "y", "Poisson", "-2"),
    row("y-too-large", VALUE, lambda: fit_price(X, PRICE * 1e300), "y", "float32"),
    row("y-one-for-two-outputs", VALUE, lambda: fit_both([X, RIGHT], YES), "2 outputs", "yes", "price"),
    row("y-columns-for-two-outputs", VALUE, lambda: fit_both([X, RIGHT], np.stack([YES, PRICE], 1)),
        "2 outputs", "yes", "price"),
    row("y-dict-unknown", VALUE, lambda: fit_both([X, RIGHT], {"yes": YES, "prise": PRICE}), "'prise'", "'price'"),
    row("y-dict-incomplete", VALUE, lambda: fit_both([X, RIGHT], {"yes": YES}), "y['price']", "missing"),
    row("y-outputs-swapped", VALUE, lambda: fit_both([X, RIGHT], [PRICE, YES]), "y['yes']", "0 and 1"),
    row("y-with-a-part", VALUE, lambda: fit_yes(SPLIT.train, YES), "part", "y"),
    row("y-with-a-generator", VALUE, lambda: fit_yes(batches(X, YES), YES), "batches", "y"),
    row("y-in-x", VALUE, lambda: fit_yes((X, YES)), "fit(x, y)"),

    # fit: the rest
    row("batch-size-zero", VALUE, lambda: fit_yes(X, YES, batch_size=0), "batch_size=0", "at least 1"),
    row("batch-size-negative", VALUE, lambda: fit_yes(X, YES, batch_size=-1), "batch_size=-1", "at least 1"),
    row("batch-size-float", TYPE, lambda: fit_yes(X, YES, batch_size=4.0), "batch_size=4.0", "whole number"),
    row("batch-size-text", TYPE, lambda: fit_yes(X, YES, batch_size="all"), "batch_size='all'", "None"),
    row("validation-batch-size", VALUE, lambda: fit_yes(X, YES, validation_split=0.5, validation_batch_size=0),
        "validation_batch_size=0"),
    row("epochs-zero", VALUE, lambda: fit_yes(X, YES, epochs=0), "epochs=0", "at least 1"),
    row("epochs-negative", VALUE, lambda: fit_yes(X, YES, epochs=-5), "epochs=-5", "at least 1"),
    row("epochs-float", TYPE, lambda: fit_yes(X, YES, epochs=1e3), "epochs=1000.0", "whole number"),
    row("epochs-text", TYPE, lambda: fit_yes(X, YES, epochs="10"), "epochs='10'", "whole number"),
    row("initial-epoch-past-the-end", VALUE, lambda: fit_yes(X, YES, epochs=5, initial_epoch=5),
        "initial_epoch=5", "epochs=5"),
    row("seed-float", TYPE, lambda: fit_yes(X, YES, seed=0.5), "seed=0.5", "whole number"),
    row("seed-negative", VALUE, lambda: fit_yes(X, YES, seed=-1), "seed=-1", "at least 0"),
    row("seed-none", TYPE, lambda: fit_yes(X, YES, seed=None), "seed=None"),
    row("seed-array", TYPE, lambda: fit_yes(X, YES, seed=np.zeros((3, 3))), "seed=<an array of shape (3, 3)>"),
    row("seed-too-large", VALUE, lambda: fit_yes(X, YES, seed=2**70), "seed"),
    row("verbose-word", VALUE, lambda: says_yes().fit(X, YES, verbose="loud"), "verbose='loud'", "auto"),
    row("shuffle-text", TYPE, lambda: fit_yes(X, YES, shuffle="batch"), "shuffle='batch'", "True or False"),
    row("steps-with-arrays", VALUE, lambda: fit_yes(X, YES, steps_per_epoch=2), "steps_per_epoch=2", "batch_size"),
    row("validation-split-over-one", VALUE, lambda: fit_yes(X, YES, validation_split=1.5),
        "validation_split=1.5", "between 0 and 1"),
    row("validation-split-negative", VALUE, lambda: fit_yes(X, YES, validation_split=-0.2),
        "validation_split=-0.2", "between 0 and 1"),
    row("validation-split-percent", VALUE, lambda: fit_yes(X, YES, validation_split=20), "validation_split=20", "0.2"),
    row("validation-split-text", TYPE, lambda: fit_yes(X, YES, validation_split="0.2"),
        "validation_split='0.2'", "number"),
    row("validation-split-of-nothing", VALUE, lambda: fit_yes(X, YES, validation_split=0.01),
        "validation_split=0.01", "12 rows"),
    row("validation-twice", VALUE, lambda: fit_yes(X, YES, validation_split=0.2, validation_data=(X, YES)),
        "validation_split", "validation_data"),
    row("validation-split-of-batches", VALUE, lambda: fit_yes(batches(X, YES), validation_split=0.2),
        "validation_split", "validation_data"),
    row("validation-without-y", TYPE, lambda: fit_yes(X, YES, validation_data=X), "validation_data", "(x, y)"),
    row("validation-one-tuple", TYPE, lambda: fit_yes(X, YES, validation_data=(X,)), "validation_data", "(x, y)"),
    row("validation-number", TYPE, lambda: fit_yes(X, YES, validation_data=0.2), "validation_data", "validation_split"),
    row("validation-rows-differ", VALUE, lambda: fit_yes(X, YES, validation_data=(X, YES[:3])),
        "validation x has 12", "validation y has 3"),
    row("validation-other-width", VALUE, lambda: fit_yes(X, YES, validation_data=(X[:, :2], YES)),
        "validation x", "(12, 2)", "(rows, 4)"),
    row("validation-nan", VALUE, lambda: fit_yes(X, YES, validation_data=(changed(X, 0, np.nan), YES)),
        "validation x", "NaN"),
    row("validation-other-columns", VALUE,
        lambda: fit_yes(TABLE, YES, validation_data=(TABLE.rename(columns={"sugar": "salt"}), YES)),
        "validation_data", "sugar", "salt"),
    row("validation-labels", VALUE, lambda: fit_kind(X, KIND, validation_data=(X, KIND + 1)),
        "validation y", "subtract 1"),
    row("validation-empty", VALUE, lambda: fit_yes(X, YES, validation_data=(X[:0], YES[:0])),
        "validation x", "no rows"),
    row("sample-weight-shape", VALUE, lambda: fit_yes(X, YES, sample_weight=np.ones(11)),
        "sample_weight", "(11,)", "(12,)"),
    row("sample-weight-matrix", VALUE, lambda: fit_yes(X, YES, sample_weight=np.ones((12, 4))),
        "sample_weight", "(12, 4)", "(12,)"),
    row("sample-weight-number", VALUE, lambda: fit_yes(X, YES, sample_weight=2.0), "sample_weight", "()", "(12,)"),
    row("sample-weight-negative", VALUE, lambda: fit_yes(X, YES, sample_weight=changed(np.ones(12), 4, -1)),
        "sample_weight", "-1", "row 4"),
    row("sample-weight-nan", VALUE, lambda: fit_yes(X, YES, sample_weight=changed(np.ones(12), 4, np.nan)),
        "sample_weight", "nan", "row 4"),
    row("sample-weight-text", TYPE, lambda: fit_yes(X, YES, sample_weight=["1"] * 12), "sample_weight", "'1'"),
    row("sample-weight-dict-unknown", VALUE,
        lambda: fit_both([X, RIGHT], [YES, PRICE], sample_weight={"prise": np.ones(12)}),
        "sample_weight", "'prise'", "'price'"),
    row("class-weight-missing", VALUE, lambda: fit_kind(X, KIND, class_weight={0: 1.0, 1: 2.0}),
        "class_weight", "class 2"),
    row("class-weight-list", TYPE, lambda: fit_kind(X, KIND, class_weight=[1.0, 2.0, 3.0]),
        "class_weight", "{0: 1.0, 1: 1.0, 2: 1.0}"),
    row("class-weight-balanced", TYPE, lambda: fit_kind(X, KIND, class_weight="balanced"),
        "class_weight", "'balanced'", "{0: 1.0, 1: 1.0, 2: 1.0}"),
    row("class-weight-negative", VALUE, lambda: fit_yes(X, YES, class_weight={0: 1.0, 1: -2.0}),
        "class_weight", "-2.0"),
    row("class-weight-text", TYPE, lambda: fit_yes(X, YES, class_weight={0: 1.0, 1: "2"}), "class_weight", "'2'"),
    row("class-weight-regression", VALUE, lambda: fit_price(X, PRICE, class_weight={0: 1.0, 1: 2.0}),
        "class_weight", "classes", "sample_weight"),
    row("class-weight-of-two-outputs", VALUE, lambda: fit_both([X, RIGHT], [YES, PRICE], class_weight={0: 1.0, 1: 2.0}),
        "class_weight", "yes", "price"),
    row("callback-class", TYPE, lambda: fit_yes(X, YES, callbacks=[callbacks.EarlyStopping]),
        "class EarlyStopping", "EarlyStopping("),
    row("callback-function", TYPE, lambda: fit_yes(X, YES, callbacks=[print]), "callbacks", "print", "LambdaCallback"),
    row("callback-name", TYPE, lambda: fit_yes(X, YES, callbacks=["early_stopping"]), "callbacks", "'early_stopping'"),
    row("callback-not-a-list", TYPE, lambda: fit_yes(X, YES, validation_split=0.5, callbacks=callbacks.EarlyStopping()),
        "callbacks", "EarlyStopping", "["),
    row("callback-not-a-list-of-mine", TYPE, lambda: fit_yes(X, YES, callbacks=callbacks.Callback()), "callbacks", "["),
    row("monitor-without-validation", VALUE, lambda: fit_yes(X, YES, callbacks=[callbacks.EarlyStopping("val_loss")]),
        "EarlyStopping", "'val_loss'", "validation_data"),
    row("monitor-misspelt", VALUE,
        lambda: fit_yes(X, YES, validation_split=0.5, callbacks=[callbacks.EarlyStopping("val_los")]),
        "'val_los'", "'val_loss'"),
    row("monitor-not-measured", VALUE,
        lambda: fit_yes(X, YES, validation_split=0.5, callbacks=[callbacks.ReduceLROnPlateau("val_accuracy")]),
        "ReduceLROnPlateau", "'val_accuracy'", "metrics"),
    row("checkpoint-without-validation", VALUE,
        lambda: fit_yes(X, YES, callbacks=[callbacks.ModelCheckpoint("m.deepkit", save_best_only=True)]),
        "ModelCheckpoint", "'val_loss'"),
    row("early-stopping-mode", VALUE, lambda: callbacks.EarlyStopping(mode="minimum"), "mode='minimum'", "'min'"),
    row("early-stopping-patience", VALUE, lambda: callbacks.EarlyStopping(patience=-1), "patience=-1", "at least 0"),
    row("early-stopping-patience-float", TYPE, lambda: callbacks.EarlyStopping(patience=2.5),
        "patience=2.5", "whole number"),
    row("early-stopping-monitor", TYPE, lambda: callbacks.EarlyStopping(monitor=3), "monitor=3"),
    row("plateau-factor", VALUE, lambda: callbacks.ReduceLROnPlateau(factor=2), "factor=2", "between 0 and 1"),
    row("plateau-factor-text", TYPE, lambda: callbacks.ReduceLROnPlateau(factor="0.1"), "factor='0.1'"),
    row("schedule-and-plateau", VALUE,
        lambda: scheduled().fit(X, PRICE, callbacks=[callbacks.ReduceLROnPlateau("loss")], verbose=0),
        "ReduceLROnPlateau", "schedule"),
    row("schedule-and-scheduler", VALUE,
        lambda: scheduled().fit(X, PRICE, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.1)], verbose=0),
        "LearningRateScheduler", "schedule"),
    row("everything-frozen", VALUE, lambda: frozen().fit(X, PRICE, verbose=0), "frozen", "trainable = True"),
    row("nothing-to-train", VALUE,
        lambda: compiled(dk.Sequential([dk.Input(4), layers.Rescaling(2.0)]), loss="mse").fit(X, X, verbose=0),
        "no parameters", "Dense"),
    row("normalization-not-adapted", VALUE, lambda: not_adapted().fit(X, PRICE, verbose=0), "Normalization", "adapt"),

    # generators
    row("generator-empty", VALUE, lambda: fit_yes(iter([])), "without a single batch"),
    row("generator-without-y", TYPE, lambda: fit_yes(iter([X[:4], X[4:8]])),
        "batch", "array of shape (4, 4)", "(x, y)"),
    row("generator-of-four", TYPE, lambda: fit_yes(iter([(X, YES, YES, YES)])), "4 entries", "(x, y)"),
    row("generator-wrong-shape", VALUE, lambda: fit_yes(batches(X[:, :2], YES)), "x of a batch", "(4, 2)"),
    row("generator-function-of-nothing", TYPE, lambda: fit_yes(lambda: None), "None", "(x, y)"),
    row("generator-function-with-argument", TYPE, lambda: fit_yes(lambda epoch: batches(X, YES)), "argument"),
    row("generator-steps", VALUE, lambda: fit_yes(batches(X, YES), steps_per_epoch=0), "steps_per_epoch=0"),
    row("generator-sample-weight", VALUE, lambda: fit_yes(batches(X, YES), sample_weight=np.ones(12)),
        "sample_weight", "(x, y, weights)"),
    row("generator-batch-size", VALUE, lambda: fit_yes(batches(X, YES), batch_size=7), "batch_size=7", "batches"),
    row("train-on-batch-nan", VALUE, lambda: says_yes().train_on_batch(changed(X, 0, np.nan), YES), "x", "NaN"),

    # test part
    row("test-part-fit", VALUE, lambda: fit_yes(SPLIT.test), "fit", "test part", "split.train"),
    row("test-frame-fit", VALUE, lambda: fit_yes(SPLIT.test.x, SPLIT.test.y), "test part", "split.train"),
    row("test-target-fit", VALUE, lambda: fit_yes(SPLIT.train.x.iloc[:3], SPLIT.test.y), "test part", "split.train"),
    row("test-part-validation", VALUE, lambda: fit_yes(SPLIT.train, validation_data=SPLIT.test),
        "validation_data", "test part", "split.dev"),
    row("test-frame-validation", VALUE, lambda: fit_yes(SPLIT.train, validation_data=(SPLIT.test.x, SPLIT.test.y)),
        "validation_data", "test part", "split.dev"),
    row("test-list-validation", VALUE, lambda: fit_yes(SPLIT.train, validation_data=[SPLIT.test.x, SPLIT.test.y]),
        "validation_data", "test part", "split.dev"),
    row("test-part-in-batches", VALUE, lambda: fit_yes(batches(SPLIT.test.x, SPLIT.test.y, 2)),
        "test part", "split.train"),
    row("test-part-in-a-tuple", VALUE, lambda: fit_yes((SPLIT.test.x, SPLIT.test.y)), "test part", "split.train"),
    row("test-array-in-a-dict", VALUE, lambda: fit_yes({"input": SPLIT.test.x}, SPLIT.train.y), "test part"),
    row("test-part-on-batch", VALUE, lambda: says_yes().train_on_batch(SPLIT.test, None),
        "train_on_batch", "test part"),
    row("test-part-encoder", VALUE, lambda: dk.preprocessing.TableEncoder().fit(SPLIT.test),
        "TableEncoder.fit", "test part"),
    row("test-part-split-again", VALUE, lambda: dk.split(SPLIT.test), "dk.split", "test part"),
    row("split-over-one", VALUE, lambda: dk.split(X, YES, train=0.8, dev=0.2, test=0.2), "train=0.8", "1.2"),
    row("whole-split-fit", TYPE, lambda: fit_yes(SPLIT), "whole split", "split.train"),

    # evaluate and predict
    row("evaluate-without-y", VALUE, lambda: says_yes().evaluate(X), "y is missing", "evaluate(x, y)"),
    row("evaluate-rows", VALUE, lambda: says_yes().evaluate(X, YES[:5]), "x has 12", "y has 5"),
    row("evaluate-part-and-y", VALUE, lambda: says_yes().evaluate(SPLIT.dev, YES), "evaluate", "part"),
    row("evaluate-batch-size", VALUE, lambda: says_yes().evaluate(X, YES, batch_size=0), "batch_size=0"),
    row("evaluate-empty-generator", VALUE, lambda: says_yes().evaluate(iter([])), "without a single batch"),
    row("evaluate-generator-and-y", VALUE, lambda: says_yes().evaluate(batches(X, YES), YES), "batches", "y"),
    row("predict-single-row", VALUE, lambda: says_yes().predict(X[0]), "x", "(4,)", "x[None]"),
    row("predict-transposed", VALUE, lambda: says_yes().predict(X.T), "x", "(4, 12)", "x.T"),
    row("predict-nan", VALUE, lambda: says_yes().predict(changed(X, (1, 2), np.nan)), "x", "row 1"),
    row("predict-empty", VALUE, lambda: says_yes().predict(X[:0]), "x", "no rows"),
    row("predict-batch-size", VALUE, lambda: says_yes().predict(X, batch_size=0), "batch_size=0"),
    row("predict-batch-size-float", TYPE, lambda: says_yes().predict(X, batch_size=2.5), "batch_size=2.5"),
    row("predict-not-adapted", VALUE, lambda: not_adapted().predict(X), "Normalization", "adapt"),
    row("predict-symbolic", TYPE, lambda: says_yes().predict(dk.Input(4)), "symbolic"),
    row("predict-empty-generator", VALUE, lambda: says_yes().predict(iter([])), "without a single batch"),
    row("predict-wrong-key", VALUE, lambda: two_compiled().predict({"left": X, "rihgt": RIGHT}), "'right'", "'rihgt'"),
    row("predict-missing-column", VALUE, lambda: trained_on_a_table().predict(TABLE.drop(columns="sugar")),
        "predict", "missing: sugar"),
    row("predict-extra-column", VALUE, lambda: trained_on_a_table().predict(TABLE.assign(weight=1.0)),
        "predict", "weight"),
    row("predict-other-columns", VALUE, lambda: trained_on_a_table().predict(TABLE.rename(columns={"sugar": "salt"})),
        "missing: sugar", "salt"),
    row("predict-raw-missing-column", VALUE, lambda: reads_people().predict(PEOPLE[["age"]]), "sex", "missing"),
    row("predict-raw-unseen-level", VALUE, lambda: reads_people().predict(PEOPLE.assign(sex="x")), "'sex'", "'x'"),
    row("predict-raw-text-for-number", TYPE, lambda: reads_people().predict({"age": "old", "sex": "f"}),
        "'age'", "'old'"),
    row("predict-raw-nan", VALUE, lambda: reads_people().predict(PEOPLE.assign(age=np.nan)), "'age'"),
    row("predict-raw-dict-of-columns", TYPE, lambda: reads_people().predict({"age": [1.0, 2.0], "sex": ["f", "m"]}),
        "'age'", "DataFrame"),
    row("fit-raw-unseen-level", VALUE, lambda: reads_people().fit(PEOPLE.assign(sex="x"), YES), "'sex'", "'x'"),
    row("validation-whole-split", TYPE, lambda: fit_yes(X, YES, validation_data=SPLIT), "whole split", "split.dev"),
    row("evaluate-whole-split", TYPE, lambda: says_yes().evaluate(SPLIT), "whole split", "split.dev"),
    row("predict-whole-split", TYPE, lambda: says_yes().predict(SPLIT), "whole split", "split.train", ".test"),
    row("predict-text", TYPE, lambda: says_yes().predict("data.csv"), "x", "'data.csv'", "read_csv"),
    row("loss-is-a-metric", VALUE, lambda: net(1, "sigmoid").compile("adam", "accuracy"),
        "loss='accuracy'", "metrics=['accuracy']"),
    row("optimizer-is-a-loss", TYPE, lambda: net(1).compile(dk.losses.MeanSquaredError(), "mse"),
        "optimizer", "MeanSquaredError"),
    row("optimizer-with-arguments-as-text", VALUE, lambda: net(1).compile("Adam(0.01)", "mse"),
        "'Adam(0.01)'", "without quotes"),
    row("y-symbolic", TYPE, lambda: fit_yes(X, dk.Input(1)), "y", "Input(1)", "symbolic"),
    row("x-series", VALUE, lambda: fit_yes(TABLE["age"], YES), "x", "(12,)", "(rows, 4)", "second axis"),
    row("x-list-of-dicts", TYPE, lambda: fit_yes(TABLE.to_dict("records"), YES),
        "x", "a dict of 4 entries", "pandas.DataFrame(x)", "encoder"),
    row("x-table-with-dates", TYPE, lambda: fit_yes(TABLE.assign(age=pd.Timestamp("2024-01-01")), YES),
        "x", "age", "TableEncoder"),
    row("y-is-x", VALUE, lambda: fit_yes(X, X), "y", "(12, 4)", "(12, 1)"),
    row("restore-text", TYPE, lambda: callbacks.EarlyStopping(restore_best_weights="yes"),
        "restore_best_weights='yes'", "True or False"),
    row("scheduler-number", TYPE, lambda: callbacks.LearningRateScheduler(0.1),
        "LearningRateScheduler", "0.1", "function"),
    row("lambda-callback-hook", TYPE, lambda: callbacks.LambdaCallback(on_epoch=print), "on_epoch=", "on_epoch_end"),
    row("checkpoint-ending", VALUE, lambda: callbacks.ModelCheckpoint("m.h5", save_weights_only=True),
        "'m.h5'", ".npz"),
    row("callback-none", TYPE, lambda: fit_yes(X, YES, callbacks=[None]), "callbacks", "None"),
    row("one-hot-too-few", VALUE, lambda: dk.preprocessing.one_hot(KIND, 2), "0 to 2", "2 classes"),
    row("zscore-text", TYPE, lambda: dk.preprocessing.zscore(np.array(["a", "b"])), "zscore"),
    row("encoder-misspelt", VALUE, lambda: dk.preprocessing.TableEncoder(numeric="z-score"),
        "numeric='z-score'", "'zscore'"),
    row("encoder-unknown-argument", TYPE, lambda: dk.preprocessing.TableEncoder(scale="zscore"),
        "TableEncoder", "'scale'"),
    row("encoder-transform-before-fit", VALUE, lambda: dk.preprocessing.TableEncoder().transform(PEOPLE),
        "TableEncoder", "fit(split.train)"),
    row("encoder-of-an-array", TYPE, lambda: dk.preprocessing.TableEncoder().fit(X), "TableEncoder", "DataFrame"),
    row("input-misspelt-argument", TYPE, lambda: dk.Input(4, dype="float32"), "Input", "'dype'", "'dtype'"),
    row("model-without-outputs", TYPE, lambda: dk.Model(dk.Input(4)), "Model", "'outputs'"),
    row("compile-misspelt-argument", TYPE, lambda: net(1).compile(optimiser="adam", loss="mse"),
        "compile", "'optimiser'", "'optimizer'"),

    # files
    row("load-nothing", VALUE, lambda: dk.load_model("none.deepkit"), "none.deepkit", "no file"),
    row("load-number", TYPE, lambda: dk.load_model(3), "3", "name of a file"),
    row("load-truncated", VALUE, lambda: load_changed(lambda data: data[:-7]), "m.deepkit", "cut off", "bytes"),
    row("load-bit-flipped", VALUE, lambda: load_changed(lambda data: data[:-5] + bytes([data[-5] ^ 4]) + data[-4:]),
        "m.deepkit", "damaged", "SHA-256"),
    row("load-empty", VALUE, lambda: load_changed(lambda data: b""), "m.deepkit", "empty"),
    row("load-text", VALUE, lambda: load_changed(lambda data: b"age,sex\n63,1\n"), "m.deepkit", "'age,sex"),
    row("load-pickle", VALUE, lambda: load_changed(lambda data: pickle.dumps([1, 2])), "m.deepkit", "pickle", ".npz"),
    row("load-keras", VALUE, lambda: load_changed(lambda data: b"\x89HDF\r\n\x1a\n"),
        "m.deepkit", "HDF5", "set_weights"),
    row("load-weights-as-model", VALUE, lambda: (says_yes().export("w.npz"), dk.load_model("w.npz")),
        "w.npz", "load_weights"),
    row("load-unknown-class", VALUE, lambda: (with_my_layer().save("m.deepkit"), dk.load_model("m.deepkit")),
        "m.deepkit", "Mine", "custom_objects"),
    row("load-weights-of-another-size", VALUE,
        lambda: (says_yes().export("w.npz"), net(1, shape=5).load_weights("w.npz")),
        "dense/kernel", "(5, 1)", "(4, 1)"),
    row("load-weights-of-other-names", VALUE, lambda: (says_yes().export("w.npz"), deeper().load_weights("w.npz")),
        "dense_1/kernel", "topology"),
    row("save-other-ending", VALUE, lambda: net(1).save("m.h5"), "'m.h5'", ".deepkit"),
    row("save-into-nowhere", VALUE, lambda: says_yes().save("nowhere/m.deepkit"), "nowhere", "no folder"),
    row("export-other-ending", VALUE, lambda: says_yes().export("w.csv"), "'w.csv'", ".npz"),

    # warnings
    row("sigmoid-with-mse", WARNING, lambda: net(1, "sigmoid").compile("adam", "mse"),
        "MeanSquaredError", "sigmoid", "binary_crossentropy"),
    row("softmax-with-mse", WARNING, lambda: net(3, "softmax").compile("adam", "mse"),
        "MeanSquaredError", "softmax", "crossentropy"),
    row("linear-with-poisson", WARNING, lambda: net(1).compile("adam", "poisson"), "Poisson", "softplus"),
    row("batch-size-too-large", WARNING, lambda: fit_yes(X, YES, batch_size=100), "batch_size=100", "12 rows"),
    row("integers", WARNING, lambda: fit_yes(np.arange(48).reshape(12, 4), YES), "x", "int64", "0 to 47", "float32"),
]
# fmt: on

ERRORS = [row for row in ROWS if row.expected is not WARNING]
WARNINGS = [row for row in ROWS if row.expected is WARNING]


def by_id(row):
    return row.id


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    WATCHED.clear()
    COMPILATIONS.clear()


def test_the_counter_of_compilations_counts():
    says_yes().fit(X, YES, verbose=0)
    assert COMPILATIONS


@pytest.mark.parametrize("row", ERRORS, ids=by_id)
def test_a_mistake_is_explained_before_anything_runs(row):
    with pytest.raises(DeepkitError) as caught:
        row.mistake()
    assert type(caught.value) is row.expected
    assert not COMPILATIONS, "something was compiled before the mistake was found"
    for model in WATCHED:
        assert all((np.asarray(weight) == 0.5).all() for weight in jax.tree.leaves(model.variables))
        assert model.history is None
    message = str(caught.value)
    assert [word for word in row.words if word not in message] == [], message
    assert is_written_well(message), message
    inside = [frame for frame in traceback.extract_tb(caught.value.__traceback__) if frame.filename != __file__]
    assert len(inside) <= 1, [f"{frame.filename}: {frame.name}" for frame in inside]


@pytest.mark.parametrize("row", WARNINGS, ids=by_id)
def test_a_doubtful_choice_is_warned_of_once_at_the_users_line(row):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        row.mistake()
    (warning,) = caught
    message = str(warning.message)
    assert warning.category is DeepkitWarning
    assert warning.filename == __file__
    assert [word for word in row.words if word not in message] == [], message
    assert is_written_well(message), message


def is_written_well(message):
    """Whole sentences of readable length, without the traces of code that printed itself."""
    traces = (" object at 0x", "<class ", "<function ", "np.str_(", "NoneType", "ArrayImpl", "SubModel(", "output of o")
    return message.endswith((".", "?", "…")) and len(message) <= 500 and not any(trace in message for trace in traces)


# What is allowed, and how it is taken.


def test_columns_in_another_order_are_put_in_order():
    model = trained_on_a_table()
    backwards = TABLE[TABLE.columns[::-1]]
    np.testing.assert_array_equal(model.predict(backwards), model.predict(TABLE))
    assert model.evaluate(backwards, YES) == model.evaluate(TABLE, YES)


def test_training_goes_on_with_columns_in_another_order():
    one, other = trained_on_a_table(), trained_on_a_table()
    one.fit(TABLE, YES, epochs=2, verbose=0)
    other.fit(TABLE[TABLE.columns[::-1]], YES, epochs=2, verbose=0)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


def test_a_refused_fit_remembers_no_columns():
    model = says_yes()
    with pytest.raises(DeepkitError, match="validation x"):
        model.fit(TABLE, YES, validation_data=(X[:, :2], YES), verbose=0)
    model.fit(TABLE.rename(columns={"sugar": "salt"}), YES, verbose=0)
    assert model.columns == ("age", "height", "pulse", "salt")


def test_initialize_forgets_the_columns():
    model = trained_on_a_table()
    model.initialize(1)
    model.fit(TABLE.rename(columns={"sugar": "salt"}), YES, verbose=0)
    assert model.columns == ("age", "height", "pulse", "salt")


def test_whole_numbers_are_converted_and_said_once():
    model, counts = says_yes(), np.arange(48).reshape(12, 4)
    with pytest.warns(DeepkitWarning, match="float32"):
        model.fit(counts, YES, verbose=0)
    model.fit(counts, YES, verbose=0)
    model.evaluate(counts, YES)
    np.testing.assert_array_equal(model.predict(counts), model.predict(counts.astype("float32")))


def test_a_batch_size_above_the_rows_is_the_full_batch():
    large, full = says_yes(), says_yes()
    with pytest.warns(DeepkitWarning, match="batch_size=100"):
        large.fit(X, YES, batch_size=100, epochs=3, verbose=0)
    full.fit(X, YES, batch_size=None, epochs=3, verbose=0)
    assert large.history.history == full.history.history


def test_a_column_vector_and_a_vector_are_the_same_targets_for_one_unit():
    flat, column = tells_price(), tells_price()
    flat.fit(X, PRICE, verbose=0)
    column.fit(X, PRICE[:, None], verbose=0)
    assert flat.history.history == column.history.history


def test_nullable_columns_of_pandas_are_numbers():
    model = says_yes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeepkitWarning)
        model.fit(TABLE.convert_dtypes(), pd.Series(YES, dtype="Int64"), verbose=0)
    np.testing.assert_array_equal(model.predict(TABLE.convert_dtypes()), model.predict(TABLE))


# The test part: it measures once, and does nothing else.


@pytest.fixture
def split():
    return dk.split(TABLE, pd.Series(YES), train=0.5, dev=0.25, test=0.25)


def test_an_evaluation_opens_the_test_part_once(split):
    model = says_yes()
    model.fit(split.train, validation_data=split.dev, verbose=0)
    model.evaluate(split.test)
    assert split.test.openings == 1


def test_a_prediction_does_not_open_the_test_part(split):
    assert says_yes().predict(split.test).shape == (3, 1)
    assert split.test.openings == 0


def test_what_is_refused_does_not_open_the_test_part(split):
    model = says_yes()
    for refused in (
        lambda: model.fit(split.test),
        lambda: model.fit(split.train, validation_data=split.test),
        lambda: model.fit(split.test.x, YES[:3]),
        lambda: model.train_on_batch(split.test, None),
        lambda: model.evaluate(split.test, YES[:3]),
        lambda: model.fit(split),
    ):
        with pytest.raises(DeepkitError):
            refused()
    assert split.test.openings == 0
