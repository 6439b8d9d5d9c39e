"""Losses and plain functions as metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import jax

from deepkit import losses
from deepkit.configuration import parameter
from deepkit.errors import DeepkitValueError
from deepkit.graph.graph import snake_case
from deepkit.graph.spec import Meaning, Spec
from deepkit.losses.function import two_arguments
from deepkit.metrics.mean import MeanMetric
from deepkit.metrics.metric import Metric
from deepkit.metrics.outputs import describe, refuse_one_unit_softmax

FITTING = {
    Meaning.PROBABILITY: '"binary_crossentropy"',
    Meaning.DISTRIBUTION: '"categorical_crossentropy" or "sparse_categorical_crossentropy"',
}


class LossMetric(MeanMetric):
    """The weighted mean of a loss's values over all rows, without penalties, loss weights or class weights.

    Args:
        loss: Any `deepkit.losses.Loss`, or its name. It is given activated outputs whatever its
            `from_logits` says.
    """

    DIRECTION: ClassVar[Literal["up", "down"] | None] = "down"

    loss: losses.Loss = parameter(convert=losses.get)

    @property
    def key(self) -> str:
        """Key in the history: the given name, else the loss's class in snake case, as in Keras."""
        return self.name or snake_case(type(self.loss).__name__)

    def resolve(self, output: Spec, label: str) -> Metric:
        refuse_one_unit_softmax(self.key, output, label)
        fitting = FITTING.get(output.meaning, '"mae", "mse" or "rmse"')
        if isinstance(self.loss, losses.Crossentropy):
            raise DeepkitValueError(
                f"{self.key} is chosen by the targets, which a metric does not see before it is computed. "
                f"For {describe(output, label)} name it: {fitting}."
            )
        if self.loss.FUSES is not None and output.meaning is not self.loss.FUSES:
            raise DeepkitValueError(
                f"{self.key} is for {self.loss.FUSES.value}, but got {describe(output, label)}. Use {fitting}."
            )
        return self

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        return self.loss.values(y_true, y_pred)


class FunctionMetric(MeanMetric):
    """The weighted mean of any `f(y_true, y_pred)` that gives values per row or per element, `(batch, ...)`.

    The function is traced by JAX. It must not average over the rows itself: the last batch is filled up with
    rows that don't count.

    Args:
        function: Its name is the key in the history. To save a model with it, define it with `def`.

    Raises:
        DeepkitError: if it doesn't take two arguments, targets first; or, when traced, if its values don't
            have the batch as their first axis.
    """

    function: Callable[[jax.Array, jax.Array], jax.Array] = parameter(convert=two_arguments)

    @property
    def key(self) -> str:
        """Key in the history: the given name, else the function's."""
        return self.name or getattr(self.function, "__name__", type(self.function).__name__).strip("<>")

    def values(self, y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
        return self.function(y_true, y_pred)
