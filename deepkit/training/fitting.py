"""From what a user passes to `fit`, `evaluate` and `predict` to what the trainer takes."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from deepkit.data.arrays import (
    as_array,
    check_rows,
    input_arrays,
    is_part,
    is_table,
    numbers,
    outputs_in_order,
    row_weights,
)
from deepkit.data.part import Split
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, shown, warn
from deepkit.graph import Graph
from deepkit.losses import Crossentropy
from deepkit.preprocessing import TableEncoder
from deepkit.preprocessing.sealed import refuse_sealed
from deepkit.program.objective import Batch, Head
from deepkit.training.callbacks import Callback
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
from deepkit.training.transitions import Transition

Arrays = tuple[np.ndarray, ...]
DEFAULT_BATCH_SIZE = 32


LARGEST_SEED = 2**32 - 1
"""Seeds travel into the program as uint32."""


def whole_number(value: Any, name: str, least: int = 1, example: str = "10") -> int:
    """An integer argument of at least `least`; `example` is what errors offer."""
    wanted = f"expected a whole number of at least {least}, such as {example}"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise DeepkitTypeError(f"{name}={shown(value)}: {wanted}.")
    if value < least:
        raise DeepkitValueError(f"{name}={value}: {wanted}.")
    return int(value)


def check_seed(seed: Any) -> int:
    """A whole number that JAX can take as the start of all randomness."""
    if whole_number(seed, "seed", 0, "0") > LARGEST_SEED:
        raise DeepkitValueError(f"seed={seed}: expected a whole number of at most {LARGEST_SEED}, such as 0.")
    return int(seed)


def check_batch_size(size: Any, name: str = "batch_size") -> int | None:
    """Rows per step, or `None`."""
    return None if size is None else whole_number(size, name, 1, "32, or None for all rows at once")


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


# Arrays.


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


def _columns(model: Any, x: Any) -> tuple[str, ...] | None:
    """What the model's columns are after training on x: those of its first table."""
    table = x.x if is_part(x) else x
    if model.columns is not None or model.encoder is not None or not is_table(table):
        columns: tuple[str, ...] | None = model.columns
        return columns
    return tuple(str(name) for name in table.columns)


def _inputs(model: Any, x: Any, what: str, purpose: str, columns: tuple[str, ...] | None = None) -> Arrays:
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


def _targets(model: Any, y: Any, heads: Sequence[Head], what: str, purpose: str = "fit") -> list[np.ndarray]:
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


def _unpack(data: Any, y: Any, sample_weight: Any, purpose: str) -> tuple[Any, Any, Any]:
    """`(x, y, weights)` of a part, or of what was passed."""
    if not is_part(data):
        return data, y, sample_weight
    if y is not None:
        raise DeepkitValueError(
            f"{purpose} was given a part of a split and y as well, but parts bring their own targets. "
            f"Leave y out, or pass both apart: {purpose}(part.x, y)."
        )
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
            loss, sentence = head.loss.choose(tensor.spec, as_array(value, "y"))
            loss.check_output(tensor.spec, tensor.label, None)
            head = dataclasses.replace(head, loss=loss)
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
    purpose: str = "fit",
) -> History:
    """`Model.fit`, with everything checked before anything is compiled. `purpose` is how errors call it."""
    _refuse_test_data((x, y), purpose)
    _refuse_test_data(validation_data, f"{purpose}(validation_data=…)")
    check_seed(seed)
    whole_number(epochs, "epochs")
    whole_number(initial_epoch, "initial_epoch", 0, "0")
    if initial_epoch >= epochs:
        raise DeepkitValueError(
            f"initial_epoch={initial_epoch} leaves nothing to train up to epochs={epochs}. "
            f"epochs is where training ends: to train 10 more, pass epochs={initial_epoch + 10}."
        )
    check_batch_size(batch_size)
    check_batch_size(validation_batch_size, "validation_batch_size")
    if not isinstance(shuffle, bool | np.bool_):
        raise DeepkitTypeError(f"shuffle={shown(shuffle)}: expected True or False.")
    if validation_data is not None and validation_split:
        raise DeepkitValueError(
            f"fit was given validation_split={validation_split} and validation_data. Leave one of them out."
        )
    hosts, transitions = split_callbacks(_listed(callbacks), trainer.optimizer.scheduled)
    plan = Plan(epochs - initial_epoch, initial_epoch, seed, verbose, hosts, transitions, None)
    if is_stream(x):
        _refuse_beside_batches(y, sample_weight, batch_size, validation_split)
        return _fit_stream(
            model, trainer, x, plan, validation_data, class_weight, steps_per_epoch, validation_batch_size
        )
    if steps_per_epoch is not None:
        raise DeepkitValueError(
            f"steps_per_epoch={shown(steps_per_epoch)} is for iterables of batches, and x holds all rows. Set the "
            "steps by batch_size: an epoch has rows / batch_size of them."
        )
    columns = _columns(model, x)
    x, y, sample_weight = _unpack(x, y, sample_weight, purpose)
    inputs = _inputs(model, x, "x", purpose, columns)
    _resolve(trainer, model, y, verbose)
    targets = _targets(model, y, trainer.heads, "y", purpose)
    count = _check_sizes(inputs, targets, model.graph.output_names)
    weights = row_weights(sample_weight, class_weight, targets, model.graph)
    if validation_data is not None:
        plan.validation = _validation(model, trainer, validation_data, columns)
    elif validation_split:
        plan.validation_rows = _validation_rows(validation_split, targets, count, seed)
        chosen = np.zeros(count, bool)
        chosen[plan.validation_rows] = True
        plan.validation = to_device(*_rows(inputs, targets, weights, chosen))
        inputs, targets, weights = _rows(inputs, targets, weights, ~chosen)
        count = len(inputs[0])
    if batch_size is not None and batch_size > count and batch_size != DEFAULT_BATCH_SIZE:
        warn(
            f"batch_size={batch_size} is more than the {count} rows: every epoch is one step on all of them. "
            "Say batch_size=None if that is meant, or choose a smaller one."
        )
    size = count if batch_size is None else min(batch_size, count)
    model.columns = columns
    if sum(a.nbytes for a in (*inputs, *targets)) > resident_bytes():
        return _fit_large(model, trainer, inputs, targets, weights, plan, size, shuffle, validation_batch_size)
    rows = to_device(inputs, targets, weights)
    return trainer.train_resident(model, rows, size, shuffle, validation_batch_size, plan)


