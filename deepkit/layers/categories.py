"""Layers that turn categories and ranges into numbers of categories, or into vectors of zeros and ones."""

from __future__ import annotations

import itertools
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import parameter
from deepkit.converters import finite_number, optional, positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line, warn
from deepkit.graph import Meaning, Spec
from deepkit.initializers import Zeros
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.scaling import training_array
from deepkit.layers.specs import to_float, weight_dtype

ENCODINGS = ("one_hot", "multi_hot", "count")


def _encoding(value: Any) -> str:
    if value not in ENCODINGS:
        raise DeepkitValueError(f"expected one of {', '.join(map(repr, ENCODINGS))}.")
    return str(value)


def output_mode(value: Any) -> str:
    """Converter: one of the encodings, or "int" for none."""
    if value not in ("int", *ENCODINGS):
        raise DeepkitValueError(f"expected one of 'int', {', '.join(map(repr, ENCODINGS))}.")
    return str(value)


def encoded(number: jax.Array, mode: str, size: int, dtype: str, weights: jax.Array | None = None) -> jax.Array:
    """Category numbers as they are ("int", int32), or as zeros and ones; numbers outside `size` are all zeros."""
    number = number.astype(jnp.int32)
    if mode == "int":
        return number
    if mode == "one_hot" and number.ndim > 1 and number.shape[-1] == 1:
        number = number[..., 0]
    ones = jax.nn.one_hot(number, size, dtype=dtype)
    if weights is not None:
        ones = ones * weights[..., None].astype(dtype)
    return {"one_hot": lambda: ones, "multi_hot": lambda: ones.max(-2), "count": lambda: ones.sum(-2)}[mode]()


def encoded_spec(layer: Layer, x: Spec, mode: str, size: int, dtype: str) -> Spec:
    """Spec of `encoded`: in one_hot mode a last axis of size 1 is replaced, as in Keras."""
    if mode == "int":
        return Spec(x.shape, "int32")
    if mode != "one_hot" and x.rank < 2:
        raise DeepkitValueError(
            f"{layer.label} in mode {mode!r} puts the categories of a row together, and an input of shape {x.shape} "
            'has one per row. Write output_mode="one_hot".'
        )
    replaced = mode != "one_hot" or (x.rank > 1 and x.shape[-1] == 1)
    outer = x.shape[:-1] if replaced else x.shape
    return Spec((*outer, size), dtype, Meaning.NON_NEGATIVE)


def require_whole_numbers(layer: Layer, x: Spec) -> None:
    """Refuse floating inputs, whose values need not be numbers of anything."""
    if "int" not in x.dtype and x.dtype != "bool":
        raise DeepkitTypeError(
            f"{layer.label} takes whole numbers, and its input of shape {x.shape} holds {x.dtype}. "
            'Declare them: dk.Input(shape, dtype="int32"), or put Discretization before it for ranges.'
        )


class CategoryEncoding(Layer):
    """Category numbers as zeros and ones: "one_hot" per number, "multi_hot" or "count" over the last axis.

    Input of whole numbers from 0 to num_tokens − 1; others become zeros. Output float32: "one_hot"
    `(batch, …, num_tokens)`, where a last axis of size 1 is replaced; "multi_hot" and "count" of `(batch, …, n)`
    `(batch, …, num_tokens)`. In count mode a second input of the same shape may weigh the numbers, Keras's
    `count_weights`. Keras's `sparse` is left out.

    Args:
        num_tokens: Number of categories.
        output_mode: "one_hot", "multi_hot" (whether a category occurs) or "count" (how often).

    Raises:
        DeepkitError: for an unknown mode, or an input that does not hold whole numbers.
    """

    num_tokens: int = parameter(convert=positive_integer)
    output_mode: str = parameter(default="multi_hot", convert=_encoding)

    def output_spec(self, x: Spec, count_weights: Spec | None = None) -> Spec:
        """Zeros and ones, or counts."""
        require_whole_numbers(self, x)
        if count_weights is not None and (self.output_mode != "count" or count_weights.shape != x.shape):
            raise DeepkitValueError(
                f"{self.label}: weights of shape {count_weights.shape} were given for numbers of shape {x.shape} in "
                f'mode {self.output_mode!r}. Give one weight per number, and output_mode="count".'
            )
        return encoded_spec(self, x, self.output_mode, self.num_tokens, "float32")

    def call(self, weights: Weights, *arguments: Any) -> jax.Array:
        """Compare each number with each category."""
        x, *count_weights, _ = arguments
        return encoded(x, self.output_mode, self.num_tokens, "float32", *count_weights)


