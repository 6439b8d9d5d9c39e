"""The declaration by itself: order, names, structure, and models between any tensors."""

import jax
import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitError, DeepkitValueError
from deepkit.graph import Graph, Meaning
from deepkit.graph.graph import snake_case

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Dense", "dense"),
        ("BatchNormalization", "batch_normalization"),
        ("ReLU", "relu"),
        ("LeakyReLU", "leaky_relu"),
        ("GLUBlock", "glu_block"),
        ("MyLayer2D", "my_layer2d"),
        ("AUC", "auc"),
        ("R2Score", "r2_score"),
    ],
)
def test_snake_case(name, expected):
    assert snake_case(name) == expected


def test_layers_are_named_in_the_order_of_computation():
    x = dk.Input(4)
    late, early = dk.layers.Dense(3), dk.layers.Dense(2)
    model = dk.Model(x, late(early(x)))
    assert [model.graph.name_of(layer) for layer in (early, late)] == ["dense", "dense_1"]
    assert sorted(model.params) == ["dense", "dense_1"]
    assert model.params["dense"]["kernel"].shape == (4, 2)


def test_a_given_name_is_never_taken_by_a_number():
    x = dk.Input(4)
    h = dk.layers.Dense(2)(x)
    h = dk.layers.Dense(2, name="dense_1")(h)
    h = dk.layers.Dense(2)(h)
    model = dk.Model(x, dk.layers.Dense(1, name="dense")(h))
    assert list(model.graph.callees) == ["dense_2", "dense_1", "dense_3", "dense"]


def test_a_layer_goes_by_one_name_in_all_models():
    x = dk.Input(4)
    first, second = dk.layers.Dense(3), dk.layers.Dense(2)
    h = first(x)
    dk.Model(x, second(h))
    probe = dk.Model(h, second(h))
    assert list(probe.graph.callees) == ["dense_1"]


def test_every_node_comes_after_what_it_needs_and_once():
    x = dk.Input(4)
    a = dk.layers.Dense(3)(x)
    b = dk.layers.Dense(3)(a)
    c = dk.layers.Add()([a, b, dk.layers.Dense(3)(x)])
    graph = Graph(x, [c, b, dk.layers.Dense(1)(c)])
    seen = {id(x)}
    for node in graph.nodes:
        assert all(id(tensor) in seen for tensor in node.inputs)
        assert not any(id(tensor) in seen for tensor in node.outputs)
        seen |= {id(tensor) for tensor in node.outputs}
    assert len(graph.nodes) == 5


def test_a_thousand_layers_deep():
    """The order is found without recursion."""
    x = h = dk.Input(4)
    for _ in range(3000):
        h = dk.layers.Activation("relu")(h)
    graph = Graph(x, h)
    assert len(graph.nodes) == 3000


def test_what_lies_behind_the_inputs_is_not_part_of_the_model():
    x = dk.Input(4)
    h = dk.layers.Dense(3, "tanh", name="front")(x)
    y = dk.layers.Dense(1, name="back")(h)
    whole, front, back = dk.Model(x, y), dk.Model(x, h), dk.Model(h, y)
    assert list(back.graph.callees) == ["back"]
    np.testing.assert_allclose(back.predict(front.predict(X)), whole.predict(X), atol=1e-6)


def test_models_between_any_two_tensors_train_the_same_weights():
    x = dk.Input(4)
    h = dk.layers.Dense(3, "tanh", name="front")(x)
    y = dk.layers.Dense(1, name="back")(h)
    whole, back = dk.Model(x, y), dk.Model(h, y)
    before = np.array(whole.params["front"]["kernel"])
    back.compile("sgd", "mse")
    back.fit(np.ones((6, 3), "float32"), np.zeros(6, "float32"), verbose=0)
    assert np.array_equal(whole.params["front"]["kernel"], before)
    assert np.array_equal(whole.params["back"]["kernel"], back.params["back"]["kernel"])


def test_an_input_may_be_an_output():
    x = dk.Input(4, name="x")
    model = dk.Model(x, [x, dk.layers.Dense(2, name="d")(x)])
    same, other = model.predict(X)
    np.testing.assert_array_equal(same, X)
    assert other.shape == (6, 2)


