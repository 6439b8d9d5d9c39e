"""Layers that make one tensor out of several."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Meaning, Spec
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.specs import axis_number, floating, resolve_axes, shapes, to_float

_STAYS_IN_RANGE = (Meaning.PROBABILITY, Meaning.NON_NEGATIVE, Meaning.BOUNDED)


def _dtype(inputs: tuple[Spec, ...]) -> str:
    return functools.reduce(jnp.promote_types, (jnp.dtype(x.dtype) for x in inputs)).name


def _meaning(inputs: tuple[Spec, ...], kept: tuple[Meaning, ...]) -> Meaning:
    meaning = inputs[0].meaning
    return meaning if meaning in kept and all(x.meaning is meaning for x in inputs) else Meaning.REAL


class Merge(Layer):
    """Base of the element-wise merges: `layer([a, b, …])`.

    Shapes broadcast as in Keras: sizes are compared from the last axis, 1 fits any size, missing axes are
    inserted after the batch. A subclass defines `merge`, and says in `KEEPS` which meaning survives when all
    inputs have it.

    Raises:
        DeepkitValueError: when called on shapes that do not broadcast.
    """

    KEEPS: ClassVar[tuple[Meaning, ...]] = ()

    def merge(self, inputs: list[jax.Array]) -> jax.Array:
        """The result for arrays of equal rank."""
        raise DeepkitTypeError(f"{type(self).__name__} does not define merge(self, inputs).")

    def output_spec(self, *inputs: Spec) -> Spec:
        """The broadcast shape, the wider dtype."""
        try:
            row = jnp.broadcast_shapes(*(x.row_shape for x in inputs))
        except ValueError:
            raise DeepkitValueError(
                f"{self.label} cannot join tensors of shape {shapes(inputs)}: sizes must be equal or 1, "
                "from the last axis on. Bring them to one size with Dense(units), or join them side by side "
                "with Concatenate()."
            ) from None
        return Spec((None, *row), _dtype(inputs), _meaning(inputs, self.KEEPS))

    def call(self, weights: Weights, *arguments: Any) -> jax.Array:
        """The inputs brought to one rank, and merged."""
        inputs = arguments[:-1]
        rank = max(x.ndim for x in inputs)
        return self.merge([x.reshape(x.shape[0], *[1] * (rank - x.ndim), *x.shape[1:]) for x in inputs])


class Add(Merge):
    """The sum of the inputs."""

    KEEPS = (Meaning.NON_NEGATIVE, Meaning.BOUNDED)

    def merge(self, inputs: list[jax.Array]) -> jax.Array:
        """Σ inputs."""
        return functools.reduce(jnp.add, inputs)


class Subtract(Merge):
    """The first of two inputs minus the second."""

    KEEPS = (Meaning.BOUNDED,)

    def output_spec(self, *inputs: Spec) -> Spec:
        """The broadcast shape; exactly two inputs."""
        _require_two(self, inputs)
        return super().output_spec(*inputs)

    def merge(self, inputs: list[jax.Array]) -> jax.Array:
        """`first − second`."""
        return jnp.subtract(*inputs)


class Multiply(Merge):
    """The product of the inputs, element by element."""

    KEEPS = _STAYS_IN_RANGE

    def merge(self, inputs: list[jax.Array]) -> jax.Array:
        """Π inputs."""
        return functools.reduce(jnp.multiply, inputs)


class Average(Merge):
    """The mean of the inputs, element by element; of several softmax outputs it is a distribution again."""

    KEEPS = (*_STAYS_IN_RANGE, Meaning.DISTRIBUTION)

    def output_spec(self, *inputs: Spec) -> Spec:
        """The broadcast shape; integers become float32."""
        return floating(super().output_spec(*inputs))

    def merge(self, inputs: list[jax.Array]) -> jax.Array:
        """Σ inputs / number of inputs."""
        return to_float(functools.reduce(jnp.add, inputs)) / len(inputs)


class Maximum(Merge):
    """The largest of the inputs, element by element."""

    KEEPS = _STAYS_IN_RANGE

    def merge(self, inputs: list[jax.Array]) -> jax.Array:
        """max over inputs."""
        return functools.reduce(jnp.maximum, inputs)


class Minimum(Merge):
    """The smallest of the inputs, element by element."""

    KEEPS = _STAYS_IN_RANGE

    def merge(self, inputs: list[jax.Array]) -> jax.Array:
        """min over inputs."""
        return functools.reduce(jnp.minimum, inputs)


class Concatenate(Layer):
    """The inputs side by side along one axis.

    Args:
        axis: The axis, counted with the batch; all other sizes must be equal.

    Raises:
        DeepkitValueError: when called on shapes that differ elsewhere, or over the batch.
    """

    axis: int = parameter(default=-1, convert=axis_number)

    def output_spec(self, *inputs: Spec) -> Spec:
        """The first input's shape, with the sizes along the axis added up."""
        (axis,) = resolve_axes(self, inputs[0], self.axis)
        others = {(*x.shape[:axis], *x.shape[axis + 1 :]) for x in inputs}
        if len({x.rank for x in inputs}) > 1 or len(others) > 1:
            raise DeepkitValueError(
                f"{self.label} cannot join tensors of shape {shapes(inputs)} along axis {axis}: all other "
                "sizes must be equal. Bring them to one shape with Flatten, Reshape or Dense first."
            )
        total = sum(x.row_shape[axis - 1] for x in inputs)
        inner = axis < inputs[0].rank - 1
        kept = (*_STAYS_IN_RANGE, Meaning.DISTRIBUTION, Meaning.LOG_DISTRIBUTION) if inner else _STAYS_IN_RANGE
        shape = (*inputs[0].shape[:axis], total, *inputs[0].shape[axis + 1 :])
        return Spec(shape, _dtype(inputs), _meaning(inputs, kept))

    def call(self, weights: Weights, *arguments: Any) -> jax.Array:
        """One copy."""
        return jnp.concatenate(arguments[:-1], axis=self.axis)


