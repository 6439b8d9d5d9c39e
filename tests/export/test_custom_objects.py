"""What a file cannot hold is named, so that whoever loads it knows what to pass; nothing ever stands for two things."""

import functools
import hashlib
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from export_zoo import Scale, custom_layer_and_functions, four_lines, scrambled, shifted_tanh

import deepkit as dk
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitWarning
from deepkit.export import container
from deepkit.export.names import vocabulary
from deepkit.layers import Dense, Flax, Lambda, Layer

X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(np.float32)


def dense(activation, **arguments):
    x = dk.Input(4)
    return dk.Model(x, Dense(2, activation, **arguments)(x))


def saved(model, tmp_path):
    model.save(tmp_path / "m.deepkit")
    return tmp_path / "m.deepkit"


def refusal(path, custom_objects=None):
    with pytest.raises(DeepkitError) as caught:
        dk.load_model(path, custom_objects)
    return str(caught.value)


def test_all_missing_names_are_listed_at_once_with_the_call_that_mends_it(tmp_path):
    path = saved(custom_layer_and_functions(), tmp_path)
    message = refusal(path)
    for name in ("class 'Scale'", "function 'shifted_tanh'", "function 'halves'", "function 'squared'"):
        assert name in message
    assert "custom_objects={'shifted_tanh': shifted_tanh, 'Scale': Scale," in message
    assert "Scale" not in refusal(path, {"Scale": Scale}).split("custom_objects")[1]


def test_two_lambdas_go_by_their_places(tmp_path):
    x = dk.Input(4)
    double, square = (lambda a: 2 * a), (lambda a: a * a)
    model = dk.Model(x, Lambda(square)(Lambda(double)(x)))
    path = saved(model, tmp_path)
    message = refusal(path)
    assert "'lambda.function'" in message and "'lambda_1.function'" in message and "no name of its own" in message
    again = dk.load_model(path, {"lambda.function": double, "lambda_1.function": square})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_two_functions_of_one_name_are_told_apart(tmp_path):
    def make(factor):
        def stretched(x):
            return factor * x

        return stretched

    one, two = make(1.5), make(3.0)
    x = dk.Input(4)
    inner = dk.Sequential([dk.Input(4), Dense(4, two)], name="inner")
    model = scrambled(dk.Model(x, inner(Dense(4, one)(Dense(4, one)(x)))))
    path = saved(model, tmp_path)
    assert "'stretched': stretched, 'inner/dense.activation': …" in refusal(path)
    again = dk.load_model(path, {"stretched": one, "inner/dense.activation": two})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_two_classes_of_one_name_are_told_apart(tmp_path):
    class Scale(Layer):
        def call(self, weights, x, context):
            return -x

    x = dk.Input(4)
    model = scrambled(dk.Model(x, Scale()(globals()["Scale"](2.0)(x))))
    path = saved(model, tmp_path)
    assert "'Scale': Scale, 'scale_1': scale_1" in refusal(path)
    again = dk.load_model(path, {"Scale": globals()["Scale"], "scale_1": Scale})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_objects_without_a_name_go_by_their_place(tmp_path):
    from flax import nnx

    module = nnx.Linear(4, 4, rngs=nnx.Rngs(0))
    leaky = functools.partial(jax.nn.leaky_relu, negative_slope=0.3)
    model = scrambled(dk.Sequential([dk.Input(4), Flax(module, name="linear"), Dense(2, leaky)]))
    path = saved(model, tmp_path)
    again = dk.load_model(path, {"linear.module": nnx.Linear(4, 4, rngs=nnx.Rngs(9)), "dense.activation": leaky})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_functions_of_jax_go_by_their_name(tmp_path):
    model = scrambled(
        dense(jnp.tanh, kernel_regularizer=lambda w: jnp.sum(w**4), kernel_initializer=jax.nn.initializers.zeros)
    )
    path = saved(model, tmp_path)
    objects = {"tanh": jnp.tanh, "zeros": jax.nn.initializers.zeros, "dense.kernel_regularizer.function": jnp.sum}
    np.testing.assert_array_equal(dk.load_model(path, objects).predict(X), model.predict(X))


