"""The table of layers that the harness runs through, each with its Keras twin; further families in `cases_*.py`."""

import importlib
import pathlib
from typing import Any

import jax.numpy as jnp
import numpy as np
from case_kit import NORMAL, K, case

from deepkit import activations, initializers, layers, regularizers
from deepkit.graph import Spec


def twice_and_one(x):
    return 2 * x + 1


def product(pair):
    return pair[0] * pair[1]


def halves(x):
    return {"left": x[:, :2], "right": x[:, 2:]}


def flax_mlp(rngs):
    from flax import nnx

    return nnx.Sequential(
        nnx.Linear(4, 6, rngs=rngs), nnx.BatchNorm(6, rngs=rngs), nnx.tanh, nnx.Linear(6, 3, rngs=rngs)
    )


def flax_dropout(rngs):
    from flax import nnx

    return nnx.Dropout(0.5, rngs=rngs)


FUNCTIONS = [twice_and_one, product, halves, flax_mlp, flax_dropout, jnp.tanh]
VOCABULARY: dict[str, Any] = {
    **{f"layers.{name}": kind for name, kind in layers.NAMES.items()},
    **{f"activations.{f.__name__}": f for f in activations.ACTIVATIONS.values()},
    **{f"initializers.{k.__name__}": k for k in vars(initializers).values() if isinstance(k, type)},
    **{f"regularizers.{k.__name__}": k for k in vars(regularizers).values() if isinstance(k, type)},
    **{function.__name__: function for function in FUNCTIONS},
}


def by_function(name):
    return lambda: K.Activation(name)


