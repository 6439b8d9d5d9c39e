"""What `compile` chose and what the optimizer remembers, as JSON and arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import decode
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, warn
from deepkit.export.names import Names, what_is_missing
from deepkit.optimizers import OptaxOptimizer, Optimizer
from deepkit.optimizers.optimizer import readable
from deepkit.program import Head, Program
from deepkit.program.holders import stored
from deepkit.program.program import partition
from deepkit.training.steps import Carried
from deepkit.training.trainer import Trainer, compiled_optimizer

PREFIX = "optimizer/"


def written_training(trainer: Trainer | None, names: Names) -> dict[str, Any] | None:
    """Optimizer, losses and metrics; `None`, with a warning, where they are code and not a declaration."""
    if trainer is None:
        return None
    try:
        if isinstance(trainer.optimizer, OptaxOptimizer):
            raise DeepkitTypeError("an optax.GradientTransformation is code, which a file does not hold.")
        return {
            "optimizer": names.write(trainer.optimizer, "optimizer"),
            "heads": [_written_head(head, len(trainer.heads), names) for head in trainer.heads],
        }
    except DeepkitTypeError as error:
        warn(
            f"the model is saved without optimizer, losses and metrics: {error} "
            "Call compile again after load_model to train or evaluate."
        )
        return None


def _written_head(head: Head, count: int, names: Names) -> dict[str, Any]:
    suffix = f".{head.name}" if count > 1 else ""
    return {
        "loss": names.write(head.loss, f"loss{suffix}"),
        "loss_weight": head.loss_weight,
        "scale": head.scale,
        **{
            which: [[key, names.write(metric, f"{which}{suffix}.{key}")] for key, metric in getattr(head, which)]
            for which in ("metrics", "weighted_metrics")
        },
    }


def remembered(trainer: Trainer) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    """`({"iteration": …, "epoch": …}, arrays)` that the next `fit` goes on from; empty if it would start afresh."""
    carried = trainer._carried
    current = tuple(jax.tree.leaves(trainer.program.trainable_mask()))
    if carried is None or trainer._carried_flags != current or _is_running(trainer):
        return {}, {}
    counts = {"iteration": int(carried.iteration), "epoch": int(carried.epoch)}
    return counts, {name: np.asarray(leaf) for name, leaf in _named_leaves(carried.optimizer).items()}


def _is_running(trainer: Trainer) -> bool:
    """Whether a callback saves from inside a run: what the trainer carries is then of the run before."""
    published, weights = getattr(trainer, "_published", None), stored(trainer.program)
    if published is None or weights is None:
        return False
    return all(a is b for a, b in zip(jax.tree.leaves(published), jax.tree.leaves(weights), strict=True))


def _named_leaves(state: Any) -> dict[str, Any]:
    return {PREFIX + readable(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state)}


def read_training(
    written: Mapping[str, Any] | None, program: Program, vocabulary: Mapping[str, Any], path: Any
) -> Trainer | None:
    """The trainer; `None`, with a warning, where a class or function is not known or not what it was."""
    if written is None:
        return None
    try:
        problem = what_is_missing([_declarations(written)], vocabulary)
        if problem:
            raise DeepkitValueError(problem)
        optimizer = decode(written["optimizer"], vocabulary)
        if not isinstance(optimizer, Optimizer):
            raise DeepkitTypeError(f"{optimizer!r} is no optimizer.")
        heads = tuple(
            Head(
                name,
                decode(head["loss"], vocabulary),
                head["loss_weight"],
                metrics=_metrics(head["metrics"], vocabulary),
                weighted_metrics=_metrics(head["weighted_metrics"], vocabulary),
                scale=None if head["scale"] is None else tuple(head["scale"]),
            )
            for name, head in zip(program.graph.output_names, written["heads"], strict=True)
        )
        return Trainer(program, compiled_optimizer(optimizer), heads)
    except DeepkitError as error:
        warn(
            f"{path} was loaded without optimizer, losses and metrics: {error} "
            "To predict, nothing more is needed; to train or evaluate, load it that way or call compile."
        )
        return None


def _metrics(written: Any, vocabulary: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((key, decode(metric, vocabulary)) for key, metric in written)


def _declarations(written: Mapping[str, Any]) -> list[Any]:
    found = [written["optimizer"]]
    for head in written["heads"]:
        found += [head["loss"], *(metric for _, metric in (*head["metrics"], *head["weighted_metrics"]))]
    return found


def remind(trainer: Trainer, counts: Mapping[str, int], arrays: Mapping[str, np.ndarray], path: Any) -> None:
    """Let the next `fit` go on where the saved model stood."""
    weights = stored(trainer.program)
    if not counts or weights is None:
        return
    mask = trainer.program.trainable_mask()
    trained, _ = partition(weights[0], mask)
    template = jax.eval_shape(trainer.optimizer.init, trained)
    expected = {name: (leaf.shape, leaf.dtype) for name, leaf in _named_leaves(template).items()}
    if expected != {name: (array.shape, array.dtype) for name, array in arrays.items()}:
        warn(
            f"{path} holds an optimizer state of another form than {type(trainer.optimizer).__name__} has here "
            "(a version of optax or deepkit lies between). Its weights are loaded; the optimizer starts afresh."
        )
        return
    state = jax.tree.unflatten(jax.tree.structure(template), [jnp.asarray(arrays[name]) for name in expected])
    trainer._carried = Carried(
        state, jnp.asarray(counts["iteration"], jnp.int32), jnp.asarray(counts["epoch"], jnp.int32)
    )
    trainer._carried_flags = tuple(jax.tree.leaves(mask))
