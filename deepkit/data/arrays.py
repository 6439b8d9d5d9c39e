"""Whatever a user passes as data → checked NumPy arrays, one per input and output of the model.

Everything that can be wrong with numbers is found here, on the host, before anything is compiled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Graph, SymbolicTensor


def is_part(data: Any) -> bool:
    """Whether it is a `Dataset` or a `Part` of a split: rows with their targets."""
    return hasattr(data, "x") and hasattr(data, "y") and hasattr(data, "frame")


def is_table(data: Any) -> bool:
    """Whether it is a pandas DataFrame (or looks like one)."""
    return hasattr(data, "columns") and hasattr(data, "iloc")


def input_arrays(x: Any, graph: Graph, what: str = "x") -> tuple[np.ndarray, ...]:
    """The model's inputs, in order: shapes fit the declaration, all numbers finite, equally many rows."""
    arrays = tuple(
        _input_array(value, tensor, label) for value, tensor, label in zip(*_by_name(x, graph, what), strict=True)
    )
    check_rows(
        {f"{what}[{name!r}]" if len(arrays) > 1 else what: a for name, a in zip(graph.input_names, arrays, strict=True)}
    )
    return arrays


def _by_name(x: Any, graph: Graph, what: str) -> tuple[list[Any], Sequence[SymbolicTensor], list[str]]:
    tensors, names = graph.inputs, graph.input_names
    if is_table(x) and len(tensors) > 1:
        x = {name: x[name] for name in names if name in x.columns}
    if isinstance(x, Mapping):
        missing = [name for name in names if name not in x]
        if missing:
            raise DeepkitValueError(
                f"{what} has no entry for the input {missing[0]!r}; it has {', '.join(map(repr, x)) or 'none'}. "
                f"Pass a dict with the keys {', '.join(map(repr, names))}, or name the inputs: Input(…, name=…)."
            )
        return [x[name] for name in names], tensors, [f"{what}[{name!r}]" for name in names]
    if len(tensors) == 1:
        if isinstance(x, tuple | list) and len(x) == 1 and np.ndim(x[0]) == len(tensors[0].shape):
            x = x[0]
        return [x], tensors, [what]
    if not isinstance(x, tuple | list) or len(x) != len(tensors):
        got = f"{len(x)} entries" if isinstance(x, tuple | list) else type(x).__name__
        raise DeepkitValueError(
            f"the model has {len(tensors)} inputs ({', '.join(names)}), but {what} has {got}. "
            "Pass a list with one array per input, in order, or a dict by name."
        )
    return list(x), tensors, [f"{what}[{index}]" for index in range(len(tensors))]


def _input_array(value: Any, tensor: SymbolicTensor, what: str) -> np.ndarray:
    array = numbers(value, what, tensor.dtype)
    row = tensor.spec.row_shape
    if array.shape[1:] != row and array.ndim == 1 and row == (1,):
        array = array[:, None]
    if array.ndim == 0 or array.shape[1:] != row:
        raise DeepkitValueError(
            f"{what} has shape {array.shape}, but {tensor.label} was declared with rows of shape {row}: expected "
            f"{('rows', *row)}. {_shape_mend(array.shape, row, what)}"
        )
    return array


def _shape_mend(shape: tuple[int, ...], row: tuple[int, ...], what: str) -> str:
    if shape == row:
        return f"For a single row pass {what}[None]."
    if len(shape) == 2 and len(row) == 1:
        return f"Declare Input({shape[1]}), or choose {row[0]} columns."
    if math.prod(shape[1:]) == math.prod(row):
        return f"Reshape it: {what}.reshape(-1, {', '.join(map(str, row))})."
    return f"Declare Input({shape[1:]}) or reshape {what}."


def numbers(value: Any, what: str, dtype: str = "float32") -> np.ndarray:
    """A NumPy array of finite numbers; floats in `dtype`, integers and booleans as they are (cast on the device)."""
    if is_table(value):
        _check_columns(value, what)
    array = np.asarray(value)
    if array.dtype == object or array.dtype.kind in "USMm":
        kind = {"U": "strings", "S": "strings", "M": "dates", "m": "durations"}.get(array.dtype.kind, "Python objects")
        raise DeepkitTypeError(
            f"{what} holds {kind} (dtype {array.dtype}{_example(array)}), and a model computes with numbers. "
            "Encode a table with dk.preprocessing.TableEncoder().fit(train), labels with dk.preprocessing.one_hot, "
            "and check for rows of unequal length."
        )
    if array.dtype.kind == "c":
        raise DeepkitTypeError(f"{what} holds complex numbers. Pass real and imaginary parts as two features.")
    if array.dtype.kind == "f":
        array = array.astype(dtype if np.dtype(dtype).kind == "f" else array.dtype, copy=False)
        _check_finite(array, what)
    return array


def _example(array: np.ndarray) -> str:
    return f", such as {array.ravel()[0]!r}" if array.size else ""


def _check_columns(table: Any, what: str) -> None:
    texts = [str(name) for name, dtype in table.dtypes.items() if dtype.kind not in "fiub"]
    if texts:
        raise DeepkitTypeError(
            f"{what} has columns that are not numbers: {', '.join(texts)}. Encode the table: "
            "encoder = dk.preprocessing.TableEncoder().fit(train), then dk.Model(…, encoder=encoder)."
        )