def _refuse_test_data(data: Any, purpose: str) -> None:
    for item in data if isinstance(data, list | tuple) else (data,):
        if isinstance(item, list | tuple):
            _refuse_test_data(item, purpose)
        refuse_sealed(item, purpose)


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback | Transition) or not isinstance(callbacks, Iterable):
        raise DeepkitTypeError(
            f"callbacks={shown(callbacks)}: expected a list of callbacks. Write callbacks=[…], also for a single one."
        )
    return list(callbacks)


def _refuse_beside_batches(y: Any, sample_weight: Any, batch_size: Any, validation_split: Any) -> None:
    """What batches bring along, or cannot have."""
    if y is not None:
        raise DeepkitValueError(
            "fit was given batches and y as well, but batches bring their own targets. Leave y out, and yield (x, y)."
        )
    if sample_weight is not None:
        raise DeepkitValueError(
            "fit was given batches and sample_weight as well, but batches bring their own weights. "
            "Leave sample_weight out, and yield (x, y, weights)."
        )
    if batch_size not in (None, DEFAULT_BATCH_SIZE):
        raise DeepkitValueError(
            f"batch_size={batch_size} is for arrays, and the batches of an iterable have their own size. "
            "Leave batch_size out."
        )
    if validation_split:
        raise DeepkitValueError(
            f"validation_split={validation_split} needs all rows at hand, and batches come one by one. "
            "Pass validation_data=(x, y)."
        )


def _rows(
    inputs: Arrays, targets: Sequence[np.ndarray], weights: Sequence[np.ndarray | None], chosen: np.ndarray
) -> tuple[Arrays, list[np.ndarray], list[np.ndarray | None]]:
    return (
        tuple(a[chosen] for a in inputs),
        [a[chosen] for a in targets],
        [None if a is None else a[chosen] for a in weights],
    )


def _validation(model: Any, trainer: Trainer, data: Any, columns: tuple[str, ...] | None = None) -> Batch:
    if isinstance(data, Split):
        raise DeepkitTypeError("validation_data is the whole split. Pass validation_data=split.dev.")
    if is_stream(data):
        data = _collected(data, "validation_data")
    if is_part(data):
        x, y, weights = data.x, data.y, None
    elif isinstance(data, tuple | list) and len(data) in (2, 3):
        x, y, weights = (*data, None)[:3]
    else:
        share = " For a share of the rows use validation_split." if isinstance(data, float) else ""
        raise DeepkitTypeError(
            f"validation_data is {described(data)}. Pass (x, y), (x, y, weights), or a part such as split.dev.{share}"
        )
    inputs = _inputs(model, x, "validation x", "validation_data", columns)
    targets = _targets(model, y, trainer.heads, "validation y")
    _check_sizes(inputs, targets, model.graph.output_names, "validation ")
    return to_device(inputs, targets, row_weights(weights, None, targets, model.graph))


