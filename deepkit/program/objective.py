"""Loss, penalties and metrics of one batch, in one traced step.

An `Objective` is what `compile` resolves to: which loss and which metrics on which output, and whether each
loss is computed from logits. Everything it returns for a batch is a sum over rows, so that batches of unequal
size add up exactly; `report` divides once, at the end of the epoch.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.graph import Meaning
from deepkit.layers.layer import Context, Weights
from deepkit.losses import Loss
from deepkit.metrics import Metric
from deepkit.program.forward import Pass
from deepkit.program.mixing import TargetPart, target_parts
from deepkit.program.program import Program, is_weight

Statistics = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Head:
    """What one output is trained on and measured by.

    Attributes:
        name: Name of the output; the prefix of its figures where there are several outputs.
        loss: The loss, or `None` for an output that is only measured.
        loss_weight: Its factor in the total.
        metrics: By history key; every row counts once.
        weighted_metrics: By history key; rows count by their sample weight.
        scale: `(offset, width)` of a target that an encoder scaled: metrics are taken in its own units, the loss in
            those that are trained on.
    """

    name: str
    loss: Loss | None
    loss_weight: float
    metrics: tuple[tuple[str, Metric], ...] = ()
    weighted_metrics: tuple[tuple[str, Metric], ...] = ()
    scale: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Batch:
    """Rows on the device, one array per input and per output.

    Attributes:
        inputs, targets: Arrays with the rows first.
        weights: Per output, a weight per row, or `None`.
        mask: Boolean per row, false for rows that only fill up; `None` if all count.
    """

    inputs: tuple[jax.Array, ...]
    targets: tuple[jax.Array, ...]
    weights: tuple[jax.Array | None, ...]
    mask: jax.Array | None = None


jax.tree_util.register_dataclass(Batch, ["inputs", "targets", "weights", "mask"], [])


class Objective:
    """The function that training minimises, and the figures that it reports.

    Attributes:
        keys: History key → place in the statistics, in the order in which figures are shown.
        directions: History key → whether "up" or "down" is better, or `None` where nobody can say.
    """

    def __init__(self, program: Program, heads: tuple[Head, ...]) -> None:
        self.program = program
        self.heads = heads
        self.keys = _keys(heads)
        metrics = self._metrics()
        self.directions = {
            key: metrics[place].DIRECTION if place in metrics else "down" for key, place in self.keys.items()
        }
        self._meanings = tuple(tensor.spec.meaning for tensor in program.graph.outputs)
        self._penalised = _regularized(program)

    @property
    def penalises(self) -> bool:
        """Whether any weights are penalised."""
        return bool(self._penalised)

    def penalty(self, params: Weights) -> jax.Array | float:
        """Sum of the weight penalties."""
        total: jax.Array | float = 0.0
        for path, regularizer in self._penalised:
            leaf = params
            for name in path:
                leaf = leaf[name]
            total = total + regularizer(leaf)
        return total

    def __call__(
        self, params: Weights, state: Weights, batch: Batch, context: Context
    ) -> tuple[jax.Array, tuple[tuple[jax.Array, ...], Weights, Statistics]]:
        """`(loss, (outputs, new state, statistics))` of one batch.

        The loss is Σ rowᵢ weightᵢ·lossᵢ / rows (Keras's `sum_over_batch_size`) summed over outputs with their
        loss weights, plus activity and weight penalties.
        """
        context = dataclasses.replace(context, row_mask=batch.mask)
        result = self.program.forward(params, state, batch.inputs, context)
        rows = _row_count(batch)
        total = result.penalty + self.penalty(params)
        statistics: Statistics = {"rows": rows}
        for index, head in enumerate(self.heads):
            # One part, unless rows were mixed with others on the way to this output.
            parts = target_parts(result.mixes[index])
            if head.loss is not None:
                value = sum(self._loss_of(index, result, batch, part) for part in parts) / rows
                total = total + head.loss_weight * value
                if len(self.heads) > 1:
                    statistics[f"{head.name}/loss"] = value * rows
            measured: list[Statistics] = [self._measure(index, result, batch, part) for part in parts]
            together: Statistics = functools.reduce(lambda left, right: self.merge(left, right), measured)
            statistics.update(together)
        total = jnp.asarray(total)
        statistics["loss"] = total * rows
        return total, (result.outputs, result.state, statistics)

    def _loss_of(self, index: int, result: Pass, batch: Batch, part: TargetPart) -> jax.Array:
        """Σ over rows of the loss on this part of their targets."""
        loss, logits = self.heads[index].loss, self._logits(index, result)
        assert loss is not None
        target, weights = part.of(batch.targets[index], batch.weights[index])
        if logits is None:
            values = loss.values(target, result.outputs[index])
        else:
            values = loss.values_from_logits(target, logits)
        values = _over_counting_steps(values, result.masks[index], batch.mask)
        return _weighted_sum(values, part.weighted(weights), batch.mask)

    def _logits(self, index: int, result: Pass) -> jax.Array | None:
        """What the loss of this output is computed from, if not from the activated output itself."""
        loss, meaning = self.heads[index].loss, self._meanings[index]
        if loss is None or loss.FUSES is None:
            return None
        if meaning is loss.FUSES:
            return result.logits[index]
        # Log-probabilities are logits too: log_softmax leaves them as they are.
        return result.outputs[index] if self._gives_logits(index) else None

    def _gives_logits(self, index: int) -> bool:
        loss, meaning = self.heads[index].loss, self._meanings[index]
        declared = loss is not None and bool(getattr(loss, "from_logits", None))
        return declared or (
            meaning is Meaning.LOG_DISTRIBUTION and loss is not None and loss.FUSES is Meaning.DISTRIBUTION
        )

    def _measure(self, index: int, result: Pass, batch: Batch, part: TargetPart) -> Statistics:
        head = self.heads[index]
        if not (head.metrics or head.weighted_metrics):
            return {}
        mask, steps = batch.mask, result.masks[index]
        target, weights = part.of(batch.targets[index], batch.weights[index])
        output, logits = jax.lax.stop_gradient((result.outputs[index], result.logits[index]))
        if self._gives_logits(index) and head.loss is not None:
            output, logits = head.loss.probabilities(output), output
        if head.scale is not None:
            offset, width = head.scale
            output, target, logits = offset + width * output, offset + width * target, None
        counted = jnp.ones(output.shape[0], output.dtype) if mask is None else mask.astype(output.dtype)
        counted = counted if part.share is None else counted * part.share.astype(output.dtype)
        weighted = counted if weights is None else counted * weights
        if steps is not None and target.shape[: steps.ndim] == steps.shape:
            # Every step that counts is a row of its own.
            counted, weighted = ((rows[:, None] * steps).reshape(-1) for rows in (counted, weighted))
            output, logits, target = jax.tree.map(
                lambda a: a.reshape(-1, *a.shape[steps.ndim :]), (output, logits, target)
            )

        def statistics(metric: Metric, weights: jax.Array) -> Statistics:
            of_logits = metric.of_logits()
            if logits is None or of_logits is None:
                return metric.statistics(target, output, weights)
            return of_logits.statistics(target, logits, weights)

        measured = {f"{head.name}/{key}": statistics(metric, counted) for key, metric in head.metrics}
        return measured | {f"{head.name}/{key}": statistics(metric, weighted) for key, metric in head.weighted_metrics}

    def merge(self, left: Statistics, right: Statistics) -> Statistics:
        """Statistics of both batches together."""
        metrics = self._metrics()
        return {
            key: metrics[key].merge(left[key], right[key]) if key in metrics else left[key] + right[key] for key in left
        }

    def report(self, statistics: Statistics) -> dict[str, jax.Array]:
        """The figures of an epoch by history key, in the order of `keys`."""
        rows = statistics["rows"]
        metrics = self._metrics()
        return {
            key: metrics[place].result(statistics[place]) if place in metrics else statistics[place] / rows
            for key, place in self.keys.items()
        }

    def _metrics(self) -> dict[str, Metric]:
        return {
            f"{head.name}/{key}": metric
            for head in self.heads
            for key, metric in (*head.metrics, *head.weighted_metrics)
        }


def _keys(heads: tuple[Head, ...]) -> dict[str, str]:
    """History key → place in the statistics: the loss first, then per output its loss and its metrics."""
    keys = {"loss": "loss"}
    for head in heads:
        prefix = f"{head.name}_" if len(heads) > 1 else ""
        if prefix and head.loss is not None:
            keys[f"{prefix}loss"] = f"{head.name}/loss"
        keys |= {f"{prefix}{key}": f"{head.name}/{key}" for key, _ in (*head.metrics, *head.weighted_metrics)}
    return keys


def _row_count(batch: Batch) -> jax.Array:
    inputs = batch.inputs[0]
    dtype = jnp.result_type(float) if inputs.dtype == jnp.float64 else jnp.float32
    return jnp.asarray(inputs.shape[0], dtype) if batch.mask is None else batch.mask.sum().astype(dtype)


def _weighted_sum(values: jax.Array, weights: jax.Array | None, mask: jax.Array | None) -> jax.Array:
    """Σ over rows of the row's mean loss; rows that only pad are cut out, not multiplied away (0 · NaN is NaN)."""
    values = values.reshape(values.shape[0], -1).mean(axis=1)
    if weights is not None:
        values = values * weights
    if mask is not None:
        values = jnp.where(mask, values, 0)
    return values.sum()


def _over_counting_steps(values: jax.Array, steps: jax.Array | None, mask: jax.Array | None) -> jax.Array:
    """Losses `(rows, steps, …)` with those of masked steps cut out and the others grown, so that the mean over all
    is the mean over those that count, as in Keras.
    """
    if steps is None or values.shape[: steps.ndim] != steps.shape:
        return values
    rows = jnp.ones(steps.shape[0], bool) if mask is None else mask
    counting = steps & rows[:, None]
    share = counting.sum() / jnp.maximum(rows.sum() * steps.shape[1], 1)
    keep = counting.reshape(*counting.shape, *[1] * (values.ndim - counting.ndim))
    return jnp.where(keep, values / jnp.maximum(share, 1 / steps.size).astype(values.dtype), 0)


def _regularized(program: Program) -> list[tuple[tuple[str, ...], Any]]:
    leaves = jax.tree_util.tree_leaves_with_path(program.weight_tree(), is_leaf=is_weight)
    return [
        (tuple(entry.key for entry in path), weight.regularizer)
        for path, weight in leaves
        if weight.regularizer is not None and weight.trainable
    ]
