"""What a metric is: sums over the rows of a batch, a way to join two of them, and the number they give."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal, Self

import jax
import jax.numpy as jnp

from deepkit.configuration import Configurable
from deepkit.errors import DeepkitTypeError
from deepkit.graph.graph import snake_case
from deepkit.graph.spec import Spec

Statistics = dict[str, jax.Array]
"""What a metric remembers of the rows it has seen: arrays of fixed shapes, all zero before the first row."""


class Metric(Configurable):
    """Base of all metrics: exact over any division of the rows into batches.

    A metric is never averaged over batches. `statistics` reduces a batch to sums, `merge` joins the sums of
    two batches, and `result` divides once at the end, so the last, shorter batch counts exactly its rows.
    Rows of weight 0 only fill up a batch; whatever they hold, NaN included, never reaches a result. All three
    are pure and traced, and work under `jax.jit` and `jax.vmap`. Sums are kept in the dtype of `y_pred`, at
    least float32: a count in float16 would stop at 2048.

    A subclass defines `statistics` and `result`, and `merge` where its statistics don't simply add. Where a
    mean of one value per row is meant, pass the function itself (see `FunctionMetric`).

    Args:
        name: Key in the history and in what `evaluate` returns; by default the class in snake case.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = None
    """Which way is better; callbacks that monitor the metric read it. `None` where nobody can say."""

    name: str | None = dataclasses.field(default=None, kw_only=True)

    @property
    def key(self) -> str:
        """Key in the history: the given name, else the class in snake case, as in Keras."""
        return self.name or snake_case(type(self).__name__)

    def resolve(self, output: Spec, label: str) -> Metric:
        """The metric that is computed on this output, under the same `key`.

        Args:
            output: Spec of the model's output, as the metric will see it (activated).
            label: How errors name the layer that makes the output.

        Raises:
            DeepkitError: if the metric has no meaning there; the message names the ones that have.
        """
        return self

    def of_logits(self) -> Metric | None:
        """What gives of logits the same as this metric of their sigmoid or softmax, or `None`.

        A decision has it: which number is larger is known before they are made probabilities, without an exponential
        for each. Only where two probabilities are rounded to the same number can it differ. A subclass has it only if
        it says so itself.
        """
        return None

    def statistics(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> Statistics:
        """Sums over the rows of one batch.

        Args:
            y_true: Targets, in the shape of `y_pred`; or class indices, without its last axis.
            y_pred: Activated outputs `(batch, ...)`: probabilities, never logits.
            weights: `(batch,)`, 0 for rows that don't count.
        """
        raise DeepkitTypeError(
            f"{type(self).__name__} does not define statistics(self, y_true, y_pred, weights). "
            "Return a dict of sums over the rows; for one value per row pass a function instead of a metric."
        )

    def merge(self, left: Statistics, right: Statistics) -> Statistics:
        """Statistics of both sets of rows. All-zero statistics leave the other side unchanged."""
        return jax.tree.map(jnp.add, left, right)

    def result(self, statistics: Statistics) -> jax.Array:
        """The metric's value: a scalar, or a vector or matrix where the class says so."""
        raise DeepkitTypeError(
            f"{type(self).__name__} does not define result(self, statistics). "
            "Return the value that the sums of statistics() give."
        )

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> jax.Array:
        """The metric of these rows at once, outside a model. `sample_weight` is `(batch,)`, default all 1."""
        y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
        weights = jnp.ones(y_pred.shape[:1]) if sample_weight is None else jnp.asarray(sample_weight)
        return self.result(self.statistics(y_true, y_pred, weights))

    def under(self, key: str) -> Self:
        """The same metric, reported under this key."""
        return self if self.key == key else self.replace(name=key)
