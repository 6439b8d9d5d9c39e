"""A user's data against one model: encoded, in the order of training, checked, and split for validation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepkit.data.arrays import as_array, check_rows, input_arrays, is_part, is_table, numbers, outputs_in_order
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, shown, warn
from deepkit.graph import Graph
from deepkit.losses import Crossentropy
from deepkit.preprocessing import TableEncoder
from deepkit.program.objective import Head
from deepkit.training.trainer import Trainer

Arrays = tuple[np.ndarray, ...]


def check_encoder(encoder: Any, graph: Graph) -> None:
    """Refuse an encoder that is not fitted or does not fit the input."""
    if encoder is None:
        return
    if not isinstance(encoder, TableEncoder):
        raise DeepkitTypeError(
            f"Model(encoder=…) is {described(encoder)}, not a fitted encoder. "
            "Pass dk.preprocessing.TableEncoder().fit(split.train)."
        )
    if len(graph.inputs) != 1 or graph.inputs[0].spec.row_shape != (encoder.width,):
        raise DeepkitValueError(
            f"Model(encoder=…) gives rows of {encoder.width} numbers, but the model was declared with "
            f"{' and '.join(tensor.label for tensor in graph.inputs)}. Declare one dk.Input(encoder.width)."
        )
    if encoder.target is not None and len(graph.outputs) != 1:
        raise DeepkitValueError(
            f"the encoder scales one target, but the model has {len(graph.outputs)} outputs. Fit it with target=None."
        )


def model_inputs(model: Any, x: Any, purpose: str, columns: tuple[str, ...] | None = None) -> Any:
    """Raw rows encoded, parts unpacked, a table's columns in the order of training (`columns`, or the model's)."""
    if is_part(x):
        x = x.x
    columns = model.columns if columns is None else columns
    raw = is_table(x) or isinstance(x, Mapping) or (isinstance(x, list) and x and isinstance(x[0], Mapping))
    if model.encoder is not None and raw:
        return model.encoder.transform(x)
    if is_table(x) and columns is not None and len(model.graph.inputs) == 1:
        names = [str(name) for name in x.columns]
        if sorted(names) != sorted(columns):
            missing = [name for name in columns if name not in names]
            extra = [name for name in names if name not in columns]
            raise DeepkitValueError(
                f"{purpose} was given other columns than the model was trained on"
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; not known: {', '.join(extra)}" if extra else "")
                + f". Pass the {len(columns)} columns of training ({', '.join(columns)}); their order does not matter."
            )
        return x[[name for wanted in columns for name in x.columns if str(name) == wanted]]
    return x


def columns_after(model: Any, x: Any) -> tuple[str, ...] | None:
    """What the model's columns are after training on x: those of its first table."""
    table = x.x if is_part(x) else x
    if model.columns is not None or model.encoder is not None or not is_table(table):
        columns: tuple[str, ...] | None = model.columns
        return columns
    return tuple(str(name) for name in table.columns)


def checked_inputs(model: Any, x: Any, what: str, purpose: str, columns: tuple[str, ...] | None = None) -> Arrays:
    arrays = input_arrays(model_inputs(model, x, purpose, columns), model.graph, what)
    check_ready(model)
    _say_integers(model, arrays, what)
    return arrays


def check_ready(model: Any) -> None:
    """Refuse to run while a layer's statistics have not been fitted."""
    for layer in model.program.places.values():
        layer.check_ready()


def _say_integers(model: Any, arrays: Arrays, what: str) -> None:
    for array, tensor in zip(arrays, model.graph.inputs, strict=True):
        if array.dtype.kind in "iu" and np.dtype(tensor.dtype).kind == "f" and not model.said_integers:
            model.said_integers = True
            warn(
                f"{what} holds integers ({array.dtype}, {array.min()} to {array.max()}), which {tensor.label} takes as "
                f"{tensor.dtype}. If they are quantities, pass {what}.astype('float32'); for the pixels of images put "
                "dk.layers.Rescaling(1 / 255) behind the Input; codes of categories need dk.preprocessing.one_hot."
            )


