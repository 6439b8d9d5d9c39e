"""Categories and ranges: Keras's documented examples, fitting, and mistakes."""

import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from layer_cases import VOCABULARY

import deepkit as dk
from deepkit import layers
from deepkit.configuration import decode, encode
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, DeepkitWarning
from deepkit.graph import Input, Spec
from deepkit.layers import Context

VALUE, TYPE = DeepkitValueError, DeepkitTypeError
TOKENS = np.array([[12, 1138, 42], [42, 1000, 36]])


def run(layer, *inputs):
    params, state = layer.init(jax.random.key(0), *(Spec((None, *x.shape[1:]), x.dtype.name) for x in inputs))
    return np.asarray(layer.apply(params, state, *map(jnp.asarray, inputs), context=Context())[0])


def test_category_encoding_gives_keras_documented_examples():
    pairs = np.array([[0, 1], [0, 0], [1, 2], [3, 1]])
    one_hot = run(layers.CategoryEncoding(4, "one_hot"), np.array([3, 2, 0, 1]))
    np.testing.assert_array_equal(one_hot, np.eye(4)[[3, 2, 0, 1]])
    np.testing.assert_array_equal(
        run(layers.CategoryEncoding(4), pairs), [[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1]]
    )
    weights = np.array([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3], [0.4, 0.2]], np.float32)
    np.testing.assert_allclose(
        run(layers.CategoryEncoding(4, "count"), pairs, weights),
        [[0.1, 0.2, 0, 0], [0.2, 0, 0, 0], [0, 0.2, 0.3, 0], [0, 0.2, 0, 0.4]],
        rtol=1e-6,
    )


def test_numbers_outside_the_categories_are_zeros():
    assert (run(layers.CategoryEncoding(3, "one_hot"), np.array([-1, 3])) == 0).all()


def test_discretization_gives_keras_documented_example():
    x = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]])
    np.testing.assert_array_equal(run(layers.Discretization([0.0, 1.0, 2.0]), x), [[0, 2, 3, 1], [1, 3, 2, 1]])


def test_fitted_ranges_hold_equally_many_and_agree_with_keras_within_its_epsilon():
    x = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    layer = layers.Discretization(num_bins=5).adapt(x)
    np.testing.assert_array_equal(np.bincount(run(layer, x).ravel()), [400] * 5)
    twin = keras.layers.Discretization(num_bins=5, epsilon=0.001)
    twin.update_state(x)
    twin.finalize_state()
    np.testing.assert_allclose(layer.fitted_weights["bin_boundaries"], twin.bin_boundaries, atol=0.01)


def test_fitted_ranges_travel_with_the_model():
    layer, x = layers.Discretization(num_bins=3, output_mode="one_hot"), dk.Input(1)
    model = dk.Model(x, layer(x))
    with pytest.raises(DeepkitValueError, match=r"no boundaries yet. Call its adapt\(x_train\)"):
        model.predict(np.ones((1, 1)), verbose=0)
    layer.adapt(np.arange(9.0)[:, None])
    np.testing.assert_array_equal(model.predict(np.array([[0.0], [4.0], [99.0]]), verbose=0), np.eye(3))
    assert jax.tree.leaves(model.variables["state"])[0].shape == (2,)


def test_many_equal_values_are_told():
    with pytest.warns(DeepkitWarning, match="2 of 3 boundaries equal the one before"):
        layers.Discretization(num_bins=4).adapt(np.zeros(20).reshape(-1, 1))


def test_integer_lookup_gives_keras_documented_examples():
    data = np.array([[12, 1138, 42], [42, 1000, 36]])
    np.testing.assert_array_equal(
        run(layers.IntegerLookup(vocabulary=[12, 36, 1138, 42]), data), [[1, 3, 4], [4, 0, 2]]
    )
    layer = layers.IntegerLookup().adapt(data)
    assert layer.get_vocabulary() == [-1, 42, 1138, 1000, 36, 12]
    np.testing.assert_array_equal(run(layer, data), [[5, 2, 1], [1, 3, 4]])
    inverse = layers.IntegerLookup(vocabulary=layer.vocabulary, invert=True)
    np.testing.assert_array_equal(run(inverse, np.array([[5, 2, 1], [0, 9, -3]])), [[12, 1138, 42], [-1, -1, -1]])


