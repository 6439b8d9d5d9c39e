"""Every optimizer goes through the same harness; parity is measured against Keras 3 on JAX."""

import dataclasses
import functools
import inspect
import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

from deepkit import optimizers
from deepkit.configuration import decode, encode
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError
from deepkit.optimizers import schedules

VOCABULARY = {f"optimizers.{name}": getattr(optimizers, name) for name in optimizers.__all__}

# Class name and arguments; Keras takes the same ones, and its defaults are compared one by one below.
CASES = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.5, "weight_decay": 0.1, "global_clipnorm": 0.1}),
    ("RMSprop", {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.7}),
    ("RMSprop", {"learning_rate": 0.01, "centered": True, "epsilon": 1e-3, "clipvalue": 0.05}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.03, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4, "clipnorm": 0.1}),
    ("Adam", {"learning_rate": 0.03, "amsgrad": True}),
    ("AdamW", {"use_ema": True, "ema_momentum": 0.8}),
    ("AdamW", {"learning_rate": 0.03, "weight_decay": 0.3, "amsgrad": True, "use_ema": True}),
    ("Adamax", {"learning_rate": 0.03, "beta_2": 0.9, "epsilon": 1e-2, "weight_decay": 0.1}),
    ("Nadam", {"learning_rate": 0.03, "beta_1": 0.95, "weight_decay": 0.1}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.0, "global_clipnorm": 0.2}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.9, "weight_decay": 0.01}),
    ("Adafactor", {}),
    ("Adafactor", {"learning_rate": 0.05, "clip_threshold": 0.7, "beta_2_decay": -0.6, "weight_decay": 0.05}),
    ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.02, "beta": 0.3}),
    (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.7,
            "initial_accumulator_value": 0.5,
            "l2_regularization_strength": 0.3,
            "l2_shrinkage_regularization_strength": 0.02,
            "weight_decay": 0.1,
        },
    ),
    ("Lion", {"learning_rate": 0.01, "beta_1": 0.8, "weight_decay": 0.2}),
    ("Lamb", {"learning_rate": 0.03, "weight_decay": 0.1}),
    ("Muon", {}),
    ("Muon", {"learning_rate": 0.02, "nesterov": False, "rms_rate": None, "adam_lr_ratio": 0.5}),
    ("Muon", {"weight_decay": None, "exclude_layers": ["output"], "ns_steps": 3}),
    ("ScheduleFreeAdamW", {"learning_rate": 0.05, "warmup_steps": 5, "weight_decay": 0.1}),
]
each_case = pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{n}-{a}" for n, a in CASES])
# One of each class, none where one array's step depends on another's.
PLAIN = [*{name: (name, given) for name, given in CASES if "global_clipnorm" not in given}.values()]
STEPS = 20


def start(dtype=np.float32):
    """A two-layer network with a layer that has no parameters, as nested dictionaries."""
    random = np.random.default_rng(0)
    return {
        "hidden": {
            "bias": np.zeros(5, dtype),
            "kernel": random.normal(0, 0.5, (6, 5)).astype(dtype),
        },
        "noise": {},
        "output": {
            "bias": random.normal(0, 0.1, 3).astype(dtype),
            "kernel": random.normal(0, 0.5, (5, 3)).astype(dtype),
        },
    }


def loss(params):
    random = np.random.default_rng(1)
    x, y = random.normal(size=(16, 6)).astype("float32"), random.normal(size=(16, 3)).astype("float32")
    hidden = jnp.tanh(x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    return jnp.mean(jnp.square(hidden @ params["output"]["kernel"] + params["output"]["bias"] - y))


loss_of = jax.jit(loss)


@functools.cache
def sizes(step):
    """Factors for the gradients of a step: every third time a tenth of them 0, others tiny, others large."""
    random = np.random.default_rng(step)

    def draw(p):
        drawn = 10.0 ** random.integers(-8, 2, p.shape) * (random.random(p.shape) > 0.1)
        return (drawn if step % 3 == 2 else np.ones(p.shape)).astype("float32")

    return jax.tree.map(draw, start())


@jax.jit
def gradients_of_both(params, sizes):
    """Gradients of two networks side by side."""
    return jax.tree.map(jnp.multiply, jax.vmap(jax.grad(loss))(params), sizes)


def twice(params):
    return jax.tree.map(lambda p: np.stack([p, p]), params)


def make(case):
    name, arguments = CASES[case]
    return getattr(optimizers, name)(**arguments)


def member(params, index):
    return jax.tree.map(lambda p: np.asarray(p)[index], params)


@functools.cache
def trained(case):
    """Two runs in one vmapped program: at the declared rate, and at one that grows from step to step.

    Returns how often the program was traced, both runs' parameters before every step, and their averages at the end.
    """
    optimizer = make(case)
    traces = []

    def update(*arguments):
        traces.append(1)
        updates, state = optimizer.update(*arguments)
        return optax.apply_updates(arguments[2], updates), state

    update = jax.jit(jax.vmap(update))
    params = twice(start())
    state = twice(optimizer.init(jax.tree.map(jnp.asarray, start())))
    way = []
    for step in range(STEPS):
        way.append(params)
        rates = np.asarray(optimizer.schedule(step)) * np.array([1, 1 + step], np.float32)
        params, state = update(gradients_of_both(params, sizes(step)), state, params, rates)
    return len(traces), way, optimizer.averaged(state, params)


def assert_close(left, right, tolerance=1e-5):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), left, right)


