"""What goes wrong with windows, and what the layers say to it; what they tell of their geometry."""

import re
import warnings

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from deepkit import layers
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, DeepkitWarning
from deepkit.graph import Input, Meaning, Spec
from deepkit.layers import Context
from deepkit.layers.windows import Geometry

VALUE, TYPE = DeepkitValueError, DeepkitTypeError
IMAGE = Input((8, 8, 6))

WRONG = [
    # Arguments.
    (lambda: layers.Conv2D(0, 3), VALUE, r"Conv2D\(filters=0\): expected a whole number of at least 1"),
    (lambda: layers.Conv2D(8, 0), VALUE, r"Conv2D\(kernel_size=0\): expected a whole number of at least 1"),
    (lambda: layers.Conv2D(8, "3"), TYPE, r"Conv2D\(kernel_size='3'\): expected a whole number"),
    (lambda: layers.Conv2D(8, (3, 3, 3)), VALUE, r"one whole number or 2, one per axis \(height, width\)"),
    (lambda: layers.Conv2D(8, 3, 0), VALUE, r"Conv2D\(strides=0\)"),
    (lambda: layers.Conv2D(8, 3, padding="full"), VALUE, r"expected 'valid', 'same', or numbers such as 1"),
    (lambda: layers.Conv2D(8, 3, padding="causal"), VALUE, r"padding='causal'\): expected 'valid', 'same'"),
    (lambda: layers.Conv2D(8, 3, padding=-1), VALUE, "expected a whole number of at least 0"),
    (lambda: layers.Conv2D(8, 3, padding=1.5), TYPE, "expected 'valid', 'same', or numbers, got 1.5"),
    (lambda: layers.Conv2D(8, 3, padding=((1, 2, 3), 0)), VALUE, r"expected \(low, high\)"),
    (lambda: layers.Conv1D(8, 3, padding=(1, 2, 3)), VALUE, r"pairs: \(\(low, high\),\)"),
    (lambda: layers.Conv3D(8, 3, padding=(1, 1)), VALUE, r"\(\(low, high\), \(low, high\), \(low, high\)\)"),
    (lambda: layers.Conv2D(8, 3, groups=3), VALUE, "8 filters cannot be cut into 3 equal groups. Give a multiple of 3"),
    (lambda: layers.Conv2D(8, 3, 2, dilation_rate=2), VALUE, "both above 1.*Give one of the two"),
    (lambda: layers.Conv2DTranspose(8, 3, 2, dilation_rate=2), VALUE, "both above 1"),
    (
        lambda: layers.Conv2DTranspose(8, 3, 2, output_padding=2),
        VALUE,
        r"output_padding=\(2, 2\) must be below strides",
    ),
    (lambda: layers.UpSampling2D(2, "cubik"), VALUE, "no such interpolation. Did you mean 'bicubic'"),
    (lambda: layers.Permute((0, 1)), VALUE, "every axis once, counted from 1"),
    (lambda: layers.Permute(2), TYPE, "expected a tuple of whole numbers"),
    (lambda: layers.RepeatVector(0), VALUE, r"RepeatVector\(n=0\)"),
    (lambda: layers.ZeroPadding2D("same"), TYPE, "expected a whole number of at least 0, got 'same'"),
    # Inputs of another rank.
    (
        lambda: layers.Conv2D(8, 3)(layers.Dense(64)(Input(4))),
        VALUE,
        r"\(batch, height, width, channels\), 4 axes, got shape \(None, 64\). Put dk.layers.Reshape\(\(height, width, "
        r"channels\)\) before it, sizes whose product is 64",
    ),
    (lambda: layers.Conv2D(8, 3)(Input((28, 28))), VALUE, r"single channel, put dk.layers.Reshape\(\(28, 28, 1\)\)"),
    (lambda: layers.Conv1D(8, 3)(Input(20)), VALUE, r"\(batch, steps, channels\), 3 axes.*Reshape\(\(20, 1\)\)"),
    (lambda: layers.Conv1D(8, 3)(Input((8, 8, 3))), VALUE, "Use dk.layers.Conv2D, or dk.layers.Reshape"),
    (lambda: layers.Conv3D(8, 3)(Input((1, 2, 3, 4, 5))), VALUE, r"6 axes|5 axes, got shape .* Put dk.layers.Reshape"),
    (lambda: layers.MaxPooling1D()(IMAGE), VALUE, "Use dk.layers.MaxPooling2D"),
    (lambda: layers.GlobalAveragePooling2D()(Input((8, 6))), VALUE, r"Reshape\(\(8, 6, 1\)\)"),
    (lambda: layers.AdaptiveMaxPooling3D(2)(IMAGE), VALUE, "needs an input .*depth, height, width, channels"),
    (lambda: layers.UpSampling1D()(IMAGE), VALUE, "Use dk.layers.UpSampling2D"),
    (lambda: layers.Permute((2, 1))(IMAGE), VALUE, r"orders 2 axes, but rows of shape \(8, 8, 6\) have 3"),
    (lambda: layers.RepeatVector(3)(IMAGE), VALUE, "needs an input of 2 axes"),
    # Sizes.
    (
        lambda: layers.Conv2D(8, 5, name="c5")(Input((3, 4, 1))),
        VALUE,
        r"Conv2D 'c5' has a window that spans 5×5, but its input of shape \(None, 3, 4, 1\) is only 3×4 with its "
        r"padding. Give padding=1 or more, padding='same', or a smaller window\.$",
    ),
    (lambda: layers.Conv2D(8, 3, padding=1, dilation_rate=4)(Input((6, 6, 1))), VALUE, "spans 9×9.*8×8.*padding=2"),
    (lambda: layers.Conv2D(8, 5)(Input((3, 32, 32))), VALUE, r"Channels come last.*dk.layers.Permute"),
    (lambda: layers.MaxPooling2D(3)(Input((2, 2, 1))), VALUE, "spans 3×3, but .* only 2×2"),
    (lambda: layers.SeparableConv1D(2, 4)(Input((3, 1))), VALUE, "spans 4, but"),
    (lambda: layers.MaxPooling2D(2, padding=2)(IMAGE), VALUE, "nothing to pool. Give a padding below 2"),
    (lambda: layers.AveragePooling1D(3, padding=(0, 3))(Input((9, 1))), VALUE, "Give a padding below 3"),
    (lambda: layers.Conv2D(8, 3, groups=4)(IMAGE), VALUE, "the 6 channels .* cannot be cut into 4 equal groups"),
    (lambda: layers.Cropping2D(4)(IMAGE), VALUE, "nothing would be left .* Crop less"),
    (lambda: layers.Conv2DTranspose(2, 3, padding=5)(Input((4, 4, 1))), VALUE, r"sizes \(-4, -4\).*smaller padding"),
    (lambda: layers.Conv2D(1, 3, activation="softmax")(IMAGE), VALUE, "always 1"),
    # strict.
    (
        lambda: layers.Conv2D(96, 11, 4, strict=True)(Input((224, 224, 3))),
        VALUE,
        r"\(224 − 11 \+ 0\)/4 \+ 1 = 54.25; the nearest legal sizes are 223 and 227. Bring the input",
    ),
    (
        lambda: layers.MaxPooling2D(3, 2, strict=True)(Input((8, 10, 1))),
        VALUE,
        r"\(8 − 3 \+ 0\)/2 \+ 1 = 3.5; .* 7 and 9. \(10 − 3 \+ 0\)/2 \+ 1 = 4.5; .* 9 and 11",
    ),
    (lambda: layers.DepthwiseConv1D(2, 3, padding=1, strict=True)(Input((4, 1))), VALUE, r"= 2.333; .* 3 and 6"),
    (lambda: layers.AveragePooling3D(2, strict=True)(Input((2, 3, 2, 1))), VALUE, "are 2 and 4"),
    (lambda: layers.Conv1D(2, 1, 3, strict=True)(Input((2, 1))), VALUE, "are 1 and 4"),
]