def _two_axes(value: Any) -> int | tuple[int, int]:
    if not isinstance(value, list | tuple):
        return axis_number(value)
    if len(value) != 2:
        raise DeepkitValueError("expected one axis, or one for each of the two inputs.")
    return axis_number(value[0]), axis_number(value[1])


class Dot(Layer):
    """Dot products of two inputs, row by row, along one axis of each.

    Output: the batch, the other axes of the first input, those of the second; `(batch, 1)` if none is left.

    Args:
        axes: The axis to sum over, counted with the batch; one for both inputs, or a pair.
        normalize: Whether both are brought to Euclidean norm 1 first: the cosine of the angle between them.

    Raises:
        DeepkitValueError: when called on axes of different sizes, the batch axis, or not exactly two tensors.
    """

    axes: Any = parameter(convert=_two_axes)
    normalize: bool = False

    def output_spec(self, *inputs: Spec) -> Spec:
        """Batch, the first input's other axes, the second's."""
        _require_two(self, inputs)
        a, b = inputs
        given = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        (i,), (j,) = (resolve_axes(self, x, axis) for x, axis in zip(inputs, given, strict=True))
        if a.shape[i] != b.shape[j]:
            raise DeepkitValueError(
                f"{self.label} sums over axis {i} of shape {a.shape} and axis {j} of shape {b.shape}, whose "
                f"sizes {a.shape[i]} and {b.shape[j]} differ. Bring them to one size with "
                f"Dense({a.shape[i]}), or name other axes."
            )
        left = (*a.shape[1:i], *a.shape[i + 1 :], *b.shape[1:j], *b.shape[j + 1 :]) or (1,)
        spec = Spec((None, *left), _dtype(inputs))
        return floating(spec).replace(meaning=Meaning.BOUNDED) if self.normalize else spec

    def call(self, weights: Weights, a: jax.Array, b: jax.Array, context: Context) -> jax.Array:
        """One batched product of matrices."""
        given = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        i, j = given[0] % a.ndim, given[1] % b.ndim
        if self.normalize:
            a, b = _unit(to_float(a), i), _unit(to_float(b), j)
        dtype = jnp.promote_types(a.dtype, b.dtype)
        y = jax.lax.dot_general(a.astype(dtype), b.astype(dtype), (((i,), (j,)), ((0,), (0,))))
        return y[:, None] if y.ndim == 1 else y


def _unit(x: jax.Array, axis: int) -> jax.Array:
    """`x / |x|`; below Keras's epsilon of 1e-7 it is `x / 1e-7`, which keeps the gradient at 0 finite."""
    squares = jnp.sum(jnp.square(x), axis, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(squares, 1e-14))


def _require_two(layer: Layer, inputs: tuple[Spec, ...]) -> None:
    if len(inputs) != 2:
        raise DeepkitTypeError(
            f"{layer.label} joins exactly two tensors, and was called on {len(inputs)}. Call it on a list "
            "of two: [a, b]."
        )
