"""Recurrent layers: SimpleRNN, GRU, LSTM, and RNN for any cell."""

from __future__ import annotations

import functools
from typing import Any

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import fraction, positive_integer
from deepkit.graph import Spec
from deepkit.layers.cell import Cell
from deepkit.layers.cells import GRUCell, LSTMCell, SimpleRNNCell
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.recurrence import Recurrent
from deepkit.layers.stacked_cells import StackedRNNCells, a_cell
from deepkit.layers.wrapper import Wrapper, context_of_part


def _cell_or_cells(value: Any) -> Cell:
    return StackedRNNCells(value) if isinstance(value, list | tuple) else a_cell(value)


class RNN(Recurrent, Wrapper):
    """Runs a cell along a sequence: `states, output ← cell(x[t], states)` for every step t. Weights under `cell`.

    Input `(batch, steps, …)`, or that and the states to start from, `rnn([x, h])`; they start at zeros otherwise.
    Output `(batch, …)`, the cell's after the last step. Steps that the input's mask leaves out change no state, and
    put out the state that they repeat.

    All steps are one `lax.scan`. Keras's `unroll` is left out, for a loop written out only compiles longer. Its
    `stateful` is left out, for a layer keeps no states between calls: take them with `return_state=True` and pass them
    on as inputs. A second model on the same layer with an input of one step is the stepwise form of the first. Its
    `seed` is left out, for the seed of the run decides.

    Args:
        cell: A cell, such as `LSTMCell(8)` or your own `dk.layers.Cell`; or a list of cells, which are stacked.
        return_sequences: Whether the output is that of every step, `(batch, steps, …)`.
        return_state: Whether the states after the last step follow the output: `y, h, c = rnn(x)`.
        go_backwards: Whether the last step comes first; so do its outputs.
        zero_output_for_mask: Whether steps that do not count put out zeros.

    Raises:
        DeepkitError: for what is no cell, an input without steps, states of another number or shape.
    """

    cell: Any = parameter(convert=_cell_or_cells)
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False

    def parts(self, x: Spec, *states: Spec) -> dict[str, tuple[Layer, tuple[Spec, ...]]]:
        """The cell, on one step."""
        step = x.replace(shape=(None, *x.shape[2:]))
        return {"cell": (self.cell, (step, *self.cell.state_specs(step)))}

    def build(self, *inputs: Spec) -> dict[str, Any]:
        """The cell's weights, under `cell`."""
        return Wrapper.build(self, *inputs)

    def _check_axes(self, x: Spec) -> None:
        # What a step looks like is the cell's affair.
        if x.rank < 2:
            super()._check_axes(x)

    def apply(self, params: Weights, state: Weights, *inputs: Any, context: Context) -> tuple[Any, Weights]:
        """The cell along the sequence."""
        return self.call(params["cell"], *inputs, context_of_part(context, self, "cell")), state