@each_case
def test_twenty_training_steps_like_keras(case):
    name, arguments = CASES[case]
    theirs = getattr(keras.optimizers, name)(**arguments)
    values, structure = jax.tree_util.tree_flatten_with_path(start())
    variables = []
    for path, value in values:
        with keras.name_scope(path[0].key):
            variables.append(keras.Variable(value, name=path[1].key))
    theirs.build(variables)
    apply = jax.jit(theirs.stateless_apply)
    params, state = [variable.value for variable in variables], [variable.value for variable in theirs.variables]
    for step in range(STEPS):
        gradients = gradients_of_both(twice(jax.tree.unflatten(structure, params)), sizes(step))
        params, state = apply(state, [np.asarray(gradient)[0] for gradient in jax.tree.leaves(gradients)], params)
    for variable, value in zip([*variables, *theirs.variables], [*params, *state], strict=True):
        variable.assign(value)
    theirs.finalize_variable_values(variables)

    ours = member(trained(case)[2], 0)
    assert_close(ours, jax.tree.unflatten(structure, [variable.value for variable in variables]))
    moved = jax.tree.leaves(jax.tree.map(lambda a, b: float(np.abs(a - b).max()), ours, start()))
    assert min(moved) > 1e-6


@pytest.mark.parametrize("case", [CASES.index(case) for case in PLAIN], ids=[name for name, _ in PLAIN])
def test_vmapped_and_compiled_like_a_plain_call(case):
    """The plain calls see half of the network, and the gradients that the compiled ones saw."""
    optimizer = make(case)
    _, way, _ = trained(case)
    params = {"output": jax.tree.map(jnp.asarray, start()["output"])}
    state = optimizer.init(params)
    for step in range(3):
        gradients = {"output": member(gradients_of_both(way[step], sizes(step)), 1)["output"]}
        rate = np.asarray(optimizer.schedule(step)) * np.float32(1 + step)
        updates, state = optimizer.update(gradients, state, params, rate)
        params = optax.apply_updates(params, updates)
    assert_close(member(way[3], 1)["output"], params["output"])


@each_case
def test_another_rate_does_not_retrace(case):
    traces, _, after = trained(case)
    assert traces == 1
    different = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), member(after, 0), member(after, 1))
    assert min(jax.tree.leaves(different)) > 0


@each_case
def test_dtypes_shapes_and_buffers(case):
    """Updates are of the parameters' dtypes, and the state keeps its own, so that lax.scan can carry it."""
    with jax.enable_x64(True):
        optimizer = make(case)
        params = start(np.float64)
        params["hidden"] = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params["hidden"])
        params = jax.tree.map(jnp.asarray, params)
        state = optimizer.init(params)
        updates, after = jax.eval_shape(optimizer.update, params, state, params, optimizer.schedule(0))

        def shapes(tree):
            return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)

        assert shapes(updates) == shapes(params)
        assert shapes(after) == shapes(state)
        # State and parameters may be donated together only if they share nothing.
        buffers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves((params, state))]
        assert len(set(buffers)) == len(buffers)


@each_case
def test_a_tree_without_parameters(case):
    optimizer = make(case)
    params = {"noise": {}, "flatten": {}}
    state = optimizer.init(params)
    updates, state = optimizer.update(params, state, params, 0.1)
    assert updates == params
    assert optimizer.averaged(state, params) == params


