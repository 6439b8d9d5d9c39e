"""The networks of the papers: their published counts, sizes and depths, found without drawing a weight."""

import jax
import numpy as np
import pytest

import deepkit as dk
from deepkit import networks
from deepkit.errors import DeepkitError
from deepkit.inspect import summary_frame
from deepkit.inspect.accounting import rows_of
from deepkit.inspect.costs import costs_of
from deepkit.networks.resnet import _shortened

COUNTED = {
    "LeNet5": (networks.LeNet5, 61_706, 5),
    "AlexNet": (networks.AlexNet, 60_965_224, 8),
    "AlexNet in one": (lambda: networks.AlexNet(groups=1), 62_378_344, 8),
    "ZFNet": (networks.ZFNet, 62_357_608, 8),
    "VGG11": (networks.VGG11, 132_863_336, 11),
    "VGG13": (networks.VGG13, 133_047_848, 13),
    "VGG16": (networks.VGG16, 138_357_544, 16),
    "VGG19": (networks.VGG19, 143_667_240, 19),
    "GoogLeNet": (networks.GoogLeNet, 13_378_280, 22),
    "GoogLeNet, main head": (lambda: networks.GoogLeNet(auxiliary=False), 6_998_552, 22),
    "ResNet18": (networks.ResNet18, 11_689_512, 18),
    "ResNet34": (networks.ResNet34, 21_797_672, 34),
    "ResNet50": (networks.ResNet50, 25_557_032, 50),
    "ResNet20": (networks.ResNet20, 269_722, 20),
    "ResNet32": (networks.ResNet32, 464_154, 32),
    "ResNet44": (networks.ResNet44, 658_586, 44),
    "ResNet56": (networks.ResNet56, 853_018, 56),
    "ResNet110": (networks.ResNet110, 1_727_962, 110),
    "PlainNet20": (networks.PlainNet20, 269_722, 20),
    "PlainNet32": (networks.PlainNet32, 464_154, 32),
    "PlainNet44": (networks.PlainNet44, 658_586, 44),
    "PlainNet56": (networks.PlainNet56, 853_018, 56),
    "PlainNet110": (networks.PlainNet110, 1_727_962, 110),
    # Per block one convolution of the block before, or of the image, in each column, the rest of its own width.
    "FractalNet": (
        lambda: networks.FractalNet(columns=2, filters=(8, 16), dropout=(0, 0)),
        9 * (3 * 8 * 2 + 8 * 8 + 8 * 16 * 2 + 16 * 16) + 3 * 2 * (8 + 16) + 8 * 8 * 16 * 10 + 10,
        5,
    ),
    "MLP": (lambda: networks.MLP(29, (16,), 1, output_activation="sigmoid"), 497, 2),
    "Autoencoder": (networks.Autoencoder, 209_968, 4),
    "Autoencoder, tied": (lambda: networks.Autoencoder(tied=True), 105_520, 4),
    "CharacterRNN": (
        lambda: networks.CharacterRNN(25, 65, (128,), "GRU", embedding=16),
        65 * 16 + 3 * 128 * (16 + 128 + 2) + 129 * 65,
        2,
    ),
}


@pytest.mark.parametrize("name", COUNTED)
def test_parameters_and_depth(name):
    build, parameters, depth = COUNTED[name]
    model = build()
    rows = rows_of(model.program)
    assert sum(row.count.trainable for row in rows) == parameters
    assert costs_of(model.graph, rows)[1].depth == depth
    assert all(layer.holder.params is None for layer in model.layers)


@pytest.mark.parametrize(
    ("build", "multiply_adds"),
    [
        (networks.AlexNet, 724_406_816),
        (networks.VGG16, 15_470_264_320),
        (networks.ResNet18, 1_814_073_344),
        (networks.ResNet50, 3_857_973_248),
        (networks.ResNet20, 40_551_040),
    ],
    ids=["AlexNet: 0.7e9", "VGG16: 15.5e9", "ResNet18: 1.8e9", "ResNet50: 3.8e9", "ResNet20: 40.6e6"],
)
def test_multiply_adds(build, multiply_adds):
    """The papers round; the exact figures follow from their tables."""
    assert summary_frame(build())["multiply_adds"].sum() == multiply_adds


def sizes(model):
    """The heights that the layers put out, one after another, each once."""
    shapes = (node.outputs[0].spec.row_shape for node in model.graph.nodes)
    return list(dict.fromkeys(shape[0] for shape in shapes if len(shape) == 3))


