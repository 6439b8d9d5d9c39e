"""Every schedule: parity with Keras or a closed form, JSON, tracing, and its refusals."""

import json
import math

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

from deepkit import optimizers
from deepkit.configuration import decode, encode
from deepkit.errors import DeepkitError
from deepkit.optimizers import schedules

VOCABULARY = {f"optimizers.{name}": getattr(optimizers, name) for name in schedules.__all__}
STEPS = np.arange(0, 70)

KERAS = [
    ("ExponentialDecay", (0.1, 10, 0.5), {}),
    ("ExponentialDecay", (0.1, 10, 0.5), {"staircase": True}),
    ("ExponentialDecay", (0.1, 7.5, 0.9), {"staircase": True}),
    ("PiecewiseConstantDecay", ([10, 20, 45], [1.0, 0.5, 0.25, 0.1]), {}),
    ("PiecewiseConstantDecay", ([30], [1.0, 0.5]), {}),
    ("PolynomialDecay", (0.1, 25), {}),
    ("PolynomialDecay", (0.1, 25, 0.01, 2.0), {}),
    ("PolynomialDecay", (0.1, 25, 0.01), {"power": 0.5, "cycle": True}),
    ("InverseTimeDecay", (0.1, 10, 0.5), {}),
    ("InverseTimeDecay", (0.1, 1.0, 0.5), {"staircase": True}),
    ("InverseTimeDecay", (0.1, 8, 0.5), {"staircase": True}),
    ("CosineDecay", (0.1, 50), {}),
    ("CosineDecay", (0.1, 50, 0.2), {}),
    ("CosineDecay", (0.0, 40), {"warmup_target": 0.3, "warmup_steps": 10}),
    ("CosineDecay", (0.05, 40, 0.1), {"warmup_target": 0.3, "warmup_steps": 15}),
    ("CosineDecayRestarts", (0.1, 9), {}),
    ("CosineDecayRestarts", (0.1, 9), {"t_mul": 1.0, "m_mul": 0.7}),
    ("CosineDecayRestarts", (0.1, 9), {"t_mul": 1.5, "m_mul": 0.7, "alpha": 0.1}),
]
OURS = [
    ("Constant", (0.3,), {}),
    ("StepDecay", (0.1, 8, 0.96), {}),
    ("LinearWarmup", (0.2, 10), {}),
    ("LinearWarmup", (schedules.CosineDecay(0.2, 30), 10), {"initial_learning_rate": 0.01}),
    ("OneCycle", (0.4, 60), {}),
]
# The others are called plainly by tests of their own, below.
PLAIN = ("ExponentialDecay", "PiecewiseConstantDecay", "PolynomialDecay", "InverseTimeDecay", "CosineDecay")
LAST_OF_EACH = {case[0]: case for case in KERAS if case[0] in PLAIN}
each_schedule = pytest.mark.parametrize(("name", "positional", "keywords"), KERAS + OURS, ids=lambda value: str(value))


@pytest.mark.parametrize(("name", "positional", "keywords"), KERAS, ids=lambda value: str(value))
def test_like_keras(name, positional, keywords):
    ours = getattr(schedules, name)(*positional, **keywords)
    theirs = getattr(keras.optimizers.schedules, name)(*positional, **keywords)
    # Traced, because Keras's lax.cond would be compiled anew for every step.
    actual, expected = jax.jit(lambda steps: (ours(steps), jax.vmap(theirs)(steps)))(STEPS)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)


FEW = STEPS[::9]


def one_and_all(schedule):
    """A program: the schedule at one step, called by an optimizer, at several at once, and mapped over them."""
    optimizer = optimizers.SGD(schedule)
    return jax.jit(lambda step, few: (optimizer.schedule(step), schedule(few), jax.vmap(schedule)(few)))


