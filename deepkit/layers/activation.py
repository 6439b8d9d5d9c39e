"""Activations as layers: one class per function, and `Activation` for any function."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import jax

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import non_negative_number, optional
from deepkit.errors import DeepkitValueError
from deepkit.graph import Meaning, Spec
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.specs import (
    axis_number,
    axis_numbers,
    floating,
    resolve_axes,
    to_float,
    traced_spec,
    weight_dtype,
)

_ELEMENTWISE = [function for function in activations.ACTIVATIONS.values() if function is not activations.glu]
_SQUASHED = (Meaning.PROBABILITY, Meaning.DISTRIBUTION)
_OVER_AN_AXIS = (Meaning.DISTRIBUTION, Meaning.LOG_DISTRIBUTION)


def activated(layer: Layer, x: Spec, function: Callable[..., Any]) -> Spec:
    """Spec of `function(x)`, where `x` is an input or a layer's linear output.

    Raises:
        DeepkitValueError: for a softmax or sigmoid of what already went through one, and for a softmax over
            one unit.
    """
    meaning, x = activations.meaning_of(function), floating(x)
    if meaning in (*_SQUASHED, Meaning.LOG_DISTRIBUTION) and x.meaning in _SQUASHED:
        raise DeepkitValueError(
            f"{layer.label} applies {function.__name__} to {x.meaning.value}: squashed twice, the values "
            "crowd together and gradients fade. Leave one of the two activations out."
        )
    if meaning in _OVER_AN_AXIS:
        refuse_single(layer, x, function, -1)
    if any(function is known for known in _ELEMENTWISE):
        return x.replace(meaning=meaning)
    output: Spec = traced_spec(layer, function, x)
    return output.replace(meaning=meaning)


def refuse_single(layer: Layer, x: Spec, function: Callable[..., Any], axis: int) -> None:
    """Refuse a softmax over an axis of one unit, where its value is 1 whatever the weights are."""
    (resolved,) = resolve_axes(layer, x, axis)
    if x.shape[resolved] == 1:
        raise DeepkitValueError(
            f"{layer.label} applies {function.__name__} over an axis of size 1 (shape {x.shape}): "
            'a distribution over one unit is always 1. Use activation="sigmoid" for two classes, or one unit per class.'
        )


class Activation(Layer):
    """Any function of arrays, element by element or over the last axis; shape from the function.

    Args:
        activation: Name or function; `None` is linear. Called with one floating array, the batch first.
    """

    activation: Any = parameter(convert=activations.get)

    def output_spec(self, x: Spec) -> Spec:
        """The function's shape and meaning."""
        return activated(self, x, self.activation)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The function, on floats."""
        return self.activation(to_float(x))


class NamedActivation(Layer):
    """Base of the classes below: the fields of the class are the arguments of its function."""

    FUNCTION: ClassVar[Callable[..., Any]] = activations.linear

    @property
    def final_activation(self) -> Callable[..., Any]:
        """The function; with arguments that are not its own defaults, a partial of it."""
        function = type(self).FUNCTION
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        changed = {
            name: given[name]
            for name, argument in inspect.signature(function).parameters.items()
            if name in given and given[name] != argument.default
        }
        return functools.wraps(function)(functools.partial(function, **changed)) if changed else function

    def without_activation(self) -> Layer:  # type: ignore[override]
        """The identity."""
        return Activation(None, name=self.name, trainable=self.trainable)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape, with the function's meaning."""
        output = activated(self, x, type(self).FUNCTION)
        known = self.final_activation is type(self).FUNCTION
        return output if known else output.real()

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The function, on floats."""
        return self.final_activation(to_float(x))


class ReLU(NamedActivation):
    """`max(x, 0)`; with the arguments, Keras's generalisation: see `dk.activations.relu`.

    Args:
        max_value: Largest output, or `None` for no bound.
        negative_slope: Slope below the threshold.
        threshold: Values below it are cut off.
    """

    FUNCTION = activations.relu
    max_value: float | None = parameter(default=None, convert=optional(non_negative_number))
    negative_slope: float = parameter(default=0.0, convert=non_negative_number)
    threshold: float = parameter(default=0.0, convert=non_negative_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape; without a negative slope, numbers of at least zero."""
        return floating(x).replace(meaning=Meaning.REAL if self.negative_slope else Meaning.NON_NEGATIVE)


class LeakyReLU(NamedActivation):
    """`x` above 0, `negative_slope · x` below.

    Args:
        negative_slope: 0.3, Keras's default for the layer; the function `dk.activations.leaky_relu` has 0.2.
    """

    FUNCTION = activations.leaky_relu
    negative_slope: float = parameter(default=0.3, convert=non_negative_number)


