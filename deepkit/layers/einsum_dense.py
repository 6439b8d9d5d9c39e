"""A dense layer whose product is written as an einsum equation."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import jax
import jax.numpy as jnp

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import optional, positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Spec
from deepkit.initializers import Initializer
from deepkit.layers.activation import activated
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.specs import to_float, weight_dtype

FORMS = (
    r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)",
    r"\.\.\.([a-zA-Z]+),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)",
    r"([a-zA-Z]+)\.\.\.,([a-zA-Z]+)->([a-zA-Z]+)\.\.\.",
)
BY_FANS = (
    initializers.GlorotNormal,
    initializers.GlorotUniform,
    initializers.HeNormal,
    initializers.HeUniform,
    initializers.LecunNormal,
    initializers.LecunUniform,
    initializers.TorchDefault,
    initializers.VarianceScaling,
)
"""Initializers that count inputs and outputs: of such a kernel the equation tells which axes are which."""


def _equation(value: Any) -> str:
    if not isinstance(value, str):
        raise DeepkitTypeError('expected an equation, such as "ab,bc->ac".')
    text = value.replace(" ", "")
    match = next((found for form in FORMS if (found := re.fullmatch(form, text))), None)
    if match is None:
        raise DeepkitValueError(
            'expected input,kernel->output with one letter per axis: "ab,bc->ac", "...b,bc->...c" or "ab...,bc->ac...".'
        )
    given, kernel, output = match.groups()
    for part in match.groups():
        if len(set(part)) < len(part):
            raise DeepkitValueError(f"{part!r} names one axis twice. Give every axis a letter of its own.")
    lost = [letter for letter in output if letter not in given + kernel]
    free = [letter for letter in kernel if letter not in given + output]
    if lost or free:
        letter = (lost + free)[0]
        where = "the output, but neither in the input nor in the kernel" if lost else "the kernel alone"
        raise DeepkitValueError(f"the axis {letter!r} is in {where}. Every axis must come from somewhere.")
    if not text.startswith("...") and (given[0] != output[0] or given[0] in kernel):
        raise DeepkitValueError(
            f"the batch is the first axis, {given[0]!r}: it must be the output's first axis too, and not in the kernel."
        )
    return text


def _sizes(value: Any) -> tuple[int | None, ...]:
    given = value if isinstance(value, list | tuple) else (value,)
    return tuple(map(optional(positive_integer), given))


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What an equation says about an input's shape."""

    kernel: tuple[int, ...]
    inputs: tuple[int, ...]
    """Axes of the kernel that are summed over."""
    output: tuple[int | None, ...]
    bias: tuple[int, ...] | None


