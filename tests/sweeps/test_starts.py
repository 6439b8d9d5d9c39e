"""Members start from the weights that `fit` would draw, however many seeds there are and whoever draws them."""

import jax
import numpy as np
import pytest
from jax._src import monitoring

import deepkit as dk
from deepkit import initializers, layers
from deepkit.program import Program
from deepkit.sweeps import starts
from deepkit.sweeps.starts import STACK, Starts

SEEDS = [3 * number + 5 for number in range(STACK + 3)]
"""One stack, and three more."""


def model_of(*hidden, inputs=5):
    x = h = dk.Input(inputs)
    for layer in hidden:
        h = layer(h)
    return dk.Model(x, layers.Dense(1)(h))


class OwnStart(layers.Layer):
    """Draws in its own way: a number that its declaration does not tell."""

    shift: float = 0.0

    def build(self, x):
        return {"bias": dk.layers.Weight(x.row_shape, initializers.Zeros())}

    def init(self, key, *inputs):
        return {"bias": jax.random.normal(key, inputs[0].row_shape) + self.shift}, {}

    def call(self, weights, x, context):
        return x + weights["bias"]


MODELS = {
    "every initializer": lambda: model_of(
        layers.Dense(6, kernel_initializer="he_normal", bias_initializer=initializers.RandomNormal(1.0, 0.1)),
        layers.Dense(6, kernel_initializer="orthogonal", bias_initializer=initializers.RandomUniform(-1, 3)),
        layers.Dense(6, kernel_initializer="identity", bias_initializer=initializers.Constant(2.0)),
        layers.Dense(60, kernel_initializer="lecun_uniform"),
        layers.Dense(5, kernel_initializer=initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")),
    ),
    "layers in layers, state": lambda: model_of(
        layers.BatchNormalization(),
        layers.SpectralNormalization(layers.Dense(4)),
        layers.Normalization(),
        layers.Reshape((4, 1)),
        layers.Bidirectional(layers.GRU(2)),
    ),
    "functions and LSTM": lambda: model_of(
        layers.Dense(4, kernel_initializer=lambda key, shape, dtype: jax.random.normal(key, shape, dtype) + 1),
        layers.Reshape((4, 1)),
        layers.LSTM(2),
    ),
    "a model in a model": lambda: model_of(model_of(layers.Dense(3))),
    "a user's own": lambda: model_of(OwnStart(shift=2.0)),
}


@pytest.mark.parametrize("name", MODELS)
def test_as_fit_would_draw_them(name):
    program = MODELS[name]().program
    found = Starts(SEEDS)
    for seed in (SEEDS[0], SEEDS[17], SEEDS[-1]):
        drawn, expected = found.of(program, seed), program.draw(seed)
        assert jax.tree.map(np.shape, drawn) == jax.tree.map(np.shape, expected)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=3e-7, atol=2e-6), drawn, expected)


def test_most_models_draw_in_stacks():
    stacked = {name: starts._stackable(make().program) for name, make in MODELS.items()}
    assert stacked == {
        "every initializer": True, "layers in layers, state": True, "functions and LSTM": False,
        "a model in a model": True, "a user's own": False,
    }  # fmt: skip


def test_with_another_generator():
    program = MODELS["a model in a model"]().program
    with jax.default_prng_impl("rbg"):
        assert not starts._stackable(program)
        drawn, expected = Starts(SEEDS).of(program, 7 * 3 + 5), program.draw(7 * 3 + 5)
    jax.tree.map(np.testing.assert_array_equal, drawn, expected)


def test_what_a_layer_has_stays():
    model = model_of(layers.Normalization())
    (layer,) = (layer for layer in model.layers if isinstance(layer, layers.Normalization))
    layer.adapt(np.array([[1.0, 2, 3, 4, 5], [3, 2, 1, 0, 1]], "float32"))
    _, state = Starts(SEEDS).of(model.program, SEEDS[0])
    np.testing.assert_array_equal(state["normalization"]["mean"], [2, 2, 2, 2, 3])


