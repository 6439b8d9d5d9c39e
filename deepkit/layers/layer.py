"""What a layer is: a declaration of its weights, its output, and its mathematics."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any, ClassVar, Self

import jax

from deepkit.configuration import Configurable, parameter
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, from_user_line, shown
from deepkit.graph import Meaning, Spec, SymbolicTensor, connect
from deepkit.graph.graph import snake_case
from deepkit.initializers import Initializer
from deepkit.initializers.drawing import split
from deepkit.kernels.threefry import fold_in, shifted
from deepkit.regularizers import Constraint, Regularizer

Weights = dict[str, Any]
"""A layer's arrays by name. The numbers of parameters and state stand side by side in it."""


@dataclasses.dataclass(frozen=True)
class Weight:
    """Declaration of one array of a layer.

    `trainable=False` makes it state (a running mean, a counter): kept apart from the parameters, never touched
    by the optimizer, updated by the layer itself.
    """

    shape: tuple[int, ...]
    initializer: Initializer
    trainable: bool = True
    dtype: str = "float32"
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None


@dataclasses.dataclass(frozen=True)
class Context:
    """What a layer may know of the moment it is called in.

    Attributes:
        training: Whether this is a training step (dropout on, batch statistics).
        rng: The key of the whole pass, or `None`. Take a key of this call's own through `key_for`.
        call_number: Which call of the graph this is; it tells the keys of different calls apart.
        row_mask: Boolean `(batch,)`, false for the rows that only fill up the last batch; `None` if all count.
            Statistics over the batch must leave those rows out.
        masks: Per input of this call a boolean `(batch, steps)`, false for the steps of a sequence that only fill
            it up, or `None` if all count. Made by `Masking` and `Embedding(mask_zero=True)`.
    """

    training: bool = False
    rng: jax.Array | None = None
    call_number: int = 0
    row_mask: jax.Array | None = None
    masks: tuple[jax.Array | None, ...] = ()

    @property
    def mask(self) -> jax.Array | None:
        """The mask of the first input."""
        return self.masks[0] if self.masks else None

    def key_for(self, layer: Layer) -> jax.Array:
        """A key of this call's own, or an error that names the layer that needs one."""
        # Never the pass's own key: calls in models inside fold theirs from it.
        return shifted(self._key(layer), self.call_number + 1)

    def key_inside(self) -> jax.Array | None:
        """The key of the pass through a model that is called here as a layer."""
        return None if self.rng is None else fold_in(self.rng, self.call_number)

    def common_key_for(self, layer: Layer, purpose: str) -> jax.Array:
        """A key that all calls of this pass have in common which ask for it by the same purpose."""
        return fold_in(self._key(layer), zlib.crc32(purpose.encode()))

    def _key(self, layer: Layer) -> jax.Array:
        if self.rng is None:
            raise DeepkitValueError(
                f"{layer.label} draws random numbers in training, but no key was given. "
                "Pass one: model.apply(variables, x, training=True, rng=jax.random.key(0))."
            )
        return self.rng


