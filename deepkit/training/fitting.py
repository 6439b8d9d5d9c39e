"""From what a user passes to `fit`, `evaluate` and `predict` to what the trainer takes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from deepkit.data.arrays import (
    check_rows,
    input_arrays,
    is_part,
    is_table,
    numbers,
    outputs_in_order,
    row_weights,
)
from deepkit.errors import DeepkitTypeError, DeepkitValueError, warn
from deepkit.graph import Graph
from deepkit.losses import Crossentropy
from deepkit.preprocessing.sealed import refuse_sealed
from deepkit.program.objective import Batch, Head
from deepkit.training.history import History
from deepkit.training.progress import describe
from deepkit.training.streaming import padded
from deepkit.training.trainer import (
    EVALUATION_ROWS,
    Plan,
    Trainer,
    resident_bytes,
    split_callbacks,
    to_device,
)

Arrays = tuple[np.ndarray, ...]
DEFAULT_BATCH_SIZE = 32


def whole_number(value: Any, name: str, least: int = 0) -> int:
    """An integer argument of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise DeepkitTypeError(f"{name}={value!r}: expected a whole number, got {type(value).__name__}.")
    if value < least:
        raise DeepkitValueError(f"{name}={value}: expected at least {least}.")
    return int(value)


def check_encoder(encoder: Any, graph: Graph) -> None:
    """Refuse an encoder that is not fitted or does not fit the input."""
    if encoder is None:
        return
    if len(graph.inputs) != 1 or graph.inputs[0].spec.row_shape != (encoder.width,):
        shapes = [tensor.spec.row_shape for tensor in graph.inputs]
        raise DeepkitValueError(
            f"the encoder gives rows of {encoder.width} numbers, but the model's inputs have rows of {shapes}. "
            f"Declare one Input(encoder.width)."
        )
    if encoder.target is not None and len(graph.outputs) != 1:
        raise DeepkitValueError(
            f"the encoder scales one target, but the model has {len(graph.outputs)} outputs. Fit it with target=None."
        )


# Arrays.


def model_inputs(model: Any, x: Any, purpose: str) -> Any:
    """Raw rows encoded, parts unpacked, a table's columns in the order of training."""
    if is_part(x):
        x = x.x
    raw = is_table(x) or isinstance(x, Mapping) or (isinstance(x, list) and x and isinstance(x[0], Mapping))
    if model.encoder is not None and raw:
        return model.encoder.transform(x)
    if is_table(x) and model.columns is not None and len(model.graph.inputs) == 1:
        names = [str(name) for name in x.columns]
        if sorted(names) != sorted(model.columns):
            missing = [name for name in model.columns if name not in names]
            extra = [name for name in names if name not in model.columns]
            raise DeepkitValueError(
                f"{purpose} was given other columns than the model was trained on"
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; not known: {', '.join(extra)}" if extra else "")
                + f". Pass the {len(model.columns)} columns of training; their order does not matter."
            )
        return x[[name for wanted in model.columns for name in x.columns if str(name) == wanted]]
    return x


def _remember_columns(model: Any, x: Any) -> None:
    table = x.x if is_part(x) else x
    if model.encoder is None and is_table(table):
        model.columns = tuple(str(name) for name in table.columns)


def _inputs(model: Any, x: Any, what: str, purpose: str) -> Arrays:
    arrays = input_arrays(model_inputs(model, x, purpose), model.graph, what)
    _say_integers(model, arrays, what)
    return arrays


def _say_integers(model: Any, arrays: Arrays, what: str) -> None:
    for array, tensor in zip(arrays, model.graph.inputs, strict=True):
        if array.dtype.kind in "iu" and np.dtype(tensor.dtype).kind == "f" and not model.said_integers:
            model.said_integers = True
            warn(
                f"{what} holds integers ({array.dtype}, {array.min()} to {array.max()}) and {tensor.label} computes in "
                f"{tensor.dtype}: they are converted. Say {what}.astype('float32') if that is meant; put "
                "dk.layers.Rescaling(1 / 255) behind the Input for images, one-hot encode codes of categories."
            )


