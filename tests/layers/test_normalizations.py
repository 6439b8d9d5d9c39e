"""What normalisations of rows, groups and kernels promise beyond the harness."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from deepkit import layers
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError
from deepkit.graph import Input, Spec
from deepkit.layers import Context

X = np.random.default_rng(0).normal(2, 3, (5, 4, 6)).astype(np.float32)
VALUE, TYPE = DeepkitValueError, DeepkitTypeError


def run(layer, x=X, **context):
    params, state = layer.init(jax.random.key(0), Spec((None, *x.shape[1:])))
    return layer.apply(params, state, x, context=Context(**context))[0]


def test_one_group_is_the_layer_norm_of_the_whole_row_and_a_group_per_channel_the_instance_norm():
    whole = run(layers.LayerNormalization((1, 2)))
    np.testing.assert_allclose(run(layers.GroupNormalization(1)), whole, rtol=1e-5, atol=1e-6)
    instance = (X - X.mean(1, keepdims=True)) / np.sqrt(X.var(1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(run(layers.GroupNormalization(-1)), instance, rtol=1e-5, atol=1e-5)


def test_unit_normalization_gives_length_1_and_leaves_zeros_with_finite_gradients():
    np.testing.assert_allclose(np.linalg.norm(run(layers.UnitNormalization()), axis=-1), 1, rtol=1e-6)
    zeros = jnp.zeros((2, 3))
    slope = jax.grad(lambda x: run(layers.UnitNormalization(), x).sum())(zeros)
    assert (run(layers.UnitNormalization(), zeros) == 0).all() and jnp.isfinite(slope).all()


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_local_response_normalization_is_the_sum_over_neighbouring_channels(size):
    """PyTorch's definition, written as its loop: size // 2 channels before, the rest behind."""
    alpha, beta, k = 0.7, 0.6, 1.5
    expected = np.empty_like(X)
    for channel in range(6):
        low, high = max(0, channel - size // 2), channel + (size - 1) // 2 + 1
        total = np.square(X[..., low:high]).sum(-1)
        expected[..., channel] = X[..., channel] / (k + alpha / size * total) ** beta
    np.testing.assert_allclose(run(layers.LocalResponseNormalization(size, alpha, beta, k)), expected, rtol=1e-5)


@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral_normalization_in_training_agrees_with_keras(iterations):
    x = X[:, 0]
    twin = keras.layers.SpectralNormalization(keras.layers.Dense(3), iterations)
    twin.build(x.shape)
    kernel, vector, bias = (np.asarray(variable.value) for variable in twin.weights)
    layer = layers.SpectralNormalization(layers.Dense(3), iterations)
    params = {"layer": {"kernel": kernel, "bias": bias}}
    state = {"layer": {}, "vector_u": vector}
    assert jax.tree.structure(layer.init(jax.random.key(0), Spec((None, 6)))) == jax.tree.structure((params, state))
    output, after = layer.apply(params, state, x, context=Context(training=True))
    np.testing.assert_allclose(output, twin(x, training=True), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(after["vector_u"], twin.vector_u.value, rtol=1e-5, atol=1e-6)
    again, same = layer.apply(params, after, x, context=Context())
    assert same is not after and (same["vector_u"] == after["vector_u"]).all()
    assert again.shape == output.shape


def test_spectral_normalization_settles_on_the_largest_singular_value():
    layer = layers.SpectralNormalization(layers.Dense(5, use_bias=False), 100)
    params, state = layer.init(jax.random.key(1), Spec((None, 6)))
    output, _ = layer.apply(params, state, jnp.eye(6), context=Context())
    np.testing.assert_allclose(np.linalg.svd(output, compute_uv=False)[0], 1, rtol=1e-4)


def test_spectral_normalization_of_zeros_is_zero():
    layer = layers.SpectralNormalization(layers.Dense(2, kernel_initializer="zeros"))
    assert (run(layer, jnp.ones((3, 4)), training=True) == 0).all()


@pytest.mark.parametrize(
    ("use", "kind", "text"),
    [
        (lambda: layers.GroupNormalization(0), VALUE, "at least 1, or -1 for one group per channel"),
        (lambda: layers.GroupNormalization("2"), TYPE, "at least 1, or -1"),
        (
            lambda: layers.GroupNormalization()(Input((4, 48))),
            VALUE,
            r"48 channels .* 32 groups.* one of 1, 2, 3, 4, 6",
        ),
        (lambda: layers.GroupNormalization(1, 0)(Input(3)), VALUE, "is the batch"),
        (lambda: layers.RMSNormalization()(Input(())), VALUE, "at least 2 axes"),
        (lambda: layers.RMSNormalization(4)(Input(3)), VALUE, "there is no axis 4"),
        (lambda: layers.UnitNormalization(0)(Input(3)), VALUE, "is the batch"),
        (lambda: layers.LocalResponseNormalization(0), VALUE, "at least 1"),
        (lambda: layers.LocalResponseNormalization(5, k=0), VALUE, "above 0"),
        (lambda: layers.SpectralNormalization("dense"), TYPE, "expected a layer, such as Dense"),
        (lambda: layers.SpectralNormalization(layers.Dense(2), 0), VALUE, "at least 1"),
        (lambda: layers.SpectralNormalization(layers.ReLU())(Input(3)), VALUE, r"ReLU\(\) has none .*no weights"),
        (
            lambda: layers.SpectralNormalization(layers.PReLU())(Input(3)),
            VALUE,
            r"has none \(its weights: alpha\). Wrap a Dense",
        ),
    ],
)
def test_wrong_use(use, kind, text):
    with pytest.raises(kind, match=text) as caught:
        use()
    assert isinstance(caught.value, DeepkitError)
