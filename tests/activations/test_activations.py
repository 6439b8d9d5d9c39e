"""Activations: parity with Keras, closed forms, transformations, and what is refused."""

import functools
import inspect
import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from deepkit import activations
from deepkit.configuration import decode, encode
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph.spec import Meaning

NAMES = sorted(activations.ACTIVATIONS)
VOCABULARY = {f"activations.{f.__name__}": f for f in activations.ACTIVATIONS.values()}

# Off the corners of the piecewise functions, where derivatives are a matter of definition.
POINTS = np.array([[-8.5, -3.2, -1.7, -0.4], [0.3, 0.9, 2.6, 7.1]], np.float32)

VARIANTS = [
    ("relu", {"negative_slope": 0.2}),
    ("relu", {"max_value": 2.0}),
    ("relu", {"max_value": 6}),
    ("relu", {"threshold": 1.0}),
    ("relu", {"negative_slope": 0.1, "max_value": 2.5, "threshold": 0.5}),
    ("leaky_relu", {"negative_slope": 0.01}),
    ("elu", {"alpha": 0.5}),
    ("gelu", {"approximate": True}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {"axis": 0}),
    ("glu", {"axis": 0}),
]
CASES = [(name, {}) for name in NAMES if name not in ("swish", "hard_swish")] + VARIANTS


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_are_those_of_keras(name):
    ours = inspect.signature(activations.get(name)).parameters
    theirs = inspect.signature(keras.activations.get(name)).parameters
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


STACKED = np.stack([POINTS, POINTS + np.float32(0.05)])
WEIGHTS = np.linspace(0.5, 2.0, 8, dtype=np.float32).reshape(2, 4)


def total_of(function):
    """A weighted sum of what the function gives, so that every value has a gradient of its own."""

    def total(x):
        y = function(x)
        return jnp.sum(y * WEIGHTS[: y.shape[0], : y.shape[1]])

    return total


@functools.cache
def compiled(case):
    """From one program: values and gradients of ours and of Keras's at `POINTS`; ours at `STACKED`, also mapped."""
    name, options = CASES[case]
    ours, theirs = (functools.partial(which.get(name), **options) for which in (activations, keras.activations))

    @jax.jit
    def program(x, stacked):
        pair = [(f(x), jax.grad(total_of(f))(x)) for f in (ours, theirs)]
        return *pair, [ours(x) for x in stacked], jax.vmap(ours)(stacked)

    return program(POINTS, STACKED)


each_case = pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{name}-{options}" for name, options in CASES])


@each_case
def test_values_and_gradients_are_those_of_keras(case):
    (value, gradient), (value_of_keras, gradient_of_keras), _, _ = compiled(case)
    np.testing.assert_allclose(value, value_of_keras, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gradient, gradient_of_keras, rtol=1e-5, atol=1e-6)


