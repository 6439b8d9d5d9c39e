"""Files that are not ours get two sentences: what they are, and what to do."""

import io
import pathlib
import pickle
import zipfile

import numpy as np
import pytest
from export_zoo import four_lines

import deepkit as dk
from deepkit.errors import DeepkitError, DeepkitTypeError


class Bomb:
    """Opening its pickle makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (pathlib.Path.touch, (self.path,))


def keras_file(path):
    """The members of what keras.Model.save writes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")


def zip_file(path, name="notes.txt"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "hello")


def npz_file(path):
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))


def safetensors_file(path):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3, np.float32)}, path)


FOREIGN = {
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "keras": (keras_file, "is a Keras model.*set_weights"),
    "zip": (zip_file, "is a zip archive"),
    "pytorch": (lambda path: zip_file(path, "archive/data.pkl"), "is a PyTorch file"),
    "half a zip": (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(50)), "is a damaged zip archive"),
    "npz": (npz_file, r"is an \.npz file.*load_weights"),
    "hdf5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "is an HDF5 file"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "is a pickle"),
    "safetensors": (safetensors_file, "is a safetensors file.*load_weights"),
    "text": (lambda path: path.write_text("höchst geheim, nicht lesen! " * 9), "is a text that starts with 'höchst"),
    "json": (lambda path: path.write_text('{"class": "Dense"}'), "is a text that starts with"),
    "noise": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(999)), "is not a deepkit model"),
    "one byte": (lambda path: path.write_bytes(b"\x01"), "is not a deepkit model"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_named(kind, tmp_path):
    make, message = FOREIGN[kind]
    path = tmp_path / "m.deepkit"
    make(path)
    with pytest.raises(DeepkitError, match=rf"m\.deepkit {message}"):
        dk.load_model(path)
    if kind not in ("npz", "safetensors"):
        with pytest.raises(DeepkitError, match=r"m\.deepkit"):
            four_lines().load_weights(path)


def test_missing_files_and_folders(tmp_path):
    for load in (dk.load_model, four_lines().load_weights):
        with pytest.raises(DeepkitError, match="there is no file"):
            load(tmp_path / "absent.deepkit")
        with pytest.raises(DeepkitError, match="is a folder"):
            load(tmp_path)
        for wrong in (None, 3, io.BytesIO(b""), ""):
            with pytest.raises(DeepkitTypeError, match="expected the name of a file"):
                load(wrong)


def test_weights_are_not_a_model(tmp_path):
    four_lines().export(tmp_path / "w.safetensors")
    with pytest.raises(DeepkitError, match=r"holds weights that model\.export wrote"):
        dk.load_model(tmp_path / "w.safetensors")


def test_a_pickle_in_an_npz_is_never_opened(tmp_path):
    touched, path = tmp_path / "touched", tmp_path / "w.npz"
    bomb = np.empty(1, object)
    bomb[0] = Bomb(touched)
    np.savez(path, **{"params/dense/kernel": bomb})
    with pytest.raises(DeepkitTypeError, match="pickle, which could run code"):
        four_lines().load_weights(path)
    assert not touched.exists()
    with pytest.raises(DeepkitError):
        dk.load_model(path)
    assert not touched.exists()
    np.load(path, allow_pickle=True)["params/dense/kernel"]
    assert touched.exists(), "the bomb is a real one"


@pytest.mark.parametrize("name", ["m", "m.keras", "m.h5", "m.npz", "m.deepkit.bak"])
def test_save_wants_its_own_ending(name, tmp_path):
    with pytest.raises(DeepkitError, match=r"does not end in \.deepkit.*\.deepkit'"):
        four_lines().save(tmp_path / name)


@pytest.mark.parametrize("name", ["w", "w.h5", "w.deepkit", "w.onnx"])
def test_export_names_the_endings_it_knows(name, tmp_path):
    with pytest.raises(DeepkitError, match=r"\.npz and \.safetensors"):
        four_lines().export(tmp_path / name)
