"""Any optax transformation as an optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from deepkit import optimizers
from deepkit.configuration import encode
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.optimizers import OptaxOptimizer, schedules

ARRAYS = {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.ones(3, np.float32)}
PARAMS = jax.tree.map(jnp.asarray, {"dense": ARRAYS, "flatten": {}})
GRADIENTS = jax.tree.map(jnp.asarray, {"dense": {name: 0.1 * p + 1 for name, p in ARRAYS.items()}, "flatten": {}})


def run(optimizer, steps=5, rate=None):
    params, state = PARAMS, optimizer.init(PARAMS)

    @jax.jit
    def step(state, params, rate):
        updates, state = optimizer.update(GRADIENTS, state, params, rate)
        return optax.apply_updates(params, updates), state

    for number in range(steps):
        params, state = step(state, params, optimizer.schedule(number) if rate is None else rate)
    return params


def run_optax(transformation, steps=5):
    params, state = PARAMS, transformation.init(PARAMS)

    @jax.jit
    def step(state, params):
        updates, state = transformation.update(GRADIENTS, state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(steps):
        params, state = step(state, params)
    return params


def assert_close(left, right):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5), left, right)


@pytest.mark.parametrize(
    "transformation",
    [
        optax.adam(0.01),
        optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(optax.cosine_decay_schedule(0.1, 10), 0.9)),
        optax.adamw(0.01, weight_decay=0.1, mask={"dense": {"kernel": True, "bias": False}, "flatten": {}}),
        optax.MultiSteps(optax.sgd(0.1), 2).gradient_transformation(),
        optax.inject_hyperparams(optax.adam)(learning_rate=0.01),
        optax.inject_hyperparams(optax.sgd)(learning_rate=optax.linear_schedule(0.1, 0.0, 5)),
        optax.chain(optax.clip(1.0), optax.inject_hyperparams(optax.sgd)(learning_rate=0.01)),
    ],
)
def test_it_does_what_optax_does(transformation):
    assert_close(run(optimizers.get(transformation)), run_optax(transformation))


def test_an_injected_rate_is_read_and_followed():
    optimizer = OptaxOptimizer(optax.inject_hyperparams(optax.adam)(learning_rate=0.01))
    assert optimizer.learning_rate == pytest.approx(0.01)
    assert_close(run(optimizer, rate=0.2), run_optax(optax.adam(0.2)))
    optimizer.learning_rate = 0.2
    assert_close(run(optimizer), run_optax(optax.adam(0.2)))


def test_a_schedule_can_drive_an_injected_rate():
    decay = schedules.ExponentialDecay(0.1, 2, 0.5)
    injected = optax.inject_hyperparams(optax.sgd)(learning_rate=0.3)
    assert_close(run(OptaxOptimizer(injected, learning_rate=decay)), run_optax(optax.sgd(decay)))


def test_otherwise_the_rate_is_a_factor():
    optimizer = OptaxOptimizer(optax.sgd(0.2))
    assert optimizer.learning_rate == 1.0
    assert_close(run(optimizer, rate=0.5), run_optax(optax.sgd(0.1)))


def test_clipping_and_average_are_ours():
    optimizer = OptaxOptimizer(optax.sgd(0.1), global_clipnorm=1.0, use_ema=True)
    assert_close(run(optimizer), run_optax(optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1))))
    state = optimizer.init(PARAMS)
    updates, state = jax.jit(optimizer.update)(GRADIENTS, state, PARAMS, 1.0)
    assert_close(jax.jit(optimizer.averaged)(state, PARAMS), optax.apply_updates(PARAMS, updates))


def test_what_it_refuses():
    with pytest.raises(DeepkitTypeError, match=r"optax\.GradientTransformation.*JSON"):
        encode(OptaxOptimizer(optax.sgd(0.1)))
    with pytest.raises(DeepkitValueError, match=r"add_decayed_weights"):
        OptaxOptimizer(optax.sgd(0.1), weight_decay=0.1)
    with pytest.raises(DeepkitTypeError, match=r"Call optax's function first"):
        OptaxOptimizer(optax.adam)
    with pytest.raises(DeepkitTypeError, match=r"Call it: adam"):
        optimizers.get(optax.adam)


def test_equality_is_that_of_the_transformation():
    transformation = optax.sgd(0.1)
    assert OptaxOptimizer(transformation) == OptaxOptimizer(transformation)
    assert OptaxOptimizer(transformation) != OptaxOptimizer(optax.sgd(0.1))
    assert "optax.GradientTransformation" in repr(OptaxOptimizer(transformation))
    assert OptaxOptimizer(transformation).replace(clipnorm=1.0).clipnorm == 1.0
