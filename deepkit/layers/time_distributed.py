"""One layer at every step of a sequence."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import jax

from deepkit.configuration import parameter
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described
from deepkit.graph import Spec
from deepkit.layers.augmentation_mix import Mixing
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.wrapper import Wrapper, run, updated


def _layer(value: Any) -> Layer:
    if not isinstance(value, Layer):
        raise DeepkitTypeError(
            f"expected a layer such as dk.layers.Dense(8), got {described(value)}. "
            "For several layers at every step put TimeDistributed around each of them."
        )
    if isinstance(value, Mixing):
        raise DeepkitTypeError(
            f"{value.label} mixes rows of a batch, and the loss their targets; a step of a sequence has no target to "
            "mix. Mix whole rows: put the layer right behind the Input."
        )
    return value


class TimeDistributed(Wrapper):
    """The same layer, with the same weights, at every step. Weights under `layer`.

    Input `(batch, steps, …)`, output `(batch, steps, …)` with the layer's output behind the steps. The layer sees one
    batch of `batch · steps` rows: what averages over rows (batch normalisation) averages over all steps that count,
    and dropout draws for every step anew. (Keras calls it step after step.)

    Args:
        layer: The layer, for `(batch, …)`.

    Raises:
        DeepkitError: for what is no layer, an input without steps, and for what the layer refuses.
    """

    layer: Any = parameter(convert=_layer)

    def parts(self, x: Spec) -> dict[str, tuple[Layer, tuple[Spec, ...]]]:
        """The layer, on one step."""
        return {"layer": (self.layer, (x.replace(shape=(None, *x.shape[2:])),))}

    def output_spec(self, x: Spec) -> Spec:
        """The layer's output with the steps before it."""
        if x.rank < 3:
            raise DeepkitValueError(
                f"{self.label} needs an input (batch, steps, …) of at least 3 axes, got shape {x.shape}. "
                f"Without steps use the layer itself: {self.layer!r}."
            )
        output = self.layer.output_specs(x.replace(shape=(None, *x.shape[2:])))
        if not isinstance(output, Spec):
            raise DeepkitValueError(
                f"{self.label}: {self.layer.label} has several outputs. Wrap a layer with one output."
            )
        return output.replace(shape=(None, x.shape[1], *output.shape[1:]))

    def apply(self, params: Weights, state: Weights, *inputs: Any, context: Context) -> tuple[Any, Weights]:
        """All steps of all rows as one batch."""
        (x,) = inputs
        rows, mask = context.row_mask, context.mask
        if rows is not None or mask is not None:
            counting = (True if rows is None else rows[:, None]) & (True if mask is None else mask)
            rows = jax.numpy.broadcast_to(counting, x.shape[:2]).reshape(-1)
        inside = dataclasses.replace(context, row_mask=rows, masks=())
        y, after = run(self.layer, "layer", params, state, x.reshape(-1, *x.shape[2:]), context=inside)
        return y.reshape(*x.shape[:2], *y.shape[1:]), updated(state, {"layer": after})

    @property
    def final_activation(self) -> Any:
        """The layer's."""
        return self.layer.final_activation

    def without_activation(self) -> Self:
        """The same with a linear layer."""
        return self.replace(layer=self.layer.without_activation())

    @property
    def activity_regularizer(self) -> Any:
        """The layer's."""
        return getattr(self.layer, "activity_regularizer", None)

    def check_ready(self) -> None:
        """The layer's."""
        self.layer.check_ready()