class PReLU(Layer):
    """`x` above 0, `alpha · x` below, with a learned `alpha` per unit.

    Args:
        alpha_initializer: Zeros, as in Keras; the paper starts at 0.25, with `Constant(0.25)`.
        alpha_regularizer, alpha_constraint: Of alpha.
        shared_axes: Axes, counted with the batch, along which one alpha is shared: `(1, 2)` for one per
            channel of an image.

    Reference: He et al., 2015, https://arxiv.org/abs/1502.01852
    """

    alpha_initializer: Any = parameter(default="zeros", convert=initializers.get)
    alpha_regularizer: Any = parameter(default=None, convert=regularizers.get)
    alpha_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    shared_axes: int | tuple[int, ...] | None = parameter(default=None, convert=optional(axis_numbers))

    def build(self, x: Spec) -> dict[str, Weight]:
        """`alpha`, of the shape of one row, with size 1 along the shared axes."""
        shared = () if self.shared_axes is None else resolve_axes(self, x, self.shared_axes)
        shape = tuple(1 if axis in shared else size for axis, size in enumerate(x.row_shape, start=1))
        alpha = Weight(
            shape,
            self.alpha_initializer,
            dtype=weight_dtype(x),
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        return {"alpha": alpha}

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        return x.real().replace(dtype=weight_dtype(x))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """Two half-lines that meet in 0; the derivative at 0 is 0, as in Keras."""
        x = to_float(x)
        return jax.nn.relu(x) - weights["alpha"] * jax.nn.relu(-x)


class ReLU6(NamedActivation):
    """`min(max(x, 0), 6)`."""

    FUNCTION = activations.relu6


class ELU(NamedActivation):
    """`x` above 0, `alpha · (exp(x) − 1)` below.

    Args:
        alpha: The output far below 0 is `−alpha`.
    """

    FUNCTION = activations.elu
    alpha: float = parameter(default=1.0, convert=non_negative_number)


class SELU(NamedActivation):
    """The self-normalising ELU; use it with `kernel_initializer="lecun_normal"`."""

    FUNCTION = activations.selu


class GELU(NamedActivation):
    """`x · Φ(x)`, with the normal distribution function Φ.

    Args:
        approximate: Whether the older tanh approximation is used.
    """

    FUNCTION = activations.gelu
    approximate: bool = False


class SiLU(NamedActivation):
    """`x · sigmoid(x)`, also called swish."""

    FUNCTION = activations.silu


Swish = SiLU


class Softplus(NamedActivation):
    """`log(1 + exp(x))`: a smooth ReLU."""

    FUNCTION = activations.softplus


class Softsign(NamedActivation):
    """`x / (1 + |x|)`, within (−1, 1)."""

    FUNCTION = activations.softsign


class Mish(NamedActivation):
    """`x · tanh(softplus(x))`."""

    FUNCTION = activations.mish


class HardSigmoid(NamedActivation):
    """`relu6(x + 3) / 6`: a straight line between 0 and 1."""

    FUNCTION = activations.hard_sigmoid


class HardSiLU(NamedActivation):
    """`x · hard_sigmoid(x)`."""

    FUNCTION = activations.hard_silu


class HardTanh(NamedActivation):
    """`x`, clipped to [−1, 1]."""

    FUNCTION = activations.hard_tanh


class Sigmoid(NamedActivation):
    """`1 / (1 + exp(−x))`: independent probabilities."""

    FUNCTION = activations.sigmoid


class Tanh(NamedActivation):
    """The hyperbolic tangent, within (−1, 1)."""

    FUNCTION = activations.tanh


class Exponential(NamedActivation):
    """`exp(x)`, above 0."""

    FUNCTION = activations.exponential


class Softmax(NamedActivation):
    """`exp(x_i) / Σ_j exp(x_j)` along one axis.

    Args:
        axis: The axis that becomes a distribution, counted with the batch. Only the last one gives a
            distribution that a loss can be computed from.

    Raises:
        DeepkitValueError: when called over the batch, over one unit, or on what is already a distribution.
    """

    FUNCTION = activations.softmax
    axis: int = parameter(default=-1, convert=axis_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape; a distribution if it is over the last axis."""
        if resolve_axes(self, x, self.axis) == (x.rank - 1,):
            return activated(self, x, type(self).FUNCTION)
        refuse_single(self, x, type(self).FUNCTION, self.axis)
        return floating(x).replace(meaning=Meaning.NON_NEGATIVE)


class LogSoftmax(NamedActivation):
    """`x_i − log Σ_j exp(x_j)` along one axis.

    Args:
        axis: The axis that becomes a distribution, counted with the batch.

    Raises:
        DeepkitValueError: when called over the batch, over one unit, or on what is already a distribution.
    """

    FUNCTION = activations.log_softmax
    axis: int = parameter(default=-1, convert=axis_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape; log-probabilities if it is over the last axis."""
        if resolve_axes(self, x, self.axis) == (x.rank - 1,):
            return activated(self, x, type(self).FUNCTION)
        refuse_single(self, x, type(self).FUNCTION, self.axis)
        return floating(x).real()


class GLU(NamedActivation):
    """`a · sigmoid(b)` of the two halves `a` and `b` of one axis, which is halved.

    Args:
        axis: The axis that is halved, counted with the batch; its size must be even.

    Raises:
        DeepkitValueError: when called on an odd size.
    """

    FUNCTION = activations.glu
    axis: int = parameter(default=-1, convert=axis_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape with one size halved."""
        (axis,) = resolve_axes(self, x, self.axis)
        size = x.row_shape[axis - 1]
        if size % 2:
            raise DeepkitValueError(
                f"{self.label} halves axis {axis} of shape {x.shape}, whose size {size} is odd. "
                "Give the layer before it an even number of units."
            )
        return floating(x).real().replace(shape=(*x.shape[:axis], size // 2, *x.shape[axis + 1 :]))
