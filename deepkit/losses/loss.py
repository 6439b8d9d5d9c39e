"""What a loss is: its mathematics on arrays, and what it demands of an output and of its targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import Configurable
from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line
from deepkit.graph.spec import Meaning, Spec
from deepkit.losses import targets


class Loss(Configurable):
    """Base of all losses.

    A subclass defines `values`, and where it matters `check_output` and `check_targets`:

        class FourthPower(dk.losses.Loss):
            def values(self, y_true, y_pred):
                return jnp.mean((y_true - y_pred) ** 4, axis=-1)

    A plain function of `(y_true, y_pred)` does as well: see `FunctionLoss`.

    Keras's `reduction`, `dtype` and `name` do not exist here: the training engine weighs and averages rows
    itself, a loss computes in the dtype of the predictions, and the history is named after the output.
    """

    FUSES: ClassVar[Meaning | None] = None
    """What an output must mean for `values_from_logits` to replace `values`: it is exact where a rounded
    probability has lost the digits (a sigmoid of 20 is 1 in float32) and its gradient does not vanish
    there."""

    @property
    def from_logits(self) -> bool | None:
        """True if the output is linear on purpose; losses without logits have no such field."""
        return None

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """One number per row, or per position of a row.

        Args:
            y_true: Targets, in the shape and dtype that `check_targets` returns.
            y_pred: Activated outputs, shape `(batch, ..., units)`.

        Returns:
            Shape `(batch, ...)`: the last axis is reduced, in the dtype of `y_pred`.
        """
        raise DeepkitTypeError(f"{type(self).__name__} does not define values(self, y_true, y_pred).")

    def values_from_logits(self, y_true: Any, logits: Any) -> jax.Array:
        """`values` of the activated logits, computed without activating them."""
        raise DeepkitTypeError(f"{type(self).__name__} is not computed from logits.")

    def probabilities(self, logits: jax.Array) -> jax.Array:
        """What the logits stand for: their sigmoid, or their softmax over the last axis."""
        return jax.nn.sigmoid(logits) if self.FUSES is Meaning.PROBABILITY else jax.nn.softmax(logits, axis=-1)

    @from_user_line
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> jax.Array:
        """The loss of arrays, outside a model: Σ weight·value / number of values.

        This is Keras's `sum_over_batch_size`: the divisor counts rows, not weights, so that a row of weight 0
        still counts.

        Args:
            y_true, y_pred: As in `values`; with `from_logits=True`, `y_pred` are logits.
            sample_weight: One weight per row `(batch,)` or per value `(batch, ...)`.

        Raises:
            DeepkitValueError: if shapes do not agree; nothing is broadcast, `(N,)` against `(N, 1)` included.
        """
        if np.ndim(y_pred) == 0:
            raise DeepkitValueError(
                f"{type(self).__name__} was given a single number, but losses take rows: the first axis is the batch. "
                "Pass arrays, such as [[1.0]] and [[0.5]]."
            )
        if not self.from_logits:
            self._refuse_logits(y_pred)
        compute = self.values_from_logits if self.from_logits else self.values
        values = compute(y_true, y_pred)
        if sample_weight is None:
            return jnp.mean(values)
        weights = jnp.asarray(sample_weight, values.dtype)
        if weights.shape != values.shape[: weights.ndim]:
            raise DeepkitValueError(
                f"{type(self).__name__}: sample_weight has shape {weights.shape}, but the values of the loss "
                f"have {values.shape}. Give one weight per row, shape {values.shape[:1]}."
            )
        weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
        return jnp.mean(values * weights)

    def _refuse_logits(self, y_pred: Any) -> None:
        """Numbers outside [0, 1] are no probabilities; of traced numbers nothing can be said."""
        if self.FUSES is None or isinstance(y_pred, jax.core.Tracer):
            return
        low, high = float(np.min(y_pred, initial=0)), float(np.max(y_pred, initial=0))
        if low < 0 or high > 1 + 1e-3:
            raise DeepkitValueError(
                f"{type(self).__name__} expects probabilities, but y_pred goes from {low:g} to {high:g}: these look "
                f"like logits. Say {type(self).__name__}(from_logits=True)."
            )

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuse, before anything is compiled, an output that this loss cannot be meant for.

        Args:
            output: Spec of the output, the batch first.
            label: How errors call the layer that makes it.
            activation: That layer's final activation function, or `None` if it has none of its own.
        """
        if output.rank < 2:
            raise DeepkitValueError(
                f"the output of {label} has shape {output.shape}: the numbers of a row need an axis of their "
                "own, or they cannot be told from the batch. Put dk.layers.Reshape((1,)) behind it."
            )
        if "float" not in output.dtype:
            raise DeepkitTypeError(
                f"the output of {label} has dtype {output.dtype}, and whole numbers have no gradient to "
                "learn from. Let the last layer compute in float32."
            )
        if output.features == 1 and output.meaning in (Meaning.DISTRIBUTION, Meaning.LOG_DISTRIBUTION):
            raise DeepkitValueError(
                f"{label} takes a softmax over one unit, which gives the same number whatever it learns. "
                "For two classes give its one unit activation='sigmoid'; for K classes give it K units."
            )

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """The targets as `values` wants them; refuses, on the host, what cannot be meant.

        Args:
            y: The user's targets, any dtype.
            output: Spec of the output that they belong to.
            name: How errors call them.

        Returns:
            Floating targets in the output's shape; an axis of one is added where the output has one unit.
        """
        return targets.dense(y, output, name)

    def _matched(self, y_true: Any, y_pred: Any) -> tuple[jax.Array, jax.Array]:
        """Both as floating arrays of one dtype and one shape."""
        y_pred = floating(y_pred)
        y_true = jnp.asarray(y_true).astype(y_pred.dtype)
        if y_true.shape != y_pred.shape:
            raise DeepkitValueError(
                f"{type(self).__name__}: y_true has shape {y_true.shape} and y_pred {y_pred.shape}. "
                "Bring both into one shape: nothing is broadcast."
            )
        return y_true, y_pred


def floating(x: Any) -> jax.Array:
    """As an array of its own floating dtype; whole numbers become the default float."""
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)
