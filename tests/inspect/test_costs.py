"""What layers cost: multiply-adds, connections, memory, receptive field, depth; against sums done by hand."""

import re

import jax
import numpy as np
import pytest

import deepkit as dk
from deepkit import layers
from deepkit.inspect import summary_frame
from deepkit.inspect.accounting import rows_of
from deepkit.inspect.costs import costs_of


def through(shape, *stack, dtype="float32"):
    x = h = dk.Input(shape, dtype=dtype)
    for layer in stack:
        h = layer(h)
    return dk.Model(x, h)


def frame(model):
    return summary_frame(model).set_index("layer")


def totals(model):
    return costs_of(model.graph, rows_of(model.program))[1]


CONV = {"kernel_size": 3, "padding": "same"}
WORK = {
    "Dense": (lambda: through(5, layers.Dense(7)), 5 * 7, 5 * 7 + 7),
    "Dense at every step": (lambda: through((4, 5), layers.Dense(7)), 4 * 5 * 7, 4 * (5 * 7 + 7)),
    "EinsumDense": (
        lambda: through((4, 5), layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de")),
        4 * 5 * 6,
        4 * 6 * (5 + 1),
    ),
    "Conv2D": (lambda: through((8, 6, 3), layers.Conv2D(5, **CONV)), 48 * 27 * 5, 48 * 5 * (27 + 1)),
    "Conv2D, strides": (lambda: through((8, 8, 3), layers.Conv2D(5, 2, 2)), 16 * 12 * 5, 16 * 5 * 13),
    "Conv2D, groups": (
        lambda: through((8, 6, 4), layers.Conv2D(6, **CONV, groups=2, use_bias=False)),
        48 * 9 * 2 * 6,
        48 * 9 * 2 * 6,
    ),
    "Conv1D": (lambda: through((9, 2), layers.Conv1D(4, 3)), 7 * 6 * 4, 7 * 4 * 7),
    "pooling": (lambda: through((8, 8, 2), layers.MaxPooling2D(2)), 0, 0),
    "normalisation": (lambda: through((8, 8, 2), layers.BatchNormalization(), layers.LayerNormalization()), 0, 0),
    "activation": (lambda: through((8, 8, 2), layers.PReLU(), layers.Softmax()), 0, 0),
    "Embedding": (lambda: through((9,), layers.Embedding(5, 3), dtype="int32"), 0, 0),
    "SimpleRNN": (lambda: through((9, 2), layers.SimpleRNN(4)), 9 * (2 * 4 + 4 * 4), 9 * (2 * 4 + 4 * 4 + 4)),
    "LSTM": (lambda: through((9, 2), layers.LSTM(4, use_bias=False)), 9 * 16 * (2 + 4), 9 * 16 * (2 + 4)),
    "a function": (lambda: through((4, 3), layers.Lambda(lambda a: a @ a.swapaxes(1, 2))), 4 * 4 * 3, 4 * 4 * 3),
}


@pytest.mark.parametrize("name", WORK)
def test_work(name):
    build, multiply_adds, connections = WORK[name]
    work = totals(build()).work
    assert (work.multiply_adds, work.connections) == (multiply_adds, connections)


def test_a_tied_layer_works_without_a_kernel_of_its_own():
    first = layers.Dense(3)
    model = through(8, first, layers.Dense(8, tied_to=first))
    assert totals(model).work.multiply_adds == 2 * 8 * 3
    assert totals(model).depth == 2


def test_a_layer_called_twice_works_twice():
    a, b = dk.Input(4), dk.Input(4)
    shared = layers.Dense(3, name="shared")
    model = dk.Model([a, b], layers.Add()([shared(a), shared(b)]))
    assert frame(model).loc["shared", ["trainable", "multiply_adds", "connections", "output_bytes"]].tolist() == [
        15, 24, 30, 24,
    ]  # fmt: skip


def test_a_sub_model_is_the_sum_of_its_layers():
    inner = dk.Input((8, 8, 1))
    block = dk.Model(inner, layers.Conv2D(4, 3)(layers.Conv2D(2, 3)(inner)), name="block")
    x = dk.Input((8, 8, 1))
    model = dk.Model(x, layers.Flatten()(block(x)))
    row, alone = frame(model).loc["block"], totals(block)
    assert row["multiply_adds"] == alone.work.multiply_adds == 36 * 9 * 2 + 16 * 18 * 4
    assert row["output_bytes"] == 4 * (36 * 2 + 16 * 4)
    assert row["live_bytes"] == alone.prediction
    assert row["receptive_field"] == (5, 5)
    assert totals(model).depth == 2


def test_memory_of_a_line_and_of_a_shortcut():
    line = through(10, layers.Dense(20), layers.Dense(5))
    assert (totals(line).training, totals(line).prediction) == (4 * 35, 4 * 30)
    x = dk.Input(10)
    h = layers.Dense(10)(layers.Dense(20)(x))
    short = dk.Model(x, layers.Add()([x, h]))
    # The input is held while the second layer computes: 10 + 20 + 10.
    assert (totals(short).training, totals(short).prediction) == (4 * 50, 4 * 40)


def test_memory_follows_the_dtype():
    model = through((10,), layers.Embedding(7, 2), dtype="int8")
    assert frame(model)["output_bytes"].tolist() == [10, 80]


FIELDS = {
    "three 3×3": ([layers.Conv2D(1, 3)] * 3, (7, 7)),
    "two 5×5": ([layers.Conv2D(1, 5)] * 2, (9, 9)),
    "dilated": ([layers.Conv2D(1, 3, dilation_rate=2)], (5, 5)),
    "behind a stride": ([layers.Conv2D(1, 3, 2), layers.Conv2D(1, 3)], (7, 7)),
    "behind a pooling": ([layers.MaxPooling2D(2), layers.ReLU(), layers.Conv2D(1, (3, 1))], (6, 2)),
    "flattened": ([layers.Conv2D(1, 3), layers.Flatten()], (3, 3)),
    "all of it": ([layers.Conv2D(1, 3), layers.Flatten(), layers.Dense(2), layers.ReLU()], (20, 20)),
    "averaged": ([layers.Conv2D(1, 3, padding="same"), layers.GlobalAveragePooling2D()], (22, 22)),
    "nobody knows": ([layers.Lambda(lambda a: a[:, ::-1])], None),
}


@pytest.mark.parametrize("name", FIELDS)
def test_receptive_field(name):
    stack, field = FIELDS[name]
    stack = [layer.replace() for layer in stack]  # one layer of several channels could not be shared
    assert summary_frame(through((20, 20, 1), *stack))["receptive_field"].iloc[-1] == field


def test_receptive_field_of_a_fork_is_the_wider_one():
    x = dk.Input((9, 9, 2))
    wide = layers.Conv2D(2, 5, padding="same")(x)
    assert summary_frame(dk.Model(x, layers.Add()([x, wide])))["receptive_field"].iloc[-1] == (5, 5)


def test_receptive_field_is_what_the_gradient_reaches():
    """By definition: the inputs on which one number depends."""
    stack = (layers.Conv2D(2, 3), layers.AveragePooling2D(2), layers.Conv2D(2, 5, 2), layers.Conv2D(1, 3))
    model = through((32, 24, 1), *stack)
    one = jax.jit(jax.grad(lambda x: model.apply(model.variables, x)[0][0, 1, 0, 0]))
    reached = np.asarray(one(np.ones((1, 32, 24, 1), "float32")))[0, ..., 0]
    spans = (np.ptp(np.nonzero(reached.any(axis=axis))[0]) + 1 for axis in (1, 0))
    assert summary_frame(model)["receptive_field"].iloc[-1] == tuple(spans)


def test_kernels_and_formulas():
    model = through(
        (9, 9, 3),
        layers.Conv2D(8, 3, name="a"),
        layers.BatchNormalization(name="b"),
        layers.Flatten(),
        layers.Dense(2, use_bias=False, name="c"),
    )
    table = frame(model)
    assert table.loc[["a", "b", "c"], "formula"].tolist() == ["3·3·3·8 + 8", "4·8", "392·2"]
    assert table.loc[["a", "b", "c"], "kernel_shape"].tolist() == [(3, 3, 3, 8), None, (392, 2)]
    for row in rows_of(model.program):
        formula = row.formula.replace("·", "*")
        assert row.count.total == (eval(formula) if formula else 0)


def test_floored_sizes_are_marked(capsys):
    whole, cut = layers.Conv2D(1, 3, 2, name="whole"), layers.MaxPooling2D(2, name="cut")
    model = through((7, 7, 1), whole, cut)
    assert frame(model)["floored"].tolist() == [False, False, True]
    for detail in (False, True):
        model.summary(detail)
        text = capsys.readouterr().out
        assert text.count("⌊⌋") == 2  # at the layer, and the explanation
        assert re.search(r"cut.*⌊⌋" if not detail else r"1×1×1 ⌊⌋", text)
        assert "leaves the last places of the padded input unseen" in text


def test_detail_is_readable(capsys):
    dk.networks.VGG16().summary(detail=True)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    assert re.search(r"\(Conv2D\) +3×3×3×64 +3·3·3·64 \+ 64 +89,915,392", text)
    assert "Multiply-adds: 15,470,264,320" in text
    assert "Depth: 16 layers with a kernel; receptive field 404×404 of 224×224" in text
    assert "prediction 25,690,112 bytes, 24.5 MiB; training 61,083,552 bytes, 58.3 MiB" in text


def test_detail_says_frozen_and_leaves_out_what_is_not_there(capsys):
    model = through(4, layers.Dense(3, trainable=False))
    model.summary(detail=True)
    text = capsys.readouterr().out
    assert "(Dense, frozen)" in text
    assert "Field" not in text and "receptive" not in text


def test_sums_of_the_frame_are_the_totals():
    model = dk.networks.ResNet20()
    table, total = summary_frame(model), totals(model)
    assert table["multiply_adds"].sum() == total.work.multiply_adds
    assert table["output_bytes"].sum() == total.training
    assert table["live_bytes"].max() == total.prediction
    assert table["trainable"].sum() + table["state"].sum() == model.count_params()