TOLD = [
    (
        lambda: layers.Conv2D(8, 2, padding="same")(IMAGE),
        r"even size 2×2 .* adds 0 before and 1 after: the extra zero is at the end .* padding=\(\(0, 1\), \(0, 1\)\)",
    ),
    (lambda: layers.Conv1D(8, 4, padding="same")(Input((6, 1))), "adds 1 before and 2 after"),
    (lambda: layers.SeparableConv2D(8, (3, 2), padding="same")(IMAGE), "even size 3×2"),
    (lambda: layers.Conv2D(8, 2, 3)(IMAGE), "moves by 3, but its window spans 2: 1 of every 3 places .* at most 2"),
    (lambda: layers.MaxPooling2D(2, 4)(IMAGE), "2 of every 4 places along the axis are never seen"),
    (
        lambda: layers.AveragePooling1D(2, 3)(Input((8, 1))),
        "never seen. Give strides of at most 2, or a window of at least 3",
    ),
]

QUIET = [
    lambda: layers.Conv2D(8, 1, 2)(IMAGE),
    lambda: layers.Conv2D(8, 3, 2, padding="same")(IMAGE),
    lambda: layers.Conv2D(8, 2, 2, padding="same")(IMAGE),
    lambda: layers.Conv2D(8, 2, padding=((0, 1), (0, 1)))(IMAGE),
    lambda: layers.Conv1D(8, 2, padding="causal")(Input((8, 1))),
    lambda: layers.MaxPooling2D(2, 1, padding="same")(IMAGE),
    lambda: layers.Conv2D(8, 8, 9)(IMAGE),
    lambda: layers.Conv2D(8, 2, dilation_rate=3)(IMAGE),
]


