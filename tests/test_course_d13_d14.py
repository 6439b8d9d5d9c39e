"""D13 and D14: counts of layers and of the historical networks, without a weight being drawn."""

import pytest

import deepkit as dk
from deepkit import layers, networks
from deepkit.inspect import summary_frame


def one_layer(shape, layer):
    x = dk.Input(shape)
    return summary_frame(dk.Model(x, layer(x))).iloc[-1]


@pytest.mark.parametrize(
    ("shape", "layer", "parameters", "formula"),
    [
        ((32, 32, 3), layers.Conv2D(4, 4), 196, "4·4·3·4 + 4"),
        (3072, layers.Dense(500), 1_536_500, "3072·500 + 500"),
        ((32, 32, 1), layers.Conv2D(6, 5), 156, "5·5·1·6 + 6"),
        ((227, 227, 3), layers.Conv2D(96, 11, 4), 34_944, "11·11·3·96 + 96"),
    ],
    ids=["4 filters 4×4×3", "3072 → 500", "LeNet C1", "AlexNet conv1"],
)
def test_d13_parameters(shape, layer, parameters, formula):
    row = one_layer(shape, layer)
    assert (row["trainable"], row["formula"]) == (parameters, formula)


def test_d13_connections_of_lenet_c1():
    row = summary_frame(networks.LeNet5()).set_index("layer").loc["C1"]
    assert row["connections"] == 122_304


def test_d13_alexnet_conv1_is_55_by_55_by_96():
    assert one_layer((227, 227, 3), layers.Conv2D(96, 11, 4))["output_shape"] == (None, 55, 55, 96)
    assert one_layer((224, 224, 3), layers.Conv2D(96, 11, 4))["floored"]


def test_d13_vgg16_without_biases():
    assert networks.VGG16(use_bias=False).count_params() == 138_344_128


@pytest.mark.parametrize("channels", [1, 64, 256])
def test_d13_one_7x7_against_three_3x3(channels):
    """49C² against 27C², with the same receptive field."""
    x = h = dk.Input((16, 16, channels))
    for _ in range(3):
        h = layers.Conv2D(channels, 3, padding="same", use_bias=False)(h)
    three = dk.Model(x, h)
    seven = dk.Model(x, layers.Conv2D(channels, 7, padding="same", use_bias=False)(x))
    assert (seven.count_params(), three.count_params()) == (49 * channels**2, 27 * channels**2)
    assert {summary_frame(model)["receptive_field"].iloc[-1] for model in (three, seven)} == {(7, 7)}


def heights(model):
    rows = summary_frame(model)
    rows = rows[rows["class"].isin(["Conv2D", "AveragePooling2D", "MaxPooling2D"])]
    return [shape[1] for shape in rows["output_shape"]]


def test_d14_sizes():
    assert heights(networks.LeNet5()) == [28, 14, 10, 5, 1]
    assert heights(networks.AlexNet()) == [55, 27, 27, 13, 13, 13, 13, 6]


@pytest.mark.parametrize(
    ("bottleneck", "channels", "multiply_adds"), [(None, 672, 854_196_224), (64, 480, 271_351_808)]
)
def test_d14_inception_module(bottleneck, channels, multiply_adds):
    model = networks.InceptionModule((28, 28, 256), 128, bottleneck, 192, bottleneck, 96, bottleneck)
    assert model.graph.outputs[0].shape == (None, 28, 28, channels)
    assert summary_frame(model)["multiply_adds"].sum() == multiply_adds


def test_d14_googlenet_has_two_auxiliary_heads_of_weight_three_tenths():
    model = networks.GoogLeNet()
    assert model.graph.output_names == ("auxiliary_1", "auxiliary_2", "main")
    assert networks.GOOGLENET_LOSS_WEIGHTS == {"auxiliary_1": 0.3, "auxiliary_2": 0.3, "main": 1.0}
    assert networks.without_auxiliary_heads(model).count_params() == 6_998_552
