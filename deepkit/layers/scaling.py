"""Layers that bring inputs to a common scale with constants: given ones, or ones fitted on training data."""

from __future__ import annotations

from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import parameter
from deepkit.converters import optional
from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line
from deepkit.graph import Spec
from deepkit.initializers import Ones, Zeros
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.specs import axis_numbers, floating, resolve_axes, to_float, weight_dtype

Numbers = float | tuple[Any, ...]
"""One number, or nested tuples of numbers: an array that can be compared and written as JSON."""


def _numbers(value: Any) -> Numbers:
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise DeepkitTypeError("expected a number or an array of numbers.") from None
    if not np.isfinite(array).all():
        raise DeepkitValueError("expected finite numbers.")
    return _nested(array.tolist())


def _nested(value: Any) -> Any:
    return tuple(map(_nested, value)) if isinstance(value, list) else value


class Rescaling(Layer):
    """`scale · x + offset`, such as `Rescaling(1 / 255)`. Shape as the input; integers are read as float32.

    Args:
        scale, offset: Numbers, or arrays that broadcast against one row.
    """

    scale: Any = parameter(convert=_numbers)
    offset: Any = parameter(default=0.0, convert=_numbers)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        shape = np.broadcast_shapes(np.shape(self.scale), np.shape(self.offset))
        if len(shape) > x.rank - 1 or any(
            a not in (1, b) for a, b in zip(shape[::-1], x.row_shape[::-1], strict=False)
        ):
            raise DeepkitValueError(
                f"{self.label}: scale and offset of shape {shape} do not fit rows of shape {x.row_shape}. "
                "Give one number, or one per feature."
            )
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """One product, one sum."""
        x = to_float(x)
        return x * jnp.asarray(self.scale, x.dtype) + jnp.asarray(self.offset, x.dtype)


_MODES = {"zscore": ("mean", "variance"), "minmax": ("minimum", "maximum")}


def _mode(value: Any) -> str:
    if not isinstance(value, str) or value not in _MODES:
        raise DeepkitValueError('expected "zscore" or "minmax".')
    return str(value)


