"""Initializers: the same draws as Keras from the same key, statistics, exact values, and what is refused."""

import dataclasses
import inspect
import json
import math

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from deepkit import initializers
from deepkit.configuration import decode, encode
from deepkit.errors import DeepkitTypeError, DeepkitValueError

NAMES = sorted(initializers.INITIALIZERS)
CLASSES = {cls.__name__: cls for cls in initializers.INITIALIZERS.values()}
VOCABULARY = {f"initializers.{name}": cls for name, cls in CLASSES.items()}
VOCABULARY["initializers.FunctionInitializer"] = initializers.FunctionInitializer

CASES = [
    *(cls() for cls in CLASSES.values()),
    initializers.Constant(-2.5),
    initializers.Identity(gain=3),
    initializers.RandomNormal(mean=1.0, stddev=2.0),
    initializers.TruncatedNormal(mean=-1.0, stddev=0.5),
    initializers.RandomUniform(minval=0.0, maxval=4.0),
    initializers.Orthogonal(gain=1.5),
    initializers.TorchDefault(fan_in=7),
    *(
        initializers.VarianceScaling(scale=1.7, mode=mode, distribution=distribution)
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform")
    ),
]
KERAS_CASES = [case for case in CASES if not isinstance(case, initializers.TorchDefault)]
DETERMINISTIC = (initializers.Zeros, initializers.Ones, initializers.Constant, initializers.Identity)
SHAPES = [(5, 7), (3, 3, 4, 8)]


def key_of_keras(seed):
    """The key that Keras's JAX backend makes of an integer seed."""
    return jax.random.wrap_key_data(jnp.array([seed, 0], jnp.uint32), impl="threefry2x32")


def in_keras(initializer, **more):
    fields = {f.name: getattr(initializer, f.name) for f in dataclasses.fields(initializer)}
    return getattr(keras.initializers, type(initializer).__name__)(**fields, **more)


@pytest.mark.parametrize("cls", [cls for cls in CLASSES.values() if cls is not initializers.TorchDefault])
def test_arguments_and_defaults_are_those_of_keras_without_the_seed(cls):
    ours = {p.name: p.default for p in inspect.signature(cls).parameters.values()}
    theirs = inspect.signature(getattr(keras.initializers, cls.__name__)).parameters.values()
    # Keras 3.15's input_axes and output_axes choose the fans of kernels that no layer here has.
    left_out = ("seed", "input_axes", "output_axes", "args", "kwargs")
    assert list(ours.items()) == [(p.name, p.default) for p in theirs if p.name not in left_out]