@each_schedule
def test_traced_vectorised_and_through_json(name, positional, keywords):
    schedule = getattr(schedules, name)(*positional, **keywords)
    program = one_and_all(schedule)
    found = [program(step, FEW) for step in FEW]
    one_by_one = np.asarray([one for one, _, _ in found])
    _, at_once, mapped = found[0]
    np.testing.assert_allclose(mapped, one_by_one, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(at_once, one_by_one, rtol=1e-5, atol=1e-7)
    assert np.isfinite(one_by_one).all()
    again = decode(json.loads(json.dumps(encode(schedule))), VOCABULARY)
    assert again == schedule
    optimizer = optimizers.SGD(schedule)
    assert decode(json.loads(json.dumps(encode(optimizer))), VOCABULARY | {"optimizers.SGD": optimizers.SGD}) == (
        optimizer
    )
    assert jax.eval_shape(optimizer.schedule, jnp.int32(3)).dtype == jnp.float32
    with jax.enable_x64(True):
        assert jax.eval_shape(optimizer.schedule, jnp.int32(3)).dtype == jnp.float64


@pytest.mark.parametrize(("name", "positional", "keywords"), LAST_OF_EACH.values(), ids=LAST_OF_EACH)
def test_a_plain_call_gives_what_the_program_gives(name, positional, keywords):
    schedule = getattr(schedules, name)(*positional, **keywords)
    program = one_and_all(schedule)
    expected = np.asarray([program(step, FEW)[0] for step in FEW])
    np.testing.assert_allclose([schedule(int(step)) for step in FEW], expected, rtol=1e-5, atol=1e-7)
    assert float(optimizers.SGD(schedule).schedule(int(FEW[3]))) == pytest.approx(expected[3])


def test_step_decay():
    """D10: ×0.96 every 8."""
    schedule = schedules.StepDecay(0.1, every=8, factor=0.96)
    expected = [0.1 * 0.96 ** (step // 8) for step in STEPS]
    np.testing.assert_allclose(schedule(STEPS), expected, rtol=1e-6)


def test_linear_warmup_then_the_schedule_from_its_own_step_zero():
    cosine = schedules.CosineDecay(0.2, 30)
    schedule = schedules.LinearWarmup(cosine, 10, 0.1)
    steps = np.arange(50)
    rates, of_cosine = map(np.asarray, jax.jit(lambda steps: (schedule(steps), cosine(steps)))(steps))
    np.testing.assert_allclose(rates[:10], 0.1 + 0.01 * np.arange(10), rtol=1e-6)
    np.testing.assert_allclose(rates[10:], of_cosine[:40], rtol=1e-5, atol=1e-7)
    assert float(schedules.LinearWarmup(0.2, 10)(1000)) == pytest.approx(0.2)


def test_one_cycle():
    schedule = schedules.OneCycle(0.5, 100, 0.3)
    assert float(schedule(0)) == pytest.approx(0.5 / 25)
    assert float(schedule(30)) == pytest.approx(0.5)
    assert float(schedule(15)) == pytest.approx((0.5 + 0.02) / 2)
    assert float(schedule(100)) == pytest.approx(0.02 / 1e4)
    assert float(schedule(500)) == pytest.approx(0.02 / 1e4)


@pytest.mark.parametrize("t_mul", [2.0, 3.0, 1.1, 1.5])
@pytest.mark.parametrize("first", [1, 7, 10, 100])
def test_restarts_happen_on_the_step_they_are_due(t_mul, first):
    schedule = schedules.CosineDecayRestarts(1.0, first, t_mul=t_mul)
    for periods in range(1, 8):
        due = sum(first * t_mul**period for period in range(periods))
        if math.isclose(due, round(due)):
            assert float(schedule(round(due))) == pytest.approx(1.0, abs=1e-3)


def test_optax_schedules_and_functions_stand_in():
    decay = optax.exponential_decay(0.1, 10, 0.5)
    assert float(optimizers.Adam(decay).schedule(10)) == pytest.approx(0.05)
    assert float(optimizers.Adam(lambda step: 0.1 / (1 + step)).schedule(jnp.int32(9))) == pytest.approx(0.01)


def test_a_schedule_of_ones_own():
    class HalfAtOnce(schedules.Schedule):
        start: float

        def __call__(self, step):
            return jnp.where(step == 0, self.start, self.start / 2)

    assert float(optimizers.SGD(HalfAtOnce(1.0)).schedule(5)) == 0.5
    with pytest.raises(DeepkitError, match="does not define __call__"):
        schedules.Schedule()(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), r"decay_steps=0.*above 0"),
        (lambda: schedules.ExponentialDecay("x", 10, 0.5), r"initial_learning_rate='x'.*number"),
        (lambda: schedules.ExponentialDecay(0.1, 10, 0.5, staircase=1), r"staircase=1.*True or False"),
        (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), r"2 boundaries and 2 values.*: 3"),
        (lambda: schedules.PiecewiseConstantDecay([5, 2], [0.1, 0.2, 0.3]), r"strictly increasing"),
        (lambda: schedules.PiecewiseConstantDecay(5, [0.1, 0.2]), r"list of numbers, got int"),
        (lambda: schedules.CosineDecay(0.1, -5), r"decay_steps=-5"),
        (lambda: schedules.CosineDecayRestarts(0.1, 5, t_mul=0.5), r"t_mul=0.5.*at least 1"),
        (lambda: schedules.LinearWarmup([0.1], 5), r"LinearWarmup\(learning_rate=\[0.1\]\).*got list"),
        (lambda: schedules.LinearWarmup(0.1, 0), r"warmup_steps=0"),
        (lambda: schedules.OneCycle(0.1, 2), r"OneCycle rises during 0 of its 2 steps"),
        (lambda: schedules.OneCycle(0.1, 20, 1.5), r"warmup_fraction=1.5"),
        (lambda: schedules.Constant(-1), r"learning_rate=-1.*at least 0"),
    ],
)
def test_what_cannot_work(make, message):
    with pytest.raises(DeepkitError, match=message):
        make()