def test_wrong_objects_are_refused(tmp_path):
    path = saved(custom_layer_and_functions(), tmp_path)
    good = {"Scale": Scale, "shifted_tanh": shifted_tanh, "halves": None, "squared": jnp.square}
    assert "custom_objects['halves']" in refusal(path, good)
    assert "Derive it from dk.layers.Layer" in refusal(path, {**good, "Scale": dict, "halves": jnp.square})
    with pytest.raises(DeepkitTypeError, match="expected a dict from names"):
        dk.load_model(path, [Scale])
    with pytest.raises(DeepkitTypeError, match="expected a dict from names"):
        dk.load_model(path, {Scale: Scale})


def test_a_class_whose_arguments_have_changed_since(tmp_path):
    path = saved(dk.Model(*(lambda x: (x, Scale(2.0)(x)))(dk.Input(4))), tmp_path)

    class Changed(Layer):
        begin: float = 1.0

    assert "'start'" in refusal(path, {"Scale": Changed})


def test_a_function_that_fails_on_the_shapes_it_is_called_on(tmp_path):
    path = saved(custom_layer_and_functions(), tmp_path)
    wrong = {"Scale": Scale, "shifted_tanh": shifted_tanh, "squared": jnp.square, "halves": lambda x: x[:, ::-1]}
    assert "Lambda 'lambda' puts out rows of shape [[4]], and [[2], [2]]" in refusal(path, wrong)


def test_a_field_that_json_cannot_hold_is_refused_by_its_place(tmp_path):
    class Odd(Layer):
        thing: object = None

    x = dk.Input(4)
    model = dk.Model(x, Odd({1, 2}, name="odd")(x))
    with pytest.raises(DeepkitTypeError, match=r"odd\.thing cannot be saved"):
        model.save(tmp_path / "m.deepkit")
    assert not list(tmp_path.iterdir())


def test_structures_that_json_cannot_hold_are_refused(tmp_path):
    x = dk.Input(4)
    model = dk.Model(x, {1: Dense(2)(x), 2: Dense(1)(x)})
    with pytest.raises(DeepkitTypeError, match="arranged in a dict"):
        model.save(tmp_path / "m.deepkit")


# Training choices: what is missing there keeps nobody from predicting.


def absolute(y_true, y_pred):
    return jnp.abs(y_true - y_pred)


def test_a_loss_of_ones_own(tmp_path):
    model = four_lines()
    model.compile("adam", absolute, metrics=[absolute, "mae"])
    path = saved(model, tmp_path)
    again = dk.load_model(path, {"absolute": absolute})
    assert again.evaluate(X, Y) == model.evaluate(X, Y)
    with pytest.warns(DeepkitWarning, match=re.escape("custom_objects={'absolute': absolute}")):
        bare = dk.load_model(path)
    np.testing.assert_array_equal(bare.predict(X), model.predict(X))
    with pytest.raises(DeepkitError, match="compile"):
        bare.evaluate(X, Y)


def test_lambdas_in_compile_go_by_output_and_metric(tmp_path):
    x = dk.Input(4)
    model = dk.Model(x, {"a": Dense(1)(x), "b": Dense(1)(x)})
    loss, metric, rate = (lambda t, p: (t - p) ** 4), (lambda t, p: t - p), (lambda step: 0.1 / (1.0 + step))
    model.compile(dk.optimizers.SGD(rate), {"a": loss, "b": "mse"}, metrics={"b": [metric]})
    path = saved(model, tmp_path)
    names = {"optimizer.learning_rate": rate, "loss.a.function": loss, "metrics.b.lambda.function": metric}
    again = dk.load_model(path, names)
    targets = {"a": Y, "b": Y}
    assert again.evaluate(X, targets) == model.evaluate(X, targets)
    with pytest.warns(DeepkitWarning, match=r"'optimizer\.learning_rate'"):
        dk.load_model(path)


def test_an_optax_transformation_is_left_out_and_said(tmp_path):
    model = four_lines()
    model.compile(optax.adam(0.01), "bce")
    with pytest.warns(DeepkitWarning, match="without optimizer, losses and metrics"):
        model.save(tmp_path / "m.deepkit")
    again = dk.load_model(tmp_path / "m.deepkit")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    with pytest.raises(DeepkitError, match="compile"):
        again.fit(X, Y, verbose=0)


