"""What `save` writes, `load_model` brings back: graph, names, weights, training and encoder, bit for bit."""

import os
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest
from export_zoo import (
    CUSTOM,
    MODELS,
    aliases,
    batch_normalization,
    four_lines,
    frozen_regularized_constrained,
    rows,
    scrambled,
    sequential,
)

import deepkit as dk
from deepkit.configuration import encode
from deepkit.errors import DeepkitError
from deepkit.layers import Dense
from deepkit.program import SubModel


def saved_and_loaded(model, tmp_path, custom_objects=CUSTOM):
    model.save(tmp_path / "m.deepkit")
    return dk.load_model(tmp_path / "m.deepkit", custom_objects)


def assert_same_bits(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()


def layers_by_path(model):
    return {"/".join(path): layer for path, layer in model.program.places.items()}


@pytest.mark.parametrize("build", MODELS)
def test_a_model_comes_back_with_its_weights_names_and_outputs(build, tmp_path):
    model = scrambled(build())
    again = saved_and_loaded(model, tmp_path)
    assert_same_bits(again.variables, model.variables)
    x = rows(model)
    assert_same_bits(again.predict(x), model.predict(x))
    assert type(again) is type(model)
    assert again.graph.input_names == model.graph.input_names
    assert again.graph.output_names == model.graph.output_names
    assert again.program.aliases == model.program.aliases
    before, after = layers_by_path(model), layers_by_path(again)
    assert list(after) == list(before)
    for path, layer in before.items():
        assert after[path].given_name == layer.given_name
        assert (after[path].name, after[path].trainable) == (layer.name, layer.trainable)
        if not isinstance(layer, SubModel):
            assert encode(after[path]) == encode(layer)
    assert [t.spec for t in again.graph.outputs] == [t.spec for t in model.graph.outputs]
    again.save(tmp_path / "again.deepkit")
    assert (tmp_path / "again.deepkit").read_bytes() == (tmp_path / "m.deepkit").read_bytes()


@pytest.mark.parametrize("build", [sequential, aliases, batch_normalization])
def test_a_training_pass_with_dropout_and_moving_averages_is_the_same(build, tmp_path):
    model = scrambled(build())
    again = saved_and_loaded(model, tmp_path)
    x, key = rows(model), jax.random.key(3)
    results = [m.apply(m.variables, x, training=True, rng=key) for m in (model, again)]
    assert_same_bits(results[1], results[0])


@pytest.mark.parametrize("build", MODELS)
def test_weights_that_were_not_drawn_are_drawn_alike_later(build, tmp_path):
    model = build()
    again = saved_and_loaded(model, tmp_path)
    for layer in model.program.places.values():
        adapted = isinstance(layer, dk.layers.Normalization) and layer.mean is None
        assert adapted or layer.holder.params is None, "saving a model draws nothing"
    assert_same_bits(again.init(jax.random.key(5)), model.init(jax.random.key(5)))
    assert_same_bits(again.variables, model.variables)


def test_a_new_model_over_loaded_layers_gets_the_names_it_would_have_had(tmp_path):
    model = four_lines()
    again = saved_and_loaded(model, tmp_path)
    for each in (model, again):
        longer = dk.Model(each.graph.inputs[0], Dense(3)(each.graph.outputs[0]))
        assert list(longer.graph.callees) == ["dense", "dense_1", "dense_2"]


def test_layers_that_were_thawed_in_a_frozen_model_stay_thawed(tmp_path):
    model = four_lines()
    model.trainable = False
    model.get_layer("dense_1").trainable = True
    again = saved_and_loaded(model, tmp_path)
    assert [layer.trainable for layer in (again.layer, *again.layers)] == [False, False, True]


def test_the_models_own_name_and_freezing(tmp_path):
    model = dk.Model(*(lambda x: (x, Dense(2)(x)))(dk.Input(2)), name="tower")
    model.trainable = False
    again = saved_and_loaded(model, tmp_path)
    assert (again.layer.name, again.trainable) == ("tower", False)
    x = dk.Input(2)
    assert list(dk.Model(x, again(x)).graph.callees) == ["tower"]


def test_the_file_is_a_safetensors_file_that_other_tools_read(tmp_path):
    from safetensors.numpy import load_file

    model = four_lines()
    model.initialize(1)
    model.save(tmp_path / "m.deepkit")
    arrays = load_file(tmp_path / "m.deepkit")
    assert sorted(arrays) == [
        "params/dense/bias",
        "params/dense/kernel",
        "params/dense_1/bias",
        "params/dense_1/kernel",
    ]
    np.testing.assert_array_equal(arrays["params/dense/kernel"], model.params["dense"]["kernel"])


def test_float64(tmp_path):
    with jax.enable_x64(True):
        x = dk.Input(3, dtype="float64")
        model = scrambled(dk.Model(x, Dense(2)(x)))
        again = saved_and_loaded(model, tmp_path)
        assert again.params["dense"]["kernel"].dtype == np.float64
        assert_same_bits(again.variables, model.variables)
        exact = np.asarray(model.params["dense"]["kernel"])
    with pytest.warns(dk.errors.DeepkitWarning, match="jax_enable_x64"):
        narrow = dk.load_model(tmp_path / "m.deepkit")
    np.testing.assert_array_equal(narrow.params["dense"]["kernel"], exact.astype(np.float32))


# Training goes on.

X = np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(np.float32)


def trained(model, optimizer="adam", **arguments):
    model.compile(optimizer, arguments.pop("loss", "mse"), **arguments)
    model.fit(X, Y, epochs=2, verbose=0, seed=4)
    return model


OPTIMIZERS = [
    dk.optimizers.Adam(0.01, use_ema=True, weight_decay=0.01, weight_decay_exclude=("bias",), global_clipnorm=1.0),
    dk.optimizers.RMSprop(dk.optimizers.CosineDecay(0.01, decay_steps=20)),
    "adafactor",
    "muon",
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_training_goes_on_as_if_the_model_had_never_been_saved(optimizer, tmp_path):
    model = trained(frozen_regularized_constrained(), optimizer, metrics=["mae"])
    again = saved_and_loaded(model, tmp_path)
    assert again.optimizer == model.optimizer
    histories = [m.fit(X, Y, epochs=2, verbose=0, seed=4).history for m in (model, again)]
    assert histories[0] == histories[1]
    assert_same_bits(again.variables, model.variables)


def test_the_learning_rate_is_the_present_one(tmp_path):
    model = trained(four_lines(), "adam", loss="bce", metrics=["accuracy", "auc"])
    model.optimizer.learning_rate = 0.123
    again = saved_and_loaded(model, tmp_path)
    assert again.optimizer.learning_rate == 0.123
    assert again.evaluate(X, Y) == model.evaluate(X, Y)


def test_layers_that_were_frozen_after_training_start_a_fresh_optimizer_in_both(tmp_path):
    model = trained(frozen_regularized_constrained())
    model.get_layer("frozen").trainable = True
    again = saved_and_loaded(model, tmp_path)
    for each in (model, again):
        each.fit(X, Y, epochs=1, verbose=0)
    assert_same_bits(again.variables, model.variables)


def test_several_outputs_keep_their_losses_weights_and_metrics(tmp_path):
    x = dk.Input(4)
    model = dk.Model(x, {"price": Dense(1)(x), "sold": Dense(1, "sigmoid")(x), "free": Dense(2)(x)})
    model.compile(
        dk.optimizers.Adam(0.01),
        {"price": dk.losses.Huber(delta=0.5), "sold": "bce"},
        metrics={"price": ["mae", "r2"], "sold": ["accuracy"]},
        loss_weights={"price": 0.5, "sold": 2},
        weighted_metrics={"sold": ["auc"]},
    )
    data = {"price": X[:, :1], "sold": Y, "free": X[:, :2]}
    model.fit(X, data, epochs=1, verbose=0)
    again = saved_and_loaded(model, tmp_path)
    assert again.evaluate(X, data) == model.evaluate(X, data)


def test_a_compiled_model_that_was_never_trained(tmp_path):
    model = four_lines()
    model.compile("adam", "crossentropy", metrics=["accuracy"])
    again = saved_and_loaded(model, tmp_path)
    histories = [m.fit(X, Y, epochs=2, verbose=0, seed=9).history for m in (model, again)]
    assert histories[0] == histories[1]


def test_a_checkpoint_inside_a_later_run_does_not_bring_the_memory_of_an_earlier_one(tmp_path):
    model = trained(four_lines(), loss="bce")
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[dk.callbacks.ModelCheckpoint(tmp_path / "m.deepkit")])
    again = dk.load_model(tmp_path / "m.deepkit")
    assert_same_bits(again.variables, model.variables)
    stale = again._trainer._carried
    assert stale is None or int(stale.epoch) == 3


def test_an_optimizer_state_of_another_form_is_left_out_and_said(tmp_path):
    from deepkit.export import container

    model = trained(four_lines(), loss="bce")
    model.save(tmp_path / "m.deepkit")
    declaration, arrays = container.unpack((tmp_path / "m.deepkit").read_bytes(), tmp_path)
    name = next(name for name in arrays if name.startswith("optimizer/"))
    renamed = {(key if key != name else f"{name}_of_old"): value for key, value in arrays.items()}
    (tmp_path / "m.deepkit").write_bytes(container.pack(without_digest(declaration), renamed))
    with pytest.warns(dk.errors.DeepkitWarning, match="another form"):
        again = dk.load_model(tmp_path / "m.deepkit")
    assert_same_bits(again.variables, model.variables)


def without_digest(declaration):
    return {key: value for key, value in declaration.items() if key not in ("sha256", "format", "deepkit", "arrays")}


# Raw rows.


def mixed_table(count=60):
    random = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "age": random.integers(20, 80, count),
            "colour": random.choice(["red", "grün", "blue"], count),
            "dose": random.normal(3, 1e-3, count),
        }
    )
    return frame, 1000 + 50 * frame["age"].to_numpy() + random.normal(size=count)


