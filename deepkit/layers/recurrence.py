"""What recurrent layers share: a cell that runs along a sequence, step after step, in one `lax.scan`."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.errors import DeepkitValueError, from_user_line
from deepkit.graph import Spec
from deepkit.layers.cell import Cell, States, check_states
from deepkit.layers.layer import Layer, Weight, Weights
from deepkit.layers.specs import FLOATING, to_float


class Recurrent(Layer):
    """Base of layers that run a cell along axis 1 of `(batch, steps, …)`. Subclasses have the fields
    `return_sequences`, `return_state` and `go_backwards`, and say the cell.

    Further inputs are the states to start from (zeros without them): `layer([x, h])`, or as Keras writes it,
    `layer(x, initial_state=[h])`.

    Args:
        zero_output_for_mask: Whether steps that the mask leaves out put out zeros, instead of what they repeat.
    """

    AXES: ClassVar[tuple[str, ...]] = ("steps", "features")
    OWN: ClassVar[frozenset[str]] = frozenset(
        {
            *("activity_regularizer", "return_sequences", "return_state", "go_backwards"),
            *("zero_output_for_mask", "name", "trainable"),
        }
    )
    """Fields of the layer; all others are the cell's."""

    zero_output_for_mask: bool = parameter(default=False, kw_only=True)

    def make_cell(self, kind: type[Cell]) -> Cell:
        """A cell of this class, with the layer's arguments and its name in errors."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in self.OWN}
        return kind(**fields, name=self.name)

    @property
    def final_activation(self) -> Any:
        """Never taken off: the states go through it as well."""
        return None

    @from_user_line
    def __call__(self, *inputs: Any, initial_state: Any = None) -> Any:
        """Apply the layer to `x`, or to `[x, *states]`."""
        return super().__call__(*with_states(inputs, initial_state))

    def build(self: Any, x: Spec, *states: Spec) -> dict[str, Weight]:
        """The cell's weights."""
        step = _step_of(x)
        declared: dict[str, Weight] = self.cell.build(step, *self.cell.state_specs(step))
        return declared

    def output_spec(self: Any, x: Spec, *states: Spec) -> Any:
        """`(batch, units)`, or with `return_sequences` `(batch, steps, units)`; with `return_state` a tuple of that and
        the last states.
        """
        self._check_axes(x)
        step = _step_of(x)
        expected = self.cell.state_specs(step)
        if states:
            check_states(self, states, expected)
        output = self.cell.output_spec(step, *expected)[0]
        if self.return_sequences:
            output = output.replace(shape=(None, x.shape[1], *output.shape[1:]))
        return (output, *expected) if self.return_state else output

    def _check_axes(self, x: Spec) -> None:
        wanted = len(self.AXES) + 1
        if x.rank == wanted:
            return
        axes = f"(batch, {', '.join(self.AXES)})"
        if x.rank == 2 and x.dtype not in FLOATING:
            mend = "Turn whole numbers into vectors first: dk.layers.Embedding(input_dim, output_dim)."
        elif x.rank < wanted:
            mend = f"Put dk.layers.Reshape(({', '.join(self.AXES)})) before it; a series of numbers has 1 feature."
        else:
            mend = "Put dk.layers.TimeDistributed(dk.layers.Flatten()) before it."
        raise DeepkitValueError(f"{self.label} needs an input {axes}, {wanted} axes, got shape {x.shape}. {mend}")

    def call(self: Any, weights: Weights, x: jax.Array, *rest: Any) -> Any:
        """The whole sequence, the last step last; backwards if asked."""
        *given, context = rest
        cell: Cell = self.cell
        x = to_float(x)
        spec = Spec((None, *x.shape[2:]), x.dtype.name)
        specs = cell.state_specs(spec)
        if given:
            start = tuple(array.astype(s.dtype) for array, s in zip(given, specs, strict=True))
        else:
            start = tuple(jnp.zeros((x.shape[0], *s.row_shape), s.dtype) for s in specs)
        inside = dataclasses.replace(context, masks=())
        steps, step = cell.unfold(weights, jnp.swapaxes(x, 0, 1), inside)

        def advance(carry: tuple[States, Any], now: tuple[Any, Any]) -> tuple[tuple[States, Any], Any]:
            (states, _), (arrays, counts) = carry, now
            output, after = step(arrays, states)
            if counts is not None:
                held = jnp.zeros_like(output) if self.zero_output_for_mask else self._held(spec, states, output)
                output = _where(counts, output, held)
                after = tuple(_where(counts, new, old) for new, old in zip(after, states, strict=True))
            return ((after, None), output) if self.return_sequences else ((after, output), None)

        (output_spec, *_) = cell.output_spec(spec, *specs)
        last = None if self.return_sequences else jnp.zeros((x.shape[0], *output_spec.row_shape), output_spec.dtype)
        counts = None if context.mask is None else context.mask.T
        (after, last), outputs = jax.lax.scan(advance, (start, last), (steps, counts), reverse=self.go_backwards)
        if self.return_sequences:
            last = jnp.swapaxes(outputs[::-1] if self.go_backwards else outputs, 0, 1)
        return (last, *after) if self.return_state else last

    def _held(self: Any, spec: Spec, states: States, output: jax.Array) -> jax.Array:
        held: jax.Array = self.cell.held_output(spec, states)
        if held.shape != output.shape:
            raise DeepkitValueError(
                f"{self.label} has a mask, and {self.cell.label} does not say what a step that it leaves out puts out: "
                f"its first state has shape {held.shape}, its output {output.shape}. "
                "Define held_output(self, x, states), or give zero_output_for_mask=True."
            )
        return held

    def output_mask(self: Any, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """The input's, for a sequence; in the order of the outputs, so turned round with `go_backwards` (which Keras
        forgets).
        """
        mask = super().output_mask(masks, inputs, output)
        if mask is None or not self.return_sequences or output.ndim != self._sequence_rank(inputs[0]):
            return None
        return mask[:, ::-1] if self.go_backwards else mask

    def _sequence_rank(self: Any, x: jax.Array) -> int:
        step = Spec((None, *x.shape[2:]), to_float(x).dtype.name)
        rank: int = self.cell.output_spec(step, *self.cell.state_specs(step))[0].rank + 1
        return rank


def with_states(inputs: tuple[Any, ...], initial_state: Any) -> tuple[Any, ...]:
    """The inputs of a call with the states of Keras's `initial_state=` behind them."""
    if initial_state is None:
        return inputs
    given = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], list | tuple) else inputs
    return (*given, *(initial_state if isinstance(initial_state, list | tuple) else (initial_state,)))


def _step_of(x: Spec) -> Spec:
    """Spec of the input of one step."""
    return x.replace(shape=(None, *x.shape[2:]))


def _where(counts: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    return jnp.where(counts.reshape(-1, *[1] * (new.ndim - 1)), new, old)


__all__ = ["Recurrent", "with_states"]