def _targets(model: Any, y: Any, heads: Sequence[Head], what: str) -> list[np.ndarray]:
    if y is None:
        raise DeepkitValueError(
            f"{what} is missing. Pass the targets: fit(x, y), or a part of a split, which has both."
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
            targets.append(head.loss.check_targets(np.asarray(value), tensor.spec, label))
        else:
            targets.append(numbers(value, label))
    return targets


def _unpack(data: Any, y: Any, sample_weight: Any, purpose: str) -> tuple[Any, Any, Any]:
    """`(x, y, weights)` of a part, or of what was passed."""
    if not is_part(data):
        return data, y, sample_weight
    if y is not None:
        raise DeepkitValueError(f"{purpose} was given a part of a split and y as well. Parts bring their own targets.")
    return data.x, data.y, sample_weight


def _resolve(trainer: Trainer, model: Any, y: Any, verbose: Any) -> None:
    """Let `loss="crossentropy"` choose, now that targets are seen, and say what it chose."""
    if not any(isinstance(head.loss, Crossentropy) for head in trainer.heads) or y is None:
        return
    heads = []
    for head, tensor, value in zip(
        trainer.heads, model.graph.outputs, outputs_in_order(y, model.graph, "y"), strict=True
    ):
        if isinstance(head.loss, Crossentropy):
            loss, sentence = head.loss.choose(tensor.spec, np.asarray(value))
            loss.check_output(tensor.spec, tensor.label, None)
            head = Head(head.name, loss, head.loss_weight, head.metrics, head.weighted_metrics)
            if verbose != 0:
                print(sentence)
        heads.append(head)
    trainer.heads = tuple(heads)


def _check_sizes(inputs: Arrays, targets: Sequence[np.ndarray], names: Sequence[str], prefix: str = "") -> int:
    counts = {f"{prefix}x": inputs[0]}
    counts |= {
        f"{prefix}y" if len(targets) == 1 else f"{prefix}y[{n!r}]": t for n, t in zip(names, targets, strict=True)
    }
    return check_rows(counts)


# fit.


def fit(
    model: Any,
    trainer: Trainer,
    x: Any,
    y: Any = None,
    batch_size: int | None = DEFAULT_BATCH_SIZE,
    epochs: int = 1,
    verbose: Any = "auto",
    callbacks: Iterable[Any] | None = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: Any = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_batch_size: int | None = None,
    seed: int = 0,
) -> History:
    """`Model.fit`, with everything checked before anything is compiled."""
    for data in (x, y, *(validation_data if isinstance(validation_data, tuple) else (validation_data,))):
        for item in data if isinstance(data, list | tuple) else (data,):
            refuse_sealed(item, "fit")
    whole_number(seed, "seed")
    whole_number(epochs, "epochs", 1)
    whole_number(initial_epoch, "initial_epoch")
    if initial_epoch >= epochs:
        raise DeepkitValueError(f"initial_epoch={initial_epoch} leaves nothing to train up to epochs={epochs}.")
    if batch_size is not None:
        whole_number(batch_size, "batch_size", 1)
    hosts, transitions = split_callbacks(list(callbacks or ()), trainer.optimizer.scheduled)
    plan = Plan(epochs - initial_epoch, initial_epoch, seed, verbose, hosts, transitions, None)
    if is_stream(x):
        if y is not None:
            raise DeepkitValueError("fit was given batches and y as well. Batches bring their own targets: (x, y).")
        if validation_split:
            raise DeepkitValueError("validation_split needs all rows at hand. Pass validation_data with batches.")
        return _fit_stream(
            model, trainer, x, plan, validation_data, class_weight, steps_per_epoch, validation_batch_size
        )
    _remember_columns(model, x)
    x, y, sample_weight = _unpack(x, y, sample_weight, "fit")
    _resolve(trainer, model, y, verbose)
    inputs = _inputs(model, x, "x", "fit")
    targets = _targets(model, y, trainer.heads, "y")
    count = _check_sizes(inputs, targets, model.graph.output_names)
    weights = row_weights(sample_weight, class_weight, targets, model.graph)
    if validation_data is not None:
        plan.validation = _validation(model, trainer, validation_data)
    elif validation_split:
        plan.validation_rows = _validation_rows(validation_split, targets, count, seed)
        chosen = np.zeros(count, bool)
        chosen[plan.validation_rows] = True
        plan.validation = to_device(*_rows(inputs, targets, weights, chosen))
        inputs, targets, weights = _rows(inputs, targets, weights, ~chosen)
        count = len(inputs[0])
    if batch_size is not None and batch_size > count and batch_size != DEFAULT_BATCH_SIZE:
        warn(f"batch_size={batch_size} is more than the {count} rows: every epoch is one step on all of them.")
    size = count if batch_size is None else min(batch_size, count)
    if sum(a.nbytes for a in (*inputs, *targets)) > resident_bytes():
        return _fit_large(model, trainer, inputs, targets, weights, plan, size, shuffle, validation_batch_size)
    rows = to_device(inputs, targets, weights)
    return trainer.train_resident(model, rows, size, shuffle, validation_batch_size, plan)


def _rows(
    inputs: Arrays, targets: Sequence[np.ndarray], weights: Sequence[np.ndarray | None], chosen: np.ndarray
) -> tuple[Arrays, list[np.ndarray], list[np.ndarray | None]]:
    return (
        tuple(a[chosen] for a in inputs),
        [a[chosen] for a in targets],
        [None if a is None else a[chosen] for a in weights],
    )


def _validation(model: Any, trainer: Trainer, data: Any) -> Batch:
    if is_stream(data):
        data = _collected(data)
    if is_part(data):
        x, y, weights = data.x, data.y, None
    elif isinstance(data, tuple | list) and len(data) in (2, 3):
        x, y, weights = (*data, None)[:3]
    else:
        raise DeepkitTypeError(
            f"validation_data is {type(data).__name__}. Pass (x, y), (x, y, weights), or a part such as split.dev."
        )
    inputs = _inputs(model, x, "validation x", "validation_data")
    targets = _targets(model, y, trainer.heads, "validation y")
    _check_sizes(inputs, targets, model.graph.output_names, "validation ")
    return to_device(inputs, targets, row_weights(weights, None, targets, model.graph))


def _validation_rows(share: float, targets: Sequence[np.ndarray], count: int, seed: int) -> np.ndarray:
    """Row numbers to validate on: shuffled by the seed, each class in proportion where the target has classes."""
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise DeepkitValueError(f"validation_split={share!r}: expected a number between 0 and 1, such as 0.2.")
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


# Batches from the host.


def is_stream(x: Any) -> bool:
    """Whether x yields batches: a generator, a loader, or a function that starts one."""
    if is_part(x) or is_table(x) or isinstance(x, np.ndarray | jax.Array | Mapping | list | tuple | str | bytes):
        return False
    if hasattr(x, "__array__"):
        return False
    return callable(x) or isinstance(x, Iterator) or hasattr(x, "__iter__") or hasattr(x, "__getitem__")


def _start(stream: Any) -> Iterator[Any]:
    return iter(stream() if callable(stream) and not hasattr(stream, "__iter__") else stream)


def _collected(stream: Any) -> tuple[Any, ...]:
    """All batches of a stream as one."""
    batches = [tuple(batch) for batch in _start(stream)]
    return tuple(
        jax.tree.map(lambda *pieces: np.concatenate([np.asarray(p) for p in pieces]), *column)
        for column in zip(*batches, strict=True)
    )


def _fit_stream(
    model: Any,
    trainer: Trainer,
    stream: Any,
    plan: Plan,
    validation_data: Any,
    class_weight: Any,
    steps_per_epoch: int | None,
    validation_batch_size: int | None,
) -> History:
    if steps_per_epoch is not None:
        whole_number(steps_per_epoch, "steps_per_epoch", 1)
    running = _start(stream)
    first_item = next(running, None)
    if first_item is None:
        raise DeepkitValueError("fit was given an iterable without a single batch.")
    _resolve(trainer, model, _batch_parts(first_item)[1], plan.verbose)
    size = 0

    def convert(item: Any) -> Batch:
        nonlocal size
        x, y, weights = _batch_parts(item)
        inputs = _inputs(model, x, "x of a batch", "fit")
        targets = _targets(model, y, trainer.heads, "y of a batch")
        size = max(size, _check_sizes(inputs, targets, model.graph.output_names))
        rows = row_weights(weights, class_weight, targets, model.graph)
        return padded(to_device(inputs, targets, rows), size)

    first = convert(first_item)
    # One stream serves all epochs if steps_per_epoch divides it; else every epoch starts the stream again.
    endless = itertools.chain([first_item], running)
    fresh = [endless]

    def batches(_: int) -> Iterator[Batch]:
        if steps_per_epoch is None and not fresh:
            return map(convert, _start(stream))
        source = fresh[0] if steps_per_epoch is not None else fresh.pop()
        return map(convert, source)

    if validation_data is not None:
        plan.validation = _validation(model, trainer, validation_data)
    return trainer.train_streaming(model, batches, first, steps_per_epoch, validation_batch_size, plan)


def _batch_parts(item: Any) -> tuple[Any, Any, Any]:
    if not isinstance(item, tuple | list) or len(item) not in (2, 3):
        raise DeepkitTypeError(
            f"a batch is {type(item).__name__}"
            + (f" of {len(item)} entries" if isinstance(item, tuple | list) else "")
            + ". Yield (x, y) or (x, y, weights)."
        )
    return (*item, None)[:3]


def _fit_large(
    model: Any,
    trainer: Trainer,
    inputs: Arrays,
    targets: Sequence[np.ndarray],
    weights: Sequence[np.ndarray | None],
    plan: Plan,
    batch_size: int,
    shuffle: bool,
    validation_batch_size: int | None,
) -> History:
    """Arrays too large for the device: they stay on the host and go over batch by batch."""
    count = len(inputs[0])

    def batches(epoch: int) -> Iterator[Batch]:
        order = np.random.default_rng((plan.seed, epoch)).permutation(count) if shuffle else np.arange(count)
        for start in range(0, count, batch_size):
            rows = order[start : start + batch_size]
            chosen = _rows(inputs, targets, weights, rows)
            yield padded(to_device(*chosen), batch_size)

    first = next(batches(0))
    return trainer.train_streaming(model, batches, first, -(-count // batch_size), validation_batch_size, plan)


# evaluate and predict.


def evaluate(
    model: Any, trainer: Trainer, x: Any, y: Any, batch_size: int | None, verbose: Any, sample_weight: Any
) -> dict[str, Any]:
    """`Model.evaluate`."""
    if is_stream(x):
        x, y, sample_weight = (*_collected(x), None)[:3]
    x, y, sample_weight = _unpack(x, y, sample_weight, "evaluate")
    _resolve(trainer, model, y, 0)
    inputs = _inputs(model, x, "x", "evaluate")
    targets = _targets(model, y, trainer.heads, "y")
    _check_sizes(inputs, targets, model.graph.output_names)
    rows = to_device(inputs, targets, row_weights(sample_weight, None, targets, model.graph))
    size = EVALUATION_ROWS if batch_size is None else whole_number(batch_size, "batch_size", 1)
    figures = trainer.evaluate(model.weights(), rows, size)
    if verbose not in (0, "auto"):
        print(describe(figures))
    return figures


def predict_stream(model: Any, stream: Any) -> Any:
    """Predictions for batches, joined. A batch may be `x` or a tuple that starts with it."""
    pieces = [model.predict(batch[0] if isinstance(batch, tuple) else np.asarray(batch)) for batch in _start(stream)]
    if not pieces:
        raise DeepkitValueError("predict was given an iterable without a single batch.")
    return jax.tree.map(lambda *parts: np.concatenate(parts), *pieces)


def in_own_units(model: Any, outputs: Any) -> Any:
    """Predictions of a scaled target in its own units."""
    if model.encoder is None or model.encoder.target is None:
        return outputs
    return model.encoder.inverse_target(outputs)
