r"""The bytes of a `.deepkit` file: a safetensors file whose metadata holds the declaration as JSON.

    8 bytes      length of the header, little-endian
    header       {"__metadata__": {"deepkit": "{\"sha256\": …, \"format\": 1, …}"}, "params/dense/kernel": {…}, …}
    the rest     the arrays

A safetensors file and not a container of our own: everybody's tools open it, list its arrays and read them
without deepkit (`safetensors.numpy.load_file("m.deepkit")`), and its format says nothing that could be executed.
What safetensors lacks is a check of its content. So the declaration starts, at a fixed place, with the SHA-256
of the whole file in which these 64 digits are zeros: any other bit, any missing byte, is found before anything is
interpreted. The digest stays at this place, and means this, in all future formats.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.export import foreign

FORMAT = 1
"""Raised when older versions of deepkit could no longer read what is written."""

MAGIC = rb'{"__metadata__":{"deepkit":"{\"sha256\": \"'
"""How the header of every file of ours starts."""

_BLANK = b"0" * 64
_DIGEST = slice(8 + len(MAGIC), 8 + len(MAGIC) + len(_BLANK))

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "C64": "complex64", "BOOL": "bool",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip


def is_ours(data: bytes) -> bool:
    """Whether it starts as `pack` starts it."""
    return data[8:].startswith(MAGIC)


def pack(declaration: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """One file. The order of the arrays is kept in the declaration, because safetensors sorts them."""
    from safetensors.numpy import save

    import deepkit

    content = {
        "sha256": _BLANK.decode(),
        "format": FORMAT,
        "deepkit": deepkit.__version__,
        **declaration,
        "arrays": list(arrays),
    }
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    data = bytearray(save(dense, metadata={"deepkit": json.dumps(content)}))
    assert is_ours(bytes(data)) and data[_DIGEST] == _BLANK, "safetensors arranges its header in another way"
    data[_DIGEST] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def unpack(data: bytes, path: pathlib.Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """`(declaration, arrays in their order)`.

    Raises:
        DeepkitValueError: for a file of another kind, a truncated or changed one, or one of a newer format.
    """
    if not is_ours(data):
        raise DeepkitValueError(f"{path} {foreign.describe(data)}")
    blank = bytearray(data)
    blank[_DIGEST] = _BLANK
    if hashlib.sha256(blank).hexdigest().encode() != data[_DIGEST]:
        raise DeepkitValueError(
            f"{path} {_damage(data)} Nothing was read from it: copy it again, or save the model again."
        )
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        content = json.loads(header["__metadata__"]["deepkit"])
        number, version, order = content["format"], content["deepkit"], content["arrays"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise DeepkitValueError(
            f"{path} does not follow the format of deepkit's files. Save the model again."
        ) from error
    if not isinstance(number, int) or number > FORMAT:
        import deepkit

        raise DeepkitValueError(
            f"{path} was written by deepkit {version} in format {number}, and this is deepkit {deepkit.__version__}, "
            f"which reads formats up to {FORMAT}. Update deepkit: pip install --upgrade deepkit."
        )
    arrays = tensors(data, path)
    if sorted(arrays) != sorted(order):
        raise DeepkitValueError(f"{path} lists other arrays than it holds. Save the model again.")
    return content, {name: arrays[name] for name in order}


def tensors(data: bytes, path: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of any safetensors file, ours or not."""
    from safetensors import SafetensorError, deserialize

    try:
        return {
            # A copy, because these bytes cannot be written to, and JAX may otherwise compute on them in place.
            name: np.frombuffer(view["data"], _dtype(view["dtype"])).reshape(view["shape"]).copy()
            for name, view in deserialize(data)
        }
    except (SafetensorError, ValueError, LookupError) as error:
        raise DeepkitValueError(
            f"{path} is not a whole safetensors file ({error}). Copy it again, or write it again."
        ) from error


def _dtype(name: str) -> np.dtype[Any]:
    import jax.numpy as jnp

    return np.dtype(jnp.dtype(_DTYPES[name]))


def _damage(data: bytes) -> str:
    """What is wrong with a file whose digest is wrong."""
    length = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:length])
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        expected = length + max(ends, default=0)
    except Exception:  # What is damaged fails in as many ways as there are bytes.
        expected = length
    if len(data) < expected < 2**40:
        return f"is cut off: it has {len(data):,} of {expected:,} bytes."
    return "is damaged: its content does not have the SHA-256 that was written with it."