def test_sizes():
    assert sizes(networks.LeNet5()) == [28, 14, 10, 5, 1]
    assert sizes(networks.AlexNet()) == [55, 27, 13, 6]
    assert sizes(networks.ZFNet()) == [110, 55, 26, 13, 6]
    assert sizes(networks.VGG16()) == [224, 112, 56, 28, 14, 7]
    assert sizes(networks.GoogLeNet(auxiliary=False)) == [112, 56, 28, 14, 7]
    assert sizes(networks.GoogLeNet()) == [112, 56, 28, 14, 4, 7]
    assert sizes(networks.ResNet50()) == [112, 56, 28, 14, 7]
    assert sizes(networks.ResNet20()) == [32, 16, 8]
    assert sizes(networks.FractalNet()) == [32, 16, 8, 4, 2, 1]


def test_relu_nets_start_as_he_advises():
    he = dk.initializers.get("he_normal")
    for model in (networks.VGG11(), networks.ResNet18(), networks.GoogLeNet(), networks.FractalNet()):
        kernels = [layer for layer in model.layers if isinstance(layer, dk.layers.Conv2D)]
        assert kernels and all(layer.kernel_initializer == he for layer in kernels)
        assert all(
            layer.kernel_initializer == he
            for layer in model.layers
            if isinstance(layer, dk.layers.Dense) and layer.activation is dk.activations.relu
        )


def test_no_bias_before_a_batch_normalization():
    for model in (networks.ResNet20(), networks.ResNet50(), networks.FractalNet()):
        assert not any(layer.use_bias for layer in model.layers if isinstance(layer, dk.layers.Conv2D))


def test_auxiliary_heads_are_dropped_for_prediction():
    model = networks.GoogLeNet((65, 65, 3), classes=4)
    main = networks.without_auxiliary_heads(model)
    assert model.graph.output_names == ("auxiliary_1", "auxiliary_2", "main")
    assert main.graph.outputs == (model.graph.outputs[2],)
    assert main.count_params() == networks.GoogLeNet((65, 65, 3), classes=4, auxiliary=False).count_params()
    with pytest.raises(DeepkitError, match=r"no output called 'main', only output\. Pass what dk\.networks\.GoogLeNet"):
        networks.without_auxiliary_heads(networks.LeNet5())
    model.compile("sgd", dict.fromkeys(model.graph.output_names, "cce"), loss_weights=networks.GOOGLENET_LOSS_WEIGHTS)


def test_a_tied_autoencoder_has_one_kernel_per_pair():
    model = networks.Autoencoder(12, (8, 3), tied=True)
    assert sorted(w.shape for w in model.get_weights()) == sorted([(12, 8), (8,), (8, 3), (3,), (8,), (12,)])
    x = np.random.default_rng(0).uniform(size=(4, 12)).astype("float32")
    codes = networks.encoder_of(model).predict(x)
    w = model.params
    hidden = jax.nn.relu(codes @ w["code"]["kernel"].T + w["decoder_1"]["bias"])
    output = jax.nn.sigmoid(hidden @ w["encoder_1"]["kernel"].T + w["output"]["bias"])
    np.testing.assert_allclose(model.predict(x), output, rtol=1e-5, atol=1e-6)


def test_option_a_shortcut_halves_and_fills_up():
    x = dk.Input((4, 4, 2))
    image = np.arange(32, dtype="float32").reshape(1, 4, 4, 2)
    out = dk.Model(x, _shortened(x)).predict(image)
    np.testing.assert_array_equal(out[..., :2], image[:, ::2, ::2])
    np.testing.assert_array_equal(out[..., 2:], 0)


def test_mistakes():
    with pytest.raises(DeepkitError, match=r"cell='Lstm'.*Choose one of SimpleRNN, GRU, LSTM"):
        networks.CharacterRNN(5, 5, cell="Lstm")


@pytest.mark.parametrize("build", [networks.LeNet5, networks.ResNet20], ids=["LeNet5", "ResNet20"])
def test_trains_at_cifar_size(build):
    model = build((32, 32, 3))
    model.compile(dk.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
    generator = np.random.default_rng(0)
    x = generator.normal(size=(16, 32, 32, 3)).astype("float32")
    before = model.get_weights()
    history = model.fit(x, np.arange(16) % 10, batch_size=8, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_character_rnn_trains():
    model = networks.CharacterRNN(4, 4, (8,), "SimpleRNN")
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = np.array([[0, 1, 2, 2]]), np.array([[1, 2, 2, 3]])  # hell → ello
    history = model.fit(x, y, epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]