@pytest.fixture
def draws(monkeypatch):
    """Seeds of every draw that is made."""
    made = []
    draw_stack = Program.draw_stack

    def counted(self, seeds):
        made.append(list(seeds))
        return draw_stack(self, seeds)

    monkeypatch.setattr(Program, "draw_stack", counted)
    return made


def test_settings_share_what_starts_alike(draws):
    found = Starts(SEEDS[:4])
    for rate in (0.1, 0.2, 0.3):
        program = model_of(layers.Dropout(rate), layers.Dense(3)).program
        for seed in SEEDS[:4]:
            found.of(program, seed)
    assert draws == [SEEDS[:4]]
    other = model_of(layers.Dropout(0.1), layers.Dense(3, kernel_initializer=initializers.RandomNormal(0.0, 2.0)))
    wider = found.of(other.program, SEEDS[0])[0]["dense"]["kernel"]
    assert len(draws) == 2 and np.std(wider) > 1


def test_no_more_is_kept_than_there_is_room_for(draws, monkeypatch):
    program = model_of(layers.Dense(3)).program
    size = 4 * (5 * 3 + 3 + 3 + 1)
    monkeypatch.setattr(starts, "KEPT_BYTES", STACK * size)
    found = Starts(SEEDS)
    first = found.of(program, SEEDS[0])
    found.of(program, SEEDS[-1])
    assert len(found._drawn) == 3
    jax.tree.map(np.testing.assert_array_equal, found.of(program, SEEDS[0]), first)
    assert [len(seeds) for seeds in draws] == [STACK, 3, STACK]
    monkeypatch.setattr(starts, "KEPT_BYTES", size)
    jax.tree.map(np.testing.assert_array_equal, Starts(SEEDS).of(program, SEEDS[0]), first)
    assert len(draws) == 3


def test_an_initial_spread_is_an_axis():
    def build(spread):
        model = model_of(layers.Dense(3, kernel_initializer=initializers.RandomNormal(0.0, spread)))
        model.compile(dk.optimizers.SGD(0.0), "mse")
        return model

    x, y = np.ones((4, 5), "float32"), np.ones((4, 1), "float32")
    result = dk.sweep(build, (x, y), grid={"spread": [0.1, 1.0]}, seeds=2, epochs=1, verbose=0)
    assert result.programs == 1
    for number, (spread, seed) in enumerate([(0.1, 0), (0.1, 1), (1.0, 0), (1.0, 1)]):
        kernel = result.member(number).model.weights()[0]["dense"]["kernel"]
        np.testing.assert_allclose(kernel, build(spread).program.draw(seed)[0]["dense"]["kernel"], rtol=3e-7)


class Doubled:
    """A function that can't be compared."""

    __hash__ = None

    def __call__(self, key, shape, dtype):
        return 2 * jax.random.normal(key, shape, dtype)


def test_a_function_is_compiled_once_for_all_seeds_and_settings():
    start = jax.nn.initializers.he_normal()
    found = Starts(SEEDS[:4])
    declared = [model_of(layers.Dropout(rate), layers.Dense(3, kernel_initializer=start)) for rate in (0.1, 0.2)]
    found.of(declared[0].program, SEEDS[0])
    events = []
    monitoring.register_event_duration_secs_listener(lambda event, *_, **__: events.append(event))
    kernels = [found.of(model.program, seed)[0]["dense"]["kernel"] for model in declared for seed in SEEDS[:4]]
    assert not [event for event in events if "backend_compile" in event]
    assert len({kernel.tobytes() for kernel in kernels}) == 4
    unhashable = model_of(layers.Dense(3, kernel_initializer=Doubled())).program
    drawn, expected = found.of(unhashable, SEEDS[1]), unhashable.draw(SEEDS[1])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=3e-7), drawn, expected)
