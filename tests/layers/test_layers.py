"""What every layer must pass: round trip, shapes, transformations, gradients, parity with Keras."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases import CASES, VOCABULARY, arrays_of, specs_of

from deepkit import layers
from deepkit.configuration import decode, encode
from deepkit.graph import Input, Spec
from deepkit.layers import Context

every_layer = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
with_twin = pytest.mark.parametrize("case", [c for c in CASES if c.twin], ids=lambda case: case.id)
CONTEXTS = [Context(), Context(training=True, rng=jax.random.key(7))]
MODAL = (
    layers.AlphaDropout,
    layers.Attention,
    layers.BatchNormalization,
    layers.CutMix,
    layers.DropPathAverage,
    layers.Dropout,
    layers.Flax,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.GroupQueryAttention,
    layers.MixUp,
    layers.MultiHeadAttention,
    layers.RandomBrightness,
    layers.RandomColorJitter,
    layers.RandomContrast,
    layers.RandomCrop,
    layers.RandomErasing,
    layers.RandomFlip,
    layers.RandomRotation,
    layers.RandomTranslation,
    layers.RandomZoom,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    layers.SpectralNormalization,
)
"""What behaves differently in training; of all others one run is enough."""


def contexts_of(layer):
    return CONTEXTS if isinstance(layer, MODAL) else CONTEXTS[1:]


def close(left, right):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), left, right)


def made(case, dtype=None):
    """The layer, and arrays of the shapes of its parameters and its state, in the order of `init`."""
    layer = case.layer()
    shapes = jax.eval_shape(lambda: layer.init(jax.random.key(1), *specs_of(case, dtype)))
    draw = np.random.default_rng(1)
    # Above zero, as variances must be.
    return layer, *jax.tree.map(lambda a: draw.uniform(0.2, 1.5, a.shape).astype(dtype or a.dtype), shapes)


def flat(tree, path=()):
    """Leaves of nested dictionaries by path, in the order of declaration (JAX would sort them by name)."""
    if not isinstance(tree, dict):
        return {path: tree}
    return {key: leaf for name, branch in tree.items() for key, leaf in flat(branch, (*path, name)).items()}


def compiled(function):
    """`jax.jit`, with little time spent on optimising what runs once."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


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
    inputs = [Input(row, dtype=case.dtype) for row in case.rows]
    outputs = layer(inputs if len(inputs) > 1 else inputs[0])
    for context in CONTEXTS:
        for batch in (1, 5):
            real, new_state = jax.eval_shape(
                lambda *arrays, context=context: layer.apply(params, state, *arrays, context=context),
                *arrays_of(case, batch),
            )
            told = jax.tree.map(lambda t, batch=batch: jax.ShapeDtypeStruct((batch, *t.shape[1:]), t.dtype), outputs)
            assert real == told
            assert new_state == jax.eval_shape(lambda: state)


@every_layer
def test_weights_are_as_declared(case):
    layer, params, state = made(case)
    tree = layer.weight_tree(*specs_of(case))
    leaves = jax.tree_util.tree_leaves_with_path
    declared = {
        path: (weight.shape, weight.dtype, weight.trainable)
        for path, weight in leaves(tree, is_leaf=lambda leaf: isinstance(leaf, layers.Weight))
    }
    arrays = {
        path: (array.shape, array.dtype.name, trained)
        for part, trained in ((params, True), (state, False))
        for path, array in leaves(part)
    }
    assert arrays == declared


