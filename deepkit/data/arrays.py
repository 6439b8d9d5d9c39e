"""Whatever a user passes as data → checked NumPy arrays, one per input and output of the model.

Everything that can be wrong with numbers is found here, on the host, before anything is compiled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from deepkit.datasets.dataset import Dataset
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, did_you_mean, shown
from deepkit.graph import Graph, SymbolicTensor
from deepkit.graph.spec import row_text


def is_part(data: Any) -> bool:
    """Whether it is a `Dataset` or a `Part` of a split: rows with their targets. Nothing of it is read."""
    return isinstance(data, Dataset)


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
    whole = {id(t): a for t, a in zip(graph.inputs, arrays, strict=True) if np.dtype(t.dtype).kind in "iu"}
    for node in graph.nodes if whole else ():
        for tensor in node.inputs:
            if id(tensor) in whole:
                node.callee.check_codes(whole[id(tensor)], what)  # type: ignore[union-attr]
    return arrays


def _by_name(x: Any, graph: Graph, what: str) -> tuple[list[Any], Sequence[SymbolicTensor], list[str]]:
    tensors, names = graph.inputs, graph.input_names
    if is_table(x) and len(tensors) > 1:
        x = {name: x[name] for name in names if name in x.columns}
    if isinstance(x, Mapping):
        keys = list(map(str, x))
        missing = [name for name in names if name not in x]
        if missing:
            raise DeepkitValueError(
                f"{what} has no entry for the input {missing[0]!r}, only {', '.join(map(repr, keys)) or 'nothing'}. "
                f"Pass a dict with the keys {', '.join(map(repr, names))}, or name the inputs so: Input(…, name=…)."
            )
        unknown = [key for key in keys if key not in names]
        if unknown:
            raise DeepkitValueError(
                f"{what} has an entry {unknown[0]!r}, which is no input of the model "
                f"({', '.join(map(repr, names))}). Leave it out, or give the model such an input."
            )
        return [x[name] for name in names], tensors, [f"{what}[{name!r}]" for name in names]
    if len(tensors) == 1:
        if isinstance(x, tuple | list) and len(x) == 1 and np.ndim(x[0]) == len(tensors[0].shape):
            x = x[0]
        _refuse_several(x, what)
        return [x], tensors, [what]
    if not isinstance(x, tuple | list) or len(x) != len(tensors):
        raise DeepkitValueError(
            f"the model has {len(tensors)} inputs ({', '.join(names)}), but {what} is {described(x)}. "
            "Pass a list with one array per input, in order, or a dict by name."
        )
    return list(x), tensors, [f"{what}[{index}]" for index in range(len(tensors))]


def _refuse_several(x: Any, what: str) -> None:
    """A tuple of arrays where the model has one input: most often `fit((x, y))`."""
    if isinstance(x, tuple | list) and len(x) > 1 and all(np.ndim(getattr(item, "shape", 0)) for item in x):
        shapes = [item.shape for item in x]
        if len(set(shapes)) > 1:
            raise DeepkitValueError(
                f"{what} is {described(x)} of shapes {' and '.join(map(str, shapes))}, but the model has one input. "
                "Pass inputs and targets as two arguments: fit(x, y)."
            )


def _input_array(value: Any, tensor: SymbolicTensor, what: str) -> np.ndarray:
    array = numbers(value, what, tensor.dtype)
    row = tensor.spec.row_shape
    if array.shape[1:] != row and array.ndim == 1 and row == (1,):
        array = array[:, None]
    if array.ndim > 0 and len(array) == 0:
        raise DeepkitValueError(f"{what} has no rows: its shape is {array.shape}. Pass at least one row.")
    if array.ndim == 0 or array.shape[1:] != row:
        expected = f"({', '.join(map(str, ('rows', *row)))}{',' * (not row)})"
        raise DeepkitValueError(
            f"{what} has shape {array.shape}, but {tensor.label} takes {expected}. "
            f"{_shape_mend(array.shape, row, what)}"
        )
    return array


def _shape_mend(shape: tuple[int, ...], row: tuple[int, ...], what: str) -> str:
    variable = next(word for word in (*what.split(), what) if word.startswith("x") or word == what)
    if not shape:
        return "Pass an array with one row per example."
    if shape == row:
        return f"For a single row pass {variable}[None]."
    if len(shape) == 1:
        return f"Pass the features of a row along a second axis; {variable}[:, None] has one feature."
    if len(shape) == 2 and shape[:1] == row:
        return f"It seems transposed: pass {variable}.T."
    if len(shape) == 2 and len(row) == 1:
        return f"Declare Input({shape[1]}), or pass the {row[0]} columns that the model was made for."
    if math.prod(shape[1:]) == math.prod(row):
        return f"Reshape it: {variable}.reshape({', '.join(map(str, (-1, *row)))})."
    return f"Declare Input({row_text(shape[1:])}), or reshape {variable}."


KINDS = {
    "U": "text", "S": "text", "T": "text", "M": "dates", "m": "durations", "c": "complex numbers", "V": "records",
}  # fmt: skip


def numbers(value: Any, what: str, dtype: str = "float32") -> np.ndarray:
    """A NumPy array of finite numbers; floats in `dtype`, integers and booleans as they are (cast on the device)."""
    array = as_array(value, what)
    if array.dtype.kind not in "biufV" or array.dtype.names:
        raise DeepkitTypeError(
            f"{what} holds {KINDS.get(array.dtype.kind, 'Python objects')} such as {shown(_first(array))}, "
            f"and a model computes with real numbers. {_type_mend(array, what)}"
        )
    if array.dtype.kind == "f":
        wanted = np.dtype(dtype if np.dtype(dtype).kind == "f" else array.dtype)
        converted = array
        if array.dtype != wanted:
            with np.errstate(over="ignore"):
                converted = array.astype(wanted)
        _check_finite(converted, array, what, value)
        array = converted
    return array


def as_array(value: Any, what: str) -> np.ndarray:
    """`np.asarray`, with an explanation where there is no such array."""
    if isinstance(value, str):
        raise DeepkitTypeError(
            f"{what} is the text {value!r}, not data. Pass the numbers themselves: a file is read with "
            "pandas.read_csv(path), a column taken with table[name]."
        )
    if value is None or isinstance(value, SymbolicTensor):
        raise DeepkitTypeError(
            f"{what} is {described(value)}{'' if value is None else ', a symbolic tensor without numbers'}. "
            "Pass an array with one row per example."
        )
    if hasattr(value, "toarray"):
        raise DeepkitTypeError(f"{what} is a sparse matrix of shape {value.shape}. Pass {what}.toarray().")
    if is_table(value):
        _check_columns(value, what)
        return np.asarray(value, None if all(isinstance(d, np.dtype) for d in value.dtypes) else np.float64)
    try:
        return np.asarray(value)
    except (TypeError, ValueError):
        raise DeepkitValueError(
            f"{what} is {described(value)} of unequal length, which make no array. "
            "Give every row as many numbers: shorten, fill, or drop the odd ones."
        ) from None


def _first(array: np.ndarray) -> Any:
    value = array.ravel()[0] if array.size else None
    return value.item() if isinstance(value, np.generic) else value


def _type_mend(array: np.ndarray, what: str) -> str:
    kind = array.dtype.kind
    if kind in "Mm":
        return f"Pass differences as numbers, such as days: ({what} - {what}.min()) / np.timedelta64(1, 'D')."
    if kind == "c":
        return "Pass real and imaginary parts as two features."
    if isinstance(_first(array), Mapping) or kind == "V":
        return f"Make a table of it, pandas.DataFrame({what}); a model with an encoder takes rows as dicts."
    if kind == "O":
        return f"Look for missing or mixed values, then convert it: np.asarray({what}, dtype='float32')."
    return (
        f"If these are numbers written as text, pass {what}.astype('float32'); "
        "if they are categories, encode the table: dk.preprocessing.TableEncoder().fit(train)."
    )


def _check_columns(table: Any, what: str) -> None:
    names = [str(name) for name in table.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DeepkitValueError(f"{what} has several columns called {twice!r}. Give every column a name of its own.")
    texts = [name for name, dtype in zip(names, table.dtypes, strict=True) if dtype.kind not in "fiub"]
    if texts:
        raise DeepkitTypeError(
            f"{what} has columns that hold no numbers: {', '.join(texts)}. Encode the table: "
            "encoder = dk.preprocessing.TableEncoder().fit(train), then dk.Model(…, encoder=encoder)."
        )


def _check_finite(array: np.ndarray, given: np.ndarray, what: str, value: Any) -> None:
    # A sum is one cheap pass; only if it is not finite (or overflows) is every number looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(array.sum(dtype=np.float64)):
            return
    wrong = ~np.isfinite(array)
    if not wrong.any():
        return
    position = tuple(int(index) for index in np.argwhere(wrong)[0])
    where = f"row {position[0]}"
    if is_table(value):
        where = f"column {str(value.columns[position[1]])!r}, {where}"
    elif len(position) > 1:
        where += f", position {position[1:] if len(position) > 2 else position[1]}"
    if np.isfinite(given[position]):
        raise DeepkitValueError(
            f"{what} holds {given[position]:g} in {where}, which is too large for {array.dtype}. "
            f"Divide {what} by its scale: dk.preprocessing.zscore({what})."
        )
    count = int(wrong.sum())
    found = "1 value" if count == 1 else f"{count} values"
    raise DeepkitValueError(
        f"{what} holds NaN or infinity, {found} of {array.size}, the first ({array[position]}) in {where}; "
        "whatever is computed from it would be NaN. "
        "Drop those rows, or fill the gaps: TableEncoder(missing='mean')."
    )


def check_rows(arrays: Mapping[str, np.ndarray]) -> int:
    """The common number of rows, at least one; refuses unequal counts."""
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise DeepkitValueError(
            f"different numbers of rows: {', '.join(f'{name} has {count}' for name, count in counts.items())}. "
            "Row i of each belongs to the same example: pass equally many."
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
                f"{what} names the output {unknown[0]!r}, which the model does not have. "
                f"{did_you_mean(str(unknown[0]), names)}"
            )
        return [value.get(name) for name in names]
    if len(names) == 1:
        return [value]
    if value is None:
        return [None] * len(names)
    if not isinstance(value, list | tuple) or len(value) != len(names):
        raise DeepkitValueError(
            f"the model has {len(names)} outputs ({', '.join(names)}), but {what} is {described(value)}. "
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
    weights = as_array(samples, "sample_weight")
    if weights.dtype.kind not in "biuf":
        raise DeepkitTypeError(f"sample_weight holds {shown(_first(weights))}. Give one number per row.")
    weights = weights.astype(np.float32)
    if weights.shape == (rows, 1):
        weights = weights[:, 0]
    if weights.shape != (rows,):
        raise DeepkitValueError(
            f"sample_weight has shape {weights.shape}, but there are {rows} rows. "
            f"Give one weight per row: shape ({rows},)."
        )
    wrong = ~((weights >= 0) & np.isfinite(weights))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DeepkitValueError(
            f"sample_weight holds {weights[row]:g} in row {row}, and a row can count nothing or more, but not that. "
            "Give finite weights of at least 0."
        )
    return weights


def _class_weights(classes: Any, target: np.ndarray, name: str) -> np.ndarray:
    if target.ndim == 2 and target.shape[1] > 1:
        labels = target.argmax(axis=1)
    else:
        labels = target.reshape(len(target), -1)[:, 0]
    present = np.unique(labels)
    if (present != np.round(present)).any():
        raise DeepkitValueError(
            f"class_weight needs classes, but the targets of {name!r} are numbers such as {labels[0]:g}. "
            "Use sample_weight: one weight per row."
        )
    example = "{" + ", ".join(f"{label:g}: 1.0" for label in present.tolist()[:10]) + "}"
    if not isinstance(classes, Mapping):
        raise DeepkitTypeError(
            f"class_weight is {described(classes)}, where a dict from class to weight is expected. "
            f"Pass one such as {example}."
        )
    missing = [label.item() for label in present if label not in classes]
    if missing:
        raise DeepkitValueError(
            f"class_weight has no weight for class {missing[0]:g} of {name!r}, only for "
            f"{', '.join(map(repr, classes)) or 'none'}. Give every class in the targets one, such as {example}."
        )
    factors = np.zeros(len(labels), np.float32)
    for label, weight in classes.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float | np.number):
            raise DeepkitTypeError(f"class_weight[{label!r}] is {described(weight)}. Give a number of at least 0.")
        if not 0 <= weight < math.inf:
            raise DeepkitValueError(f"class_weight[{label!r}] is {weight}. Give a finite number of at least 0.")
        factors[labels == label] = weight
    return factors
