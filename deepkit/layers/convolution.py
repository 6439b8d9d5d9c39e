"""Convolutions: every filter a small window that moves over the input, the same weights at every place."""

from __future__ import annotations

from typing import Any, ClassVar

import jax

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.errors import DeepkitValueError
from deepkit.graph import Spec
from deepkit.kernels import convolve, per_channel
from deepkit.layers.activation import activated
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.specs import to_float, weight_dtype
from deepkit.layers.windows import (
    Geometry,
    Sizes,
    geometry_of,
    padding_of,
    per_axis,
    require_room,
    require_space,
    warn_of_gaps,
    warn_of_shift,
)


class WindowedWeights(Layer):
    """Base of the layers whose weights stand in a moving window. Has no fields: each family orders its own."""

    RANK: ClassVar[int]
    """Axes of space: 1, 2 or 3."""

    def geometry(self: Any, x: Spec) -> Geometry | None:
        """Window, strides, dilation and padding on this input, and whether its output size is floored."""
        return self.geometry_on(x.row_shape[:-1])

    def geometry_on(self: Any, space: Sizes) -> Geometry:
        """The geometry on an input whose axes of space have these sizes."""
        return geometry_of(space, self.kernel_size, self.strides, self.padding, self.dilation_rate)

    def output_of(self: Any, x: Spec, filters: int) -> Spec:
        """`(batch, *out, filters)` after the activation; refuses inputs that the window does not fit."""
        space = x.row_shape[:-1]
        geometry = self.geometry_on(space)
        require_room(self, x, geometry, strict=self.strict)
        if self.padding == "same":
            warn_of_shift(self, geometry)
        warn_of_gaps(self, space, geometry)
        return activated(self, Spec((None, *geometry.output_sizes(space), filters), weight_dtype(x)), self.activation)

    def weight(self, kind: str, shape: Sizes, x: Spec) -> Weight:
        """A weight whose initializer, regularizer and constraint are the fields of this kind."""
        return Weight(
            shape,
            getattr(self, f"{kind}_initializer"),
            dtype=weight_dtype(x),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def finished(self: Any, weights: Weights, y: jax.Array) -> jax.Array:
        """The bias, one number per filter, and the activation."""
        return self.activation(y + per_channel(weights["bias"], y) if self.use_bias else y)

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """None, as in Keras: a place of the output has seen its neighbours, masked or not."""
        return None


def refuse_stride_and_dilation(layer: Any) -> None:
    """Refuse both at once, as Keras does."""
    if max(layer.strides) > 1 and max(layer.dilation_rate) > 1:
        raise DeepkitValueError(
            f"{layer!r}: strides={layer.strides} and dilation_rate={layer.dilation_rate} are both above 1, and the "
            "windows would step over what they spread to see. Give one of the two."
        )


class Convolution(WindowedWeights):
    """Base of Conv1D, Conv2D and Conv3D."""

    filters: int = parameter(convert=positive_integer)
    kernel_size: Any = parameter()
    strides: Any = 1
    padding: Any = "valid"
    dilation_rate: Any = 1
    groups: int = parameter(default=1, convert=positive_integer)
    activation: Any = parameter(default=None, convert=activations.get)
    use_bias: bool = True
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    strict: bool = parameter(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_stride_and_dilation(self)
        if self.filters % self.groups:
            raise DeepkitValueError(
                f"{self!r}: {self.filters} filters cannot be cut into {self.groups} equal groups. "
                f"Give a multiple of {self.groups}."
            )

    def build(self, x: Spec) -> dict[str, Weight]:
        """`kernel (*kernel_size, channels / groups, filters)` and `bias (filters,)`."""
        kernel = self.weight("kernel", (*self.kernel_size, x.features // self.groups, self.filters), x)
        return {"kernel": kernel} | ({"bias": self.weight("bias", (self.filters,), x)} if self.use_bias else {})

    def output_spec(self, x: Spec) -> Spec:
        """`(batch, *out, filters)`."""
        require_space(self, x, self.RANK)
        if x.features % self.groups:
            raise DeepkitValueError(
                f"{self.label}: the {x.features} channels of an input of shape {x.shape} cannot be cut into "
                f"{self.groups} equal groups. Give a divisor of {x.features}."
            )
        return self.output_of(x, self.filters)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """One convolution, the bias, the activation."""
        x = to_float(x)
        geometry = self.geometry_on(x.shape[1:-1])
        y = convolve(x, weights["kernel"], geometry.strides, geometry.padding, geometry.dilation, self.groups)
        return self.finished(weights, y)


class Conv2D(Convolution):
    """Cross-correlation of an image: per filter `y[o] = activation(Σ_i x[s·o + d·i − low] · kernel[i] + bias)`.

    The window is not turned round, as in every deep-learning library. Input `(batch, height, width, channels)`, output
    `(batch, *out, filters)` with `out = ⌊(W + low + high − d·(w − 1) − 1) / s⌋ + 1` along each axis: without dilation,
    (W − w + 2·pad)/stride + 1. Channels are always last (Keras's `data_format` is left out). Integers are read as
    float32. Weights: `kernel (*kernel_size, channels / groups, filters)`, `bias (filters,)`.

    Args:
        filters: Channels of the output, at least 1.
        kernel_size: w, one number or one per axis.
        strides: s, one number or one per axis.
        padding: "valid", nothing; "same", zeros such that ⌈W / s⌉ places come out, the odd one at the end; a number of
            zeros for every side; one per axis; or pairs `((top, bottom), (left, right))`. Keras has only the words.
        dilation_rate: d, distance of the window's places; not together with strides.
        groups: Channels and filters are cut into so many parts that don't see each other.
        activation: Name or function; `None` is linear.
        use_bias: Whether each filter has a bias. Leave it out before a batch normalization, which takes it off again.
        kernel_initializer: Glorot, as in Keras; for ReLU nets "he_normal" is the usual choice.
        bias_initializer: Of the bias.
        kernel_regularizer, bias_regularizer: Penalties on the weights, added to the loss.
        activity_regularizer: Penalty on the output after the activation, divided by the number of rows.
        kernel_constraint, bias_constraint: Projections after every step of the optimizer.
        strict: Whether an output size that is no whole number is refused, with the two nearest legal input sizes. By
            default it is floored, as in Keras, and `summary` marks it. (deepkit's own.)

    Raises:
        DeepkitError: for an input of another rank, a window larger than the padded input, groups that don't divide
            channels or filters, strides together with dilation.

    Warns of an even window with "same", and of strides larger than a window of more than one place.

    Reference: Dumoulin and Visin, 2016, https://arxiv.org/abs/1603.07285
    """

    RANK = 2
    kernel_size: Any = parameter(convert=per_axis(2))
    strides: Any = parameter(default=1, convert=per_axis(2))
    padding: Any = parameter(default="valid", convert=padding_of(2))
    dilation_rate: Any = parameter(default=1, convert=per_axis(2))


class Conv1D(Convolution):
    """`Conv2D` along one axis: input `(batch, steps, channels)`, output `(batch, out, filters)`.

    All arguments are those of Conv2D; `padding` may be "causal" as well (all zeros before the first step, so that no
    output sees a later step), or one pair `(low, high)`.
    """

    RANK = 1
    kernel_size: Any = parameter(convert=per_axis(1))
    strides: Any = parameter(default=1, convert=per_axis(1))
    padding: Any = parameter(default="valid", convert=padding_of(1, "causal"))
    dilation_rate: Any = parameter(default=1, convert=per_axis(1))


class Conv3D(Convolution):
    """`Conv2D` along three axes: input `(batch, depth, height, width, channels)`, output `(batch, *out, filters)`.

    All arguments are those of Conv2D.
    """

    RANK = 3
    kernel_size: Any = parameter(convert=per_axis(3))
    strides: Any = parameter(default=1, convert=per_axis(3))
    padding: Any = parameter(default="valid", convert=padding_of(3))
    dilation_rate: Any = parameter(default=1, convert=per_axis(3))