@pytest.mark.parametrize(("use", "kind", "text"), WRONG, ids=[text for *_, text in WRONG])
def test_wrong_use(use, kind, text):
    with pytest.raises(kind, match=text) as caught:
        use()
    assert isinstance(caught.value, DeepkitError)


@pytest.mark.parametrize(("use", "text"), TOLD, ids=[text for _, text in TOLD])
def test_what_runs_but_is_hardly_meant_is_told(use, text):
    with pytest.warns(DeepkitWarning, match=text) as caught:
        use()
    assert caught[0].filename == __file__


@pytest.mark.parametrize("use", QUIET)
def test_what_is_meant_is_not_told(use):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        use()


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
@pytest.mark.filterwarnings("ignore::deepkit.errors.DeepkitWarning")
def test_sizes_are_those_of_keras(window, strides):
    pairs = [
        (kind(2, window, strides, padding), twin(2, window, strides, padding))
        for kind, twin, paddings in (
            (layers.Conv1D, keras.layers.Conv1D, ("valid", "same", "causal")),
            (layers.Conv1DTranspose, keras.layers.Conv1DTranspose, ("valid", "same")),
        )
        for padding in paddings
    ] + [
        (layers.Conv1DTranspose(2, *arguments), keras.layers.Conv1DTranspose(2, *arguments))
        for padding in ("valid", "same")
        for output_padding in range(strides)
        for arguments in [(window, strides, padding, output_padding)]
    ]
    for layer, twin in pairs:
        for size in range(1, 13):
            try:
                shape = tuple(twin.compute_output_shape((None, size, 2)))
            except ValueError:
                continue
            if shape[1] > 0:
                assert layer.output_spec(Spec((None, size, 2))).shape == shape


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
@pytest.mark.filterwarnings("ignore::deepkit.errors.DeepkitWarning")
def test_strict_refuses_exactly_what_would_be_floored_and_names_the_next_sizes(window, strides):
    strict = layers.Conv1D(2, window, strides, strict=True)
    for size in range(window, 13):
        x = Spec((None, size, 2))
        whole = (size - window) % strides == 0
        assert layers.Conv1D(2, window, strides).geometry(x).floored != whole
        if whole:
            assert strict.output_spec(x).shape[1] == (size - window) // strides + 1
            continue
        with pytest.raises(DeepkitValueError) as caught:
            strict.output_spec(x)
        below, above = map(int, re.search(r"legal sizes are (\d+) and (\d+)", str(caught.value)).groups())
        assert below < size < above == below + strides
        for legal in (below, above):
            strict.output_spec(Spec((None, legal, 2)))


