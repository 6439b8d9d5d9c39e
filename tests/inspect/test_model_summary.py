"""`summary` and `summary_frame`: every array counted once, nothing drawn, readable anywhere."""

import math
import re

import jax
import pytest

import deepkit as dk
from deepkit.errors import DeepkitTypeError
from deepkit.inspect import summary, summary_frame

KINDS = ["trainable", "frozen", "state"]


def two_layers(inputs):
    x = dk.Input(inputs)
    h = dk.layers.Dense(16, activation="relu")(x)
    return dk.Model(x, dk.layers.Dense(1, activation="sigmoid")(h))


def everything():
    """Frozen, batch norm, a sub-model called twice, and a layer of it used outside as well."""
    left, right = dk.Input(8, name="left"), dk.Input(8, name="right")
    shared = dk.layers.Dense(8, name="shared")
    inner = dk.Input(8)
    block = dk.Model(inner, shared(dk.layers.Dense(8, name="first", trainable=False)(inner)), name="block")
    h = dk.layers.BatchNormalization(name="norm")(dk.layers.Dense(8, use_bias=False, name="cut")(left))
    z = dk.layers.Concatenate(name="join")([block(h), block(right), shared(h)])
    return dk.Model(
        [left, right], {"p": dk.layers.Dense(1, "sigmoid", name="p")(z), "q": dk.layers.Dense(3, name="q")(z)}
    )


def printed(model, capsys):
    summary(model)
    return capsys.readouterr().out


@pytest.mark.parametrize(("inputs", "count"), [(29, 497), (2, 65)])
def test_counts_of_the_four_lines(inputs, count, capsys):
    model = two_layers(inputs)
    text = printed(model, capsys)
    assert re.search(rf"Parameters: {count} = {count} trainable \+ 0 frozen \+ 0 state \({4 * count:,} bytes", text)
    assert re.search(rf"dense \(Dense\) +\(None, 16\) +{16 * (inputs + 1)} +input", text)
    assert re.search(r"dense_1 \(Dense\) +\(None, 1\) +17 +dense", text)
    assert "Frozen" not in text and "State" not in text
    assert summary_frame(model)[KINDS].to_numpy().sum() == count


def test_model_summary_is_the_same(capsys):
    model = two_layers(2)
    model.summary()
    assert capsys.readouterr().out == printed(model, capsys)


def test_every_weight_once(capsys):
    model = everything()
    frame = summary_frame(model).set_index("layer")
    assert frame[KINDS].to_numpy().sum() == model.count_params()
    assert frame.loc["cut", KINDS].tolist() == [64, 0, 0]
    assert frame.loc["norm", KINDS].tolist() == [16, 0, 16]
    assert frame.loc["block", KINDS].tolist() == [72, 72, 0]
    assert frame.loc["shared", KINDS].tolist() == [0, 0, 0]
    assert frame.loc["shared", "note"] == "counted in block/shared"
    assert frame["bytes"].sum() == 4 * model.count_params()
    assert frame.loc["join", "connected_to"] == ["block (call 1)", "block (call 2)", "shared"]
    assert frame.loc["join", "output_shape"] == (None, 24)
    assert frame.loc["block", "class"] == "Model"
    assert frame.loc["block", "connected_to"] == ["norm", "right"]

    text = printed(model, capsys)
    assert re.search(r"block \(Model, 2 layers\) +\(None, 8\) +72 +72 +call 1: norm\s+call 2: right", text)
    assert "Outputs: p = p, q = q" in text
    trainable = 64 + 16 + 72 + 25 + 75
    assert f"Parameters: {trainable + 88} = {trainable} trainable + 72 frozen + 16 state" in text


def test_weights_shared_the_other_way_round():
    x = dk.Input(4)
    shared = dk.layers.Dense(4, name="shared")
    inner = dk.Input(4)
    block = dk.Model(inner, dk.layers.Dense(4)(shared(inner)), name="block")
    model = dk.Model(x, block(shared(x)))
    frame = summary_frame(model).set_index("layer")
    assert frame.loc["shared", "trainable"] == 20
    assert frame.loc["block", "trainable"] == 20
    assert frame.loc["block", "note"] == "2 layers, partly counted in shared"


def test_a_frozen_sub_model_freezes_what_is_in_it():
    x, inner = dk.Input(4), dk.Input(4)
    block = dk.Model(inner, dk.layers.BatchNormalization()(dk.layers.Dense(4)(inner)), name="block")
    model = dk.Model(x, dk.layers.Dense(1)(block(x)))
    block.trainable = False
    assert summary_frame(model).set_index("layer").loc["block", KINDS].tolist() == [0, 28, 8]


def test_bytes_follow_the_precision():
    x = dk.Input(3, dtype="float64")
    model = dk.Model(x, dk.layers.Dense(2)(x))
    with jax.enable_x64(True):
        assert summary_frame(model)["bytes"].sum() == 8 * 8
    assert summary_frame(model)["bytes"].sum() == 4 * 8


def test_nothing_is_drawn(capsys):
    x = h = dk.Input(1 << 20)
    for _ in range(3):
        h = dk.layers.Dense(1 << 20, use_bias=False)(h)
    text = printed(dk.Model(x, h), capsys)
    assert f"Parameters: {3 * 2**40:,}" in text
    assert "12.0 TiB" in text


def test_a_hundred_layers_with_names_of_all_lengths(capsys):
    x = h = dk.Input(8, name="an [input] :dog:")
    for number in range(100):
        h = dk.layers.Dense(8, name=f"layer_{number}_" + "of_a_very_long_name" * (number % 5))(h)
    text = printed(dk.Model(x, h), capsys)
    assert max(map(len, text.splitlines())) <= 100
    assert "an [input] :dog: (Input)" in text
    assert len(re.findall(r"\(None, 8\) +72 ", text)) == 100
    assert "Parameters: 7,200" in text


def test_an_inner_tensor_as_input(capsys):
    x = dk.Input(4)
    h = dk.layers.Dense(3, name="hidden")(x)
    text = printed(dk.Model(h, dk.layers.Dense(2, name="last")(h)), capsys)
    assert re.search(r"last \(Dense\) +\(None, 2\) +8 +input", text)
    assert "hidden" not in text


def test_frame_has_a_row_per_input_and_layer():
    frame = summary_frame(two_layers(29))
    assert frame["layer"].tolist() == ["input", "dense", "dense_1"]
    assert frame["class"].tolist() == ["Input", "Dense", "Dense"]
    assert frame["output_shape"].tolist() == [(None, 29), (None, 16), (None, 1)]
    assert frame["connected_to"].tolist() == [[], ["input"], ["dense"]]


@pytest.mark.parametrize("function", [summary, summary_frame])
def test_not_a_model(function):
    with pytest.raises(DeepkitTypeError, match=r"needs a model, got Dense\. Pass dk\.Model"):
        function(dk.layers.Dense(1))


def test_agrees_with_keras():
    import keras

    x = keras.Input((12,))
    h = keras.layers.BatchNormalization()(keras.layers.Dense(7)(x))
    theirs = keras.Model(x, keras.layers.Dense(3)(h))
    x = dk.Input(12)
    h = dk.layers.BatchNormalization()(dk.layers.Dense(7)(x))
    frame = summary_frame(dk.Model(x, dk.layers.Dense(3)(h)))
    assert frame["trainable"].sum() == sum(math.prod(w.shape) for w in theirs.trainable_weights)
    assert frame[KINDS].to_numpy().sum() == theirs.count_params()