@every_layer
def test_jit_vmap_and_grad_agree_with_the_plain_call_in_float64(case):
    with jax.enable_x64(True):
        dtype = "float64" if case.dtype == "float32" else case.dtype
        layer, params, state = made(case, dtype)
        point, other = ((params, arrays_of(case, 4, dtype, seed=seed)) for seed in (2, 3))
        draw = np.random.default_rng(5)
        direction = jax.tree.map(lambda a: draw.normal(size=a.shape), point)
        step = 1e-6

        def run(point, context):
            params, inputs = point
            return layer.apply(params, state, *inputs, context=context)

        def valued(point, context):
            result = run(point, context)
            return scalar(result[0]), result

        @compiled
        def everything(point, other):
            """The first point by itself, both and the neighbours of the first by `vmap`, and two slopes: one program,
            which is asked once for each of the points.
            """
            points, results = [point, other], []
            if dtype == "float64":
                points += [jax.tree.map(lambda a, d, s=sign: a + s * step * d, point, direction) for sign in (1, -1)]
            stacked = jax.tree.map(lambda *arrays: jnp.stack(arrays), *points)
            for context in contexts_of(layer):
                mapped = jax.vmap(lambda point, context=context: run(point, context))(stacked)
                if dtype != "float64":
                    results.append((run(point, context), mapped, None))
                    continue
                gradient, one = jax.grad(valued, has_aux=True)(point, context)
                exact = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, gradient, direction)))
                ahead, behind = (scalar(jax.tree.map(lambda a, i=i: a[i], mapped[0])) for i in (2, 3))
                results.append((one, mapped, (exact, (ahead - behind) / (2 * step))))
            return results

        first, second = everything(point, other), everything(other, point)
        for context, (one, mapped, slopes), (two, *_) in zip(contexts_of(layer), first, second, strict=True):
            close(one, run(point, context))
            close(jax.tree.map(lambda a: a[0], mapped), one)
            close(jax.tree.map(lambda a: a[1], mapped), two)
            if slopes:
                assert slopes[0].dtype == jnp.float64
                np.testing.assert_allclose(*slopes, rtol=1e-6, atol=1e-7)


@with_twin
def test_parity_with_keras(case):
    layer, params, state = made(case)
    twin = case.twin()
    shapes = [(None, *row) for row in case.rows]
    twin.build(shapes[0] if len(shapes) == 1 else shapes)
    declared = flat(layer.build(*specs_of(case)))
    names = sorted(declared, key=lambda name: not declared[name].trainable)
    if names:
        values = flat(params) | flat(state)
        twin.set_weights([values[name] for name in names])
    # Keras counts a frozen layer's parameters among the others.
    own = [v.value for v in twin.trainable_variables]
    rest = [v.value for v in twin.non_trainable_variables]
    inputs = [x.astype(np.float32) for x in arrays_of(case, 6, seed=6)]
    modes = [context.training for context in contexts_of(layer)]

    def ours(params, inputs, training):
        output, new_state = layer.apply(params, state, *inputs, context=Context(training=training))
        return scalar(output), (output, new_state)

    def theirs(own, inputs, training):
        keywords = {"training": training} if "training" in twin.call.__code__.co_varnames else {}
        output, after = twin.stateless_call(own, rest, inputs[0] if len(inputs) == 1 else inputs, **keywords)
        return scalar(output), (output, after)

    @compiled
    def both(params, own, inputs):
        return [
            [
                jax.value_and_grad(function, (0, 1), has_aux=True)(weights, inputs, training)
                for function, weights in ((ours, params), (theirs, own))
            ]
            for training in modes
        ]

    for training, (mine, keras) in zip(modes, both(params, own, inputs), strict=True):
        ((_, (output, new_state)), gradients), ((_, (expected, after)), slopes) = mine, keras
        close(output, expected)
        close(gradients[1], slopes[1])
        if own:
            close([flat(gradients[0])[name] for name in names if declared[name].trainable], slopes[0])
        if layer.trainable:
            close([flat(new_state)[name] for name in names if not declared[name].trainable], after)
        elif training:
            close(new_state, state)


@pytest.mark.parametrize("case", [c for c in CASES if c.layer().final_activation is not None], ids=lambda case: case.id)
def test_final_activation_on_top_of_the_linear_layer_is_the_layer(case):
    layer, params, state = made(case)
    inputs = arrays_of(case, 3)

    def two():
        output, _ = layer.apply(params, state, *inputs, context=Context())
        linear, _ = layer.without_activation().apply(params, state, *inputs, context=Context())
        return output, layer.final_activation(linear)

    output, rebuilt = compiled(two)()
    close(rebuilt, output)
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

        def build(self, x):
            from deepkit.initializers import Constant

            return {"gain": layers.Weight((x.features,), Constant(self.start))}

        def call(self, weights, x, context):
            return x * weights["gain"]

    layer = Scale(3.0, name="mine")
    tensor = layer(Input(4))
    assert tensor.shape == (None, 4) and layer.label == "Scale 'mine'"
    params, state = layer.init(jax.random.key(0), Spec((None, 4)))
    output, state = layer.apply(params, state, jnp.ones((2, 4)), context=Context())
    np.testing.assert_array_equal(output, np.full((2, 4), 3.0))
    assert encode(layer)["class"] == "Scale" and state == {}
    vocabulary = {"Scale": Scale}
    assert decode(json.loads(json.dumps(encode(layer))), vocabulary).start == 3.0
