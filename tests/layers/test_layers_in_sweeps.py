"""A member of a sweep is the model trained alone, whatever layers it is made of: every class of the table, fifteen or
so in a model.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases import CASES, arrays_of

import deepkit as dk
from deepkit import layers

ROWS = 6
RUN = {"epochs": 2, "batch_size": None, "shuffle": False}
MODELS = 8
MIXING = (layers.MixUp, layers.CutMix)
"""Their rows have other targets than those of the layers beside them: they have a model of their own."""


def mean(x):
    return x.astype(jnp.float32).reshape(len(x), -1).mean(axis=1, keepdims=True)


def first_of_each_class():
    found = {}
    for case in CASES:
        found.setdefault(type(case.layer()), case)
    return [case for kind, case in found.items() if not issubclass(kind, MIXING)]


def side_by_side(cases, rate):
    """One number from each layer, and a Dense that reads them."""
    inputs, means = [], []
    for case in cases:
        own = [dk.Input(row, dtype=case.dtype) for row in case.rows]
        outputs = jax.tree.leaves(case.layer()(own if len(own) > 1 else own[0]))
        inputs += own
        means += [layers.Lambda(mean)(output) for output in outputs]
    model = dk.Model(inputs, layers.Dense(1)(layers.Concatenate()(means)))
    model.compile(dk.optimizers.SGD(rate), "mse")
    return model


def mixing(rate):
    x = dk.Input((4, 4, 2))
    model = dk.Model(x, layers.Dense(1)(layers.Flatten()(layers.CutMix()(layers.MixUp()(x)))))
    model.compile(dk.optimizers.SGD(rate), "mse")
    return model


def same_as_alone(build, x):
    y = np.random.default_rng(0).normal(size=(ROWS, 1)).astype("float32")
    result = dk.sweep(build, (x, y), grid={"rate": [0.01, 0.02]}, seeds=[3], width=2, verbose=0, **RUN)
    assert result.programs == 1
    model = build(0.02)
    history = model.fit(x, y, seed=3, verbose=0, **RUN)
    trained = result.member(1)
    np.testing.assert_allclose(trained.history["loss"], history["loss"], rtol=1e-4)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), trained.model.weights(), model.weights()
    )


@pytest.mark.parametrize("part", range(MODELS))
def test_every_layer(part):
    cases = first_of_each_class()[part::MODELS]
    same_as_alone(lambda rate: side_by_side(cases, rate), [x for case in cases for x in arrays_of(case, ROWS)])


def test_layers_that_mix_rows():
    same_as_alone(mixing, np.random.default_rng(1).normal(size=(ROWS, 4, 4, 2)).astype("float32"))