def test_an_inner_tensor_may_be_an_output_too():
    """Its sigmoid is fused with its loss though another layer reads it."""
    x = dk.Input(4)
    p = dk.layers.Dense(1, "sigmoid", name="p")(x)
    model = dk.Model(x, [p, dk.layers.Dense(1, name="q")(p)])
    model.compile("sgd", ["bce", "mse"])
    y = np.array([0, 1, 0, 1, 1, 0], "float32")
    p, q = model.predict(X)
    figures = model.evaluate(X, [y, y])
    bce = -(y * np.log(p[:, 0]) + (1 - y) * np.log(1 - p[:, 0])).mean()
    assert figures["p_loss"] == pytest.approx(bce, rel=1e-5)
    assert figures["q_loss"] == pytest.approx(np.square(q[:, 0] - y).mean(), rel=1e-5)
    assert figures["loss"] == pytest.approx(figures["p_loss"] + figures["q_loss"], rel=1e-5)


def test_outputs_keep_their_arrangement():
    x = dk.Input(4)
    a, b = dk.layers.Dense(1)(x), dk.layers.Dense(2)(x)
    assert isinstance(dk.Model(x, a).predict(X), np.ndarray)
    assert [part.shape for part in dk.Model(x, [b, a]).predict(X)] == [(6, 2), (6, 1)]
    assert {key: part.shape for key, part in dk.Model(x, {"b": b, "a": a}).predict(X).items()} == {
        "a": (6, 1), "b": (6, 2)
    }  # fmt: skip


def test_inputs_by_list_and_by_name():
    a, b = dk.Input(1, name="a"), dk.Input(3, name="b")
    model = dk.Model([b, a], dk.layers.Concatenate()([a, b]))
    left, right = X[:, :1], X[:, 1:]
    np.testing.assert_array_equal(model.predict([right, left]), X)
    np.testing.assert_array_equal(model.predict({"a": left, "b": right}), X)


def test_the_batch_is_open_and_every_other_size_known():
    x = dk.Input((8, 3))
    h = dk.layers.Flatten()(x)
    y = dk.layers.Dense(5, "softmax")(h)
    assert [tensor.shape for tensor in (x, h, y)] == [(None, 8, 3), (None, 24), (None, 5)]
    assert [tensor.spec.meaning for tensor in (x, h, y)] == [Meaning.REAL, Meaning.REAL, Meaning.DISTRIBUTION]


def test_meaning_passes_through_sub_models():
    x = dk.Input(4)
    inner = dk.Model(x, dk.layers.Dense(1, "sigmoid")(x))
    outer = dk.Input(4)
    y = inner(outer)
    assert y.spec.meaning is Meaning.PROBABILITY
    model = dk.Model(outer, y)
    model.compile("sgd", "bce", metrics=["accuracy"])
    # Fused through the sub-model: exact where the sigmoid is 1 in float32.
    model.set_weights([np.full((4, 1), 50, "float32"), np.zeros(1, "float32")])
    assert model.evaluate(np.ones((2, 4), "float32"), np.zeros(2))["loss"] == 200.0


def test_one_layer_on_inputs_of_two_sizes_is_refused():
    layer = dk.layers.Dense(2)
    layer(dk.Input(4))
    with pytest.raises(DeepkitValueError, match=r"is shared.*\(4, 2\).*\(5, 2\)"):
        layer(dk.Input(5))


def test_a_graph_does_not_change_when_tensors_are_used_further():
    x = dk.Input(4)
    h = dk.layers.Dense(3)(x)
    model = dk.Model(x, h)
    nodes, names = model.graph.nodes, dict(model.graph.callees)
    dk.Model(x, dk.layers.Dense(1)(h))
    assert model.graph.nodes == nodes
    assert model.graph.callees == names


def test_sequential_is_the_same_graph():
    layers = lambda: [dk.layers.Dense(3, "relu"), dk.layers.Dropout(0.1), dk.layers.Dense(1)]  # noqa: E731
    sequential = dk.Sequential([dk.Input(4), *layers()])
    x = h = dk.Input(4)
    for layer in layers():
        h = layer(h)
    model = dk.Model(x, h)
    key = jax.random.key(0)
    assert list(sequential.graph.callees) == list(model.graph.callees)
    jax.tree.map(np.testing.assert_array_equal, sequential.init(key), model.init(key))


@pytest.mark.parametrize("wrong", [lambda t: t + 1, lambda t: 2 * t, lambda t: np.exp(t), lambda t: bool(t), len])
def test_arithmetic_with_symbols_is_refused(wrong):
    with pytest.raises(DeepkitError, match="symbolic"):
        wrong(dk.Input(4))
