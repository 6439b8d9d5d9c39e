"""A recurrent layer and its mirror image."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import optional
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, from_user_line
from deepkit.graph import Spec
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.recurrence import Recurrent, with_states
from deepkit.layers.wrapper import Wrapper, run, updated

MERGES = {
    "concat": lambda a, b: jnp.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}


def _recurrent(value: Any) -> Recurrent:
    if not isinstance(value, Recurrent):
        raise DeepkitTypeError(f"expected a recurrent layer such as dk.layers.LSTM(8), got {described(value)}.")
    if getattr(value, "activity_regularizer", None) is not None:
        raise DeepkitValueError(
            "the activity_regularizer of a layer inside would not be seen. Penalise the kernels, or leave it out."
        )
    return value


def _merge_mode(value: Any) -> str | None:
    if value is None or value in MERGES:
        return value
    raise DeepkitValueError(f"expected {', '.join(map(repr, MERGES))}, or None for two outputs.")


class Bidirectional(Wrapper):
    """Runs one recurrent layer forwards and another backwards, and joins what they put out at every step.

    Input `(batch, steps, …)`, or that and the states to start from, first the forward ones. Output as the layer's, with
    twice the features for "concat". Weights under `forward_layer` and `backward_layer`. Without `return_sequences` the
    two outputs joined are each direction's last, so the backward one has just seen step 0. With them, steps that the
    mask leaves out put out zeros, as in Keras.

    Args:
        layer: The forward layer: LSTM, GRU, SimpleRNN or RNN.
        merge_mode: "concat", "sum", "mul", "ave" (the mean), or `None`: two outputs, forward and backward.
        backward_layer: By default the same layer with `go_backwards` turned round, and with weights of its own.

    Raises:
        DeepkitError: for other layers, an unknown merge mode, or two layers that do not fit together.
    """

    layer: Any = parameter(convert=_recurrent)
    merge_mode: str | None = parameter(default="concat", convert=_merge_mode)
    backward_layer: Any = parameter(default=None, convert=optional(_recurrent))

    def __post_init__(self) -> None:
        super().__post_init__()
        other = self.backward_layer
        if other is None:
            return
        if other.go_backwards == self.layer.go_backwards:
            raise DeepkitValueError(
                f"Bidirectional: both layers have go_backwards={other.go_backwards}, so both run the same way. "
                f"Give backward_layer go_backwards={not other.go_backwards}."
            )
        for name in ("return_sequences", "return_state"):
            mine, its = getattr(self.layer, name), getattr(other, name)
            if mine != its:
                raise DeepkitValueError(
                    f"Bidirectional: layer has {name}={mine}, backward_layer {name}={its}. Give both the same."
                )

    @property
    def directions(self) -> tuple[Any, Any]:
        """The two layers as they are run, frozen or not as they are now."""
        backward = self.backward_layer or self.layer.replace(go_backwards=not self.layer.go_backwards)
        zeros = self.layer.return_sequences
        return self.layer.replace(zero_output_for_mask=zeros), backward.replace(zero_output_for_mask=zeros)

    @from_user_line
    def __call__(self, *inputs: Any, initial_state: Any = None) -> Any:
        """Apply the layer to `x`, or to `[x, *forward states, *backward states]`."""
        return super().__call__(*with_states(inputs, initial_state))

    def parts(self, x: Spec, *states: Spec) -> dict[str, tuple[Layer, tuple[Spec, ...]]]:
        """Both layers, each with its half of the states."""
        half = len(states) // 2
        forward, backward = self.directions
        return {
            "forward_layer": (forward, (x, *states[:half])),
            "backward_layer": (backward, (x, *states[half:])),
        }

    def output_spec(self, x: Spec, *states: Spec) -> Any:
        """The joined output (or both), then the states of both directions if they are returned."""
        if len(states) % 2:
            raise DeepkitValueError(
                f"{self.label} was given {len(states)} states, but takes as many for either direction. "
                "Pass the input, the forward states, then the backward states."
            )
        both = [layer.output_specs(*specs) for layer, specs in self.parts(x, *states).values()]
        (first, *own), (second, *others) = (item if isinstance(item, tuple) else (item,) for item in both)
        outputs: tuple[Spec, ...] = (first, second)
        if self.merge_mode is not None:
            if first.shape != second.shape and self.merge_mode != "concat":
                raise DeepkitValueError(
                    f"{self.label} joins outputs of shapes {first.shape} and {second.shape} by {self.merge_mode!r}. "
                    'Give both layers the same units, or merge_mode="concat".'
                )
            width = first.features + second.features if self.merge_mode == "concat" else first.features
            outputs = (first.real().replace(shape=(*first.shape[:-1], width)),)
        result = (*outputs, *own, *others)
        return result if len(result) > 1 else result[0]

    def apply(self, params: Weights, state: Weights, *inputs: Any, context: Context) -> tuple[Any, Weights]:
        """Both directions, the backward outputs turned round to stand at their steps."""
        x, *states = inputs
        half = len(states) // 2
        results, after = [], {}
        for layer, name, own in zip(
            self.directions, ("forward_layer", "backward_layer"), (states[:half], states[half:]), strict=True
        ):
            result, after[name] = run(layer, name, params, state, x, *own, context=context)
            output, *last = result if isinstance(result, tuple) else (result,)
            results.append((output[:, ::-1] if layer.go_backwards and layer.return_sequences else output, last))
        (first, own), (second, others) = results
        outputs = (first, second) if self.merge_mode is None else (MERGES[self.merge_mode](first, second),)
        everything = (*outputs, *own, *others)
        return everything if len(everything) > 1 else everything[0], updated(state, after)

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """The input's, for sequences."""
        forward, _ = self.directions
        mask = forward.output_mask(masks, inputs, output)
        return None if mask is None else masks[0]