@each_case
def test_round_trip_through_json(case):
    optimizer = make(case)
    again = decode(json.loads(json.dumps(encode(optimizer))), VOCABULARY)
    assert again == optimizer
    assert hash(again) == hash(optimizer)
    assert optimizer.replace(learning_rate=0.123) != optimizer


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_names_order_and_defaults_are_those_of_keras(name):
    theirs = inspect.signature(getattr(keras.optimizers, name)).parameters
    fields = {field.name: field for field in dataclasses.fields(getattr(optimizers, name))}
    not_ours = {"name", "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps", "kwargs"}
    assert set(theirs) - not_ours == set(fields) - {"weight_decay_exclude", "averaging"}
    for field in set(theirs) - not_ours - {"exclude_layers"}:
        assert fields[field].default == theirs[field].default, field
    positional = [field.name for field in fields.values() if not field.kw_only]
    assert positional == list(theirs)[: len(positional)]


def test_minimising_a_parabola_in_float64():
    """A1: (w − 5)² from 0, 100 steps of rate 0.1."""
    with jax.enable_x64(True):

        @functools.partial(jax.jit, static_argnums=0)
        def minimise(optimizer):
            def step(number, carried):
                w, state = carried
                updates, state = optimizer.update(2 * (w - 5), state, w, optimizer.schedule(number))
                return optax.apply_updates(w, updates), state

            w = jnp.zeros((), jnp.float64)
            w, _ = jax.lax.fori_loop(0, 100, step, (w, optimizer.init(w)))
            assert w.dtype == jnp.float64
            return w

        assert float(minimise(optimizers.SGD(0.1))) == pytest.approx(4.999999998981, abs=1e-12)
        assert float(minimise(optimizers.Adam(0.1, epsilon=1e-8))) == pytest.approx(5.03900403, abs=1e-7)


@functools.cache
def train(optimizer):
    params = jax.tree.map(jnp.asarray, start())
    state = jax.jit(optimizer.init)(params)

    @jax.jit
    def update(state, params, rate):
        updates, state = optimizer.update(jax.grad(loss)(params), state, params, rate)
        return state, optax.apply_updates(params, updates)

    for step in range(STEPS):
        state, params = update(state, params, optimizer.schedule(step))
    return optimizer.averaged(state, params)


def test_global_clipping_keeps_the_direction():
    """D11: norm 100, clip 10 → norm 10."""
    gradient = {"a": jnp.asarray([60.0, 0.0]), "b": jnp.asarray([[0.0, 80.0]])}
    kinds = ({"global_clipnorm": 10}, {"global_clipnorm": 200}, {"clipnorm": 10}, {"clipvalue": 70})
    clipped, alone, each, elements = jax.jit(lambda g: [optimizers.SGD(**kind).clip(g) for kind in kinds])(gradient)
    assert_close(clipped, {"a": [6.0, 0.0], "b": [[0.0, 8.0]]}, 1e-6)
    assert_close(alone, gradient, 0)
    assert_close(each, {"a": [10.0, 0.0], "b": [[0.0, 10.0]]}, 1e-6)
    assert_close(elements, {"a": [60.0, 0.0], "b": [[0.0, 70.0]]}, 0)


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_two_forms_of_momentum(nesterov):
    """C21: averaging at η/(1−β) is the heavy ball at η; under a steady gradient it keeps the rate η."""
    heavy = train(optimizers.SGD(0.02, 0.9, nesterov))
    assert_close(heavy, train(optimizers.SGD(0.2, 0.9, nesterov, averaging=True)))
    assert float(loss_of(heavy)) < float(loss_of(train(optimizers.SGD(0.02))))

    @functools.partial(jax.jit, static_argnums=0)
    def speed(optimizer):
        w, state = jnp.zeros(()), optimizer.init(jnp.zeros(()))
        updates = jnp.zeros(())
        step = lambda _, carried: optimizer.update(jnp.ones(()), carried[1], w, 0.1)  # noqa: E731
        return -jax.lax.fori_loop(0, 300, step, (updates, state))[0]

    assert float(speed(optimizers.SGD(0.1, 0.9, nesterov))) == pytest.approx(0.1 / (1 - 0.9), rel=1e-4)
    assert float(speed(optimizers.SGD(0.1, 0.9, nesterov, averaging=True))) == pytest.approx(0.1, rel=1e-4)


def test_weight_decay_is_decoupled_and_masked():
    optimizer = optimizers.Adam(0.1, weight_decay=0.5, weight_decay_exclude=("bias",))
    params = jax.tree.map(jnp.asarray, start())
    zeros = jax.tree.map(np.zeros_like, start())
    updates, _ = jax.jit(lambda params: optimizer.update(zeros, optimizer.init(params), params, 0.1))(params)
    assert_close(updates["output"]["kernel"], -0.1 * 0.5 * start()["output"]["kernel"], 1e-7)
    assert_close(updates["output"]["bias"], np.zeros(3), 0)