@each_case
def test_vmap_changes_nothing(case):
    _, _, one_by_one, mapped = compiled(case)
    np.testing.assert_allclose(mapped, one_by_one, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", [case for case, (_, options) in enumerate(CASES) if not options])
def test_jit_changes_nothing(case):
    _, _, one_by_one, _ = compiled(case)
    function = activations.get(CASES[case][0])
    np.testing.assert_allclose([function(x) for x in STACKED], one_by_one, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_gradients_agree_with_central_differences_in_float64(name, options):
    steps = 1e-6 * np.eye(POINTS.size).reshape(-1, *POINTS.shape)
    total = total_of(functools.partial(activations.get(name), **options))
    with jax.enable_x64(True):
        both = jax.jit(lambda x, moved: (jax.grad(total)(x), jax.vmap(jax.vmap(total))(moved)))
        gradient, (above, below) = both(POINTS.astype(np.float64), np.stack([POINTS + steps, POINTS - steps]))
        assert gradient.dtype == jnp.float64
        np.testing.assert_allclose(gradient.ravel(), (above - below) / 2e-6, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_shape_and_dtype_follow_the_input(name, options, dtype):
    with jax.enable_x64(True):
        function = functools.partial(activations.get(name), **options)
        y = jax.eval_shape(function, jax.ShapeDtypeStruct((4, 6), dtype))
    halves = {"glu": {-1: (4, 3), 0: (2, 6)}[options.get("axis", -1)]}
    assert y.shape == halves.get(name, (4, 6))
    assert y.dtype == jnp.dtype(dtype)


@functools.cache
def seen(name):
    """From one program: values and gradients at extreme inputs, and values of ordinary ones."""
    function = activations.get(name)
    extreme = np.array([-80.0, -30.0, 30.0, 80.0], np.float32)
    ordinary = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32) * 5
    program = jax.jit(lambda x, y: (function(x), jax.grad(lambda x: function(x).sum())(x), function(y)))
    return [np.asarray(array) for array in program(extreme, ordinary)]


@pytest.mark.parametrize("name", NAMES)
def test_extreme_inputs_give_finite_gradients(name):
    # exp itself grows without bound; everything else must survive float32 inputs of this size.
    values, gradient, _ = seen(name)
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_through_json(name):
    function = activations.get(name)
    assert decode(json.loads(json.dumps(encode(function))), VOCABULARY) is function


@pytest.mark.parametrize("name", NAMES)
def test_the_meaning_is_true_of_the_values(name):
    y = seen(name)[2]
    match activations.meaning_of(activations.get(name)):
        case Meaning.PROBABILITY:
            assert (y >= 0).all() and (y <= 1).all()
            assert np.abs(y.sum(-1) - 1).max() > 0.1
        case Meaning.DISTRIBUTION:
            assert (y >= 0).all()
            np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-5)
        case Meaning.LOG_DISTRIBUTION:
            np.testing.assert_allclose(np.exp(y).sum(-1), 1, rtol=1e-5)
        case Meaning.NON_NEGATIVE:
            assert (y >= 0).all() and y.max() > 1
        case Meaning.BOUNDED:
            assert (np.abs(y) <= 1).all() and y.min() < 0
        case Meaning.REAL:
            assert y.min() < 0 and y.max() > 1


@pytest.mark.parametrize(
    ("function", "meaning"),
    [
        (activations.sigmoid, Meaning.PROBABILITY),
        (activations.hard_sigmoid, Meaning.PROBABILITY),
        (activations.softmax, Meaning.DISTRIBUTION),
        (activations.log_softmax, Meaning.LOG_DISTRIBUTION),
        (activations.relu, Meaning.NON_NEGATIVE),
        (activations.relu6, Meaning.NON_NEGATIVE),
        (activations.softplus, Meaning.NON_NEGATIVE),
        (activations.exponential, Meaning.NON_NEGATIVE),
        (activations.tanh, Meaning.BOUNDED),
        (activations.softsign, Meaning.BOUNDED),
        (activations.hard_tanh, Meaning.BOUNDED),
        (activations.linear, Meaning.REAL),
        (activations.gelu, Meaning.REAL),
        (jax.nn.sigmoid, Meaning.PROBABILITY),
        (jax.nn.softmax, Meaning.DISTRIBUTION),
        (jnp.tanh, Meaning.BOUNDED),
        (functools.partial(activations.softmax, axis=1), Meaning.REAL),
        (lambda x: x, Meaning.REAL),
    ],
)
def test_meaning(function, meaning):
    assert activations.meaning_of(function) is meaning


def test_only_sigmoid_and_softmax_read_logits():
    logits = [name for name in NAMES if activations.reads_logits(activations.get(name))]
    assert logits == ["sigmoid", "softmax"]
    assert activations.reads_logits(jax.nn.sigmoid)
    assert not activations.reads_logits(lambda x: jax.nn.sigmoid(x))


def test_peak_derivatives():
    # A5 of the courses.
    x = np.linspace(-6, 6, 1201, dtype=np.float32)
    peaks = {"sigmoid": 0.25, "tanh": 1.0, "softsign": 1.0}
    derivatives = jax.jit(lambda x: [jax.vmap(jax.grad(activations.get(name)))(x) for name in peaks])(x)
    for derivative, peak in zip(map(np.asarray, derivatives), peaks.values(), strict=True):
        np.testing.assert_allclose(derivative.max(), peak, rtol=1e-6)
        np.testing.assert_allclose(x[derivative.argmax()], 0, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"negative_slope": 0.3},
        {"max_value": 2.0},
        {"threshold": 0.5},
        {"negative_slope": 0.3, "threshold": 0.5, "max_value": 2.0},
    ],
)
def test_the_derivative_of_relu_at_its_threshold_is_zero(options):
    assert jax.jit(jax.grad(lambda x: activations.relu(x, **options)))(options.get("threshold", 0.0)) == 0