def _validation_rows(share: float, targets: Sequence[np.ndarray], count: int, seed: int) -> np.ndarray:
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


# Batches from the host.


def is_stream(x: Any) -> bool:
    """Whether x yields batches: a generator, a loader, or a function that starts one."""
    if is_part(x) or is_table(x) or isinstance(x, np.ndarray | jax.Array | Mapping | list | tuple | str | bytes):
        return False
    if hasattr(x, "__array__") or hasattr(x, "toarray"):
        return False
    return callable(x) or isinstance(x, Iterator) or hasattr(x, "__iter__") or hasattr(x, "__getitem__")


def _start(stream: Any) -> Iterator[Any]:
    if not callable(stream) or hasattr(stream, "__iter__"):
        return iter(stream)
    try:
        inspect.signature(stream).bind()
    except TypeError:
        raise DeepkitTypeError(
            f"{described(stream)} starts the batches of an epoch and is called without arguments, but it takes "
            f"{inspect.signature(stream)}. Give its arguments defaults."
        ) from None
    started = stream()
    if not isinstance(started, Iterable):
        raise DeepkitTypeError(f"{described(stream)} returned {described(started)}, not batches. Let it yield (x, y).")
    return iter(started)


def _collected(stream: Any, purpose: str) -> tuple[Any, ...]:
    """All batches of a stream as one `(x, y)` or `(x, y, weights)`."""
    batches = []
    for batch in _start(stream):
        _batch_parts(batch)
        batches.append(tuple(batch))
    if not batches:
        raise DeepkitValueError(f"{purpose} was given an iterable without a single batch. Yield (x, y) at least once.")
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
    if isinstance(stream, Split):
        raise DeepkitTypeError("fit was given the whole split. Pass fit(split.train, validation_data=split.dev).")
    if steps_per_epoch is not None:
        whole_number(steps_per_epoch, "steps_per_epoch")
    running = _start(stream)
    first_item = next(running, None)
    if first_item is None:
        raise DeepkitValueError("fit was given an iterable without a single batch. Yield (x, y) at least once.")
    _resolve(trainer, model, _batch_parts(first_item)[1], plan.verbose)
    size = 0

    def convert(item: Any) -> Batch:
        nonlocal size
        x, y, weights = _batch_parts(item)
        _refuse_test_data((x, y), "fit")
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
        raise DeepkitTypeError(f"a batch is {described(item)}. Yield (x, y) or (x, y, weights).")
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
    size = check_batch_size(batch_size) or EVALUATION_ROWS
    if isinstance(x, Split):
        raise DeepkitTypeError("evaluate was given the whole split. Pass split.dev, or split.test at the very end.")
    if is_stream(x):
        if y is not None:
            raise DeepkitValueError(
                "evaluate was given batches and y as well, but batches bring their own targets. Leave y out."
            )
        x, y, sample_weight = (*_collected(x, "evaluate"), None)[:3]
    x, y, sample_weight = _unpack(x, y, sample_weight, "evaluate")
    inputs = _inputs(model, x, "x", "evaluate")
    _resolve(trainer, model, y, 0)
    targets = _targets(model, y, trainer.heads, "y", "evaluate")
    _check_sizes(inputs, targets, model.graph.output_names)
    rows = to_device(inputs, targets, row_weights(sample_weight, None, targets, model.graph))
    figures = trainer.evaluate(model.weights(), rows, size)
    if verbose not in (0, "auto"):
        print(describe(figures))
    return figures


def predict_stream(model: Any, stream: Any) -> Any:
    """Predictions for batches, joined. A batch may be `x` or a tuple that starts with it."""
    if isinstance(stream, Split):
        raise DeepkitTypeError("predict was given the whole split. Pass one part: split.train, .dev or .test.")
    pieces = [model.predict(batch[0] if isinstance(batch, tuple) else np.asarray(batch)) for batch in _start(stream)]
    if not pieces:
        raise DeepkitValueError("predict was given an iterable without a single batch. Yield x at least once.")
    return jax.tree.map(lambda *parts: np.concatenate(parts), *pieces)


def in_own_units(model: Any, outputs: Any) -> Any:
    """Predictions of a scaled target in its own units."""
    if model.encoder is None or model.encoder.target is None:
        return outputs
    return model.encoder.inverse_target(outputs)