def test_raw_rows_go_in_and_the_target_comes_back_in_its_own_units(tmp_path):
    frame, price = mixed_table()
    encoder = dk.preprocessing.TableEncoder(target="zscore", unseen="zeros").fit(frame, price)
    model = dk.Sequential([dk.Input(encoder.width), Dense(8, "tanh"), Dense(1)], encoder=encoder)
    model.compile("adam", "mse")
    model.fit(frame, price, epochs=2, verbose=0)
    again = saved_and_loaded(model, tmp_path)
    new = frame.head(7).assign(colour="violet")[["dose", "colour", "age"]]
    assert_same_bits(again.predict(new), model.predict(new))
    assert 1000 < again.predict(new).mean() < 6000
    assert again.encoder.to_config() == encoder.to_config()


def test_the_columns_of_training_are_known_again(tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = four_lines()
    model.compile("adam", "bce")
    model.fit(frame, Y, epochs=1, verbose=0)
    again = saved_and_loaded(model, tmp_path)
    assert_same_bits(again.predict(frame[["d", "c", "b", "a"]]), model.predict(X))
    with pytest.raises(DeepkitError, match="missing: d"):
        again.predict(frame.rename(columns={"d": "e"}))


def test_heart_disease_from_raw_rows(tmp_path):
    if not os.environ.get("DEEPKIT_DATA") and not os.environ.get("CI"):
        pytest.skip("the published table is not in $DEEPKIT_DATA")
    data = dk.datasets.load_heart_disease()
    split = dk.split(data, train=0.8, dev=0.1, test=0.1, seed=0)
    encoder = dk.preprocessing.TableEncoder().fit(split.train)
    model = dk.Sequential([dk.Input(encoder.width), Dense(16, "relu"), Dense(1, "sigmoid")], encoder=encoder)
    model.compile("adam", "bce", metrics=["accuracy"])
    model.fit(split.train, epochs=5, verbose=0)
    again = saved_and_loaded(model, tmp_path)
    assert_same_bits(again.predict(split.dev), model.predict(split.dev))
    one = split.dev.x.iloc[0].to_dict()
    assert_same_bits(again.predict(one), model.predict(one))
    assert again.evaluate(split.dev) == model.evaluate(split.dev)
    assert str(again.encoder.report()) == str(encoder.report())


def test_a_fresh_process_without_the_building_code(tmp_path):
    model = scrambled(sequential())
    model.compile("adam", "crossentropy", metrics=["accuracy"])
    model.save(tmp_path / "m.deepkit")
    x = rows(model)
    np.save(tmp_path / "x.npy", x)
    script = (
        "import deepkit as dk, numpy as np\n"
        "model = dk.load_model('m.deepkit')\n"
        "np.save('y.npy', model.predict(np.load('x.npy')))\n"
        "model.fit(np.load('x.npy'), [0, 1, 2, 1, 0], epochs=2, verbose=0)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=120)
    assert_same_bits(np.load(tmp_path / "y.npy"), model.predict(x))


def test_importing_deepkit_leaves_safetensors_alone():
    code = "import sys, deepkit; sys.exit('safetensors' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