def test_geometry_tells_windows_strides_dilation_and_padding():
    x = Spec((None, 9, 8, 3))
    assert layers.Conv2D(4, 3, 2, "same").geometry(x) == Geometry((3, 3), (2, 2), (1, 1), ((1, 1), (0, 1)))
    assert layers.Conv2D(4, 3, 2).geometry(x) == Geometry((3, 3), (2, 2), (1, 1), ((0, 0), (0, 0)), floored=True)
    assert layers.Conv2D(4, 3, dilation_rate=(1, 2)).geometry(x).reach == (3, 5)
    assert layers.MaxPooling2D((3, 2)).geometry(x) == Geometry((3, 2), (3, 2), (1, 1), ((0, 0), (0, 0)))
    assert layers.AdaptiveMaxPooling2D((3, 4)).geometry(x) == Geometry((3, 2), (3, 2), (1, 1), ((0, 0), (0, 0)))
    assert layers.AdaptiveMaxPooling2D(2).geometry(x) is None


def test_masked_steps_are_left_out_of_the_mean():
    x = jnp.arange(12.0).reshape(3, 2, 2)
    mask = jnp.array([[True, False], [True, True], [False, False]])
    layer = layers.GlobalAveragePooling1D()
    twin = keras.layers.GlobalAveragePooling1D()
    y = layer.call({}, x, Context(masks=(mask,)))
    np.testing.assert_allclose(y[:2], twin(np.asarray(x), mask=np.asarray(mask))[:2])
    np.testing.assert_array_equal(y[2], 0)
    gradient = jax.grad(lambda x: layer.call({}, x, Context(masks=(mask,))).sum())(x)
    np.testing.assert_array_equal(
        gradient, np.where(mask[..., None], np.array([1, 0.5, 1])[:, None, None], 0) * np.ones(2)
    )


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv1D(4, 3, padding="same"),
        layers.MaxPooling1D(3, 1, "same"),
        layers.GlobalMaxPooling1D(),
        layers.UpSampling1D(1),
        layers.Permute((2, 1)),
    ],
)
def test_masks_end_where_steps_are_mixed(layer):
    assert layer.output_mask((jnp.ones((2, 4), bool),), (jnp.ones((2, 4, 4)),), jnp.ones((2, 4, 4))) is None


def test_meanings():
    pixels = layers.Dense(3, "softmax")(IMAGE)
    for layer, meaning in [
        (layers.MaxPooling2D(), Meaning.NON_NEGATIVE),
        (layers.AveragePooling2D(2), Meaning.DISTRIBUTION),
        (layers.GlobalAveragePooling2D(), Meaning.DISTRIBUTION),
        (layers.GlobalMaxPooling2D(), Meaning.NON_NEGATIVE),
        (layers.ZeroPadding2D(), Meaning.NON_NEGATIVE),
        (layers.Cropping2D(1), Meaning.DISTRIBUTION),
        (layers.UpSampling2D(), Meaning.DISTRIBUTION),
        (layers.UpSampling2D(2, "bilinear"), Meaning.DISTRIBUTION),
        (layers.UpSampling2D(2, "bicubic"), Meaning.REAL),
        (layers.Permute((2, 1, 3)), Meaning.DISTRIBUTION),
        (layers.Permute((3, 1, 2)), Meaning.NON_NEGATIVE),
        (layers.Conv2D(4, 1), Meaning.REAL),
        (layers.Conv2D(4, 1, activation="relu"), Meaning.NON_NEGATIVE),
    ]:
        assert layer(pixels).spec.meaning is meaning, layer
