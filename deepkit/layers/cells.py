"""The cells of SimpleRNN, GRU and LSTM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import fraction, positive_integer
from deepkit.graph import Meaning, Spec
from deepkit.initializers import Initializer
from deepkit.kernels.threefry import fold_in
from deepkit.layers.cell import Cell, States, Step, check_states
from deepkit.layers.dropping import kept
from deepkit.layers.layer import Context, Layer, Weight, Weights, require_rank
from deepkit.layers.specs import to_float, weight_dtype


class UnitForgetBias(Initializer):
    """Bias of an LSTM's four gates (i, f, c, o): 1 for the forget gate, so that a cell remembers until it has learnt
    to forget, and `others` for the rest.

    Reference: Jozefowicz et al., 2015, https://proceedings.mlr.press/v37/jozefowicz15.html
    """

    others: Any = parameter(convert=initializers.get)

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        units = shape[0] // 4
        first, last = jax.random.split(key)
        return jnp.concatenate(
            [self.others(first, (units,), dtype), jnp.ones(units, dtype), self.others(last, (2 * units,), dtype)]
        )


class _UnitsCell(Cell):
    """Base of the cells below: `units` numbers per state and `GATES` blocks of as many columns in the kernels."""

    GATES: ClassVar[int] = 1
    STATES: ClassVar[int] = 1

    def state_shapes(self: Any, x: Spec) -> tuple[tuple[int, ...], ...]:
        """`(units,)` each."""
        return ((self.units,),) * self.STATES

    def build(self: Any, x: Spec, *states: Spec) -> dict[str, Weight]:
        """`kernel (features, gates · units)`, `recurrent_kernel (units, gates · units)` and `bias`."""
        width = self.GATES * self.units
        return recurrent_weights(self, (x.features, width), (self.units, width), self._bias_shape, weight_dtype(x))

    @property
    def _bias_shape(self: Any) -> tuple[int, ...]:
        return (self.GATES * self.units,)

    def output_spec(self: Any, x: Spec, *states: Spec) -> tuple[Spec, ...]:
        """`(batch, units)`: the output, then every state."""
        require_rank(self, x, 2)
        expected = self.state_specs(x)
        check_states(self, states, expected)
        return (expected[0].replace(meaning=self._meaning), *expected)

    @property
    def _meaning(self: Any) -> Meaning:
        """Gates between 0 and 1 keep bounded numbers bounded."""
        gated = activations.meaning_of(self.recurrent_activation) is Meaning.PROBABILITY
        meaning = activations.meaning_of(self.activation)
        return meaning if gated and meaning is Meaning.BOUNDED else Meaning.REAL


def recurrent_weights(
    cell: Any,
    kernel: tuple[int, ...],
    recurrent_kernel: tuple[int, ...],
    bias: tuple[int, ...],
    dtype: str,
) -> dict[str, Weight]:
    """Declarations of the three arrays of a cell, of these shapes."""
    bias_initializer = cell.bias_initializer
    if getattr(cell, "unit_forget_bias", False):
        bias_initializer = UnitForgetBias(bias_initializer)
    weights = {}
    for name, prefix, shape, initializer in (
        ("kernel", "kernel", kernel, cell.kernel_initializer),
        ("recurrent_kernel", "recurrent", recurrent_kernel, cell.recurrent_initializer),
        ("bias", "bias", bias, bias_initializer),
    ):
        if name != "bias" or cell.use_bias:
            weights[name] = Weight(
                shape,
                initializer,
                dtype=dtype,
                regularizer=getattr(cell, f"{prefix}_regularizer"),
                constraint=getattr(cell, f"{prefix}_constraint"),
            )
    return weights


def input_dropout(cell: Any, xs: jax.Array, context: Context) -> jax.Array:
    """The inputs of all steps `(steps, batch, …)`, in training with the same numbers dropped at every step."""
    return _dropout(cell, cell.dropout, xs.shape[1:], context, 0)(to_float(xs))


def state_dropout(cell: Any, shape: tuple[int, ...], context: Context) -> Callable[[jax.Array], jax.Array]:
    """A function that in training drops the same numbers of a state of this shape at every step."""
    return _dropout(cell, cell.recurrent_dropout, shape, context, 1)


def _dropout(
    cell: Layer, rate: float, shape: tuple[int, ...], context: Context, number: int
) -> Callable[[jax.Array], jax.Array]:
    if not context.training or rate == 0:
        return lambda x: x
    stays = kept(fold_in(context.key_for(cell), number), rate, shape)
    return lambda x: jnp.where(stays, x / (1 - rate), jnp.zeros_like(x))


class SimpleRNNCell(_UnitsCell):
    """`h ← activation(x · kernel + h · recurrent_kernel + bias)`; the output is h. Arguments as in SimpleRNN."""

    units: int = parameter(convert=positive_integer)
    activation: Any = parameter(default="tanh", convert=activations.get)
    use_bias: bool = True
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    recurrent_initializer: Any = parameter(default="orthogonal", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    recurrent_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    recurrent_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    dropout: float = parameter(default=0.0, convert=fraction)
    recurrent_dropout: float = parameter(default=0.0, convert=fraction)

    @property
    def _meaning(self) -> Meaning:
        return activations.meaning_of(self.activation)

    def unfold(self, weights: Weights, xs: jax.Array, context: Context) -> tuple[Any, Step]:
        """The inputs' part of the sum is one matrix product for all steps."""
        forget = state_dropout(self, (xs.shape[1], self.units), context)
        xs = input_dropout(self, xs, context) @ weights["kernel"]
        if self.use_bias:
            xs = xs + weights["bias"]

        def step(x: jax.Array, states: States) -> tuple[jax.Array, States]:
            h = self.activation(x + forget(states[0]) @ weights["recurrent_kernel"])
            return h, (h,)

        return xs, step