def test_the_average_follows_the_parameters():
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.75)
    w = jnp.float32(10.0)
    state = optimizer.init(w)
    assert float(optimizer.averaged(state, w)) == 10.0
    for expected_w, expected_average in ((9.0, 9.0), (8.0, 0.75 * 9 + 0.25 * 8)):
        updates, state = optimizer.update(jnp.float32(1.0), state, w, 1.0)
        w = optax.apply_updates(w, updates)
        assert float(w) == expected_w
        assert float(optimizer.averaged(state, w)) == pytest.approx(expected_average)
    plain = optimizers.SGD(1.0)
    assert plain.averaged(plain.init(w), w) is w


def test_ftrl_makes_weak_weights_exactly_zero():
    after = train(optimizers.Ftrl(0.1, l1_regularization_strength=5.0))
    assert float(jnp.abs(after["hidden"]["kernel"]).max()) == 0.0


def test_adafactor_leaves_a_scheduled_rate_alone():
    gradient = np.full(4, 0.3, np.float32)
    params = np.full(4, 2.0, np.float32)

    def fourth_update(optimizer):
        state, update = jax.jit(optimizer.init)(params), jax.jit(optimizer.update)
        for _ in range(4):
            updates, state = update(gradient, state, params, 1.0)
        return -float(np.asarray(updates)[0])

    assert fourth_update(optimizers.Adafactor(1.0)) == pytest.approx(2.0 * 0.5, rel=1e-5)
    assert fourth_update(optimizers.Adafactor(1.0, relative_step=False)) == pytest.approx(2.0, rel=1e-5)
    assert fourth_update(optimizers.Adafactor(schedules.Constant(1.0))) == pytest.approx(2.0, rel=1e-5)


def test_muon_makes_the_singular_values_equal():
    optimizer = optimizers.Muon(rms_rate=None, weight_decay=None, ns_steps=10)
    matrix = (np.random.default_rng(0).normal(size=(20, 4)) * [100.0, 10.0, 1.0, 1.0]).astype("float32")
    updates, _ = jax.jit(lambda matrix: optimizer.update(matrix, optimizer.init(matrix), matrix, 1.0))(matrix)
    values = np.linalg.svd(np.asarray(updates), compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_muon_leaves_embeddings_to_adam():
    params = {name: {part: np.ones((3, 4), "float32")} for name, part in [("embedding", "table"), ("dense", "kernel")]}
    gradients = jax.tree.map(lambda p: p * np.arange(1, 5, dtype="float32"), params)
    optimizer = optimizers.Muon(1.0, weight_decay=None, adam_weight_decay=None)
    updates, _ = jax.jit(lambda params: optimizer.update(gradients, optimizer.init(params), params, 1.0))(params)
    assert_close(updates["embedding"]["table"], -np.ones((3, 4)), 1e-4)
    assert np.abs(np.asarray(updates["dense"]["kernel"]) + 1).max() > 0.1


@pytest.mark.parametrize("name", sorted(optimizers.OPTIMIZERS))
def test_get_by_name(name):
    optimizer = optimizers.get(name)
    assert type(optimizer) is optimizers.OPTIMIZERS[name]
    assert optimizers.get(type(optimizer).__name__) == optimizer
    assert optimizers.get(type(optimizer)) == optimizer
    assert optimizers.get(optimizer) is optimizer


@pytest.mark.parametrize(("wrong", "right"), [("adm", "adam"), ("RMSprp", "rmsprop"), ("sdg", "sgd")])
def test_a_misspelt_name_gets_the_right_one(wrong, right):
    with pytest.raises(DeepkitValueError, match=f"{wrong}.*Did you mean '{right}'"):
        optimizers.get(wrong)


@pytest.mark.parametrize("wrong", [None, 3, 0.01, keras.optimizers.SGD, lambda step: 0.1])
def test_get_refuses_what_is_no_optimizer(wrong):
    with pytest.raises(DeepkitTypeError):
        optimizers.get(wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (-0.1, r"SGD\(learning_rate=-0.1\).*at least 0"),
        ("fast", r"SGD\(learning_rate='fast'\).*got str.*0\.01"),
        (float("nan"), r"learning_rate=nan.*finite"),
        (float("inf"), r"learning_rate=inf.*finite"),
        ([0.1, 0.01], r"got list"),
        (np.asarray([0.1, 0.2]), r"got ndarray"),
        (None, r"got NoneType"),
        (True, r"got bool"),
        (lambda: 0.1, r"takes one argument, the step"),
        (lambda step: 0.1 if step < 10 else 0.01, r"jnp.where"),
        (lambda step: jnp.asarray([step, 0.1]), r"returns one number"),
        (schedules.CosineDecay, r"class CosineDecay is no rate yet"),
    ],
)
def test_a_rate_that_cannot_work(wrong, message):
    with pytest.raises(DeepkitError, match=message):
        optimizers.SGD(wrong)
    settable = optimizers.SGD()
    with pytest.raises(DeepkitError, match=message):
        settable.learning_rate = wrong