class EinsumDense(Layer):
    """`activation(einsum(equation, x, kernel) + bias)`: a Dense over any axes.

    `EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")` is a Dense(64) on sequences;
    `"abc,cde->abde"` makes heads of it. The first letter is the batch, unless the equation starts with `...`. Keras's
    LoRA and quantisation arguments are left out.

    Args:
        equation: `input,kernel->output`, one letter per axis; `...` before or behind all others stands for any axes.
        output_shape: Sizes of the output's axes but the batch and those of `...`; `None` for the input's own size.
        activation: Name or function; `None` is linear.
        bias_axes: Letters of the output's axes that have a bias; `None` for no bias.
        kernel_initializer: Of the kernel. Axes that are summed over are its inputs, the others its outputs.
        bias_initializer: Of the bias.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint: As in Dense.

    Raises:
        DeepkitError: for an equation that is none, or shapes that do not fit it.
    """

    equation: str = parameter(convert=_equation)
    output_shape: Any = parameter(convert=_sizes)
    activation: Any = parameter(default=None, convert=activations.get)
    bias_axes: str | None = None
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get, kw_only=True)

    def build(self, x: Spec) -> dict[str, Weight]:
        """`kernel` and, with `bias_axes`, `bias`, of the sizes that the equation gives them."""
        sizes, dtype = self._sizes(x), weight_dtype(x)
        kernel = Weight(
            sizes.kernel,
            by_axes(self.kernel_initializer, sizes.inputs),
            dtype=dtype,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if sizes.bias is None:
            return {"kernel": kernel}
        bias = Weight(
            sizes.bias,
            self.bias_initializer,
            dtype=dtype,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )
        return {"kernel": kernel, "bias": bias}

    def output_spec(self, x: Spec) -> Spec:
        """The shape that the equation gives."""
        return activated(self, Spec(self._sizes(x).output, weight_dtype(x)), self.activation)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The product, the bias, the activation."""
        y = jnp.einsum(self.equation, to_float(x), weights["kernel"])
        if self.bias_axes is not None:
            y = y + weights["bias"]
        return self.activation(y)

    def _sizes(self, x: Spec) -> Sizes:
        left, kernel, output = re.split(",|->", self.equation)
        before, behind = left.startswith("..."), left.endswith("...")
        letters, results = left.strip("."), output.strip(".")
        extra = x.rank - len(letters)
        if extra < before or (extra > 0 and not before and not behind):
            wanted = f"{len(letters)}" if not before and not behind else f"at least {len(letters) + before}"
            raise DeepkitValueError(
                f"{self.label}: {left!r} stands for an input of {wanted} axes with the batch, got shape {x.shape}. "
                "Give every axis a letter, or write ... for any number of them."
            )
        known: dict[str, int | None] = dict(zip(letters, x.shape[extra * before :], strict=False))
        # Without leading dots, the first letter is the batch, which output_shape leaves out.
        named = results if before else results[1:]
        if len(self.output_shape) != len(named):
            raise DeepkitValueError(
                f"{self.label}: output_shape {self.output_shape} gives {len(self.output_shape)} sizes, but {output!r} "
                f"has {len(named)} axes besides the batch: {', '.join(named)}. Give one size for each, or None."
            )
        for letter, size in zip(named, self.output_shape, strict=True):
            own = known.setdefault(letter, size)
            if own is None or size not in (None, own):
                told = f"is {own} in the input of shape {x.shape}" if own else "is not in the input, so it needs a size"
                raise DeepkitValueError(
                    f"{self.label}: the axis {letter!r} {told}, and output_shape {self.output_shape} gives it {size}. "
                    f"Write {'None, or ' + str(own) if own else 'its size'} there."
                )
        outer = x.shape[:extra] if before else ()
        tail = x.shape[len(letters) :] if behind else ()
        return Sizes(
            tuple(_size(known, letter) for letter in kernel),
            tuple(axis for axis, letter in enumerate(kernel) if letter not in results),
            (*outer, *(known[letter] for letter in results), *tail),
            self._bias(results, known, len(tail)),
        )

    def _bias(self, results: str, known: dict[str, int | None], tail: int) -> tuple[int, ...] | None:
        if self.bias_axes is None:
            return None
        wrong = [letter for letter in self.bias_axes if letter not in results or known[letter] is None]
        if wrong or not self.bias_axes:
            raise DeepkitValueError(
                f"{self.label}: bias_axes must name axes of the output {results!r} other than the batch"
                f"{', got ' + repr(wrong[0]) if wrong else ''}. Leave it out for no bias."
            )
        first = min(map(results.index, self.bias_axes))
        own = (_size(known, letter) if letter in self.bias_axes else 1 for letter in results[first:])
        return (*own, *[1] * tail)


def _size(known: dict[str, int | None], letter: str) -> int:
    size = known[letter]
    assert size is not None, "only the batch axis may be unknown"
    return size


def by_axes(initializer: Initializer, inputs: tuple[int, ...]) -> Initializer:
    """The initializer for a kernel whose axes of these numbers are inputs and all others outputs."""
    if not isinstance(initializer, BY_FANS):
        return initializer

    def draw(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        fan_in = math.prod(shape[axis] for axis in inputs)
        return initializer(key, (fan_in, math.prod(shape) // fan_in), dtype).reshape(shape)

    return initializers.FunctionInitializer(draw)
