"""Regularizers: parity with Keras, closed forms, transformations, and what is refused."""

import dataclasses
import functools
import inspect
import json
import math

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from deepkit import regularizers
from deepkit.configuration import decode, encode
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.regularizers import L1, L1L2, L2

CASES = [L1(), L2(), L1L2(), L1(0.3), L2(0.2), L1L2(0.1, 0.4), L1L2(l2=0.1)]
VOCABULARY = {f"regularizers.{cls.__name__}": cls for cls in (L1, L2, L1L2, regularizers.FunctionRegularizer)}
WEIGHTS = np.array([[1.5, -2.0, 0.25], [-0.5, 3.0, -1.0]], np.float32)


def in_keras(regularizer):
    fields = {f.name: getattr(regularizer, f.name) for f in dataclasses.fields(regularizer)}
    return getattr(keras.regularizers, type(regularizer).__name__)(**fields)


@pytest.mark.parametrize("cls", [L1, L2, L1L2])
def test_arguments_and_defaults_are_those_of_keras(cls):
    ours = inspect.signature(cls).parameters.values()
    theirs = inspect.signature(getattr(keras.regularizers, cls.__name__)).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


STACKED = np.stack([WEIGHTS, 2 * WEIGHTS])


@functools.cache
def compiled(regularizer):
    """From one program: values and gradients of ours and of Keras's; ours of several arrays, also mapped."""
    theirs, mapped = in_keras(regularizer), jax.vmap(regularizer)

    @jax.jit
    def program(x, stacked):
        pair = [jax.value_and_grad(penalty)(x) for penalty in (regularizer, theirs)]
        return *pair, [regularizer(x) for x in stacked], mapped(stacked)

    return program(WEIGHTS, STACKED)


@pytest.mark.parametrize("regularizer", CASES, ids=repr)
def test_values_and_gradients_are_those_of_keras(regularizer):
    ours, theirs, _, _ = compiled(regularizer)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), ours, theirs)


@pytest.mark.parametrize("regularizer", CASES, ids=repr)
def test_gradients_agree_with_central_differences_in_float64(regularizer):
    with jax.enable_x64(True):
        x, step = WEIGHTS.astype(np.float64), 1e-6
        steps = step * np.eye(x.size).reshape(-1, *x.shape)
        program = jax.jit(lambda x, moved: (jax.grad(regularizer)(x), jax.vmap(jax.vmap(regularizer))(moved)))
        gradient, (above, below) = program(x, np.stack([x + steps, x - steps]))
        assert gradient.dtype == jnp.float64
        np.testing.assert_allclose(gradient.ravel(), (above - below) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("regularizer", CASES, ids=repr)
def test_vmap_changes_nothing(regularizer):
    _, _, one_by_one, mapped = compiled(regularizer)
    np.testing.assert_allclose(mapped, one_by_one, rtol=1e-6)


@pytest.mark.parametrize("regularizer", [L1(), L2(), L1L2()], ids=repr)
def test_jit_changes_nothing(regularizer):
    _, _, one_by_one, _ = compiled(regularizer)
    np.testing.assert_allclose(one_by_one, [regularizer(jnp.asarray(x)) for x in STACKED], rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("regularizer", CASES, ids=repr)
def test_a_scalar_of_the_dtype_of_the_input(regularizer, dtype, shape):
    with jax.enable_x64(True):
        penalty = jax.eval_shape(regularizer, jax.ShapeDtypeStruct(shape, dtype))
    assert penalty.shape == ()
    assert penalty.dtype == jnp.dtype(dtype)


@pytest.mark.parametrize("regularizer", CASES, ids=repr)
def test_round_trip_through_json_and_equality_by_value(regularizer):
    copy = decode(json.loads(json.dumps(encode(regularizer))), VOCABULARY)
    assert copy == regularizer
    assert hash(copy) == hash(regularizer)
    with pytest.raises(DeepkitTypeError, match="cannot be changed"):
        regularizer.l1 = 1.0


def test_closed_forms():
    x = np.array([3.0, -4.0], np.float32)
    penalties = L1(0.1), L2(0.1), L1L2(0.1, 0.1)
    values, (of_l1, of_l2, _) = jax.jit(lambda x: ([p(x) for p in penalties], [jax.grad(p)(x) for p in penalties]))(x)
    np.testing.assert_allclose(values, [0.7, 2.5, 3.2], rtol=1e-6)
    # D9 of the courses, w ← (1 − εα)w: one step of rate ε on this penalty, with α twice its factor.
    np.testing.assert_allclose(x - 0.5 * np.asarray(of_l2), (1 - 0.5 * 0.2) * x, rtol=1e-6)
    np.testing.assert_allclose(of_l1, [0.1, -0.1], rtol=1e-6)
    assert jax.jit(jax.grad(L1(0.1)))(0.0) == 0


def sum_of_cubes(x):
    return jnp.sum(x**3)


def test_get():
    assert regularizers.get(None) is None
    assert regularizers.get("l1") == regularizers.get(L1) == L1(0.01)
    assert regularizers.get("L2") == L2(0.01)
    assert regularizers.get("l1_l2") == regularizers.get("L1L2") == L1L2(0.01, 0.01)
    assert regularizers.get(L1(0.5)) == L1(0.5)
    mine = regularizers.get(sum_of_cubes)
    assert mine(jnp.array([1.0, 2.0])) == 9
    assert regularizers.get(mine) is mine
    assert decode(json.loads(json.dumps(encode(mine))), {**VOCABULARY, "sum_of_cubes": sum_of_cubes}) == mine


@pytest.mark.parametrize(
    ("attempt", "kind", "message"),
    [
        (
            lambda: regularizers.get("l3"),
            DeepkitValueError,
            "no regularizer is called 'l3'. Known names: l1, l1_l2, l2",
        ),
        (lambda: regularizers.get(0.01), DeepkitTypeError, r"or a Regularizer object, got 0\.01"),
        (lambda: L1(-1), DeepkitValueError, r"L1\(l1=-1\): expected a number of at least 0"),
        (lambda: L2(math.inf), DeepkitValueError, r"L2\(l2=inf\): expected a finite number"),
        (lambda: L1L2(l1="much"), DeepkitTypeError, r"L1L2\(l1='much'\): expected a number, got .much."),
        (
            lambda: regularizers.get(jnp.abs)(jnp.ones((2, 3))),
            DeepkitValueError,
            r"abs.* returned shape \(2, 3\).*not a single number. Sum",
        ),
        (lambda: regularizers.Regularizer()(jnp.ones(2)), DeepkitTypeError, "does not define __call__"),
    ],
)
def test_refusals(attempt, kind, message):
    with pytest.raises(kind, match=message):
        attempt()