class GRUCell(_UnitsCell):
    """One step of a gated recurrent unit; arguments and formula as in GRU."""

    GATES: ClassVar[int] = 3

    units: int = parameter(convert=positive_integer)
    activation: Any = parameter(default="tanh", convert=activations.get)
    recurrent_activation: Any = parameter(default="sigmoid", convert=activations.get)
    use_bias: bool = True
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    recurrent_initializer: Any = parameter(default="orthogonal", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    recurrent_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    recurrent_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    dropout: float = parameter(default=0.0, convert=fraction)
    recurrent_dropout: float = parameter(default=0.0, convert=fraction)
    reset_after: bool = True

    @property
    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def unfold(self, weights: Weights, xs: jax.Array, context: Context) -> tuple[Any, Step]:
        """The inputs' part of all three gates is one matrix product for all steps."""
        units, recurrent = self.units, weights["recurrent_kernel"]
        forget = state_dropout(self, (xs.shape[1], units), context)
        xs = input_dropout(self, xs, context) @ weights["kernel"]
        inner_bias: jax.Array | float = 0.0
        if self.use_bias and self.reset_after:
            xs, inner_bias = xs + weights["bias"][0], weights["bias"][1]
        elif self.use_bias:
            xs = xs + weights["bias"]

        def step(x: jax.Array, states: States) -> tuple[jax.Array, States]:
            (h,) = states
            seen = forget(h)
            inner = seen @ recurrent + inner_bias if self.reset_after else seen @ recurrent[:, : 2 * units]
            z, r = jnp.split(self.recurrent_activation(x[:, : 2 * units] + inner[:, : 2 * units]), 2, axis=1)
            past = r * inner[:, 2 * units :] if self.reset_after else (r * seen) @ recurrent[:, 2 * units :]
            candidate = self.activation(x[:, 2 * units :] + past)
            h = z * h + (1 - z) * candidate
            return h, (h,)

        return xs, step


class LSTMCell(_UnitsCell):
    """One step of a long short-term memory: `output, h, c = cell([x, h, c])`; arguments and formula as in LSTM."""

    GATES: ClassVar[int] = 4
    STATES: ClassVar[int] = 2

    units: int = parameter(convert=positive_integer)
    activation: Any = parameter(default="tanh", convert=activations.get)
    recurrent_activation: Any = parameter(default="sigmoid", convert=activations.get)
    use_bias: bool = True
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    recurrent_initializer: Any = parameter(default="orthogonal", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    unit_forget_bias: bool = True
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    recurrent_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    recurrent_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    dropout: float = parameter(default=0.0, convert=fraction)
    recurrent_dropout: float = parameter(default=0.0, convert=fraction)

    def unfold(self, weights: Weights, xs: jax.Array, context: Context) -> tuple[Any, Step]:
        """The inputs' part of all four gates is one matrix product for all steps."""
        forget = state_dropout(self, (xs.shape[1], self.units), context)
        xs = input_dropout(self, xs, context) @ weights["kernel"]
        if self.use_bias:
            xs = xs + weights["bias"]

        def step(x: jax.Array, states: States) -> tuple[jax.Array, States]:
            h, c = states
            h, c = lstm_gates(self, x + forget(h) @ weights["recurrent_kernel"], c)
            return h, (h, c)

        return xs, step


def lstm_gates(cell: Any, sums: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`(h, c)` from what arrives at the four gates i, f, c, o, along the last axis."""
    i, f, candidate, o = jnp.split(sums, 4, axis=-1)
    c = cell.recurrent_activation(f) * c + cell.recurrent_activation(i) * cell.activation(candidate)
    return cell.recurrent_activation(o) * cell.activation(c), c
