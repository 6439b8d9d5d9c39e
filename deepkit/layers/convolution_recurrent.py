"""An LSTM whose matrix products are convolutions, for sequences of images."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import jax

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import fraction, positive_integer
from deepkit.errors import DeepkitValueError
from deepkit.graph import Spec
from deepkit.kernels import convolve
from deepkit.layers.cell import Cell, States, Step, check_states
from deepkit.layers.cells import input_dropout, lstm_gates, recurrent_weights, state_dropout
from deepkit.layers.layer import Context, Weight, Weights
from deepkit.layers.recurrence import Recurrent
from deepkit.layers.specs import weight_dtype
from deepkit.layers.windows import Geometry, geometry_of, padding_of, per_axis, require_room, require_space


class _ConvLSTM2DCell(Cell):
    """One step of a ConvLSTM2D; arguments and formula as there."""

    filters: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    padding: Any
    dilation_rate: tuple[int, int]
    activation: Any
    recurrent_activation: Any
    use_bias: bool
    kernel_initializer: Any
    recurrent_initializer: Any
    bias_initializer: Any
    unit_forget_bias: bool
    kernel_regularizer: Any
    recurrent_regularizer: Any
    bias_regularizer: Any
    kernel_constraint: Any
    recurrent_constraint: Any
    bias_constraint: Any
    dropout: float
    recurrent_dropout: float

    def geometry(self, space: tuple[int, ...]) -> Geometry:
        """Where the windows stand on an image of these sizes."""
        return geometry_of(space, self.kernel_size, self.strides, self.padding, self.dilation_rate)

    def state_shapes(self, x: Spec) -> tuple[tuple[int, ...], ...]:
        """An image of `filters` channels for h and for c, of the size that the convolution leaves."""
        space = x.row_shape[:-1]
        return ((*self.geometry(space).output_sizes(space), self.filters),) * 2

    def build(self, x: Spec, *states: Spec) -> dict[str, Weight]:
        """`kernel (window, channels, 4 filters)`, `recurrent_kernel (window, filters, 4 filters)`, `bias`."""
        width = 4 * self.filters
        kernel, recurrent = (*self.kernel_size, x.features, width), (*self.kernel_size, self.filters, width)
        return recurrent_weights(self, kernel, recurrent, (width,), weight_dtype(x))

    def output_spec(self, x: Spec, *states: Spec) -> tuple[Spec, ...]:
        """h, and the states h and c."""
        require_space(self, x, 2)
        require_room(self, x, self.geometry(x.row_shape[:-1]), strict=False)
        expected = self.state_specs(x)
        check_states(self, states, expected)
        return (expected[0], *expected)

    def unfold(self, weights: Weights, xs: jax.Array, context: Context) -> tuple[Any, Step]:
        """The inputs' convolution is one for all steps and gates."""
        steps, rows, *space, _ = xs.shape
        shape = self.geometry(tuple(space)).output_sizes(tuple(space))
        forget = state_dropout(self, (rows, *shape, self.filters), context)
        xs = input_dropout(self, xs, context)
        padding = self.geometry(tuple(space)).padding
        images = xs.reshape(steps * rows, *xs.shape[2:])
        sums = convolve(images, weights["kernel"], self.strides, padding, self.dilation_rate)
        if self.use_bias:
            sums = sums + weights["bias"]
        around = geometry_of(shape, self.kernel_size, (1, 1), "same").padding

        def step(x: jax.Array, states: States) -> tuple[jax.Array, States]:
            h, c = states
            h, c = lstm_gates(self, x + convolve(forget(h), weights["recurrent_kernel"], (1, 1), around), c)
            return h, (h, c)

        return sums.reshape(steps, rows, *sums.shape[1:]), step


class ConvLSTM2D(Recurrent):
    """LSTM over a sequence of images: h and c are images, and both matrix products are convolutions.

        i, f, o = recurrent_activation(W ∗ x + R ∗ h + b)   for the gates input, forget and output
        c       ← f · c + i · activation(W_c ∗ x + R_c ∗ h + b_c)
        h       ← o · activation(c)

    Input `(batch, steps, height, width, channels)`, channels last (Keras's `data_format` is left out), or `[x, h, c]`.
    Output `(batch, height', width', filters)`, or with `return_sequences` `(batch, steps, height', width', filters)`;
    the sizes are those of a Conv2D. The recurrent convolution is always "same", with stride 1. As in Keras there are
    no peepholes. Masks, `stateful` and `unroll` as `RNN` says.

    Args:
        filters: Channels of h and of c.
        kernel_size: Of both windows: one number or two.
        strides, dilation_rate: Of the inputs' window; at most one of the two may be above 1.
        padding: "valid", "same", or numbers, as in Conv2D.
        activation: Of what is written into c, and of c when it is read.
        recurrent_activation: Of the gates.
        use_bias: Whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: Of the weights.
        unit_forget_bias: Whether the forget gate's bias starts at 1, so that a cell remembers at first.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights, added to the loss.
        activity_regularizer: Penalty on the output, divided by the number of rows.
        kernel_constraint, recurrent_constraint, bias_constraint: Projections after every step of the optimizer.
        dropout, recurrent_dropout: Probability to drop a number of the input, or of the state; the same ones at
            every step of a sequence. Keras draws them apart for each gate.
        return_sequences, return_state, go_backwards: As in `RNN`; `y, h, c = layer(x)` with `return_state`.

    Raises:
        DeepkitError: for an input of other axes, a window that does not fit, strides together with dilation.

    Reference: Shi et al., 2015, https://arxiv.org/abs/1506.04214
    """

    AXES: ClassVar[tuple[str, ...]] = ("steps", "height", "width", "channels")

    filters: int = parameter(convert=positive_integer)
    kernel_size: tuple[int, int] = parameter(convert=per_axis(2))
    strides: tuple[int, int] = parameter(default=1, convert=per_axis(2))
    padding: Any = parameter(default="valid", convert=padding_of(2))
    dilation_rate: tuple[int, int] = parameter(default=1, convert=per_axis(2))
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
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    recurrent_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    dropout: float = parameter(default=0.0, convert=fraction)
    recurrent_dropout: float = parameter(default=0.0, convert=fraction)
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise DeepkitValueError(
                f"ConvLSTM2D(strides={self.strides}, dilation_rate={self.dilation_rate}): a dilated window that also "
                "steps over places leaves most of the image unseen. Leave one of the two at 1."
            )

    @functools.cached_property
    def cell(self) -> Cell:
        """The cell that is run."""
        return self.make_cell(_ConvLSTM2DCell)