def _check_finite(array: np.ndarray, what: str) -> None:
    # A sum is one cheap pass; only if it is not finite (or overflows) is every number looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(array.sum(dtype=np.float64)):
            return
    wrong = ~np.isfinite(array)
    if not wrong.any():
        return
    position = tuple(int(index) for index in np.argwhere(wrong)[0])
    raise DeepkitValueError(
        f"{what} holds {int(wrong.sum())} values that are NaN or infinite, the first ({array[position]}) "
        f"at row {position[0]}"
        + (f", position {position[1:] if len(position) > 2 else position[1]}" if len(position) > 1 else "")
        + ". Drop or fill them first (TableEncoder has options for missing values); one of them makes every weight NaN."
    )


def check_rows(arrays: Mapping[str, np.ndarray]) -> int:
    """The common number of rows, at least one; refuses unequal counts."""
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise DeepkitValueError(
            f"different numbers of rows: {', '.join(f'{name} has {count}' for name, count in counts.items())}. "
            "Row i of each must belong together."
        )
    rows = next(iter(counts.values()))
    if rows == 0:
        raise DeepkitValueError(f"{next(iter(counts))} has no rows. Pass at least one.")
    return rows


def outputs_in_order(value: Any, graph: Graph, what: str) -> list[Any]:
    """One entry per output, from a single value, a list in order, or a dict by output name."""
    names = graph.output_names
    if isinstance(value, Mapping):
        unknown = [key for key in value if key not in names]
        if unknown:
            raise DeepkitValueError(
                f"{what} names the output {unknown[0]!r}, but the model's outputs are {', '.join(names)}."
            )
        return [value.get(name) for name in names]
    if len(names) == 1:
        return [value]
    if value is None:
        return [None] * len(names)
    if not isinstance(value, list | tuple) or len(value) != len(names):
        got = f"{len(value)} entries" if isinstance(value, list | tuple) else f"one {type(value).__name__}"
        raise DeepkitValueError(
            f"the model has {len(names)} outputs ({', '.join(names)}), but {what} has {got}. "
            "Pass a list with one entry per output, in order, or a dict by name."
        )
    return list(value)


def restore(arrays: Sequence[Any], graph: Graph) -> Any:
    """Outputs in the arrangement in which the model declares them."""
    return jax.tree.unflatten(graph.output_structure, arrays)


def row_weights(
    sample_weight: Any, class_weight: Any, targets: Sequence[np.ndarray], graph: Graph
) -> list[np.ndarray | None]:
    """A weight per row and output from sample weights (one for all, or one per output) and class weights."""
    if sample_weight is None or (len(graph.outputs) > 1 and not isinstance(sample_weight, list | tuple | Mapping)):
        per_output = [sample_weight] * len(graph.outputs)
    else:
        per_output = outputs_in_order(sample_weight, graph, "sample_weight")
    per_class = (
        outputs_in_order(class_weight, graph, "class_weight") if _by_output(class_weight, graph) else [class_weight]
    )
    if len(per_class) != len(graph.outputs):
        raise DeepkitValueError(
            "class_weight for several outputs must say which: {output name: {class: weight}}, "
            f"with the outputs {', '.join(graph.output_names)}."
        )
    weights: list[np.ndarray | None] = []
    for name, samples, classes, target in zip(graph.output_names, per_output, per_class, targets, strict=True):
        rows = None if samples is None else _sample_weights(samples, len(target))
        if classes is not None:
            factors = _class_weights(classes, target, name)
            rows = factors if rows is None else rows * factors
        weights.append(rows)
    return weights


def _by_output(class_weight: Any, graph: Graph) -> bool:
    if class_weight is None:
        return len(graph.outputs) > 1
    return isinstance(class_weight, Mapping) and any(key in graph.output_names for key in class_weight)


def _sample_weights(samples: Any, rows: int) -> np.ndarray:
    weights = numbers(samples, "sample_weight").astype(np.float32)
    if weights.shape == (rows, 1):
        weights = weights[:, 0]
    if weights.shape != (rows,):
        raise DeepkitValueError(
            f"sample_weight has shape {weights.shape}, but there are {rows} rows. "
            f"Give one weight per row: shape ({rows},)."
        )
    if (weights < 0).any():
        raise DeepkitValueError(f"sample_weight holds {weights.min()}. Weights are at least 0.")
    return weights


def _class_weights(classes: Any, target: np.ndarray, name: str) -> np.ndarray:
    if not isinstance(classes, Mapping):
        raise DeepkitTypeError(f"class_weight={classes!r}: expected a dict such as {{0: 1.0, 1: 5.0}}.")
    if target.ndim == 2 and target.shape[1] > 1:
        labels = target.argmax(axis=1)
    else:
        labels = target.reshape(len(target), -1)[:, 0]
    present = np.unique(labels)
    missing = [label.item() for label in present if label not in classes]
    if missing:
        raise DeepkitValueError(
            f"class_weight has no weight for class {missing[0]:g} of {name!r}, which occurs in the targets. "
            f"It has {sorted(classes)}; the targets have {[f'{label:g}' for label in present.tolist()[:10]]}."
        )
    factors = np.zeros(len(labels), np.float32)
    for label, weight in classes.items():
        factors[labels == label] = weight
    return factors