def test_integer_lookup_leaves_out_masks_and_unknown_ones():
    layer = layers.IntegerLookup(mask_token=7, vocabulary=[3, 5])
    np.testing.assert_array_equal(run(layer, np.array([[7, 3, 5, 4]])), [[0, 2, 3, 1]])
    assert layer.get_vocabulary() == [7, -1, 3, 5]
    encoded = run(layer.replace(output_mode="multi_hot"), np.array([[7, 5], [7, 4], [7, 7]]))
    np.testing.assert_array_equal(encoded, [[0, 0, 1], [1, 0, 0], [0, 0, 0]])
    without = layers.IntegerLookup(num_oov_indices=0, vocabulary=[3, 5], output_mode="one_hot")
    np.testing.assert_array_equal(run(without, np.array([3, 4, 5])), [[1, 0], [0, 0], [0, 1]])


def test_a_small_vocabulary_keeps_the_most_frequent_and_goes_into_files():
    layer = layers.IntegerLookup(3).adapt(np.array([[1, 1, 2, 2, 2, 3]]))
    assert layer.vocabulary == (2, 1)
    back = decode(json.loads(json.dumps(encode(layer))), VOCABULARY)
    assert back.vocabulary == (2, 1) and back(Input(3, dtype="int32")).shape == (None, 3)


def late():
    layer = layers.IntegerLookup(vocabulary=[1, 2])
    layer(Input(3, dtype="int32"))
    layer.adapt(TOKENS)


def whole(row=3):
    return Input(row, dtype="int32")


@pytest.mark.parametrize(
    ("use", "kind", "text"),
    [
        (lambda: layers.CategoryEncoding(), TYPE, "needs the argument 'num_tokens'"),
        (lambda: layers.CategoryEncoding(3, "binary"), VALUE, "'one_hot', 'multi_hot', 'count'"),
        (lambda: layers.CategoryEncoding(3)(Input(3)), TYPE, r'holds float32. Declare them: .*dtype="int32"'),
        (lambda: layers.CategoryEncoding(3)(whole(())), VALUE, 'has one per row. Write output_mode="one_hot"'),
        (lambda: layers.CategoryEncoding(3)([whole(), Input(3)]), VALUE, "in mode 'multi_hot'. Give one weight"),
        (lambda: layers.CategoryEncoding(3, "count")([whole(), Input(2)]), VALUE, r"shape \(None, 2\) were given"),
        (lambda: layers.Discretization(), VALUE, "give either bin_boundaries, or num_bins"),
        (lambda: layers.Discretization([1.0], 2), VALUE, "give either bin_boundaries, or num_bins"),
        (lambda: layers.Discretization([1.0, 1.0]), VALUE, "each above the one before"),
        (lambda: layers.Discretization(3.0), TYPE, "expected a list of boundaries"),
        (lambda: layers.Discretization([1.0]).adapt(TOKENS), TYPE, "Give num_bins instead to use adapt"),
        (lambda: layers.Discretization(num_bins=3).adapt(np.array([[np.nan]])), VALUE, "1 of 1 values are NaN"),
        (lambda: layers.IntegerLookup()(whole()), VALUE, r"no vocabulary yet. Call its adapt\(x_train\) before"),
        (lambda: layers.IntegerLookup(vocabulary=[1, 1]), VALUE, "none twice"),
        (lambda: layers.IntegerLookup(vocabulary=["a"]), TYPE, "expected whole numbers"),
        (lambda: layers.IntegerLookup(vocabulary=[2**40]), VALUE, "does not fit in 32 bits"),
        (lambda: layers.IntegerLookup(vocabulary=[-1, 2]), VALUE, "-1 is a special token. Leave it out"),
        (lambda: layers.IntegerLookup(num_oov_indices=2), VALUE, "nothing is hashed here"),
        (lambda: layers.IntegerLookup(invert=True, output_mode="count"), VALUE, "go back to tokens only"),
        (lambda: layers.IntegerLookup().adapt(TOKENS + 0.5), VALUE, "expected whole numbers. Use Discretization"),
        (late, TYPE, "was called already. Adapt it before"),
    ],
)
def test_wrong_use(use, kind, text):
    with pytest.raises(kind, match=text) as caught:
        use()
    assert isinstance(caught.value, DeepkitError)