@pytest.mark.parametrize(
    ("initializer", "shape"),
    [
        pytest.param(initializer, shape, id=f"{initializer!r}-{shape}")
        for initializer in KERAS_CASES
        for shape in SHAPES
        if len(shape) == 2 or not isinstance(initializer, initializers.Identity)
    ],
)
def test_the_same_key_gives_the_same_values_as_keras(initializer, shape):
    seed = {} if isinstance(initializer, DETERMINISTIC) else {"seed": 1337}
    np.testing.assert_allclose(
        initializer(key_of_keras(1337), shape), in_keras(initializer, **seed)(shape), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("initializer", CASES, ids=repr)
def test_shape_and_dtype(initializer, dtype):
    with jax.enable_x64(True):
        values = jax.eval_shape(lambda key: initializer(key, (6, 4), dtype), jax.random.key(0))
    assert values.shape == (6, 4)
    assert values.dtype == jnp.dtype(dtype)


# `VarianceScaling` once for each distribution: its modes, and the names of Glorot, He and LeCun, only set the factor.
KINDS = [
    case
    for case in CASES
    if not type(case).__name__.startswith(("Glorot", "He", "Lecun")) and getattr(case, "mode", "fan_avg") == "fan_avg"
]


@pytest.mark.parametrize("initializer", KINDS, ids=repr)
def test_jit_and_vmap_change_nothing(initializer):
    keys = jax.random.split(jax.random.key(3), 2)
    plain = [initializer(key, (5, 7)) for key in keys]
    drawn = jax.jit(jax.vmap(lambda key: initializer(key, (5, 7))))(keys)
    np.testing.assert_allclose(drawn, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("initializer", CASES, ids=repr)
def test_values_follow_the_key_and_nothing_else(initializer):
    first, again, other = (initializer(jax.random.key(seed), (5, 7)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == isinstance(initializer, DETERMINISTIC)


@pytest.mark.parametrize("initializer", CASES, ids=repr)
def test_round_trip_through_json_and_equality_by_value(initializer):
    copy = decode(json.loads(json.dumps(encode(initializer))), VOCABULARY)
    assert copy == initializer
    assert hash(copy) == hash(initializer)
    assert eval(repr(initializer), dict(CLASSES)) == initializer
    with pytest.raises(DeepkitTypeError, match="cannot be changed"):
        initializer.anything = 1


# Kernels of a Dense layer, of a convolution 3×3, and a bias: (fan_in, fan_out).
FANS = {(): (1, 1), (16,): (16, 16), (300, 200): (300, 200), (3, 3, 40, 90): (360, 810), (5, 7, 11): (35, 55)}


@pytest.mark.parametrize("shape", FANS)
def test_fans(shape):
    assert initializers.fans(shape) == FANS[shape]


@pytest.mark.parametrize("shape", [(300, 200), (3, 3, 40, 90)])
@pytest.mark.parametrize(
    ("name", "variance", "uniform"),
    [
        ("glorot_uniform", lambda i, o: 2 / (i + o), True),
        ("glorot_normal", lambda i, o: 2 / (i + o), False),
        ("he_uniform", lambda i, o: 2 / i, True),
        ("he_normal", lambda i, o: 2 / i, False),
        ("lecun_uniform", lambda i, o: 1 / i, True),
        ("lecun_normal", lambda i, o: 1 / i, False),
        ("torch_default", lambda i, o: 1 / (3 * i), True),
    ],
)
def test_spread(name, variance, uniform, shape):
    values = np.asarray(initializers.get(name)(jax.random.key(5), shape))
    stddev = math.sqrt(variance(*FANS[shape]))
    # 60,000 draws and more: the standard error of both is below half a percent of the deviation.
    assert abs(values.mean()) < 0.02 * stddev
    assert abs(values.std() / stddev - 1) < 0.02
    bound = math.sqrt(3) * stddev if uniform else 2 * stddev / 0.8796256610342398
    assert 0.99 * bound < np.abs(values).max() <= bound * (1 + 1e-6)


def test_spread_that_is_given():
    shape = (400, 400)
    draw = lambda initializer: np.asarray(initializer(jax.random.key(2), shape))  # noqa: E731
    normal = draw(initializers.RandomNormal(1.0, 0.5))
    np.testing.assert_allclose([normal.mean(), normal.std()], [1.0, 0.5], rtol=0.01)
    assert normal.max() > 2.5
    truncated = draw(initializers.TruncatedNormal(1.0, 0.5))
    np.testing.assert_allclose([truncated.mean(), truncated.std()], [1.0, 0.5 * 0.8796], rtol=0.01)
    assert 0 <= truncated.min() < 0.01 and 1.99 < truncated.max() <= 2
    uniform = draw(initializers.RandomUniform(-1.0, 3.0))
    np.testing.assert_allclose([uniform.mean(), uniform.std()], [1.0, 4 / math.sqrt(12)], rtol=0.01)
    assert -1 <= uniform.min() < -0.99 and 2.99 < uniform.max() < 3


def test_torch_default_of_a_bias_uses_the_fan_in_of_its_kernel():
    values = initializers.TorchDefault(fan_in=25)(jax.random.key(0), (5000,))
    assert 0.199 < jnp.abs(values).max() <= 0.2


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (3, 3, 2, 8)])
def test_orthogonal_vectors_are_orthonormal(shape):
    matrix = np.asarray(initializers.Orthogonal(gain=2.0)(jax.random.key(0), shape)).reshape(-1, shape[-1])
    rows, columns = matrix.shape
    gram = matrix.T @ matrix if rows >= columns else matrix @ matrix.T
    np.testing.assert_allclose(gram, 4 * np.eye(min(rows, columns)), atol=1e-5)


def test_deterministic_values():
    key = jax.random.key(0)
    np.testing.assert_array_equal(initializers.Zeros()(key, (2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.Ones()(key, ()), 1)
    np.testing.assert_array_equal(initializers.Constant(7)(key, (2,), jnp.int32), [7, 7])
    np.testing.assert_array_equal(initializers.Identity(2)(key, (2, 3)), [[2, 0, 0], [0, 2, 0]])


@pytest.mark.parametrize("name", NAMES)
def test_get_by_name(name):
    cls = initializers.INITIALIZERS[name]
    assert initializers.get(name) == cls() == initializers.get(cls) == initializers.get(cls.__name__)
    assert isinstance(initializers.get(name), initializers.Initializer)
    if cls not in (initializers.TorchDefault, initializers.Constant):  # Keras's "constant" needs its value.
        assert type(keras.initializers.get(name)).__name__ == cls.__name__


def halves(key, shape, dtype):
    return jnp.full(shape, 0.5, dtype)


def test_a_function_is_an_initializer():
    initializer = initializers.get(halves)
    np.testing.assert_array_equal(initializer(jax.random.key(0), (2,)), [0.5, 0.5])
    assert initializers.get(initializer) is initializer
    vocabulary = {**VOCABULARY, "halves": halves}
    assert decode(json.loads(json.dumps(encode(initializer))), vocabulary) == initializer
    of_jax = initializers.get(jax.nn.initializers.he_normal())(jax.random.key(0), (30, 20))
    assert of_jax.shape == (30, 20)
    with pytest.raises(DeepkitValueError, match=r"halves|<lambda> returned shape \(3,\).*shape \(2,\)"):
        initializers.get(lambda key, shape, dtype: jnp.ones(3))(jax.random.key(0), (2,))


@pytest.mark.parametrize(
    ("attempt", "kind", "message"),
    [
        (
            lambda: initializers.get("glorot_unifrom"),
            DeepkitValueError,
            r"no initializer is called .* Did you mean 'glorot_uniform'\?",
        ),
        (lambda: initializers.get(None), DeepkitTypeError, "name of a initializer|got None"),
        (lambda: initializers.get(3), DeepkitTypeError, "or an Initializer object, got 3"),
        (lambda: initializers.Constant("1"), DeepkitTypeError, r"Constant\(value='1'\): expected a number"),
        (lambda: initializers.Constant(np.ones(2)), DeepkitTypeError, "expected a number, got an array of shape"),
        (lambda: initializers.RandomNormal(0.0, -1.0), DeepkitValueError, r"stddev=-1\.0.*at least 0"),
        (lambda: initializers.RandomNormal(math.nan), DeepkitValueError, r"mean=nan.*finite"),
        (lambda: initializers.RandomUniform(1.0, 0.0), DeepkitValueError, r"Exchange them: RandomUniform\(0"),
        (lambda: initializers.VarianceScaling(0.0), DeepkitValueError, r"scale=0\.0.*above 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), DeepkitValueError, "mode='fan'.*'fan_avg'"),
        (lambda: initializers.VarianceScaling(distribution="gauss"), DeepkitValueError, "'uniform'"),
        (lambda: initializers.TorchDefault(fan_in=0), DeepkitValueError, r"fan_in=0.*at least 1"),
        (
            lambda: initializers.TorchDefault()(jax.random.key(0), (16,)),
            DeepkitValueError,
            r"shape \(16,\) of a bias.*TorchDefault\(fan_in=",
        ),
        (
            lambda: initializers.Orthogonal()(jax.random.key(0), (16,)),
            DeepkitValueError,
            r"two axes, got shape \(16,\)",
        ),
        (
            lambda: initializers.Identity()(jax.random.key(0), (2, 2, 2)),
            DeepkitValueError,
            r"matrices.*shape \(2, 2, 2\)",
        ),
        (
            lambda: initializers.Initializer()(jax.random.key(0), (2,)),
            DeepkitTypeError,
            "does not define __call__",
        ),
    ],
)
def test_refusals(attempt, kind, message):
    with pytest.raises(kind, match=message):
        attempt()


def test_normal_is_the_truncated_normal_as_in_keras():
    scaling = initializers.VarianceScaling(distribution="normal")
    assert scaling == initializers.VarianceScaling(distribution="truncated_normal")
