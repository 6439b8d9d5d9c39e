"""The pinball loss: asymmetric costs, and prediction intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import parameter
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph.spec import Spec
from deepkit.losses import targets
from deepkit.losses.loss import floating
from deepkit.losses.regression import RegressionLoss


def quantiles(value: Any) -> float | tuple[float, ...]:
    """Converter: a number strictly between 0 and 1, or a tuple of them."""
    several = isinstance(value, list | tuple | np.ndarray)
    for item in value if several else [value]:
        if isinstance(item, bool | np.bool_) or not isinstance(item, int | float | np.integer | np.floating):
            raise DeepkitTypeError(f"expected a number between 0 and 1, or a tuple of them, got {item!r}.")
        if not 0 < item < 1:
            raise DeepkitValueError(
                f"expected numbers strictly between 0 and 1, got {item:g}: the 90th percentile is .9."
            )
    if several and len(value) == 0:
        raise DeepkitValueError("expected at least one quantile.")
    return tuple(float(item) for item in value) if several else float(value)


class Pinball(RegressionLoss):
    """q·e where the prediction is too low (e = y − ŷ ≥ 0), (1−q)·|e| where it is too high; unit by unit.

    Its minimum is the q-quantile of y, so q = .9 says that predicting too low costs nine times as much as
    predicting too high. At .5 it is half the absolute error. Source: Koenker and Bassett 1978. Keras and
    optax have none.

    With one quantile, `y_true` and `y_pred` are `(batch, ..., units)` → `(batch, ...)`, in units of the
    target. With a tuple of m quantiles, `y_pred` is `(batch, ..., m)`, one unit per quantile, all against the
    one target column of `y_true`: `(batch, ..., 1)`, or repeated `(batch, ..., m)`. Nothing keeps the
    quantiles from crossing.

    Args:
        quantile: A number strictly between 0 and 1, or a tuple of them. The default is the median.
    """

    quantile: float | tuple[float, ...] = parameter(default=0.5, convert=quantiles)

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """mean(max(q·e, (q−1)·e)), e = y − ŷ"""
        if isinstance(self.quantile, tuple):
            y_pred, y_true = floating(y_pred), jnp.asarray(y_true)
            if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
                y_true = jnp.repeat(y_true, len(self.quantile), axis=-1)
        y_true, y_pred = self._matched(y_true, y_pred)
        if isinstance(self.quantile, tuple) and y_pred.shape[-1] != len(self.quantile):
            raise DeepkitValueError(self._miscounted("y_pred", y_pred.shape[-1]))
        q = jnp.asarray(self.quantile, y_pred.dtype)
        error = y_true - y_pred
        return jnp.mean(jnp.maximum(q * error, (q - 1) * error), axis=-1)

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuses another number of units than quantiles."""
        super().check_output(output, label, activation)
        if isinstance(self.quantile, tuple) and output.features != len(self.quantile):
            raise DeepkitValueError(self._miscounted(label, output.features))

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """With several quantiles, one target column, which is repeated for each of them."""
        if not isinstance(self.quantile, tuple):
            return super().check_targets(y, output, name)
        y = targets.numbers(y, name)
        if y.shape[1:] not in (output.row_shape[:-1], (*output.row_shape[:-1], 1)):
            raise DeepkitValueError(
                f"{name} has shape {y.shape}, but the {output.features} quantiles of Pinball are all of one "
                f"target column, shape {(len(y), *output.row_shape[:-1], 1)}. Pass that column alone."
            )
        column = y if y.ndim == output.rank else y[..., None]
        return super().check_targets(np.repeat(column, output.features, axis=-1), output, name)

    def _miscounted(self, who: str, units: int) -> str:
        assert isinstance(self.quantile, tuple)
        count = len(self.quantile)
        return (
            f"Pinball(quantile={self.quantile}) predicts {count} quantiles, one per unit, but {who} has "
            f"{units}. Give the last layer {count} unit{'s' * (count > 1)}."
        )
