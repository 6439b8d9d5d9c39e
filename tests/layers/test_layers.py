"""What every layer must pass: round trip, shapes, transformations, gradients, parity with Keras."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases import CASES, VOCABULARY, arrays_of, contexts_of, specs_of, symbols_of

from deepkit import layers
from deepkit.configuration import decode, encode
from deepkit.graph import Spec
from deepkit.layers import Context

every_layer = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
with_twin = pytest.mark.parametrize("case", [c for c in CASES if c.twin], ids=lambda case: case.id)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def close(left, right, **tolerance):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **(tolerance or CLOSE)),
        left,
        right,
    )


def made(case, dtype=None, key=1):
    """The layer, its parameters and its state."""
    layer = case.layer()
    return layer, *layer.init(jax.random.key(key), *specs_of(case, dtype))


def scalar(output):
    """A number that every entry of the output has its own influence on."""
    leaves = jax.tree.leaves(output)
    return sum(jnp.sum(jnp.sin(leaf + jnp.arange(leaf.size).reshape(leaf.shape))) for leaf in leaves)


def test_every_class_is_in_the_table():
    assert {type(case.layer()).__name__ for case in CASES} == set(layers.NAMES)


@every_layer
def test_round_trip_through_json(case):
    layer = case.layer()
    back = decode(json.loads(json.dumps(encode(layer))), VOCABULARY)
    assert type(back) is type(layer)
    assert encode(back) == encode(layer)
    assert repr(back) == repr(layer)


@every_layer
def test_spec_tells_the_real_output(case):
    layer, params, state = made(case)
    symbols = symbols_of(case)
    outputs = layer(symbols if len(symbols) > 1 else symbols[0])
    declared = jax.tree.map(lambda t: t.spec, outputs)
    for context in contexts_of(case):
        for batch in (1, 5):
            output, new_state = layer.apply(params, state, *arrays_of(case, batch), context=context)
            real = jax.tree.map(lambda a: (a.shape, a.dtype.name), output)
            told = jax.tree.map(
                lambda s, b=batch: ((b, *s.shape[1:]), s.dtype), declared, is_leaf=lambda s: isinstance(s, Spec)
            )
            assert real == told
            assert jax.tree.map(jnp.shape, new_state) == jax.tree.map(jnp.shape, state)
            assert jax.tree.map(jnp.dtype, new_state) == jax.tree.map(jnp.dtype, state)


@every_layer
def test_weights_are_as_declared(case):
    layer, params, state = made(case)
    tree = layer.weight_tree(*specs_of(case))
    flat = jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda w: isinstance(w, layers.Weight))
    arrays = {
        **{path: (leaf, True) for path, leaf in jax.tree_util.tree_leaves_with_path(params)},
        **{path: (leaf, False) for path, leaf in jax.tree_util.tree_leaves_with_path(state)},
    }
    assert set(arrays) == {path for path, _ in flat}
    for path, weight in flat:
        array, trainable = arrays[path]
        assert (array.shape, array.dtype.name, trainable) == (weight.shape, weight.dtype, weight.trainable)


@every_layer
def test_jit_and_vmap_agree_with_the_plain_call(case):
    layer, params, state = made(case)
    inputs, others = arrays_of(case, 4, seed=2), arrays_of(case, 4, seed=3)
    for context in contexts_of(case):

        def run(params, *inputs, context=context):
            return layer.apply(params, state, *inputs, context=context)

        plain = run(params, *inputs)
        close(jax.jit(run)(params, *inputs), plain)
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), (params, inputs), (params, others))
        mapped = jax.vmap(run)(both[0], *both[1])
        close(jax.tree.map(lambda a: a[0], mapped), plain)
        close(jax.tree.map(lambda a: a[1], mapped), run(params, *others))


@every_layer
def test_init_under_vmap_is_init_alone(case):
    layer = case.layer()
    keys = jax.random.split(jax.random.key(0), 2)
    mapped = jax.vmap(lambda key: layer.init(key, *specs_of(case)))(keys)
    close(jax.tree.map(lambda a: a[1], mapped), layer.init(keys[1], *specs_of(case)))


@every_layer
def test_gradient_in_float64(case):
    if not case.dtype.startswith("float"):
        pytest.skip("integers have no gradient")
    with jax.enable_x64(True):
        layer, params, state = made(case, "float64")
        inputs = arrays_of(case, 4, "float64", seed=4)
        if "flax" in repr(layer):
            params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), params)
        for context in contexts_of(case):

            def value(point, context=context):
                params, inputs = point
                return scalar(layer.apply(params, state, *inputs, context=context)[0])

            point = (params, inputs)
            leaves, structure = jax.tree.flatten(point)
            keys = jax.random.split(jax.random.key(5), len(leaves))
            direction = structure.unflatten(
                [jax.random.normal(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)]
            )
            gradient = jax.grad(value)(point)
            slope = sum(jnp.vdot(g, d) for g, d in zip(*map(jax.tree.leaves, (gradient, direction)), strict=True))
            step = 1e-6
            ahead, behind = (
                value(jax.tree.map(lambda a, d, s=sign: a + s * step * d, point, direction)) for sign in (1, -1)
            )
            assert slope.dtype == jnp.float64
            np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-7)


@with_twin
def test_parity_with_keras(case):
    layer, params, state = made(case)
    twin = case.twin()
    inputs = arrays_of(case, 6, seed=6)
    given = inputs[0] if len(inputs) == 1 else inputs
    twin(given)
    twin.set_weights([*params.values(), *state.values()])
    # Keras counts a frozen layer's parameters among the others.
    own = [v.value for v in twin.trainable_variables]
    rest = [v.value for v in twin.non_trainable_variables]
    float_inputs = [jnp.asarray(x, jnp.float32) for x in inputs]

    for training in (False, True):

        def ours(params, inputs, training=training):
            output, new_state = layer.apply(params, state, *inputs, context=Context(training=training))
            return scalar(output), (output, new_state)

        def theirs(own, inputs, training=training):
            keywords = {"training": training} if _takes_training(twin) else {}
            inputs = inputs[0] if len(inputs) == 1 else inputs
            output, after = twin.stateless_call(own, rest, inputs, **keywords)
            return scalar(output), (output, after)

        (_, (output, new_state)), gradients = jax.value_and_grad(ours, (0, 1), has_aux=True)(params, float_inputs)
        (_, (expected, after)), slopes = jax.value_and_grad(theirs, (0, 1), has_aux=True)(own, float_inputs)
        close(output, expected)
        close(gradients[1], slopes[1], rtol=1e-4, atol=1e-5)
        if own:
            close(list(gradients[0].values()), slopes[0], rtol=1e-4, atol=1e-5)
        if layer.trainable:
            close(list(new_state.values()), [a for a in after if a.dtype == jnp.float32])
        elif training:
            close(new_state, state)


def _takes_training(twin):
    return "training" in twin.call.__code__.co_varnames


@every_layer
def test_final_activation_on_top_of_the_linear_layer_is_the_layer(case):
    layer, params, state = made(case)
    if layer.final_activation is None:
        pytest.skip("no activation to take off")
    inputs = arrays_of(case, 3)
    output, _ = layer.apply(params, state, *inputs, context=Context())
    linear, _ = layer.without_activation().apply(params, state, *inputs, context=Context())
    close(layer.final_activation(linear), output)
    assert layer.final_activation.__name__


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", [layers.BatchNormalization, layers.LayerNormalization])
def test_normalization_of_half_precision_keeps_the_dtype_and_does_not_overflow(kind, dtype):
    layer, x = kind(), jnp.asarray(np.linspace(100, 900, 12).reshape(4, 3), dtype)
    params, state = layer.init(jax.random.key(0), Spec((None, 3), dtype))
    output, state = layer.apply(params, state, x, context=Context(training=True))
    assert output.dtype == dtype == layer.output_spec(Spec((None, 3), dtype)).dtype
    assert np.isfinite(np.asarray(output, np.float32)).all()
    assert all(a.dtype == jnp.float32 for a in state.values())


def test_a_users_layer():
    class Scale(layers.Layer):
        start: float = 1.0

        def weights(self, x):
            from deepkit.initializers import Constant

            return {"gain": layers.Weight((x.features,), Constant(self.start))}

        def call(self, weights, x, context):
            return x * weights["gain"]

    layer = Scale(3.0, name="mine")
    from deepkit.graph import Input

    tensor = layer(Input(4))
    assert tensor.shape == (None, 4) and layer.label == "Scale 'mine'"
    params, state = layer.init(jax.random.key(0), Spec((None, 4)))
    output, state = layer.apply(params, state, jnp.ones((2, 4)), context=Context())
    np.testing.assert_array_equal(output, np.full((2, 4), 3.0))
    assert encode(layer)["class"] == "Scale" and state == {}
    vocabulary = {"Scale": Scale}
    assert decode(json.loads(json.dumps(encode(layer))), vocabulary).start == 3.0