class Layer(Configurable):
    """Base of all layers.

    A subclass lists its configuration as fields and defines up to three methods:

        class Scale(dk.layers.Layer):
            start: float = 1.0

            def build(self, x):                      # x is a Spec; leave out if there are none
                return {"gain": dk.layers.Weight((x.features,), dk.initializers.Constant(self.start))}

            def output_spec(self, x):                  # by default: the same shape, meaning unknown
                return x

            def call(self, weights, x, context):       # arrays; several inputs come one after another
                return x * weights["gain"]

    A layer with state (`Weight(..., trainable=False)`) returns `(output, {name: new value})` from `call`.
    Calling one instance several times shares its weights.

    Args:
        name: Key in the parameter tree; by default the class in snake case, numbered.
        trainable: `False` freezes every parameter of the layer. May be set later, also for all layers inside this one;
            the next `fit` heeds it.
    """

    BY_VALUE: ClassVar[bool] = False
    SETTABLE: ClassVar[frozenset[str]] = frozenset({"trainable"})

    name: str | None = dataclasses.field(default=None, kw_only=True)
    trainable: bool = dataclasses.field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "holder", Holder())
        super().__post_init__()
        if self.name is not None and (not isinstance(self.name, str) or not self.name or "/" in self.name):
            raise DeepkitValueError(
                f"{type(self).__name__}(name={shown(self.name)}): a name is a non-empty string without '/'."
            )

    # What a subclass defines.

    def build(self, *inputs: Any) -> dict[str, Weight]:
        """The layer's arrays for inputs of these specs."""
        return {}

    def borrowed(self) -> dict[str, tuple[Layer, str]]:
        """Arrays of other layers that this one computes with: its own name for each → the layer, and the name there.

        They stand in the weights that `call` is given, belong to the other layer, and get the gradients of both.
        """
        return {}

    def output_spec(self, *inputs: Any) -> Any:
        """Spec of the output (or a tuple of them); raises a DeepkitError for inputs that cannot work."""
        return inputs[0].real()

    def call(self, weights: Weights, *arguments: Any) -> Any:
        """The mathematics: `call(weights, *input_arrays, context)`."""
        raise DeepkitTypeError(f"{type(self).__name__} does not define call(self, weights, x, context).")

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """Which steps of the output count, given the masks of the inputs, the input arrays and one output array.

        By default the first input's mask goes along as long as the output has its steps and a further axis.
        """
        mask = masks[0] if masks else None
        kept = mask is not None and output.ndim > mask.ndim and output.shape[: mask.ndim] == mask.shape
        return mask if kept else None

    # What the rest of the house uses.

    holder: ClassVar[Any]
    """Where a model keeps this layer's arrays and the name it was given: shared layers share it."""

    @property
    def label(self) -> str:
        """How errors name this layer: class and name, or class and configuration."""
        name = self.name or self.given_name
        return f"{type(self).__name__} {name!r}" if name else repr(self)

    @property
    def default_name(self) -> str:
        """What automatic names start with: the class in snake case."""
        return snake_case(type(self).__name__)

    @property
    def given_name(self) -> str | None:
        """Name that the first model gave this layer."""
        return self.holder.name

    @given_name.setter
    def given_name(self, name: str) -> None:
        self.holder.name = name

    @from_user_line
    def __setattr__(self, name: str, value: Any) -> None:
        if name == "given_name":
            self.holder.name = value
            return
        declared = getattr(self, "_sealed", False)
        super().__setattr__(name, value)
        if name == "trainable" and declared:
            # As in Keras; a frozen batch normalisation must know that it stands still.
            for layer in self.inner_layers():
                layer.trainable = value

    def inner_layers(self) -> list[Layer]:
        """The layers that this one is made of, if it is."""
        return []

    @from_user_line
    def __call__(self, *inputs: Any) -> Any:
        """Apply the layer to one symbolic tensor or a list of them; returns the symbolic output."""
        given = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], list | tuple) else inputs
        for item in given or ("nothing",):
            if not isinstance(item, SymbolicTensor):
                raise DeepkitTypeError(
                    f"{self.label} was called on {described(item) if given else item}, not on a symbolic tensor. "
                    "Start from dk.Input(shape); arrays go into model.predict(x) or model.apply(variables, x)."
                )
        return self._connect(tuple(given))

    def _connect(self, tensors: tuple[SymbolicTensor, ...]) -> Any:
        outputs = connect(self, tensors)
        leaves = jax.tree.leaves(
            self.weight_tree(*(tensor.spec for tensor in tensors)),
            is_leaf=lambda leaf: isinstance(leaf, Weight),
        )
        shapes = [weight.shape for weight in leaves]
        if self.holder.shapes is None:
            self.holder.shapes = shapes
        elif self.holder.shapes != shapes:
            raise DeepkitValueError(
                f"{self.label} is shared, and its weights have the shapes {_listed(self.holder.shapes)} from its first "
                f"call, but an input of shape {_listed([tensor.shape for tensor in tensors])} needs {_listed(shapes)}. "
                "Bring the inputs to one size first, or make a second layer."
            )
        return outputs

    def output_specs(self, *inputs: Spec) -> Any:
        """`output_spec`, guarded: the number of inputs is checked by the subclass's own signature."""
        try:
            return self.output_spec(*inputs)
        except TypeError as error:
            if isinstance(error, DeepkitTypeError) or "positional argument" not in str(error):
                raise
            raise DeepkitTypeError(
                f"{self.label} was called on {len(inputs)} tensors. "
                "To join several, use Concatenate, Add or another merging layer first."
            ) from None

    def weight_tree(self, *inputs: Spec) -> Weights:
        """Declared weights, as a tree of `Weight`. (A model used as a layer returns a nested one.)"""
        return self.build(*inputs)

    def init(self, key: jax.Array, *inputs: Spec) -> tuple[Weights, Weights]:
        """Fresh `(parameters, state)` for inputs of these specs."""
        params: Weights = {}
        state: Weights = {}
        declared = self.build(*inputs)
        keys = split(key, len(declared))
        for subkey, (name, weight) in zip(keys, declared.items(), strict=True):
            # float64 where JAX has it, float32 where it is switched off.
            values = weight.initializer(subkey, weight.shape, jax.dtypes.canonicalize_dtype(weight.dtype))
            (params if weight.trainable else state)[name] = values
        return params, state

    def apply(self, params: Weights, state: Weights, *inputs: Any, context: Context) -> tuple[Any, Weights]:
        """`(output, new state)`: `call` on merged weights, with the state made explicit."""
        if not state:
            return self.call(params, *inputs, context), state
        output, updates = self.call({**params, **state}, *inputs, context)
        return output, {**state, **updates}

    # Fusing an output activation with its loss.

    @property
    def final_activation(self) -> Any:
        """The activation function that makes the output, if the layer can leave it off; else `None`."""
        return getattr(self, "activation", None)

    def without_activation(self) -> Self:
        """The same layer (same weights) with a linear output."""
        return self.replace(activation=None)

    def check_ready(self) -> None:
        """Raise a DeepkitError if the layer cannot compute yet. Models call it before they run."""

    def check_codes(self, codes: Any, what: str) -> None:
        """Raise a DeepkitError for whole numbers, given as a model's input, that the layer cannot read."""

    def get_config(self) -> dict[str, Any]:
        """The fields, as given."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


class Holder:
    """Mutable cell of one layer, written by models only: its arrays, their shapes, and the name it goes by."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.shapes: list[tuple[int, ...]] | None = None
        self.params: Weights | None = None
        self.state: Weights | None = None


def _listed(shapes: list[Any]) -> str:
    return " and ".join(map(str, shapes))


def require_rank(layer: Layer, x: Spec, rank: int | None = None, *, at_least: int | None = None) -> None:
    """Refuse an input of another rank (axes counted with the batch), saying which layer mends it."""
    if (rank is None or x.rank == rank) and (at_least is None or x.rank >= at_least):
        return
    wanted = f"{rank}" if rank is not None else f"at least {at_least}"
    needed = rank if rank is not None else at_least
    assert needed is not None
    if x.rank > needed:
        mend = "Put dk.layers.Flatten() or a pooling layer before it."
    else:
        sizes = needed - 1
        mend = f"Put dk.layers.Reshape(…) before it, or give Input {sizes} size{'s' * (sizes > 1)}."
    raise DeepkitValueError(
        f"{layer.label} needs an input of {wanted} axes (the batch included), got shape {x.shape}. {mend}"
    )


__all__ = ["Context", "Layer", "Meaning", "Spec", "Weight", "Weights", "parameter", "require_rank"]