L2 = regularizers.L2(0.1)
CASES = [
    case(lambda: layers.Dense(3), (4,), twin=lambda: K.Dense(3)),
    case(lambda: layers.Dense(3, "relu", bias_initializer=NORMAL), (4,), twin=lambda: K.Dense(3, "relu")),
    case(lambda: layers.Dense(3, "softmax"), (2, 4), twin=lambda: K.Dense(3, "softmax")),
    case(lambda: layers.Dense(4, "glu"), (5,), twin=lambda: K.Dense(4, "glu")),
    case(
        lambda: layers.Dense(1, "sigmoid", False, kernel_regularizer=L2, activity_regularizer="l1"),
        (2, 2, 3),
        twin=lambda: K.Dense(1, "sigmoid", False),
    ),
    case(lambda: layers.Dense(2, jnp.tanh, kernel_constraint="max_norm"), (3,), twin=lambda: K.Dense(2, "tanh")),
    case(lambda: layers.Dense(2), (3,), twin=lambda: K.Dense(2), dtype="uint8"),
    case(lambda: layers.Activation("gelu"), (4,), twin=by_function("gelu")),
    case(lambda: layers.Activation(None), (4,), twin=by_function(None)),
    case(lambda: layers.Activation("glu"), (3, 4), twin=by_function("glu")),
    case(lambda: layers.ReLU(), (4,), twin=lambda: K.ReLU()),
    case(lambda: layers.ReLU(1.0, 0.2, 0.5), (4,), twin=lambda: K.ReLU(1.0, 0.2, 0.5)),
    case(lambda: layers.LeakyReLU(), (4,), twin=lambda: K.LeakyReLU()),
    case(lambda: layers.LeakyReLU(0.01), (4,), twin=lambda: K.LeakyReLU(0.01)),
    case(lambda: layers.PReLU(NORMAL), (2, 3), twin=lambda: K.PReLU()),
    case(lambda: layers.PReLU(NORMAL, shared_axes=(1, 2)), (2, 2, 3), twin=lambda: K.PReLU(shared_axes=(1, 2))),
    case(lambda: layers.ReLU6(), (4,), twin=by_function("relu6")),
    case(lambda: layers.ELU(), (4,), twin=lambda: K.ELU()),
    case(lambda: layers.ELU(0.5), (4,), twin=lambda: K.ELU(0.5)),
    case(lambda: layers.SELU(), (4,), twin=by_function("selu")),
    case(lambda: layers.GELU(), (4,), twin=by_function("gelu")),
    case(lambda: layers.GELU(approximate=True), (4,)),
    case(lambda: layers.SiLU(), (4,), twin=by_function("silu")),
    case(lambda: layers.Softplus(), (4,), twin=by_function("softplus")),
    case(lambda: layers.Softsign(), (4,), twin=by_function("softsign")),
    case(lambda: layers.Mish(), (4,), twin=by_function("mish")),
    case(lambda: layers.HardSigmoid(), (4,), twin=by_function("hard_sigmoid")),
    case(lambda: layers.HardSiLU(), (4,), twin=by_function("hard_silu")),
    case(lambda: layers.HardTanh(), (4,), twin=by_function("hard_tanh")),
    case(lambda: layers.Sigmoid(), (4,), twin=by_function("sigmoid")),
    case(lambda: layers.Tanh(), (4,), twin=by_function("tanh")),
    case(lambda: layers.Exponential(), (4,), twin=by_function("exponential")),
    case(lambda: layers.Softmax(), (3, 4), twin=lambda: K.Softmax()),
    case(lambda: layers.Softmax(1), (3, 4), twin=lambda: K.Softmax(1)),
    case(lambda: layers.LogSoftmax(), (4,), twin=by_function("log_softmax")),
    case(lambda: layers.LogSoftmax(axis=1), (4, 3)),
    case(lambda: layers.GLU(), (4,), twin=by_function("glu")),
    case(lambda: layers.GLU(axis=1), (4, 3)),
    case(lambda: layers.ReLU(), (4,), dtype="int32"),
    case(lambda: layers.Flatten(), (2, 3, 2), twin=lambda: K.Flatten()),
    case(lambda: layers.Flatten(), (), twin=lambda: K.Flatten()),
    case(lambda: layers.Flatten(), (4,), dtype="int32"),
    case(lambda: layers.Reshape((3, 4)), (2, 6), twin=lambda: K.Reshape((3, 4))),
    case(lambda: layers.Reshape((2, -1, 3)), (12,), twin=lambda: K.Reshape((2, -1, 3))),
    case(lambda: layers.Reshape(6), (2, 3)),
    case(lambda: layers.Dropout(0.4), (5,), random=True),
    case(lambda: layers.Dropout(0.0), (5,), twin=lambda: K.Dropout(0.0)),
    case(lambda: layers.Dropout(0.4, noise_shape=(None, 1, 3)), (4, 3), random=True),
    case(lambda: layers.Dropout(0.4), (5,), random=True, dtype="int32"),
    case(lambda: layers.GaussianNoise(0.3), (5,), random=True),
    case(lambda: layers.GaussianNoise(0), (5,), twin=lambda: K.GaussianNoise(0.0)),
    case(
        lambda: layers.BatchNormalization(gamma_initializer=NORMAL, moving_mean_initializer=NORMAL),
        (4,),
        twin=lambda: K.BatchNormalization(),
    ),
    case(
        lambda: layers.BatchNormalization(
            1, 0.5, 0.1, beta_initializer=NORMAL, moving_variance_initializer=initializers.Constant(3.0)
        ),
        (3, 2, 4),
        twin=lambda: K.BatchNormalization(1, 0.5, 0.1),
    ),
    case(
        lambda: layers.BatchNormalization(center=False, scale=False),
        (2, 3),
        twin=lambda: K.BatchNormalization(center=False, scale=False),
    ),
    case(
        lambda: layers.BatchNormalization(trainable=False, gamma_initializer=NORMAL),
        (4,),
        twin=lambda: K.BatchNormalization(trainable=False),
    ),
    case(
        lambda: layers.LayerNormalization(gamma_initializer=NORMAL, beta_initializer=NORMAL),
        (5,),
        twin=lambda: K.LayerNormalization(),
    ),
    case(
        lambda: layers.LayerNormalization((2, -1), 0.1, gamma_initializer=NORMAL),
        (3, 2, 4),
        twin=lambda: K.LayerNormalization((2, 3), 0.1),
    ),
    case(lambda: layers.LayerNormalization(center=False, scale=False), (2, 3)),
    case(
        lambda: layers.Normalization(mean=(1.0, 2.0, 3.0), variance=(4.0, 0.5, 9.0)),
        (2, 3),
        twin=lambda: K.Normalization(mean=(1.0, 2.0, 3.0), variance=(4.0, 0.5, 9.0)),
    ),
    case(
        lambda: layers.Normalization(axis=None, mean=1.0, variance=4.0, invert=True),
        (3,),
        twin=lambda: K.Normalization(axis=None, mean=1.0, variance=4.0, invert=True),
    ),
    case(lambda: layers.Rescaling(1 / 255), (2, 3), twin=lambda: K.Rescaling(1 / 255), dtype="uint8"),
    case(lambda: layers.Rescaling([1.0, 2.0], -1.0), (3, 2)),
    case(lambda: layers.Add(), (4,), (4,), (4,), twin=lambda: K.Add()),
    case(lambda: layers.Add(), (4,), (3, 4), (1,), twin=lambda: K.Add()),
    case(lambda: layers.Subtract(), (2, 4), (4,), twin=lambda: K.Subtract()),
    case(lambda: layers.Multiply(), (4,), (1,), (4,), twin=lambda: K.Multiply()),
    case(lambda: layers.Average(), (4,), (4,), (4,), twin=lambda: K.Average()),
    case(lambda: layers.Average(), (4,), (4,), dtype="int32"),
    case(lambda: layers.Maximum(), (4,), (4,), twin=lambda: K.Maximum()),
    case(lambda: layers.Minimum(), (4,), (2, 4), twin=lambda: K.Minimum()),
    case(lambda: layers.Concatenate(), (2, 3), (2, 1), (2, 2), twin=lambda: K.Concatenate()),
    case(lambda: layers.Concatenate(axis=1), (2, 3), (4, 3), twin=lambda: K.Concatenate(axis=1)),
    case(lambda: layers.Dot(1), (4,), (4,), twin=lambda: K.Dot(1)),
    case(lambda: layers.Dot((2, 1), normalize=True), (2, 3), (3, 4), twin=lambda: K.Dot((2, 1), normalize=True)),
    case(lambda: layers.Dot(-1), (2, 3, 4), (5, 4), twin=lambda: K.Dot(-1)),
    case(lambda: layers.Dot((1, 2), normalize=True), (3, 2), (2, 3), twin=lambda: K.Dot((1, 2), normalize=True)),
    case(lambda: layers.Lambda(twice_and_one), (3, 2), twin=lambda: K.Lambda(twice_and_one)),
    case(lambda: layers.Lambda(product), (3,), (3,), twin=lambda: K.Lambda(product)),
    case(lambda: layers.Lambda(halves), (5,)),
    case(lambda: layers.Flax(flax_mlp), (4,)),
    case(lambda: layers.Flax(flax_dropout), (4,), random=True),
]
for family in sorted(pathlib.Path(__file__).parent.glob("cases_*.py")):
    CASES += importlib.import_module(family.stem).CASES


def specs_of(case, dtype=None):
    return [Spec((None, *row), dtype or case.dtype) for row in case.rows]


def arrays_of(case, batch, dtype=None, seed=0):
    """Inputs drawn with a seed: normal numbers, or small integers."""
    draw = np.random.default_rng(seed)
    dtype = dtype or case.dtype
    return [
        draw.normal(size=(batch, *row)).astype(dtype)
        if dtype.startswith("float")
        else draw.integers(0, 9, (batch, *row)).astype(dtype)
        for row in case.rows
    ]