class Normalization(Layer):
    """`(x − mean) / √variance`, or `(x − minimum) / (maximum − minimum)`, of statistics of the training data.

    The statistics are fitted by `adapt(x_train)`, travel with the model as state, and are never trained:

        scale = dk.layers.Normalization().adapt(x_train)
        y = dk.layers.Dense(1)(scale(x))

    The variance is biased, as in Keras. A feature that never varies is only centred (Keras divides it by
    1e-7, which blows up the smallest deviation in later data). Shape as the input; integers are read as
    float32.

    Args:
        axis: Axes that keep statistics of their own, counted with the batch: -1 for one per feature, `None`
            for one over all numbers.
        mean, variance: The statistics, if they are known: instead of `adapt`. Only for "zscore".
        invert: Whether to go back from normalised values to the original units.
        mode: "zscore" (mean 0, variance 1) or "minmax" (from 0 to 1 on the training data). Not in Keras.

    Raises:
        DeepkitError: for an unknown mode, a mean without a variance, or statistics of another shape than the
            input.
    """

    axis: Any = parameter(default=-1, convert=lambda value: () if value is None else axis_numbers(value))
    mean: Any = parameter(default=None, convert=optional(_numbers))
    variance: Any = parameter(default=None, convert=optional(_numbers))
    invert: bool = False
    mode: str = parameter(default="zscore", convert=_mode, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.mean is not None
        if given != (self.variance is not None) or (given and self.mode != "zscore"):
            raise DeepkitValueError(
                f"{self!r}: mean and variance are given together or not at all, and only in zscore mode. "
                "Leave both out and call adapt(x_train)."
            )
        if given and (np.shape(self.mean) != np.shape(self.variance) or np.min(self.variance) < 0):
            raise DeepkitValueError(
                f"{self!r}: mean has shape {np.shape(self.mean)}, variance {np.shape(self.variance)}. "
                "Give one variance of at least 0 per mean."
            )

    @from_user_line
    def adapt(self, data: Any) -> Self:
        """Fit the statistics on training data, and return the layer.

        Args:
            data: Array or DataFrame `(rows, …)` shaped like the layer's input, or a training part of
                `dk.split`.

        Raises:
            DeepkitError: for data without rows or numbers, with NaN or infinities, or a sealed test part.
        """
        if self.mean is not None:
            raise DeepkitTypeError(f"{self.label} was given its mean and variance. Leave them out to use adapt.")
        array = training_array(self, data)
        spec = Spec((None, *array.shape[1:]))
        others = tuple(set(range(array.ndim)) - set(resolve_axes(self, spec, self.axis)))
        if self.mode == "zscore":
            mean, centred_at = array.mean(others), array.mean(others, keepdims=True)
            constant = array.max(others) == array.min(others)
            fitted = (mean, np.where(constant, 0, np.square(array - centred_at).mean(others)))
        else:
            fitted = (array.min(others), array.max(others))
        names = _MODES[self.mode]
        self.holder.params = {}
        self.holder.state = {n: jnp.asarray(v, jnp.float32) for n, v in zip(names, fitted, strict=True)}
        return self

    @property
    def fitted_weights(self) -> dict[str, np.ndarray] | None:
        """The statistics by name, or `None` before `adapt`."""
        if self.mean is not None:
            return {"mean": np.asarray(self.mean), "variance": np.asarray(self.variance)}
        state = self.holder.state
        if state is None or any(np.isnan(values).any() for values in state.values()):
            return None
        return {name: np.asarray(values) for name, values in state.items()}

    def check_ready(self) -> None:
        """Refuse to run before the statistics are fitted."""
        if self.fitted_weights is None:
            raise DeepkitValueError(
                f"{self.label} has no statistics yet. Call its adapt(x_train) before the model runs, "
                "or give mean and variance."
            )

    def build(self, x: Spec) -> dict[str, Weight]:
        """State `mean` and `variance`, or `minimum` and `maximum`, of the sizes of the kept axes."""
        if self.mean is not None:
            return {}
        shape = tuple(x.row_shape[axis - 1] for axis in resolve_axes(self, x, self.axis))
        starts = zip(_MODES[self.mode], (Zeros(), Ones()), strict=True)
        return {name: Weight(shape, start, trainable=False, dtype=weight_dtype(x)) for name, start in starts}

    def init(self, key: jax.Array, *inputs: Spec) -> tuple[Weights, Weights]:
        """The fitted statistics; NaN before `adapt`, so that nothing is scaled by statistics of nothing."""
        declared = self.build(*inputs)
        fitted = {} if self.mean is not None else self.fitted_weights
        if fitted is None:
            return {}, {name: jax.device_put(np.full(w.shape, np.nan, w.dtype)) for name, w in declared.items()}
        return {}, {name: jnp.asarray(values, declared[name].dtype) for name, values in fitted.items()}

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        kept = tuple(x.row_shape[axis - 1] for axis in resolve_axes(self, x, self.axis))
        for name, values in (self.fitted_weights or {}).items():
            _check_shape(self, name, values.shape, kept, x.shape)
        return floating(x).real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> Any:
        """Centre and scale, or back."""
        x = to_float(x)
        given = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        axes = [axis % x.ndim for axis in given]
        kept = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        names = _MODES[self.mode]
        first, second = (weights[n] for n in names) if weights else (self.mean, self.variance)
        first, second = (jnp.asarray(values, x.dtype) for values in (first, second))
        _check_shape(self, names[0], first.shape, tuple(x.shape[axis] for axis in sorted(axes)), x.shape)
        spread = second - first if self.mode == "minmax" else jnp.sqrt(second)
        spread = jnp.where(spread == 0, 1, spread)
        offset, spread = (v.reshape(kept if v.ndim else ()) for v in (first, spread))
        y = x * spread + offset if self.invert else (x - offset) / spread
        return (y, {}) if weights else y


def _check_shape(layer: Layer, name: str, shape: Any, kept: Any, x_shape: Any) -> None:
    if shape not in ((), kept):
        raise DeepkitValueError(
            f"{layer.label}: its {name} has shape {shape}, but an input of shape {x_shape} needs {kept}. "
            "Adapt it to data of the input's shape."
        )


def training_array(layer: Layer, data: Any) -> np.ndarray:
    """The data as float64 with rows, columns and only finite numbers."""
    from deepkit.preprocessing.sealed import refuse_sealed

    refuse_sealed(data, f"{layer.label}.adapt")
    data = data.x if hasattr(data, "for_training") else data
    try:
        array = np.asarray(data, np.float64)
    except (TypeError, ValueError):
        raise DeepkitTypeError(
            f"{layer.label}.adapt: expected numbers, got {type(data).__name__} with other values. "
            "Encode text and categories first, with dk.preprocessing.TableEncoder."
        ) from None
    if array.ndim == 0 or array.size == 0:
        raise DeepkitValueError(
            f"{layer.label}.adapt: data of shape {array.shape} has no rows. Give the training inputs, (rows, …)."
        )
    wrong = int((~np.isfinite(array)).sum())
    if wrong:
        raise DeepkitValueError(
            f"{layer.label}.adapt: {wrong} of {array.size} values are NaN or infinite. Drop those rows, or "
            "fill them first."
        )
    return array
