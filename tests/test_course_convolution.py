"""D12 and D13, the exact numbers of convolution and pooling by hand, through the public interface."""

import jax
import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitValueError

SQUARE = np.arange(9.0).reshape(1, 3, 3, 1)
TAPS = np.array([[0.0, 1.0], [2.0, 3.0]])
POOLED = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])[None, :, :, None]


def single(shape, layer):
    """A model of one layer."""
    x = dk.Input(shape)
    return dk.Model(x, layer(x))


def chain(shape, *layers):
    return dk.Sequential([dk.Input(shape), *layers])


def by_hand(layer, image, *weights):
    model = single(image.shape[1:], layer)
    if weights:
        model.set_weights(weights)
    return model.predict(image.astype("float32"))[0]


def test_d12_cross_correlation_does_not_flip():
    kernel = TAPS[:, :, None, None]
    seen = by_hand(dk.layers.Conv2D(1, 2, use_bias=False), SQUARE, kernel)
    np.testing.assert_array_equal(seen[..., 0], [[19, 25], [37, 43]])
    # A convolution in the mathematical sense turns the kernel round.
    turned = by_hand(dk.layers.Conv2D(1, 2, use_bias=False), SQUARE, kernel[::-1, ::-1])
    np.testing.assert_array_equal(turned[..., 0], [[5, 11], [23, 29]])


def test_d12_every_filter_has_one_bias_and_sums_over_all_channels():
    image = np.concatenate([SQUARE, 10 * SQUARE], axis=-1)
    kernel = np.zeros((2, 2, 2, 3))
    kernel[:, :, 0, 0] = kernel[:, :, 1, 1] = kernel[:, :, 0, 2] = kernel[:, :, 1, 2] = TAPS
    seen = by_hand(dk.layers.Conv2D(3, 2), image, kernel, [0.5, 1.0, -100.0])
    first = np.array([[19, 25], [37, 43]])
    np.testing.assert_array_equal(np.moveaxis(seen, -1, 0), [first + 0.5, 10 * first + 1, 11 * first - 100])


@pytest.mark.parametrize(
    ("size", "window", "stride", "pad", "out"),
    [(7, 3, 1, 0, 5), (7, 3, 2, 0, 3), (32, 5, 1, 2, 32), (32, 5, 1, 0, 28), (227, 11, 4, 0, 55), (55, 3, 2, 0, 27),
     (224, 7, 2, 3, None), (7, 3, 3, 0, None), (224, 11, 4, 0, None), (28, 3, 1, 1, 28), (9, 3, 1, 1, 9)],
)  # fmt: skip
def test_d12_output_size(size, window, stride, pad, out):
    """(W − w + 2·pad)/stride + 1; where it is no whole number, floored, or with strict refused."""
    x = dk.Input((size, size, 3))
    floored = (size - window + 2 * pad) // stride + 1
    left = (size - window + 2 * pad) % stride
    for kind, arguments in (
        (dk.layers.Conv2D, (4, window, stride, pad)),
        (dk.layers.MaxPooling2D, (window, stride, pad)),
    ):
        assert kind(*arguments)(x).shape[1:3] == (floored, floored)
        if out is not None:
            assert kind(*arguments, strict=True)(x).shape[1:3] == (out, out)
            continue
        with pytest.raises(DeepkitValueError, match=f"legal sizes are {size - left} and {size - left + stride}"):
            kind(*arguments, strict=True)(x)


def test_d12_paddings():
    """Ones over ones count what a window sees of the image; zeros around it are told as a word, a number, or pairs."""
    ones = np.ones((1, 3, 3, 1))

    def counts(padding):
        return by_hand(dk.layers.Conv2D(1, 2 if padding == ((0, 1), (0, 1)) else 3, padding=padding, use_bias=False,
                                        kernel_initializer="ones"), ones)[..., 0]  # fmt: skip

    around = [[4, 6, 4], [6, 9, 6], [4, 6, 4]]
    np.testing.assert_array_equal(counts("valid"), [[9]])
    np.testing.assert_array_equal(counts("same"), around)
    np.testing.assert_array_equal(counts(1), around)
    np.testing.assert_array_equal(counts((1, 0)), [[6], [9], [6]])
    np.testing.assert_array_equal(counts(((2, 0), (0, 1))), [[3, 2], [6, 4], [9, 6]])
    np.testing.assert_array_equal(counts(((0, 1), (0, 1))), [[4, 4, 2], [4, 4, 2], [2, 2, 1]])


def test_d12_pooling_works_on_every_channel_by_itself():
    image = np.concatenate([POOLED, -POOLED], axis=-1)
    largest, mean = by_hand(dk.layers.MaxPooling2D(2), image), by_hand(dk.layers.AveragePooling2D(2), image)
    np.testing.assert_array_equal(largest[..., 0], [[6, 8], [3, 4]])
    np.testing.assert_array_equal(largest[..., 1], [[-1, -2], [-1, 0]])
    np.testing.assert_array_equal(mean[..., 0], [[3.25, 5.25], [2, 2]])
    np.testing.assert_array_equal(mean[..., 1], [[-3.25, -5.25], [-2, -2]])
    assert single((32, 32, 3), dk.layers.MaxPooling2D()).count_params() == 0


