"""What a file is that is not ours, and what to do with it, in two sentences."""

from __future__ import annotations

import io
import zipfile

ZIP, EMPTY_ZIP, HDF5, PICKLE = b"PK\x03\x04", b"PK\x05\x06", b"\x89HDF\r\n\x1a\n", b"\x80"


def is_zip(data: bytes) -> bool:
    """Whether it starts as a zip archive does, such as an .npz."""
    return data.startswith((ZIP, EMPTY_ZIP))


def is_safetensors(data: bytes) -> bool:
    """Whether it starts as a safetensors file does: the length of a JSON object, and its first brace."""
    return len(data) > 8 and int.from_bytes(data[:8], "little") <= len(data) - 8 and data[8:9] == b"{"


def describe(data: bytes) -> str:
    """`what it is. What to do.`, for an error that starts with the name of the file."""
    if not data:
        return "is empty. Whatever wrote it did not finish: save the model again."
    if is_zip(data):
        return _describe_zip(data)
    if data.startswith(HDF5):
        return (
            "is an HDF5 file, such as Keras writes. Declare the model with deepkit, and take the weights over: "
            "model.set_weights(keras_model.get_weights())."
        )
    if data.startswith(PICKLE) and data[1:2] in b"\x02\x03\x04\x05":
        return (
            "is a pickle, which could run code when it is opened, so deepkit opens none. "
            "Save the weights as .npz or .safetensors."
        )
    if is_safetensors(data):
        return "is a safetensors file with weights and no model. Declare the model, and call model.load_weights(path)."
    try:
        start = data[:64].decode()
    except UnicodeDecodeError as error:
        # A character may be cut in two at the end of what is looked at.
        start = data[: error.start].decode() if error.start > 60 else ""
    if start and all(character.isprintable() or character in "\n\r\t" for character in start):
        return f"is a text that starts with {start[:30]!r}. Give the file that model.save wrote."
    return "is not a deepkit model. Give the file that model.save wrote."


def _describe_zip(data: bytes) -> str:
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except Exception:  # A damaged archive fails in as many ways as there are bytes.
        return "is a damaged zip archive, not a deepkit model. Give the file that model.save wrote."
    if "config.json" in names and any(name.endswith(".weights.h5") for name in names):
        return (
            "is a Keras model. Declare the same layers with deepkit, and take the weights over: "
            "model.set_weights(keras_model.get_weights())."
        )
    if any(name.endswith("data.pkl") for name in names):
        return "is a PyTorch file, which holds a pickle and could run code. Save its weights as .safetensors."
    if names and all(name.endswith(".npy") for name in names):
        return "is an .npz file with arrays and no model. Declare the model, and call model.load_weights(path)."
    return "is a zip archive, not a deepkit model. Give the file that model.save wrote."