def _boundaries(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list | tuple | np.ndarray):
        raise DeepkitTypeError("expected a list of boundaries, such as [0.0, 1.0, 2.0].")
    boundaries = tuple(map(finite_number, value))
    if not boundaries or any(a >= b for a, b in itertools.pairwise(boundaries)):
        raise DeepkitValueError("expected at least one boundary, each above the one before.")
    return boundaries


class Discretization(Layer):
    """The number of the range that each value lies in: boundaries `[0, 1, 2]` make (−∞, 0), [0, 1), [1, 2) and [2, ∞).

    The boundaries are given, or fitted by `adapt(x_train)`: the quantiles that cut the training values, all columns
    together, into `num_bins` ranges of equally many. Fitted ones travel with the model as state, and are never
    trained. They are NumPy's, between two values where they fall there; Keras's are estimated, and its `epsilon` is
    left out. Input of any shape, output int32 of the same, or zeros and ones as
    CategoryEncoding makes them.

    Args:
        bin_boundaries: The boundaries, ascending; instead of `adapt`.
        num_bins: Number of ranges, at least 2, to be fitted.
        output_mode: "int", "one_hot", "multi_hot" or "count".

    Raises:
        DeepkitError: unless either boundaries or a number is given.
    """

    bin_boundaries: Any = parameter(default=None, convert=optional(_boundaries))
    num_bins: int | None = parameter(default=None, convert=optional(positive_integer))
    output_mode: str = parameter(default="int", convert=output_mode)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.bin_boundaries is None) == (self.num_bins is None) or self.num_bins == 1:
            raise DeepkitValueError(
                f"{self!r}: give either bin_boundaries, or num_bins of at least 2 and call adapt(x_train)."
            )

    @from_user_line
    def adapt(self, data: Any) -> Self:
        """Fit the boundaries on training data, and return the layer.

        Args:
            data: Array or DataFrame of any shape, or a training part of `dk.split`.

        Raises:
            DeepkitError: for data without rows or numbers, with NaN or infinities, or a sealed test part.
        """
        if self.num_bins is None:
            raise DeepkitTypeError(f"{self.label} was given its boundaries. Give num_bins instead to use adapt.")
        array = training_array(self, data)
        boundaries = np.quantile(array, np.arange(1, self.num_bins) / self.num_bins).astype(np.float32)
        equal = int((boundaries[1:] == boundaries[:-1]).sum())
        if equal:
            warn(
                f"{self.label}.adapt: {equal} of {len(boundaries)} boundaries equal the one before, because many "
                f"values are alike: so many of the {self.num_bins} ranges stay empty. Take fewer bins."
            )
        self.holder.params = {}
        self.holder.state = {"bin_boundaries": jnp.asarray(boundaries)}
        return self

    @property
    def fitted_weights(self) -> dict[str, np.ndarray] | None:
        """The boundaries, or `None` before `adapt`."""
        if self.bin_boundaries is not None:
            return {"bin_boundaries": np.asarray(self.bin_boundaries)}
        state = self.holder.state
        if state is None or np.isnan(state["bin_boundaries"]).any():
            return None
        return {"bin_boundaries": np.asarray(state["bin_boundaries"])}

    def check_ready(self) -> None:
        """Refuse to run before the boundaries are fitted."""
        if self.fitted_weights is None:
            raise DeepkitValueError(
                f"{self.label} has no boundaries yet. Call its adapt(x_train) before the model runs, or give "
                "bin_boundaries."
            )

    def build(self, x: Spec) -> dict[str, Weight]:
        """State `bin_boundaries (num_bins − 1,)`, unless they are given."""
        if self.num_bins is None:
            return {}
        return {"bin_boundaries": Weight((self.num_bins - 1,), Zeros(), trainable=False, dtype=weight_dtype(x))}

    def init(self, key: jax.Array, *inputs: Spec) -> tuple[Weights, Weights]:
        """The fitted boundaries; NaN before `adapt`."""
        fitted, state = self.fitted_weights or {}, {}
        for name, weight in self.build(*inputs).items():
            values = fitted.get(name, np.full(weight.shape, np.nan))
            state[name] = jnp.asarray(values, jax.dtypes.canonicalize_dtype(weight.dtype))
        return {}, state

    def output_spec(self, x: Spec) -> Spec:
        """Numbers of ranges, or zeros and ones."""
        return encoded_spec(self, x, self.output_mode, self._bins, "float32")

    @property
    def _bins(self) -> int:
        return self.num_bins or len(self.bin_boundaries) + 1

    def call(self, weights: Weights, x: jax.Array, context: Context) -> Any:
        """Search, encode."""
        x = to_float(x)
        boundaries = weights["bin_boundaries"] if weights else jnp.asarray(self.bin_boundaries, x.dtype)
        output = encoded(jnp.searchsorted(boundaries, x, side="right"), self.output_mode, self._bins, "float32")
        return (output, {}) if weights else output
