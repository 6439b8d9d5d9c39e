"""Constraints: parity with Keras, what they promise of the norms, transformations, and what is refused."""

import dataclasses
import functools
import inspect
import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from deepkit import regularizers
from deepkit.configuration import decode, encode
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.regularizers import MaxNorm, MinMaxNorm, NonNeg, UnitNorm

CLASSES = (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
CASES = [
    *(cls() for cls in CLASSES),
    MaxNorm(0.7),
    MaxNorm(1.2, axis=1),
    MaxNorm(1.0, axis=(0, 1)),
    UnitNorm(axis=1),
    MinMaxNorm(0.5, 1.5),
    MinMaxNorm(1.0, 1.2, rate=0.3, axis=1),
]
VOCABULARY = {f"regularizers.{cls.__name__}": cls for cls in (*CLASSES, regularizers.FunctionConstraint)}
WEIGHTS = np.array([[1.5, -2.0, 0.25], [-0.5, 3.0, -0.1]], np.float32)


def in_keras(constraint):
    fields = {f.name: getattr(constraint, f.name) for f in dataclasses.fields(constraint)}
    return getattr(keras.constraints, type(constraint).__name__)(**fields)


@pytest.mark.parametrize("cls", CLASSES)
def test_arguments_and_defaults_are_those_of_keras(cls):
    ours = inspect.signature(cls).parameters.values()
    theirs = inspect.signature(getattr(keras.constraints, cls.__name__)).parameters.values()
    names = [p.name for p in theirs if p.name not in ("args", "kwargs")]
    assert [p.name for p in ours] == names
    assert [p.default for p in ours] == [p.default for p in theirs if p.name in names]


@functools.cache
def compiled(constraint):
    """From one program: what the constraint, what Keras's and what the mapped one makes of weights, full and small."""
    theirs, mapped = in_keras(constraint), jax.vmap(constraint)
    program = jax.jit(lambda stacked: ([constraint(w) for w in stacked], theirs(stacked[0]), mapped(stacked)))
    return program(np.stack([WEIGHTS, np.float32(0.1) * WEIGHTS]))


@pytest.mark.parametrize("constraint", CASES, ids=repr)
def test_values_are_those_of_keras(constraint):
    (ours, _), theirs, _ = compiled(constraint)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("constraint", CASES, ids=repr)
def test_vmap_changes_nothing(constraint):
    one_by_one, _, mapped = compiled(constraint)
    np.testing.assert_allclose(mapped, one_by_one, rtol=1e-6)


@pytest.mark.parametrize("constraint", [cls() for cls in CLASSES], ids=repr)
def test_jit_changes_nothing(constraint):
    one_by_one, _, _ = compiled(constraint)
    plain = [constraint(jnp.asarray(w)) for w in (WEIGHTS, np.float32(0.1) * WEIGHTS)]
    np.testing.assert_allclose(one_by_one, plain, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("constraint", CASES, ids=repr)
def test_shape_and_dtype_are_kept(constraint, dtype):
    with jax.enable_x64(True):
        w = jax.eval_shape(constraint, jax.ShapeDtypeStruct((3, 4), dtype))
    assert w.shape == (3, 4)
    assert w.dtype == jnp.dtype(dtype)


@pytest.mark.parametrize("constraint", CASES, ids=repr)
def test_round_trip_through_json_and_equality_by_value(constraint):
    copy = decode(json.loads(json.dumps(encode(constraint))), VOCABULARY)
    assert copy == constraint
    assert hash(copy) == hash(constraint)


@pytest.mark.parametrize("constraint", CASES, ids=repr)
def test_zero_weights_stay_zero(constraint):
    zeros = [np.zeros((3, 4), dtype) for dtype in ("float16", "float32")]
    for constrained in jax.jit(lambda every: [constraint(w) for w in every])(zeros):
        np.testing.assert_array_equal(constrained, np.zeros((3, 4)))


def test_the_norms_are_as_promised():
    generator = np.random.default_rng(0)
    w = generator.normal(size=(5, 40)).astype(np.float32) * np.linspace(0.01, 2, 40, dtype=np.float32)
    before = np.linalg.norm(w, axis=0)
    norms = lambda constraint: np.linalg.norm(jax.jit(constraint)(w), axis=0)  # noqa: E731
    np.testing.assert_allclose(norms(MaxNorm(1.5)), np.minimum(before, 1.5), rtol=1e-5)
    np.testing.assert_allclose(norms(UnitNorm()), 1, rtol=1e-5)
    np.testing.assert_allclose(norms(MinMaxNorm(0.5, 1.5)), np.clip(before, 0.5, 1.5), rtol=1e-5)
    np.testing.assert_allclose(
        norms(MinMaxNorm(0.5, 1.5, rate=0.25)), 0.75 * before + 0.25 * np.clip(before, 0.5, 1.5), rtol=1e-5
    )
    kernel = generator.normal(size=(3, 3, 4, 6)).astype(np.float32)
    of_filters = np.sqrt(np.square(jax.jit(MaxNorm(2, axis=[0, 1, 2]))(kernel)).sum((0, 1, 2)))
    np.testing.assert_allclose(of_filters, 2, rtol=1e-5)


@pytest.mark.parametrize("constraint", [MaxNorm(2.0), MinMaxNorm(0.0, 2.0), NonNeg()], ids=repr)
def test_what_is_allowed_is_not_touched(constraint):
    # Keras shrinks it by 1e-7 / norm each time, which adds up over the steps of a long run.
    w = np.array([[0.001, 0.3], [0.002, 1.1]], np.float32)
    np.testing.assert_array_equal(jax.jit(constraint)(w), w)


def test_non_neg():
    np.testing.assert_array_equal(NonNeg()(jnp.asarray(WEIGHTS)), np.maximum(WEIGHTS, 0))


def clip_to_one(w):
    return jnp.clip(w, -1, 1)


def test_get_constraint():
    get = regularizers.get_constraint
    assert get(None) is None
    assert get("max_norm") == get("MaxNorm") == get(MaxNorm) == MaxNorm(2, 0)
    assert get("non_neg") == get("NonNeg") == NonNeg()
    assert get("unit_norm") == UnitNorm()
    assert get("min_max_norm") == MinMaxNorm()
    assert get(MaxNorm(3)) == MaxNorm(3)
    mine = get(clip_to_one)
    np.testing.assert_array_equal(mine(jnp.array([-3.0, 0.5])), [-1, 0.5])
    assert get(mine) is mine
    assert decode(json.loads(json.dumps(encode(mine))), {**VOCABULARY, "clip_to_one": clip_to_one}) == mine


@pytest.mark.parametrize(
    ("attempt", "kind", "message"),
    [
        (
            lambda: regularizers.get_constraint("maxnrom"),
            DeepkitValueError,
            r"no constraint is called 'maxnrom'\. Did you mean 'max_norm'\?",
        ),
        (lambda: regularizers.get_constraint(2), DeepkitTypeError, "or a Constraint object, got 2"),
        (lambda: MaxNorm(0), DeepkitValueError, r"MaxNorm\(max_value=0\): expected a number above 0"),
        (
            lambda: MaxNorm(axis="rows"),
            DeepkitTypeError,
            r"axis='rows'\): expected a whole number",
        ),
        (lambda: UnitNorm(axis=0.5), DeepkitTypeError, "expected a whole number"),
        (lambda: MinMaxNorm(2.0, 1.0), DeepkitValueError, r"min_value=2\.0, max_value=1\.0"),
        (lambda: MinMaxNorm(rate=1.5), DeepkitValueError, r"rate=1\.5.*within \[0, 1\]"),
        (
            lambda: regularizers.get_constraint(jnp.sum)(jnp.ones((2, 3))),
            DeepkitValueError,
            r"sum returned shape \(\) for weights of shape \(2, 3\)",
        ),
        (lambda: regularizers.Constraint()(jnp.ones(2)), DeepkitTypeError, "does not define __call__"),
    ],
)
def test_refusals(attempt, kind, message):
    with pytest.raises(kind, match=message):
        attempt()