# A file is data: it can name nothing but declarations.


def rewritten(path, change):
    declaration, arrays = container.unpack(path.read_bytes(), path)
    declaration = {k: v for k, v in declaration.items() if k not in ("sha256", "format", "deepkit", "arrays")}
    change(declaration)
    path.write_bytes(container.pack(declaration, arrays))
    return path


def test_the_vocabulary_holds_declarations_and_activations_only():
    from deepkit.configuration import Configurable

    for name, thing in vocabulary().items():
        declared = isinstance(thing, type) and issubclass(thing, Configurable)
        assert declared or thing in dk.activations.ACTIVATIONS.values(), name


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "eval", "layers.get", "losses.os", "export.load_model"])
def test_other_names_mean_nothing(name, tmp_path):
    path = saved(dense("relu"), tmp_path)
    rewritten(path, lambda d: d["layers"][0]["config"].update(activation={"function": name}))
    assert repr(name) in refusal(path) or "does not have" in refusal(path)


def not_a_number(declaration):
    declaration["graph"]["nodes"][0]["inputs"] = ["0"]


def backwards(declaration):
    declaration["graph"]["nodes"][0]["inputs"] = [-1]


def deep(declaration):
    value = 0
    for _ in range(100_000):
        value = [value]
    declaration["graph"]["output_structure"] = value


CHANGES = [
    not_a_number,
    backwards,
    lambda d: d.pop("layers"),
    lambda d: d.update(layers=7),
    lambda d: d["layers"][0]["config"].update(units=-3),
    lambda d: d["layers"][0]["config"].update(units=10**9),
    lambda d: d["layers"][0]["config"].update(elephants=3),
    lambda d: d["graph"]["nodes"][0].update(layer=4),
    lambda d: d["graph"].update(output_structure=9),
    lambda d: d["graph"].update(output_structure={"set": [0]}),
    lambda d: d["graph"]["inputs"][0].update(meaning="HOLY"),
    lambda d: d["graph"]["inputs"][0].update(shape=[5]),
    lambda d: d["model"].update(kind="Subprocess"),
    lambda d: d.update(encoder={"numeric": "zscore"}),
    lambda d: d.update(layers=[{"graph": d["graph"], "name": None, "trainable": True, "given": None}]),
]


@pytest.mark.parametrize("change", CHANGES)
def test_whole_files_with_an_impossible_declaration(change, tmp_path):
    path = saved(scrambled(dense("relu")), tmp_path)
    rewritten(path, change)
    assert "m.deepkit" in refusal(path)


def test_a_declaration_without_bottom(tmp_path):
    from safetensors.numpy import save

    text = f'{{"sha256": "{"0" * 64}", "format": 1, "deepkit": "0.1.0", "arrays": {"[" * 10**5}'
    data = bytearray(save({}, metadata={"deepkit": text}))
    digest = hashlib.sha256(data).hexdigest().encode()
    (tmp_path / "m.deepkit").write_bytes(bytes(data).replace(b"0" * 64, digest, 1))
    assert "does not follow the format" in refusal(tmp_path / "m.deepkit")


def test_a_newer_format_is_named_with_its_version(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "FORMAT", 2)
    monkeypatch.setattr(dk, "__version__", "7.1.0")
    path = saved(four_lines(), tmp_path)
    monkeypatch.undo()
    message = refusal(path)
    assert "written by deepkit 7.1.0 in format 2" in message and "pip install --upgrade" in message


def test_the_declaration_is_json_that_anybody_can_read(tmp_path):
    from safetensors import safe_open

    model = scrambled(four_lines())
    path = saved(model, tmp_path)
    with safe_open(path, framework="numpy") as file:
        declaration = json.loads(file.metadata()["deepkit"])
    assert [layer["class"] for layer in declaration["layers"]] == ["layers.Dense", "layers.Dense"]
    assert declaration["format"] == 1 and declaration["deepkit"] == dk.__version__
