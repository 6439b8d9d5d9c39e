"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import jax

from deepkit import activations, initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import optional, positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described
from deepkit.graph import Spec
from deepkit.kernels import product
from deepkit.layers.activation import activated
from deepkit.layers.embedding import Embedding
from deepkit.layers.layer import Context, Layer, Weight, Weights, require_rank
from deepkit.layers.specs import to_float, weight_dtype

TIED = "tied_kernel"
"""Name under which a tied layer finds the other's kernel in its weights."""


def _kernel_owner(value: Any) -> Any:
    if not isinstance(value, Dense | Embedding):
        raise DeepkitTypeError(f"expected the Dense (or Embedding) layer whose kernel is used, got {described(value)}.")
    if isinstance(value, Dense) and value.tied_to is not None:
        raise DeepkitValueError(f"{value.label} has no kernel of its own. Tie both to {value.tied_to.label}.")
    return value


class Dense(Layer):
    """`activation(x · kernel + bias)` over the last axis.

    Input `(batch, …, features)`, output `(batch, …, units)`. An input of more than two axes is not flattened:
    the same kernel is applied at every position, as in Keras 3. Integers are read as float32.

    Args:
        units: Size of the last axis of the output, at least 1.
        activation: Name or function; `None` is linear.
        use_bias: Whether a bias `(units,)` is added.
        kernel_initializer: Of the kernel `(features, units)`. Glorot keeps the variance of signals and
            gradients alike through layers of linear, tanh or sigmoid units; for ReLU nets "he_normal" is the
            usual choice.
        bias_initializer: Of the bias.
        kernel_regularizer, bias_regularizer: Penalties on the weights, added to the loss.
        activity_regularizer: Penalty on the output after the activation, divided by the number of rows.
        kernel_constraint, bias_constraint: Projections after every step of the optimizer.
        tied_to: Another Dense layer of the model: its kernel is used, transposed, and there is none of this layer's
            own (Keras has no such argument). The numbers run the other way, so `units` is the other's input size, and
            the input has as many features as the other has units. The one kernel gets the gradients of both uses, and
            is penalised, constrained, frozen and saved with its owner. Or an Embedding: then its table is the kernel,
            `units` its `input_dim`, as at the end of a language model.

    Raises:
        DeepkitError: for units below 1, an unknown name, an input without features, or a softmax over one
            unit; for a tied layer whose sizes do not fit, or that says how to make the kernel that it does not have.
    """

    units: int = parameter(convert=positive_integer)
    activation: Any = parameter(default=None, convert=activations.get)
    use_bias: bool = True
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    tied_to: Any = parameter(default=None, convert=optional(_kernel_owner), kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tied_to is None:
            return
        for name, default in (
            ("kernel_initializer", initializers.get("glorot_uniform")),
            ("kernel_regularizer", None),
            ("kernel_constraint", None),
        ):
            if getattr(self, name) != default:
                raise DeepkitValueError(
                    f"{self.label} has no kernel of its own, so it has no {name} either. Give it to the owner of the "
                    f"kernel, {self.tied_to.label}."
                )

    def borrowed(self) -> dict[str, tuple[Layer, str]]:
        """The other layer's kernel, if this one is tied to it."""
        if self.tied_to is None:
            return {}
        return {TIED: (self.tied_to, "embeddings" if isinstance(self.tied_to, Embedding) else "kernel")}

    def build(self, x: Spec) -> dict[str, Weight]:
        """`kernel (features, units)` unless it is another layer's, and `bias (units,)`."""
        dtype = weight_dtype(x)
        kernel = Weight(
            (x.features, self.units),
            self.kernel_initializer,
            dtype=dtype,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        bias = Weight(
            (self.units,),
            self.bias_initializer,
            dtype=dtype,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )
        own = {} if self.tied_to is not None else {"kernel": kernel}
        return {**own, "bias": bias} if self.use_bias else own

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape with `units` as its last size."""
        require_rank(self, x, at_least=2)
        if self.tied_to is not None:
            self._check_tie(x, self.tied_to)
        return activated(self, Spec((*x.shape[:-1], self.units), weight_dtype(x)), self.activation)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """One matrix product, the bias, the activation."""
        if self.tied_to is not None and TIED not in weights:
            raise DeepkitValueError(
                f"{self.label} uses the kernel of {self.tied_to.label}, which nobody hands on inside another layer. "
                "Call it itself: Dense works along the last axis of any input."
            )
        y = product(to_float(x), weights["kernel"] if self.tied_to is None else weights[TIED].T)
        if self.use_bias:
            y = y + weights["bias"]
        return self.activation(y)

    def _check_tie(self, x: Spec, owner: Dense | Embedding) -> None:
        units = owner.units if isinstance(owner, Dense) else owner.output_dim
        if x.features != units:
            raise DeepkitValueError(
                f"{self.label} uses the kernel of {owner.label} transposed, so it takes rows of that layer's "
                f"{units} units, but its input has shape {x.shape}. Call it on what has {units} features, "
                "or give it a kernel of its own: leave out tied_to."
            )
        # The owner's kernel is its one weight with two axes; before the owner is called, nobody knows its size.
        sizes = [shape[0] for shape in owner.holder.shapes or () if len(shape) == 2]
        if sizes and sizes[0] != self.units:
            raise DeepkitValueError(
                f"{self.label} uses the kernel of {owner.label} transposed, so its units are that layer's input size "
                f"{sizes[0]}, not {self.units}. Write Dense({sizes[0]}, …, tied_to=…)."
            )
