"""What a cell is: one step of a recurrent network, from an input and states to an output and new states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Spec
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.specs import shapes, to_float, traced_spec, weight_dtype

States = tuple[jax.Array, ...]
Step = Callable[[Any, States], tuple[jax.Array, States]]


class Cell(Layer):
    """Base of cells. `RNN(cell)` runs one along a sequence; called by itself it is a layer that takes one step:
    `output, h = cell([x, h])`, the states being inputs and outputs like any other.

    A cell of your own says the shapes of its states, and takes a step:

        class Leaky(dk.layers.Cell):
            units: int = 8

            def build(self, x, *states):
                return {"kernel": dk.layers.Weight((x.features, self.units), dk.initializers.GlorotUniform())}

            def state_shapes(self, x):                     # of one row, for the spec of the input of one step
                return ((self.units,),)

            def call(self, weights, x, h, context):        # returns the output, then the new states
                h = 0.9 * h + x @ weights["kernel"]
                return h, h

    A cell has parameters, but no state of its own beside the states that it is given. `context.key_for(self)` is
    the same key at every step of a sequence: dropout masks stay as they are, as Gal and Ghahramani recommend.
    """

    def state_shapes(self, x: Spec) -> tuple[tuple[int, ...], ...]:
        """Shape of one row of every state, for inputs of this spec."""
        raise DeepkitTypeError(
            f"{type(self).__name__} does not define state_shapes(self, x). "
            "Return the shape of one row of every state, such as ((self.units,),)."
        )

    def state_specs(self, x: Spec) -> tuple[Spec, ...]:
        """Specs of the states, in the dtype of the weights."""
        return tuple(Spec((None, *shape), weight_dtype(x)) for shape in self.state_shapes(x))

    def output_spec(self, x: Spec, *states: Spec) -> tuple[Spec, ...]:
        """The output's spec, then those of the new states, found by tracing `call`."""
        expected = self.state_specs(x)
        check_states(self, states, expected)
        declared = self.build(x, *expected)
        kept = [name for name, weight in declared.items() if isinstance(weight, Weight) and not weight.trainable]
        if kept:
            raise DeepkitValueError(
                f"{self.label} declares {kept[0]!r} with trainable=False, but what a cell changes from step to step is "
                "a state. Give it a shape in state_shapes."
            )

        def step(*arrays: jax.Array) -> Any:
            weights = jax.tree.map(
                lambda weight: jnp.zeros(weight.shape, weight.dtype),
                declared,
                is_leaf=lambda leaf: isinstance(leaf, Weight),
            )
            return tuple(self.call(weights, *arrays, Context()))

        output, *after = traced_spec(self, step, x, *expected)
        if tuple(after) != expected:
            raise DeepkitValueError(
                f"{self.label} returns new states of {_listed(after)} for states of {_listed(expected)}. "
                "Return (output, *states) with the states in the shapes and dtypes in which they were given."
            )
        return (output, *after)

    def unfold(self, weights: Weights, xs: jax.Array, context: Context) -> tuple[Any, Step]:
        """What a sequence needs: `(inputs of the steps, function of one step)`.

        Everything that does not depend on the states is computed here, for all steps at once: `xs` is
        `(steps, batch, …)`, and so is every array of the inputs returned. `step(x, states)` returns
        `(output, new states)`.
        """
        if type(self).call is Cell.call:
            raise DeepkitTypeError(
                f"{type(self).__name__} does not define call(self, weights, x, *states, context). "
                "Return the output and then the new states."
            )

        def step(x: jax.Array, states: States) -> tuple[jax.Array, States]:
            output, *after = self.call(weights, x, *states, context)
            return output, tuple(after)

        return xs, step

    def held_output(self, x: Spec, states: States) -> jax.Array:
        """Output of a step that does not count: by default the first state, which stays as it was."""
        return states[0]

    def call(self, weights: Weights, x: jax.Array, *rest: Any) -> tuple[jax.Array, ...]:
        """`(output, *new states)` of a single step."""
        *states, context = rest
        xs, step = self.unfold(weights, to_float(x)[None], context)
        output, after = step(jax.tree.map(lambda a: a[0], xs), tuple(states))
        return (output, *after)

    def apply(self, params: Weights, state: Weights, *inputs: Any, context: Context) -> tuple[Any, Weights]:
        """`call`; a cell has parameters only."""
        return self.call(params, *inputs, context), state

    @property
    def final_activation(self) -> Any:
        """Never taken off: the states go through it as well."""
        return None


def check_states(layer: Layer, states: Sequence[Spec], expected: Sequence[Spec]) -> None:
    """Refuse states in another number or of other shapes than the cell has."""
    if [state.shape for state in states] == [state.shape for state in expected]:
        return
    several = len(expected) > 1
    given = f"got {shapes(tuple(states))}" if states else "got none"
    raise DeepkitValueError(
        f"{layer.label} takes {len(expected)} state{'s' * several} of shape {shapes(tuple(expected))} "
        f"after its input, {given}. Pass the input first, then the state{'s' * several}: "
        f"[x, {', '.join(f'Input({_row(state)})' for state in expected)}]."
    )


def _row(state: Spec) -> str:
    return str(state.row_shape[0]) if len(state.row_shape) == 1 else str(state.row_shape)


def _listed(specs: Sequence[Spec]) -> str:
    return " and ".join(f"shape {spec.shape} ({spec.dtype})" for spec in specs) or "no shape at all"


__all__ = ["Cell", "States", "Step", "check_states"]
