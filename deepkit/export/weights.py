"""`model.export` and `model.load_weights`: the arrays alone, in files that every NumPy can read."""

from __future__ import annotations

import io
import pathlib
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, did_you_mean
from deepkit.export import container, foreign
from deepkit.export.arrays import Place, as_declared, declared_arrays, listed, present_arrays
from deepkit.export.files import as_path, read_whole, write_whole
from deepkit.program.holders import empty_trees, store
from deepkit.program.program import put

if TYPE_CHECKING:
    from deepkit.model import Model

SUFFIXES = (".npz", ".safetensors")


def export_weights(model: Model, path: Any) -> None:
    """Write a model's arrays; see `Model.export`."""
    target = as_path(path)
    if target.suffix not in SUFFIXES:
        raise DeepkitValueError(
            f"export writes {' and '.join(SUFFIXES)} files, and {target.name!r} is neither. "
            "Choose one of these endings; the whole model is written by model.save('….deepkit')."
        )
    model.weights()  # Draws them if there are none yet.
    arrays = present_arrays(model.program)
    write_whole(target, _npz(arrays) if target.suffix == ".npz" else container.pack({}, arrays))


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    # NumPy has no name for bfloat16 and its like ("V"): float32 holds their values exactly.
    known = {name: a.astype(np.float32) if a.dtype.kind == "V" else a for name, a in arrays.items()}
    np.savez(buffer, **known)  # type: ignore[arg-type]
    return buffer.getvalue()


def load_weights(model: Model, path: Any, by: str = "name") -> None:
    """Read a model's arrays; see `Model.load_weights`."""
    if by not in ("name", "topology"):
        raise DeepkitValueError(f"load_weights(by={by!r}): {did_you_mean(str(by), ('name', 'topology'))}")
    file = as_path(path)
    found = _read(read_whole(file), file)
    declared = declared_arrays(model.program)
    if declared and not found.arrays:
        raise DeepkitValueError(
            f"{file} holds no weights (a model that is saved before it is trained has none), and the model has "
            f"{listed(declared)}. Save it after fit or initialize."
        )
    chosen = _by_name(found.arrays, declared, file) if by == "name" else _by_topology(found, declared, file)
    trees = empty_trees(model.program)
    for name, place in declared.items():
        put(trees[place.kind], place.path, as_declared(chosen[name], place.weight, name))
    store(model.program, *trees)


class _Found(NamedTuple):
    """Arrays of a file by name, and whether they stand in the order in which they were written."""

    arrays: dict[str, np.ndarray]
    in_order: bool


def _read(data: bytes, file: pathlib.Path) -> _Found:
    if container.is_ours(data):
        arrays = container.unpack(data, file)[1]
        found = _Found({n: a for n, a in arrays.items() if n.startswith(("params/", "state/"))}, True)
    elif foreign.is_zip(data):
        found = _Found(_read_npz(data, file), True)
    elif foreign.is_safetensors(data):
        found = _Found(container.tensors(data, file), False)
    else:
        raise DeepkitValueError(
            f"{file} {foreign.describe(data)} load_weights reads .npz, .safetensors and .deepkit files."
        )
    for name, array in found.arrays.items():
        if array.dtype.kind not in "fiub" and not np.can_cast(array.dtype, np.float32):
            raise DeepkitTypeError(f"{file} holds {name!r} of dtype {array.dtype}, and weights are real numbers.")
    return found


def _read_npz(data: bytes, file: pathlib.Path) -> dict[str, np.ndarray]:
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                # The member as a whole, because only then does zipfile compare its checksum.
                member = io.BytesIO(archive.read(name))
                array = np.lib.format.read_array(member, allow_pickle=False)
                if member.read(1):
                    raise ValueError(f"{name} is longer than its array")
                arrays[name.removesuffix(".npy")] = array
    # A damaged archive fails in as many ways as there are bytes: zlib, struct, tokenizer, memory.
    except Exception as error:
        if "allow_pickle" in str(error):
            raise DeepkitTypeError(
                f"{file} holds Python objects as a pickle, which could run code when it is opened; nothing was read. "
                "Save arrays of numbers: np.savez(path, **arrays)."
            ) from None
        raise DeepkitValueError(
            f"{file} is not a whole .npz file ({type(error).__name__}: {error}). Nothing was read from it: "
            "copy it again, or export the weights again."
        ) from error
    return arrays


def _by_name(found: Mapping[str, np.ndarray], declared: Mapping[str, Place], file: Any) -> dict[str, np.ndarray]:
    missing = [name for name in declared if name not in found]
    extra = [name for name in found if name not in declared]
    if missing or extra:
        raise DeepkitValueError(
            f"the arrays of {file} are not those of the model, and nothing was loaded. "
            f"Only in the model: {listed(missing)}. Only in the file: {listed(extra)}. "
            "Give the layers the names of the file, or, if only the names differ, load by='topology'."
        )
    _check_shapes([(name, name) for name in declared], found, declared, file)
    return {name: found[name] for name in declared}


def _by_topology(found: _Found, declared: Mapping[str, Place], file: Any) -> dict[str, np.ndarray]:
    if not found.in_order:
        raise DeepkitValueError(
            f"{file} is a safetensors file that does not tell the order of its arrays, "
            "so they cannot be told apart by it. Load by='name', or convert it to .npz, whose arrays keep their order."
        )
    if len(found.arrays) != len(declared):
        raise DeepkitValueError(
            f"{file} has {len(found.arrays)} arrays ({listed(found.arrays)}) and the model {len(declared)} "
            f"({listed(declared)}); nothing was loaded. Declare the layers that the file was written for."
        )
    pairs = list(zip(declared, found.arrays, strict=True))
    _check_shapes(pairs, found.arrays, declared, file)
    return {name: found.arrays[theirs] for name, theirs in pairs}


def _check_shapes(
    pairs: list[tuple[str, str]], found: Mapping[str, np.ndarray], declared: Mapping[str, Place], file: Any
) -> None:
    wrong = [
        f"{ours} {declared[ours].weight.shape} ← {theirs} {found[theirs].shape}"
        for ours, theirs in pairs
        if found[theirs].shape != declared[ours].weight.shape
    ]
    if wrong:
        raise DeepkitValueError(
            f"{len(wrong)} of {len(pairs)} arrays have another shape in the model than in {file}, "
            f"and nothing was loaded (model ← file): {listed(wrong)}. Give the layers the sizes of the file."
        )
