"""From what a user passes to `fit`, `evaluate` and `predict` to what the trainer takes."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from deepkit.data.arrays import (
    is_part,
    is_table,
    row_weights,
)
from deepkit.data.part import Split
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, shown, warn
from deepkit.program.objective import Batch
from deepkit.training.arguments import (
    DEFAULT_BATCH_SIZE,
    check_batch_size,
    check_seed,
    listed_callbacks,
    refuse_beside_batches,
    refuse_test_data,
    rows_at_once,
    whole_number,
)
from deepkit.training.history import History
from deepkit.training.progress import describe
from deepkit.training.rows import (
    Arrays,
    check_sizes,
    checked_inputs,
    checked_targets,
    chosen_rows,
    columns_after,
    resolve_losses,
    unpacked,
    validation_rows,
)
from deepkit.training.streaming import padded
from deepkit.training.trainer import (
    Plan,
    Trainer,
    resident_bytes,
    split_callbacks,
    to_device,
)


def fit(
    model: Any,
    trainer: Trainer,
    *,
    x: Any,
    y: Any,
    batch_size: int | None,
    epochs: int,
    verbose: Any,
    callbacks: Iterable[Any] | None,
    validation_split: float,
    validation_data: Any,
    shuffle: bool,
    class_weight: Any,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_batch_size: int | None,
    seed: int,
    purpose: str = "fit",
) -> History:
    """`Model.fit`, with everything checked before anything is compiled. `purpose` is how errors call it."""
    refuse_test_data((x, y), purpose)
    refuse_test_data(validation_data, f"{purpose}(validation_data=…)")
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
    hosts, transitions = split_callbacks(listed_callbacks(callbacks), trainer.optimizer.scheduled)
    plan = Plan(epochs - initial_epoch, initial_epoch, seed, verbose, hosts, transitions, None)
    if is_stream(x):
        refuse_beside_batches(y, sample_weight, batch_size, validation_split)
        return _fit_stream(
            model, trainer, x, plan, validation_data, class_weight, steps_per_epoch, validation_batch_size
        )
    if steps_per_epoch is not None:
        raise DeepkitValueError(
            f"steps_per_epoch={shown(steps_per_epoch)} is for iterables of batches, and x holds all rows. Set the "
            "steps by batch_size: an epoch has rows / batch_size of them."
        )
    inputs, targets, weights, size = prepare(
        model, trainer, plan, x, y, batch_size=batch_size, validation_split=validation_split,
        validation_data=validation_data, class_weight=class_weight, sample_weight=sample_weight, purpose=purpose,
    )  # fmt: skip
    if sum(a.nbytes for a in (*inputs, *targets)) > resident_bytes():
        return _fit_large(model, trainer, inputs, targets, weights, plan, size, shuffle, validation_batch_size)
    rows = to_device(inputs, targets, weights)
    return trainer.train_resident(model, rows, size, shuffle, validation_batch_size, plan)


class Prepared(NamedTuple):
    """Checked rows on the host, one array per input and output, and how many of them make a batch."""

    inputs: Arrays
    targets: Sequence[np.ndarray]
    weights: Sequence[np.ndarray | None]
    batch_size: int


def prepare(
    model: Any,
    trainer: Trainer,
    plan: Plan,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    class_weight: Any = None,
    sample_weight: Any = None,
    purpose: str = "fit",
) -> Prepared:
    """Check arrays to train on, resolve the losses by them, and put the validation rows into the plan."""
    columns = columns_after(model, x)
    x, y, sample_weight = unpacked(x, y, sample_weight, purpose)
    inputs = checked_inputs(model, x, "x", purpose, columns)
    resolve_losses(trainer, model, y, plan.verbose)
    targets = checked_targets(model, y, trainer.heads, "y", purpose)
    count = check_sizes(inputs, targets, model.graph.output_names)
    weights = row_weights(sample_weight, class_weight, targets, model.graph)
    if validation_data is not None:
        plan.validation = _validation(model, trainer, validation_data, columns)
    elif validation_split:
        plan.validation_rows = validation_rows(validation_split, targets, count, plan.seed)
        chosen = np.zeros(count, bool)
        chosen[plan.validation_rows] = True
        plan.validation = to_device(*chosen_rows(inputs, targets, weights, chosen))
        inputs, targets, weights = chosen_rows(inputs, targets, weights, ~chosen)
        count = len(inputs[0])
    if batch_size is not None and batch_size > count and batch_size != DEFAULT_BATCH_SIZE:
        warn(
            f"batch_size={batch_size} is more than the {count} rows: every epoch is one step on all of them. "
            "Say batch_size=None if that is meant, or choose a smaller one."
        )
    model.columns = columns
    return Prepared(inputs, targets, weights, count if batch_size is None else min(batch_size, count))


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
    inputs = checked_inputs(model, x, "validation x", "validation_data", columns)
    targets = checked_targets(model, y, trainer.heads, "validation y")
    check_sizes(inputs, targets, model.graph.output_names, "validation ")
    return to_device(inputs, targets, row_weights(weights, None, targets, model.graph))


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


def _repeated(stream: Any) -> Iterator[Any]:
    """The batches of a stream over and over; ends if a pass has none."""
    while True:
        empty = True
        for batch in _start(stream):
            empty = False
            yield batch
        if empty:
            return


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
    resolve_losses(trainer, model, _batch_parts(first_item)[1], plan.verbose)
    size = 0

    def convert(item: Any) -> Batch:
        nonlocal size
        x, y, weights = _batch_parts(item)
        refuse_test_data((x, y), "fit")
        inputs = checked_inputs(model, x, "x of a batch", "fit")
        targets = checked_targets(model, y, trainer.heads, "y of a batch")
        size = max(size, check_sizes(inputs, targets, model.graph.output_names))
        rows = row_weights(weights, class_weight, targets, model.graph)
        return padded(to_device(inputs, targets, rows), size)

    first = convert(first_item)
    # The first stream is already open. With steps_per_epoch it goes on from epoch to epoch, and one that can be
    # iterated again starts anew when it runs out; without, every epoch is one pass.
    running = itertools.chain([first_item], running)
    if steps_per_epoch is not None and not isinstance(stream, Iterator):
        running = itertools.chain(running, _repeated(stream))
    opened = [running]

    def batches(_: int) -> Iterator[Batch]:
        if steps_per_epoch is not None:
            return map(convert, running)
        return map(convert, opened.pop() if opened else _start(stream))

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
            chosen = chosen_rows(inputs, targets, weights, rows)
            yield padded(to_device(*chosen), batch_size)

    first = next(batches(0))
    return trainer.train_streaming(model, batches, first, -(-count // batch_size), validation_batch_size, plan)


def evaluate(
    model: Any, trainer: Trainer, x: Any, y: Any, batch_size: int | None, verbose: Any, sample_weight: Any
) -> dict[str, Any]:
    """`Model.evaluate`."""
    size = check_batch_size(batch_size) or rows_at_once(model.graph)
    if isinstance(x, Split):
        raise DeepkitTypeError("evaluate was given the whole split. Pass split.dev, or split.test at the very end.")
    if is_stream(x):
        if y is not None:
            raise DeepkitValueError(
                "evaluate was given batches and y as well, but batches bring their own targets. Leave y out."
            )
        x, y, sample_weight = (*_collected(x, "evaluate"), None)[:3]
    x, y, sample_weight = unpacked(x, y, sample_weight, "evaluate")
    inputs = checked_inputs(model, x, "x", "evaluate")
    resolve_losses(trainer, model, y, 0)
    targets = checked_targets(model, y, trainer.heads, "y", "evaluate")
    check_sizes(inputs, targets, model.graph.output_names)
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