def checked_targets(model: Any, y: Any, heads: Sequence[Head], what: str, purpose: str = "fit") -> list[np.ndarray]:
    if y is None:
        raise DeepkitValueError(
            f"{what} is missing. Pass the targets: {purpose}(x, y), or a part of a split, which has both."
        )
    graph: Graph = model.graph
    if model.encoder is not None and model.encoder.target is not None:
        y = model.encoder.transform_target(y)
    targets = []
    for value, head, tensor in zip(outputs_in_order(y, graph, what), heads, graph.outputs, strict=True):
        label = what if len(heads) == 1 else f"{what}[{head.name!r}]"
        if value is None:
            raise DeepkitValueError(f"{label} is missing. Pass targets for every output.")
        if head.loss is not None:
            targets.append(head.loss.check_targets(as_array(value, label), tensor.spec, label))
        else:
            targets.append(numbers(value, label))
    return targets


def unpacked(data: Any, y: Any, sample_weight: Any, purpose: str) -> tuple[Any, Any, Any]:
    """`(x, y, weights)` of a part, or of what was passed."""
    if not is_part(data):
        return data, y, sample_weight
    if y is not None:
        raise DeepkitValueError(
            f"{purpose} was given a part of a split and y as well, but parts bring their own targets. "
            f"Leave y out, or pass both apart: {purpose}(part.x, y)."
        )
    return data.x, data.y, sample_weight


def resolve_losses(trainer: Trainer, model: Any, y: Any, verbose: Any) -> None:
    """Let `loss="crossentropy"` choose, now that targets are seen, and say what it chose."""
    if not any(isinstance(head.loss, Crossentropy) for head in trainer.heads) or y is None:
        return
    heads = []
    for head, tensor, value in zip(
        trainer.heads, model.graph.outputs, outputs_in_order(y, model.graph, "y"), strict=True
    ):
        if isinstance(head.loss, Crossentropy):
            loss, sentence = head.loss.choose(tensor.spec, as_array(value, "y"))
            loss.check_output(tensor.spec, tensor.label, None)
            head = dataclasses.replace(head, loss=loss)
            if verbose != 0:
                print(sentence)
        heads.append(head)
    trainer.heads = tuple(heads)


def check_sizes(inputs: Arrays, targets: Sequence[np.ndarray], names: Sequence[str], prefix: str = "") -> int:
    counts = {f"{prefix}x": inputs[0]}
    counts |= {
        f"{prefix}y" if len(targets) == 1 else f"{prefix}y[{n!r}]": t for n, t in zip(names, targets, strict=True)
    }
    return check_rows(counts)


def chosen_rows(
    inputs: Arrays, targets: Sequence[np.ndarray], weights: Sequence[np.ndarray | None], chosen: np.ndarray
) -> tuple[Arrays, list[np.ndarray], list[np.ndarray | None]]:
    return (
        tuple(a[chosen] for a in inputs),
        [a[chosen] for a in targets],
        [None if a is None else a[chosen] for a in weights],
    )


def validation_rows(share: float, targets: Sequence[np.ndarray], count: int, seed: int) -> np.ndarray:
    """Row numbers to validate on: shuffled by the seed, each class in proportion where the target has classes."""
    wanted_share = f"validation_split={shown(share)}: expected a number between 0 and 1, such as 0.2."
    if isinstance(share, bool) or not isinstance(share, int | float):
        raise DeepkitTypeError(wanted_share)
    if not 0 < share < 1:
        raise DeepkitValueError(wanted_share)
    from deepkit.data import split

    target = targets[0]
    labels = target.argmax(axis=1) if target.ndim == 2 and target.shape[1] > 1 else target.reshape(count, -1)[:, 0]
    wanted = round(count * share)
    if not 0 < wanted < count:
        raise DeepkitValueError(
            f"validation_split={share} of {count} rows is {wanted} rows. Choose a share that leaves rows on both sides."
        )
    classes, sizes = np.unique(labels, return_counts=True)
    stratify = len(targets) == 1 and len(classes) <= 20 and bool((sizes >= 2).all()) and len(classes) <= wanted
    parts = split(
        np.arange(count)[:, None],
        labels,
        train=count - wanted,
        dev=wanted,
        test=0,
        seed=seed,
        stratify=stratify,
    )
    return np.sort(parts.dev.rows)


def in_own_units(model: Any, outputs: Any) -> Any:
    """Predictions of a scaled target in its own units."""
    if model.encoder is None or model.encoder.target is None:
        return outputs
    return model.encoder.inverse_target(outputs)