def test_the_derivative_at_the_other_corners_is_as_documented():
    assert jax.jit(jax.grad(activations.leaky_relu))(0.0) == 1
    relu6 = jax.jit(jax.grad(activations.relu6))
    assert relu6(0.0) == 0
    assert relu6(6.0) == 0


def test_closed_forms():
    logits = np.array([1.0, 4.0, 3.0], np.float32)
    large = np.array([500.0, 400.0, 450.0], np.float32)
    softmax = jax.jit(activations.softmax)
    # C19 of the courses.
    np.testing.assert_allclose(softmax(logits), [0.0351, 0.7054, 0.2595], atol=5e-5)
    logarithms = jax.jit(activations.log_softmax)(logits)
    np.testing.assert_allclose(logarithms, [-3.349012, -0.349012, -1.349012], atol=1e-6)
    # D4: far beyond what exp can hold.
    np.testing.assert_allclose(softmax(large), [1, 0, 0], atol=1e-6)
    assert np.isfinite(jax.jit(jax.jacobian(activations.softmax))(large)).all()
    z = np.linspace(-4, 4, 9, dtype=np.float32)

    @jax.jit
    def program(z):
        tanh = activations.tanh(z), 2 * activations.sigmoid(2 * z) - 1
        return activations.sigmoid(z), tanh, activations.hard_sigmoid(z), activations.relu(z, threshold=1.0)

    sigmoid, (tanh, of_sigmoid), hard_sigmoid, relu = program(z)
    np.testing.assert_allclose(softmax(np.stack([z, np.zeros_like(z)], 1))[:, 0], sigmoid, rtol=1e-5)
    np.testing.assert_allclose(tanh, of_sigmoid, atol=1e-6)
    np.testing.assert_allclose(hard_sigmoid, np.clip(z / 6 + 0.5, 0, 1), atol=1e-6)
    np.testing.assert_allclose(relu, np.where(z > 1, z, 0))
    assert jax.jit(activations.softplus)(np.float32(200)) == 200


def test_selu_keeps_mean_and_variance():
    x = np.random.default_rng(1).normal(size=200_000).astype(np.float32)
    y = np.asarray(jax.jit(activations.selu)(x))
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02


def test_get():
    def mine(x):
        return x * x

    assert activations.get(None) is activations.linear
    assert activations.get("relu") is activations.relu
    assert activations.get("LeakyReLU") is activations.leaky_relu
    assert activations.get("swish") is activations.silu
    assert activations.get("hard_swish") is activations.hard_silu
    for function in (mine, jax.nn.relu, functools.partial(activations.softmax, axis=1), np.tanh):
        assert activations.get(function) is function


class DeclaredLayer:
    def output_specs(self, *inputs):
        return inputs

    def __call__(self, x):
        return x


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        ("rellu", DeepkitValueError, r"no activation is called 'rellu'\. Did you mean 'relu'\?"),
        ("", DeepkitValueError, "Known names: elu, .*softsign"),
        ("prelu", DeepkitValueError, r"learned.*dk\.layers\.PReLU"),
        ("PReLU", DeepkitValueError, r"learned.*dk\.layers\.PReLU"),
        (3, DeepkitTypeError, "such as 'relu', or a function, got 3"),
        (DeclaredLayer(), DeepkitTypeError, "is a layer.*Put it after this layer"),
        (DeclaredLayer, DeepkitTypeError, "is a layer.*Put it after this layer"),
    ],
)
def test_get_refuses(wrong, kind, message):
    with pytest.raises(kind, match=message):
        activations.get(wrong)


def test_glu_refuses_an_odd_size():
    with pytest.raises(DeepkitValueError, match=r"axis -1 .* shape \(2, 5\) has 5 values.*even number"):
        activations.glu(jnp.ones((2, 5)))