def test_a_traced_rate_is_explained():
    with pytest.raises(DeepkitTypeError, match=r"argument of update"):
        jax.jit(lambda rate: optimizers.SGD(rate).schedule(0))(0.1)


@pytest.mark.parametrize("rate", [0, 1, 0.1, np.float32(0.1), np.asarray(0.1), jnp.float32(0.1)])
def test_a_rate_that_works(rate):
    optimizer = optimizers.Adam(rate)
    assert isinstance(optimizer.learning_rate, float)
    assert float(optimizer.schedule(7)) == pytest.approx(float(rate))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("SGD", {"momentum": 1.0}, r"SGD\(momentum=1.0\).*\[0, 1\)"),
        ("SGD", {"nesterov": "yes"}, r"nesterov='yes'.*True or False"),
        ("SGD", {"clipnorm": 1.0, "clipvalue": 0.5}, r"clipnorm=1, clipvalue=0.5.*2 ways"),
        ("SGD", {"clipnorm": 0}, r"clipnorm=0.*above 0"),
        ("SGD", {"global_clipnorm": -1}, r"global_clipnorm=-1"),
        ("Adam", {"beta_1": 1}, r"beta_1=1"),
        ("Adam", {"epsilon": 0}, r"epsilon=0.*above 0"),
        ("Adam", {"weight_decay": -0.1}, r"weight_decay=-0.1"),
        ("Adam", {"weight_decay_exclude": 3}, r"weight_decay_exclude=3.*parts of parameter names"),
        ("Adam", {"use_ema": True, "ema_momentum": 1.5}, r"ema_momentum=1.5"),
        ("AdamW", {"weight_decay": None}, r"weight_decay=None"),
        ("Adafactor", {"beta_2_decay": 0.8}, r"beta_2_decay=0.8.*below 0"),
        ("Adafactor", {"beta_2_decay": "fast"}, r"beta_2_decay='fast'.*number"),
        ("Ftrl", {"learning_rate_power": 0.5}, r"learning_rate_power=0.5.*at most 0"),
        ("Ftrl", {"learning_rate_power": "half"}, r"learning_rate_power='half'.*number"),
        ("Muon", {"ns_steps": 0}, r"ns_steps=0"),
        ("Muon", {"muon_a": "x"}, r"muon_a='x'.*number"),
        ("ScheduleFreeAdamW", {"beta_1": 0}, r"beta_1=0"),
    ],
)
def test_arguments_that_cannot_work(name, arguments, message):
    with pytest.raises(DeepkitError, match=message):
        getattr(optimizers, name)(**arguments)


def test_positions_are_those_of_keras():
    assert optimizers.AdamW(0.1, 0.2, 0.8).beta_1 == 0.8
    assert optimizers.AdamW(0.1, 0.2, 0.8).weight_decay == 0.2
    assert optimizers.SGD(0.1, 0.9, True).nesterov is True


def test_only_the_rate_can_be_set():
    optimizer = optimizers.Adam()
    optimizer.learning_rate = schedules.Constant(0.5)
    assert float(optimizer.schedule(3)) == 0.5
    with pytest.raises(DeepkitTypeError, match=r"replace\(beta_1"):
        optimizer.beta_1 = 0.5


def test_an_optimizer_of_ones_own():
    class Signs(optimizers.Optimizer):
        def direction(self):
            return optax.scale_by_sign()

    params = jnp.asarray([1.0, -2.0])
    optimizer = Signs(0.5)
    updates, _ = optimizer.update(jnp.asarray([3.0, -4.0]), optimizer.init(params), params, 0.5)
    assert_close(updates, [-0.5, 0.5], 0)

    class Unfinished(optimizers.Optimizer):
        pass

    with pytest.raises(DeepkitTypeError, match=r"Unfinished does not define direction"):
        Unfinished().init(params)
