"""What every layer must pass: round trip, shapes, transformations, gradients, parity with Keras."""

import functools
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
MODAL = (layers.BatchNormalization, layers.SpectralNormalization, layers.Flax)
"""What behaves differently in training without being random; of what is neither, one run is enough."""
PLAIN = [*{type(case.layer()): case for case in reversed(CASES)}.values()]
"""A case of every class: the plain call compiles every operation by itself."""


def contexts_of(case):
    return CONTEXTS if case.random or isinstance(case.layer(), MODAL) else CONTEXTS[1:]


def close(left, right):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), left, right)


def as_close_as_sums(left, right):
    """Where sums are added up in another order, what cancels leaves some 32 roundings of the largest numbers."""

    def compare(a, b):
        largest = float(np.max(np.abs(b), initial=0.0))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=max(1e-5, 32 * 2**-23 * largest))

    jax.tree.map(compare, left, right)


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


GROUP = 16
"""So many neighbouring cases share a program: each by itself costs its compilation's fixed part again."""


def together(cases, setup):
    """What `setup(case)` says to compute, by case: a function and lists of arguments to call it on, one result each.

    Neighbours are computed by one program, when the first of them is asked for. Where one of them fails, each is
    computed by itself, so that only that one's test fails.
    """

    def computed(members):
        functions, calls = zip(*map(setup, members), strict=True)
        program = compiled(lambda arguments: [f(*given) for f, given in zip(functions, arguments, strict=True)])
        # NumPy's from here on: taking a JAX array apart would be compiled as well.
        return [*zip(*(jax.device_get(program(arguments)) for arguments in zip(*calls, strict=True)), strict=True)]

    @functools.cache
    def group(start):
        try:
            return computed(cases[start : start + GROUP])
        except Exception:
            return None

    def results(case):
        number = cases.index(case)
        found = group(number - number % GROUP)
        return computed([case])[0] if found is None else found[number % GROUP]

    return results


def scalar(output, by=jnp):
    """A number that every entry of the output has its own influence on."""
    leaves = jax.tree.leaves(output)
    return sum(by.sum(by.sin(leaf + np.arange(leaf.size).reshape(leaf.shape))) for leaf in leaves)


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
    for context, batch in zip(CONTEXTS, (1, 5), strict=True):
        real, new_state = jax.eval_shape(
            lambda *arrays, context=context: layer.apply(params, state, *arrays, context=context),
            *arrays_of(case, batch),
        )
        told = jax.tree.map(lambda t, batch=batch: jax.ShapeDtypeStruct((batch, *t.shape[1:]), t.dtype), outputs)
        assert real == told
        assert new_state == jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), state)


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


def at_points(case):
    """Two points, both and two beside the first stacked, a direction, and the layer's call at a point."""
    dtype = "float64" if case.dtype == "float32" else case.dtype
    layer, params, state = made(case, dtype)
    points = [(params, arrays_of(case, 4, dtype, seed=seed)) for seed in (2, 3)]
    draw = np.random.default_rng(5)
    direction = jax.tree.map(lambda a: draw.normal(size=a.shape), points[0])
    if dtype == "float64":
        points += [jax.tree.map(lambda a, d, s=sign: a + s * STEP * d, points[0], direction) for sign in (1, -1)]
    stacked = jax.tree.map(lambda *arrays: np.stack(arrays), *points)

    def run(point, context):
        params, inputs = point
        return layer.apply(params, state, *inputs, context=context)

    return run, points, stacked, direction


STEP = 1e-6


def in_float64(case):
    """A point by itself, several by `vmap`, and the slope: one program, which is asked once for each point."""
    run, (point, other, *beside), stacked, _ = at_points(case)

    def valued(point, context):
        result = run(point, context)
        return scalar(result[0]), result

    def everything(point, stacked):
        results = []
        for context in contexts_of(case):
            mapped = jax.vmap(lambda point, context=context: run(point, context))(stacked)
            slope = jax.grad(valued, has_aux=True) if beside else lambda *given: (None, run(*given))
            results.append((mapped, *slope(point, context)))
        return results

    return everything, [(point, stacked), (other, stacked)]


TRANSFORMED = [case for case in CASES if case in PLAIN or not case.twin]
"""Of the further cases of a class, those whose values and slopes Keras does not confirm."""
computed_in_float64 = together(TRANSFORMED, in_float64)


