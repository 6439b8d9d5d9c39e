"""Cross-entropies of one distribution over classes: one-hot targets, or class numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deepkit.configuration import known_to_be, parameter
from deepkit.converters import fraction
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph.spec import Meaning, Spec
from deepkit.losses import outputs, targets
from deepkit.losses.clipping import clip_probabilities
from deepkit.losses.fields import logits_flag
from deepkit.losses.loss import Loss, floating
from deepkit.losses.smoothing import smooth, smoothing_convention


class CategoricalCrossentropy(Loss):
    """−Σ_k y_k·ln p_k, natural logarithm, for one-hot targets or target distributions.

    `y_true`, `y_pred`: `(batch, ..., classes)` → `(batch, ...)`. On a softmax output the model computes it
    from the logits (`optax.softmax_cross_entropy`); probabilities given directly are divided by their sum and
    clipped to [1e-7, 1−1e-7], as in Keras. Keras's `axis` does not exist: classes are the last axis.

    Args:
        from_logits: `None` lets the model's last activation decide (Keras's default is False); True says that
            the output is linear on purpose, False that an output of unknown meaning gives probabilities.
        label_smoothing: a in [0, 1): how far the labels are moved towards uniform; 0 leaves them.
        smoothing_convention: With ten classes and a = .1 a one-hot row becomes .91 and nine times .01
            (`"optax"`, as Keras), or .9 and nine times .1/9 (`"textbook"`).
    """

    FUSES: ClassVar[Meaning | None] = Meaning.DISTRIBUTION

    from_logits: bool | None = parameter(default=None, convert=logits_flag)
    label_smoothing: float = parameter(default=0.0, convert=fraction)
    smoothing_convention: str = parameter(default="optax", convert=smoothing_convention, kw_only=True)

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """−Σ y·ln p"""
        y, p = self._matched(y_true, y_pred)
        return -jnp.sum(self._smooth(y) * _log_probabilities(p), axis=-1)

    def values_from_logits(self, y_true: Any, logits: Any) -> jax.Array:
        """The same with p = softmax(logits)."""
        y, logits = self._matched(y_true, logits)
        return optax.losses.softmax_cross_entropy(logits, self._smooth(y))

    def _smooth(self, y: jax.Array) -> jax.Array:
        classes = y.shape[-1]
        return (
            y
            if known_to_be(self.label_smoothing, 0)
            else smooth(y, self.label_smoothing, classes, self.smoothing_convention)
        )

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuses what is neither a softmax nor linear on purpose."""
        super().check_output(output, label, activation)
        outputs.require_categorical(type(self).__name__, self.from_logits, output, label, activation)

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Refuses class numbers, and rows that do not sum to one."""
        return targets.distribution(y, output, name)


class SparseCategoricalCrossentropy(Loss):
    """−ln p_y, natural logarithm, for class numbers y = 0…K−1.

    `y_true`: whole numbers `(batch, ...)`; `y_pred`: `(batch, ..., classes)` → `(batch, ...)`. From logits z it is
    ln Σ_k exp z_k − z_y, as `optax.softmax_cross_entropy_with_integer_labels`; probabilities are treated as in
    `CategoricalCrossentropy`. Keras's `ignore_class` and `axis` do not exist; label smoothing does.

    Args:
        from_logits, label_smoothing, smoothing_convention: As in `CategoricalCrossentropy`.
    """

    FUSES: ClassVar[Meaning | None] = Meaning.DISTRIBUTION

    from_logits: bool | None = parameter(default=None, convert=logits_flag)
    label_smoothing: float = parameter(default=0.0, convert=fraction, kw_only=True)
    smoothing_convention: str = parameter(default="optax", convert=smoothing_convention, kw_only=True)

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """−ln p_y"""
        y, p = self._indexed(y_true, y_pred)
        if not known_to_be(self.label_smoothing, 0):
            return self._dense.values(jax.nn.one_hot(y, p.shape[-1], dtype=p.dtype), p)
        return -jnp.take_along_axis(_log_probabilities(p), y[..., None], axis=-1)[..., 0]

    def values_from_logits(self, y_true: Any, logits: Any) -> jax.Array:
        """The same with p = softmax(logits)."""
        y, logits = self._indexed(y_true, logits)
        if not known_to_be(self.label_smoothing, 0):
            one_hot = jax.nn.one_hot(y, logits.shape[-1], dtype=logits.dtype)
            return self._dense.values_from_logits(one_hot, logits)
        # optax looks each class up, and the gradient of that is a scatter: slower, 0.1 s longer to compile, and nothing
        # is fused with it.
        below = logits - jax.lax.stop_gradient(logits.max(axis=-1, keepdims=True))
        true_class = jnp.arange(logits.shape[-1]) == y[..., None]
        return jnp.log(jnp.sum(jnp.exp(below), axis=-1)) - jnp.sum(jnp.where(true_class, below, 0), axis=-1)

    @property
    def _dense(self) -> CategoricalCrossentropy:
        return CategoricalCrossentropy(
            self.from_logits, self.label_smoothing, smoothing_convention=self.smoothing_convention
        )

    def _indexed(self, y_true: Any, y_pred: Any) -> tuple[jax.Array, jax.Array]:
        y, p = jnp.asarray(y_true), floating(y_pred)
        if not jnp.issubdtype(y.dtype, jnp.integer):
            raise DeepkitTypeError(
                f"{type(self).__name__}: y_true has dtype {y.dtype}, where class numbers are expected. "
                "Pass whole numbers, y.astype('int32'), or use CategoricalCrossentropy for one-hot rows."
            )
        if y.shape != p.shape[:-1]:
            raise DeepkitValueError(
                f"{type(self).__name__}: y_true has shape {y.shape} and y_pred {p.shape}. "
                f"Pass one class number per distribution: y_true of shape {p.shape[:-1]}."
            )
        return y, p

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuses what is neither a softmax nor linear on purpose."""
        super().check_output(output, label, activation)
        outputs.require_categorical(type(self).__name__, self.from_logits, output, label, activation)

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """Class numbers as int32; refuses one-hot rows, fractions, and labels that no unit stands for."""
        return targets.class_numbers(y, output, name)


def _log_probabilities(p: jax.Array) -> jax.Array:
    return jnp.log(clip_probabilities(p / jnp.sum(p, axis=-1, keepdims=True)))