class SimpleRNN(Recurrent):
    """Fully connected recurrence, `h ← activation(x · kernel + h · recurrent_kernel + bias)` at every step.

    Input `(batch, steps, features)`, or `[x, h]` with the state to start from, `(batch, units)`. Output
    `(batch, units)`, the last h; with `return_sequences` `(batch, steps, units)`. Masks, `stateful` and `unroll` as
    `RNN` says.

    Args:
        units: Size of the state, at least 1.
        activation: Name or function.
        use_bias: Whether a bias is added.
        kernel_initializer: Of the kernel that the inputs meet, `(features, units)`.
        recurrent_initializer: Of the kernel that the state meets, `(units, units)`; orthogonal, which keeps
            lengths over many steps.
        bias_initializer: Of the bias.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights, added to the loss.
        activity_regularizer: Penalty on the output, divided by the number of rows.
        kernel_constraint, recurrent_constraint, bias_constraint: Projections after every step of the optimizer.
        dropout, recurrent_dropout: Probability to drop a number of the input, or of the state; the same ones at
            every step of a sequence.
        return_sequences, return_state, go_backwards: As in `RNN`; `y, h = rnn(x)` with `return_state`.

    Raises:
        DeepkitError: for units below 1, an input that is not `(batch, steps, features)`, states of other shapes.

    Reference: Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1
    """

    units: int = parameter(convert=positive_integer)
    activation: Any = parameter(default="tanh", convert=activations.get)
    use_bias: bool = True
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    recurrent_initializer: Any = parameter(default="orthogonal", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
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

    @functools.cached_property
    def cell(self) -> Cell:
        """The cell that is run."""
        return self.make_cell(SimpleRNNCell)


class GRU(Recurrent):
    """Gated recurrent unit: a state that is kept where z is 1, and renewed where it is 0.

        z, r = recurrent_activation(x · W_z + h · R_z + b_z),  recurrent_activation(x · W_r + h · R_r + b_r)
        h̃    = activation(x · W_h + r · (h · R_h + b'_h) + b_h)         reset_after=False: (r · h) · R_h
        h    ← z · h + (1 − z) · h̃

    The kernels are `[W_z | W_r | W_h]` and `[R_z | R_r | R_h]`. With `reset_after` the bias is `(2, 3 units)`, a row
    for the inputs and a row for the state; else `(3 units,)`. Input and output as in SimpleRNN. PyTorch's gates stand
    in the order r, z, n, and it always resets after. Chung et al. (2014) exchange z and 1 − z.

    Args:
        units: Size of the state, at least 1.
        activation: Of the candidate h̃.
        recurrent_activation: Of the gates.
        use_bias: Whether a bias is added.
        kernel_initializer: Of the kernel that the inputs meet, `(features, 3 units)`.
        recurrent_initializer: Of the kernel that the state meets, `(units, 3 units)`; orthogonal, which keeps
            lengths over many steps.
        bias_initializer: Of the bias.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights, added to the loss.
        activity_regularizer: Penalty on the output, divided by the number of rows.
        kernel_constraint, recurrent_constraint, bias_constraint: Projections after every step of the optimizer.
        dropout, recurrent_dropout: Probability to drop a number of the input, or of the state; the same ones at
            every step of a sequence.
            Keras draws them apart for each gate where there is recurrent dropout.
        return_sequences, return_state, go_backwards: As in `RNN`; `y, h = gru(x)` with `return_state`.
        reset_after: Whether the reset gate acts after the matrix product (Keras's default, and cuDNN's form).

    Raises:
        DeepkitError: for units below 1, an input that is not `(batch, steps, features)`, states of other shapes.

    Reference: Cho et al., 2014, https://arxiv.org/abs/1406.1078
    """

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
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    recurrent_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    dropout: float = parameter(default=0.0, convert=fraction)
    recurrent_dropout: float = parameter(default=0.0, convert=fraction)
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    reset_after: bool = True

    @functools.cached_property
    def cell(self) -> Cell:
        """The cell that is run."""
        return self.make_cell(GRUCell)


class LSTM(Recurrent):
    """Long short-term memory: a cell state c that gates write to, keep and read.

        i, f, o = recurrent_activation(x · W + h · R + b)   for the gates input, forget and output
        c       ← f · c + i · activation(x · W_c + h · R_c + b_c)
        h       ← o · activation(c)

    The kernels are `[i | f | c | o]` along their last axis (PyTorch's order is i, f, g, o as well, transposed, with two
    biases). Input `(batch, steps, features)`, or `[x, h, c]`. Output `(batch, units)`, the last h, or with
    `return_sequences` `(batch, steps, units)`. Masks, `stateful` and `unroll` as `RNN` says.

    Args:
        units: Size of h and of c, at least 1.
        activation: Of what is written into c, and of c when it is read.
        recurrent_activation: Of the gates.
        use_bias: Whether a bias is added.
        kernel_initializer: Of the kernel that the inputs meet, `(features, 4 units)`.
        recurrent_initializer: Of the kernel that the state meets, `(units, 4 units)`; orthogonal, which keeps
            lengths over many steps.
        bias_initializer: Of the bias.
        unit_forget_bias: Whether the forget gate's bias starts at 1, so that a cell remembers at first.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights, added to the loss.
        activity_regularizer: Penalty on the output, divided by the number of rows.
        kernel_constraint, recurrent_constraint, bias_constraint: Projections after every step of the optimizer.
        dropout, recurrent_dropout: Probability to drop a number of the input, or of the state; the same ones at
            every step of a sequence.
            Keras draws them apart for each gate where there is recurrent dropout.
        return_sequences, return_state, go_backwards: As in `RNN`; `y, h, c = lstm(x)` with `return_state`.

    Raises:
        DeepkitError: for units below 1, an input that is not `(batch, steps, features)`, states of other shapes.

    Reference: Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735
    """

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
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    recurrent_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    dropout: float = parameter(default=0.0, convert=fraction)
    recurrent_dropout: float = parameter(default=0.0, convert=fraction)
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False

    @functools.cached_property
    def cell(self) -> Cell:
        """The cell that is run."""
        return self.make_cell(LSTMCell)