@pytest.mark.parametrize("case", TRANSFORMED, ids=lambda case: case.id)
def test_jit_vmap_and_grad_agree_with_the_plain_call_in_float64(case):
    with jax.enable_x64(True):
        run, (point, _, *beside), _, direction = at_points(case)
        first, second = computed_in_float64(case)
        for context, (mapped, gradient, one), (*_, two) in zip(contexts_of(case), first, second, strict=True):
            if case in PLAIN and context.training:
                close(one, run(point, context))
            close(jax.tree.map(lambda a: a[0], mapped), one)
            close(jax.tree.map(lambda a: a[1], mapped), two)
            if beside:
                assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(gradient))
                exact = sum(jax.tree.leaves(jax.tree.map(np.vdot, gradient, direction)))
                ahead, behind = (scalar(jax.tree.map(lambda a, i=i: a[i], mapped[0]), np) for i in (2, 3))
                np.testing.assert_allclose(exact, (ahead - behind) / (2 * STEP), rtol=1e-6, atol=1e-7)


def beside_keras(case):
    """Outputs, states and slopes in every mode, ours and those of the twin with the same weights."""
    layer, params, state = made(case)
    twin = case.twin()
    shapes = [(None, *row) for row in case.rows]
    twin.build(shapes[0] if len(shapes) == 1 else shapes)
    names = weights_in_keras(layer, case)
    if names:
        values = flat(params) | flat(state)
        twin.set_weights([values[name] for name in names])
    # Keras counts a frozen layer's parameters among the others.
    own = [np.asarray(v.value) for v in twin.trainable_variables]
    rest = [np.asarray(v.value) for v in twin.non_trainable_variables]
    inputs = [x.astype(np.float32) for x in arrays_of(case, 6, seed=6)]

    def ours(params, inputs, training):
        output, new_state = layer.apply(params, state, *inputs, context=Context(training=training))
        return scalar(output), (output, new_state)

    def theirs(own, inputs, training):
        keywords = {"training": training} if "training" in twin.call.__code__.co_varnames else {}
        output, after = twin.stateless_call(own, rest, inputs[0] if len(inputs) == 1 else inputs, **keywords)
        return scalar(output), (output, after)

    def both(params, own, inputs):
        return [
            [
                jax.value_and_grad(function, (0, 1), has_aux=True)(weights, inputs, context.training)
                for function, weights in ((ours, params), (theirs, own))
            ]
            for context in contexts_of(case)
        ]

    return both, [(params, own, inputs)]


def weights_in_keras(layer, case):
    """Paths of the layer's weights in the order of Keras: trained ones first."""
    declared = flat(layer.build(*specs_of(case)))
    return sorted(declared, key=lambda name: not declared[name].trainable)


computed_beside_keras = together([c for c in CASES if c.twin], beside_keras)


@with_twin
def test_parity_with_keras(case):
    layer, _, state = made(case)
    declared = flat(layer.build(*specs_of(case)))
    names = weights_in_keras(layer, case)
    (results,) = computed_beside_keras(case)
    for context, (mine, keras) in zip(contexts_of(case), results, strict=True):
        ((_, (output, new_state)), gradients), ((_, (expected, after)), slopes) = mine, keras
        as_close_as_sums(output, expected)
        as_close_as_sums(gradients[1], slopes[1])
        if slopes[0]:
            as_close_as_sums([flat(gradients[0])[name] for name in names if declared[name].trainable], slopes[0])
        if layer.trainable:
            as_close_as_sums([flat(new_state)[name] for name in names if not declared[name].trainable], after)
        elif context.training:
            as_close_as_sums(new_state, state)


ACTIVATED = [c for c in CASES if c.layer().final_activation is not None]


@functools.cache
def outputs_whole_and_rebuilt():
    """Of every case the output, and the final activation on top of the linear layer; one program for all of them."""
    everything = [(*made(case), arrays_of(case, 3)) for case in ACTIVATED]

    @compiled
    def both():
        pairs = []
        for layer, params, state, inputs in everything:
            output, _ = layer.apply(params, state, *inputs, context=Context())
            linear, _ = layer.without_activation().apply(params, state, *inputs, context=Context())
            pairs.append((output, layer.final_activation(linear)))
        return pairs

    return both()


@pytest.mark.parametrize("index", range(len(ACTIVATED)), ids=[case.id for case in ACTIVATED])
def test_final_activation_on_top_of_the_linear_layer_is_the_layer(index):
    output, rebuilt = outputs_whole_and_rebuilt()[index]
    close(rebuilt, output)
    assert ACTIVATED[index].layer().final_activation.__name__


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", [layers.BatchNormalization, layers.LayerNormalization])
def test_normalization_of_half_precision_keeps_the_dtype_and_does_not_overflow(kind, dtype):
    layer, x = kind(), jnp.asarray(np.linspace(100, 900, 12).reshape(4, 3), dtype)

    @compiled
    def started(x):
        params, state = layer.init(jax.random.key(0), Spec((None, 3), dtype))
        return layer.apply(params, state, x, context=Context(training=True))

    output, state = started(x)
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
