"""`export` and `load_weights`: by name, by topology, all or nothing."""

import jax
import numpy as np
import pytest
from export_zoo import MODELS, aliases, batch_normalization, four_lines, rows, scrambled, several_inputs_and_outputs

import deepkit as dk
from deepkit.errors import DeepkitError
from deepkit.layers import Dense

FORMATS = ["npz", "safetensors", "deepkit"]


def written(model, path):
    (model.save if path.suffix == ".deepkit" else model.export)(path)
    return path


def same_weights(left, right):
    return all(map(np.array_equal, left.get_weights(), right.get_weights()))


@pytest.mark.parametrize("build", MODELS)
def test_every_model_takes_its_weights_back(build, tmp_path):
    model = scrambled(build())
    x, other = rows(model), build()
    for ending in FORMATS:
        path = written(model, tmp_path / f"w.{ending}")
        for by in ("name", "topology"):
            other.initialize(3)
            other.load_weights(path, by=by)
            assert jax.tree.structure(other.variables) == jax.tree.structure(model.variables)
            assert same_weights(other, model)
    if build in (batch_normalization, aliases, several_inputs_and_outputs):  # the others have equal weights as well
        for a, b in zip(jax.tree.leaves(other.predict(x)), jax.tree.leaves(model.predict(x)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_keys_are_paths(tmp_path):
    model = scrambled(batch_normalization())
    model.export(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz", allow_pickle=False) as file:
        assert file.files[:4] == [
            "params/dense/kernel", "params/dense/bias",
            "params/batch_normalization/gamma", "params/batch_normalization/beta",
        ]  # fmt: skip
        assert "state/batch_normalization/moving_mean" in file.files
        np.testing.assert_array_equal(file["params/dense/kernel"], model.params["dense"]["kernel"])
    model.export(tmp_path / "w.safetensors")
    from safetensors.numpy import load_file

    assert load_file(tmp_path / "w.safetensors").keys() == np.load(tmp_path / "w.npz").keys()


def test_shared_weights_stand_once(tmp_path):
    aliases().export(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as file:
        assert len(file.files) == 6


def test_exporting_the_same_weights_twice_gives_the_same_file(tmp_path):
    model = scrambled(four_lines())
    for ending in FORMATS:
        files = [written(model, tmp_path / f"{number}.{ending}").read_bytes() for number in (1, 2)]
        assert files[0] == files[1]


def named(first, second, units=3):
    x = dk.Input(4)
    model = dk.Model(x, Dense(2, name=second)(Dense(units, name=first)(x)))
    model.initialize(5)
    return model


@pytest.mark.parametrize("ending", FORMATS)
def test_other_names_are_refused_by_name_and_taken_by_topology(ending, tmp_path):
    path = written(named("a", "b"), tmp_path / f"w.{ending}")
    model = named("a", "c")
    before = named("a", "c")
    with pytest.raises(
        DeepkitError, match=r"Only in the model: params/c/kernel.*Only in the file: params/b/kernel"
    ) as caught:
        model.load_weights(path)
    assert "topology" in str(caught.value) and same_weights(model, before)
    model.load_weights(path, by="topology")
    assert same_weights(model, named("a", "b"))


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("by", ["name", "topology"])
def test_other_shapes_are_refused_and_nothing_is_half_loaded(ending, by, tmp_path):
    path = written(named("a", "b", units=7), tmp_path / f"w.{ending}")
    model = scrambled(named("a", "b"))
    before = model.get_weights()
    with pytest.raises(DeepkitError, match=r"3 of 4 arrays.*params/a/kernel \(4, 3\) ← params/a/kernel \(4, 7\)"):
        model.load_weights(path, by=by)
    assert all(map(np.array_equal, model.get_weights(), before))


def test_another_number_of_arrays_is_refused_by_topology(tmp_path):
    path = written(four_lines(), tmp_path / "w.npz")
    with pytest.raises(DeepkitError, match=r"has 4 arrays .* and the model 10"):
        batch_normalization().load_weights(path, by="topology")


def test_a_model_that_was_saved_before_it_had_weights(tmp_path):
    path = written(four_lines(), tmp_path / "w.deepkit")
    with pytest.raises(DeepkitError, match="holds no weights"):
        four_lines().load_weights(path)


def test_keras_weights_by_topology(tmp_path):
    import keras

    theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(1, "sigmoid")])
    np.savez(tmp_path / "w.npz", *(np.asarray(variable.value) for variable in theirs.weights))
    model = four_lines()
    model.load_weights(tmp_path / "w.npz", by="topology")
    x = rows(model)
    np.testing.assert_allclose(model.predict(x), theirs.predict(x, verbose=0), atol=1e-6)


def test_a_foreign_safetensors_file_has_no_order(tmp_path):
    from safetensors.numpy import save_file

    model = scrambled(four_lines())
    model.export(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as file:
        save_file(dict(file), tmp_path / "w.safetensors")
    other = four_lines()
    other.load_weights(tmp_path / "w.safetensors")
    assert same_weights(other, model)
    with pytest.raises(DeepkitError, match="does not tell the order"):
        other.load_weights(tmp_path / "w.safetensors", by="topology")


def test_an_unknown_way_is_refused():
    with pytest.raises(DeepkitError, match="Did you mean 'name'"):
        four_lines().load_weights("w.npz", by="names")


@pytest.mark.parametrize("array", [np.zeros((4, 5), complex), np.full((4, 5), "a"), np.zeros((4, 5), "M8[s]")])
def test_other_things_than_real_numbers_are_refused(array, tmp_path):
    model = four_lines()
    model.export(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as file:
        np.savez(tmp_path / "w.npz", **{**file, "params/dense/kernel": array})
    with pytest.raises(DeepkitError, match="weights are real numbers"):
        model.load_weights(tmp_path / "w.npz")


def test_float64_files_fit_float32_models(tmp_path):
    model = four_lines()
    arrays = [np.float64(1) / 3 * np.ones_like(a, dtype=np.float64) for a in model.get_weights()]
    np.savez(tmp_path / "w.npz", *arrays)
    model.load_weights(tmp_path / "w.npz", by="topology")
    assert all(a.dtype == np.float32 and (a == np.float32(1 / 3)).all() for a in model.get_weights())