def test_d12_overlapping_pooling():
    """3×3 windows two places apart share a row and a column; one apart, with a border of 1, they keep the size."""
    five = np.arange(25.0).reshape(1, 5, 5, 1)
    np.testing.assert_array_equal(by_hand(dk.layers.MaxPooling2D(3, 2), five)[..., 0], [[12, 14], [22, 24]])
    np.testing.assert_array_equal(by_hand(dk.layers.AveragePooling2D(3, 2), five)[..., 0], [[6, 8], [16, 18]])
    kept = by_hand(dk.layers.MaxPooling2D(3, 1, padding=1), POOLED)[..., 0]
    np.testing.assert_array_equal(kept, [[6, 7, 8, 8], [6, 7, 8, 8], [6, 7, 8, 8], [3, 3, 4, 4]])
    # What is outside is smaller than everything inside, and is not counted in a mean.
    assert by_hand(dk.layers.MaxPooling2D(3, 1, padding=1), -POOLED).max() == 0
    assert by_hand(dk.layers.AveragePooling2D(3, 1, padding=1), POOLED)[0, 0, 0] == (1 + 1 + 5 + 6) / 4


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        ([dk.layers.Conv2D(1, 3, kernel_initializer="ones") for _ in range(3)], 7),
        ([dk.layers.Conv2D(1, 7, kernel_initializer="ones")], 7),
        ([dk.layers.Conv2D(1, 5, kernel_initializer="ones") for _ in range(2)], 9),
        ([dk.layers.Conv2D(1, 3, kernel_initializer="ones"), dk.layers.AveragePooling2D(2)], 4),
        ([dk.layers.Conv2D(1, 3, dilation_rate=d, kernel_initializer="ones") for d in (1, 2, 4)], 15),
    ],
    ids=["three 3×3", "one 7×7", "two 5×5", "3×3 and pooling", "dilation 1, 2, 4"],
)
def test_d12_receptive_field(layers, field):
    """The places of the input that one number depends on, counted through the gradient."""
    model = chain((19, 19, 1), *layers)
    variables = model.init(jax.random.key(0))

    def middle(x):
        y, _ = model.apply(variables, x)
        return y[0, y.shape[1] // 2, y.shape[2] // 2, 0]

    seen = np.asarray(jax.grad(middle)(np.ones((1, 19, 19, 1), "float32")))[0, :, :, 0] != 0
    assert (seen.any(0).sum(), seen.any(1).sum()) == (field, field)


def test_d12_a_convolution_is_a_sparse_affine_layer():
    """As a matrix: most entries are 0, the others are the kernel's, again and again."""
    shape, filters, window = (5, 4, 2), 3, 3
    model = single(shape, dk.layers.Conv2D(filters, window, padding=1))
    kernel, _ = (np.random.default_rng(0).normal(size=w.shape) for w in model.get_weights())
    bias = np.array([1.0, 2.0, 3.0])
    model.set_weights([kernel, bias])
    inputs, outputs = 5 * 4 * 2, 5 * 4 * filters

    def rows(x):
        y, _ = model.apply(model.variables, x.reshape(-1, *shape))
        return y.reshape(-1, outputs)

    matrix = np.asarray(jax.jacobian(lambda x: rows(x)[0])(np.zeros(inputs, "float32"))).T
    dense = single((inputs,), dk.layers.Dense(outputs))
    dense.set_weights([matrix, np.tile(bias, 20)])
    images = np.random.default_rng(1).normal(size=(6, inputs)).astype("float32")
    np.testing.assert_allclose(dense.predict(images), rows(images), rtol=1e-5, atol=1e-5)

    inside = (3 * 5 - 2) * (3 * 4 - 2)  # pairs of an output and an input place; a border's windows see less
    assert np.count_nonzero(matrix) == inside * 2 * filters
    assert set(np.unique(matrix)) - {0.0} == set(np.unique(kernel.astype("float32")))
    assert (model.count_params(), dense.count_params()) == (3 * 3 * 2 * 3 + 3, 40 * 60 + 60)


def test_d13_layers():
    assert single((32, 32, 3), dk.layers.Conv2D(4, 4)).count_params() == 196
    assert chain((32, 32, 3), dk.layers.Flatten(), dk.layers.Dense(500, use_bias=False)).count_params() == 1_536_000
    assert chain((32, 32, 3), dk.layers.Flatten(), dk.layers.Dense(500)).count_params() == 1_536_500

    c1 = single((32, 32, 1), dk.layers.Conv2D(6, 5))
    assert c1.count_params() == 156
    _, height, width, _ = c1.outputs[0].shape
    assert height * width * c1.count_params() == 122_304  # every weight and bias is used once at every place

    conv1 = single((227, 227, 3), dk.layers.Conv2D(96, 11, 4, strict=True))
    assert (conv1.outputs[0].shape, conv1.count_params()) == ((None, 55, 55, 96), 34_944)


@pytest.mark.parametrize("channels", [1, 16, 64])
def test_d13_three_small_windows_cost_less_than_a_large_one(channels):
    def parameters(window, number):
        layers = [dk.layers.Conv2D(channels, window, padding="same", use_bias=False) for _ in range(number)]
        return chain((32, 32, channels), *layers).count_params()

    assert (parameters(7, 1), parameters(3, 3)) == (49 * channels**2, 27 * channels**2)


def test_d13_vgg16_without_biases():
    """Counted from the declaration: no weight is drawn."""
    layers = []
    for filters, number in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [dk.layers.Conv2D(filters, 3, padding=1, use_bias=False) for _ in range(number)]
        layers.append(dk.layers.MaxPooling2D(2, strict=True))
    top = [dk.layers.Dense(units, use_bias=False) for units in (4096, 4096, 1000)]
    assert chain((224, 224, 3), *layers, dk.layers.Flatten(), *top).count_params() == 138_344_128
