"""Attention of several heads, each with projections of its own."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import jax
import jax.numpy as jnp

from deepkit import initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import fraction, optional, positive_integer
from deepkit.errors import DeepkitValueError, from_user_line
from deepkit.graph import Spec
from deepkit.layers.attention import causal, check_inputs, masks_of, softmax, three
from deepkit.layers.einsum_dense import EinsumDense
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.regularization import dropped
from deepkit.layers.specs import axis_numbers, resolve_axes, shapes, weight_dtype
from deepkit.layers.wrapper import Wrapper, run


def _sizes(value: Any) -> tuple[int, ...]:
    return tuple(map(positive_integer, value if isinstance(value, list | tuple) else (value,)))


class _Heads(Wrapper):
    """Base of the two: they differ in how many heads the keys and values have.

    Keras gives `use_causal_mask` and `return_attention_scores` in the call; here they belong to the declaration,
    because a layer is called on tensors only. Keras's `flash_attention` and `seed` are left out.
    """

    use_causal_mask: bool = parameter(default=False, kw_only=True)
    return_attention_scores: bool = parameter(default=False, kw_only=True)

    # `self: Any`: the fields that are read here are declared below, each class in Keras's order of them.

    def heads(self) -> tuple[int, int, int, int]:
        """Heads of the queries, heads of keys and values, size of a key's head, size of a value's head."""
        raise NotImplementedError

    def results(self, query: Any) -> tuple[int, ...]:
        """Sizes of the output behind the steps."""
        return (query.shape[-1],)

    def axes(self, query: Any) -> tuple[int, ...]:
        """The axes of steps."""
        return (1,)

    @from_user_line
    def __call__(self, *inputs: Any, attention_mask: Any = None) -> Any:
        """Apply the layer to `[query, value]`, `[query, value, key]` or `[query, value, key, attention_mask]`."""
        if inputs and attention_mask is not None:
            given = tuple(inputs[0] if len(inputs) == 1 and isinstance(inputs[0], list | tuple) else inputs)
            inputs = (*(three(given) if 1 <= len(given) <= 3 else given), attention_mask)
        return super().__call__(*inputs)

    def _pairs(self, query: Any, value: Any) -> tuple[int, ...]:
        """Sizes of the axes of steps: the query's, then the value's."""
        return tuple(x.shape[axis] for x in (query, value) for axis in self.axes(query))

    def parts(self: Any, *inputs: Spec) -> dict[str, tuple[Layer, tuple[Spec, ...]]]:
        """The projections `query`, `key`, `value` and `attention_output`, and the `gate` if there is one."""
        query, value, key = three(inputs)
        many, few, key_size, value_size = self.heads()

        def to_heads(x: Spec, heads: int, size: int, activation: str | None = None) -> tuple[Layer, tuple[Spec, ...]]:
            return self._projection("...m,mnh->...nh", (heads, size), "nh", activation), (x,)

        results = self.results(query)
        letters = "abcdefg"[: len(results)]
        output = self._projection(f"...nh,nh{letters}->...{letters}", results, letters)
        merged = Spec((*query.shape[:-1], many, value_size), weight_dtype(query))
        return {
            "query": to_heads(query, many, key_size),
            "key": to_heads(key, few, key_size),
            **({"gate": to_heads(query, many, value_size, "sigmoid")} if self.use_gate else {}),
            "value": to_heads(value, few, value_size),
            "attention_output": (output, (merged,)),
        }

    def _projection(
        self: Any, equation: str, shape: tuple[int, ...], axes: str, activation: str | None = None
    ) -> Layer:
        return EinsumDense(
            equation,
            shape,
            activation,
            axes if self.use_bias else None,
            self.kernel_initializer,
            self.bias_initializer,
            self.kernel_regularizer,
            self.bias_regularizer,
            self.kernel_constraint,
            self.bias_constraint,
        )

    def output_spec(self: Any, *inputs: Spec) -> Spec | tuple[Spec, Spec]:
        """The query's shape with the output's features, and the scores if asked for."""
        query, value, _ = three(inputs)
        axes = self.axes(query)
        if len(inputs) == 4:
            self._check_attention_mask(inputs[3], query, value)
        if len(axes) > 1 and (self.use_causal_mask or self.sliding_window):
            raise DeepkitValueError(
                f"{self.label}: use_causal_mask and sliding_window need one axis of steps, which has an order, but "
                f"attention goes over the axes {axes} of shape {query.shape}. Give attention_axes one of them."
            )
        free = [axis for axis in range(1, query.rank - 1) if axis not in axes]
        if any(query.shape[axis] != value.shape[axis] for axis in free):
            raise DeepkitValueError(
                f"{self.label}: along the axes {free}, which are not attended over, query and value go side by side, "
                f"but their shapes are {shapes(inputs)}. Bring them to one size, or attend over all axes."
            )
        dtype = weight_dtype(query)
        output = Spec((*query.shape[:-1], *self.results(query)), dtype)
        if not self.return_attention_scores:
            return output
        outer = (query.shape[axis] for axis in free)
        return output, Spec((None, *outer, self.heads()[0], *self._pairs(query, value)), dtype)

    def _check_attention_mask(self: Any, mask: Spec, query: Spec, value: Spec) -> None:
        pairs, heads = self._pairs(query, value), self.heads()[0]
        sizes = pairs if len(mask.shape) == len(pairs) + 1 else (heads, *pairs)
        if len(mask.shape) != len(sizes) + 1 or any(
            a not in (1, b) for a, b in zip(mask.shape[1:], sizes, strict=True)
        ):
            raise DeepkitValueError(
                f"{self.label}: attention_mask says which step of the query may look at which step of the value, so it "
                f"needs the shape {(None, *pairs)}, or {(None, heads, *pairs)} for each head its own, 1 standing for "
                f"any size; it has the shape {mask.shape}."
            )

    def apply(self: Any, params: Weights, state: Weights, *inputs: Any, context: Context) -> tuple[Any, Weights]:
        """Project, attend, project back."""
        parts = self.parts(*(Spec((None, *x.shape[1:]), x.dtype.name) for x in inputs))

        def part(name: str, x: jax.Array) -> jax.Array:
            output: jax.Array = run(parts[name][0], name, params, state, x, context=context)[0]
            return output

        query, value, key = three(inputs)
        axes = self.axes(query)
        q, k, v = (
            _flat(part(name, x), axes, x.ndim - 1) for name, x in (("query", query), ("key", key), ("value", value))
        )
        many, few, key_size, value_size = self.heads()
        # Neighbouring heads of the queries share one head of the keys.
        q = q.reshape(*q.shape[:3], few, many // few, key_size) / math.sqrt(key_size)
        scores = jnp.einsum("bftgrh,bfsgh->bfgrts", q, k)
        scores = softmax(scores, self._allowed(inputs, masks_of(context, len(inputs)), axes))
        shares = scores
        if context.training and self.dropout > 0:
            shares = dropped(scores, self.dropout, context.key_for(self))
        mixed = jnp.einsum("bfgrts,bfsgh->bftgrh", shares, v)
        free = [axis for axis in range(1, query.ndim - 1) if axis not in axes]
        mixed = mixed.reshape(*(query.shape[axis] for axis in (0, *free, *axes)), many, value_size)
        mixed = jnp.moveaxis(mixed, range(query.ndim - 1), (0, *free, *axes))
        if self.use_gate:
            mixed = mixed * part("gate", query)
        output = part("attention_output", mixed)
        if not self.return_attention_scores:
            return output, state
        outer = (query.shape[axis] for axis in (0, *free))
        return (output, scores.reshape(*outer, many, *self._pairs(query, value))), state

    def _allowed(
        self: Any, inputs: tuple[jax.Array, ...], masks: tuple[jax.Array | None, ...], axes: tuple[int, ...]
    ) -> jax.Array | None:
        """Which query step may look at which value step: an array that broadcasts to the scores, or `None` for all."""
        query, value, _ = three(inputs)
        query_mask, value_mask, key_mask = three(masks)
        allowed = []
        for mask, x, steps in ((query_mask, query, -1), (value_mask, value, -2), (key_mask, value, -2)):
            if mask is not None:
                full = jnp.broadcast_to(mask.reshape(*mask.shape, *[1] * (x.ndim - 3)), x.shape[:-1])
                flat = _flat(full, axes, x.ndim - 1)[:, :, None, None]
                allowed.append(jnp.expand_dims(flat, steps))
        steps, others = (math.prod(x.shape[axis] for axis in axes) for x in (query, value))
        if len(inputs) == 4:
            many, few, *_ = self.heads()
            pairs = self._pairs(query, value)
            one_for_all = inputs[3].ndim == 1 + len(pairs)
            mask = inputs[3][:, None] if one_for_all else inputs[3]
            mask = jnp.broadcast_to(mask.astype(bool), (len(mask), 1 if one_for_all else many, *pairs))
            groups = (1, 1) if one_for_all else (few, many // few)
            allowed.append(mask.reshape(len(query), 1, *groups, steps, others))
        if self.use_causal_mask:
            allowed.append(causal(steps, others))
        if self.sliding_window:
            allowed.append(abs(jnp.arange(steps)[:, None] - jnp.arange(others)) < self.sliding_window)
        return functools.reduce(operator.and_, allowed) if allowed else None

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """The query's goes along with the output, none with the scores."""
        query = inputs[0]
        is_output = output.shape == (*query.shape[:-1], *self.results(query))
        return masks[0] if masks and is_output else None


def _flat(x: jax.Array, axes: tuple[int, ...], rank: int) -> jax.Array:
    """`(batch, …, rest)`, of which `rank` axes are not rest, as `(batch, free places, steps, rest)`."""
    free = [axis for axis in range(1, rank) if axis not in axes]
    x = jnp.moveaxis(x, (0, *free, *axes), range(rank))
    sizes = x.shape[1 : 1 + len(free)], x.shape[1 + len(free) : rank]
    return x.reshape(x.shape[0], *map(math.prod, sizes), *x.shape[rank:])


class MultiHeadAttention(_Heads):
    """Several attentions side by side: `Σ over heads of softmax(Q Kᵀ / √key_dim) V · W`, with Q, K, V projected.

    Called on `[query, value]` or `[query, value, key]`, each `(batch, steps, features)`; on one tensor it attends to
    itself. Weights `query`, `key`, `value` with kernels `(features, heads, size)`, `attention_output` with a kernel
    `(heads, size, features)`, as in Keras. Masks of the inputs' steps are heeded as in Keras: a value or key that only
    fills up is looked at by nobody; what a query that only fills up gets, does not matter.

    `layer(query, value, attention_mask=mask)` lets a step of the query look at a step of the value only where the mask
    is true (or not 0): `(batch, query steps, value steps)`, or `(batch, heads, query steps, value steps)` for each head
    its own. A size of 1 stands for any.

    Args:
        num_heads: Number of heads.
        key_dim: Size of a head's queries and keys.
        value_dim: Size of a head's values; `key_dim` by default.
        dropout: Share of the attention scores that is dropped in training.
        use_bias: Whether the projections have biases.
        output_shape: Sizes of the output behind the steps; the query's features by default.
        attention_axes: Axes of the steps, counted with the batch; all but batch and features by default.
        sliding_window: If given, only steps less than this far apart see each other. Not in all Keras versions.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
        bias_constraint: Of all projections, as in Dense.
        activity_regularizer: Penalty on what the layer returns (Keras: on every projection).
        use_gate: Whether the heads are multiplied by a sigmoid projection of the query, `gate`.
        use_causal_mask: Whether step i sees only the steps up to i.
        return_attention_scores: Whether the scores after the softmax, `(batch, heads, query steps, value steps)`, are
            a second output.

    Raises:
        DeepkitError: for inputs that are not sequences, or do not fit together.

    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762
    """

    num_heads: int = parameter(convert=positive_integer)
    key_dim: int = parameter(convert=positive_integer)
    value_dim: int | None = parameter(default=None, convert=optional(positive_integer))
    dropout: float = parameter(default=0.0, convert=fraction)
    use_bias: bool = True
    output_shape: Any = parameter(default=None, convert=optional(_sizes))
    attention_axes: Any = parameter(default=None, convert=optional(axis_numbers))
    sliding_window: int | None = parameter(default=None, convert=optional(positive_integer))
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    use_gate: bool = False

    def heads(self) -> tuple[int, int, int, int]:
        """As many heads of keys and values as of queries."""
        return self.num_heads, self.num_heads, self.key_dim, self.value_dim or self.key_dim

    def results(self, query: Any) -> tuple[int, ...]:
        """`output_shape`, or the query's features."""
        return self.output_shape or super().results(query)

    def axes(self, query: Any) -> tuple[int, ...]:
        """`attention_axes`, or all."""
        if self.attention_axes is None:
            return tuple(range(1, len(query.shape) - 1))
        given = self.attention_axes if isinstance(self.attention_axes, tuple) else (self.attention_axes,)
        return tuple(axis % len(query.shape) for axis in given)

    def output_spec(self, *inputs: Spec) -> Spec | tuple[Spec, Spec]:
        """The query's shape with the output's features, and the scores if asked for."""
        check_inputs(self, inputs[:3] if len(inputs) == 4 else inputs)
        query = inputs[0]
        if self.attention_axes is not None and query.rank - 1 in resolve_axes(self, query, self.attention_axes):
            raise DeepkitValueError(
                f"{self.label}: axis {query.rank - 1} of shape {query.shape} holds the features, and attention goes "
                f"over steps. Give attention_axes between 1 and {query.rank - 2}."
            )
        return super().output_spec(*inputs)


class GroupQueryAttention(_Heads):
    """Multi-head attention in which several heads of queries share one head of keys and values.

    Fewer keys and values to keep while a text is generated: one head for all is multi-query attention, as many as
    queries MultiHeadAttention. Inputs, weights, masks and outputs as there; inputs have three axes.

    Args:
        head_dim: Size of a head.
        num_query_heads: Heads of the queries, a multiple of the next.
        num_key_value_heads: Heads of keys and values.
        dropout, use_bias, sliding_window, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint, use_gate, use_causal_mask, return_attention_scores:
            As in MultiHeadAttention.

    Raises:
        DeepkitError: for numbers of heads that don't divide, inputs that are not sequences, or do not fit together.

    Reference: Ainslie et al., 2023, https://arxiv.org/abs/2305.13245
    """

    head_dim: int = parameter(convert=positive_integer)
    num_query_heads: int = parameter(convert=positive_integer)
    num_key_value_heads: int = parameter(convert=positive_integer)
    dropout: float = parameter(default=0.0, convert=fraction)
    use_bias: bool = True
    sliding_window: int | None = parameter(default=None, convert=optional(positive_integer))
    kernel_initializer: Any = parameter(default="glorot_uniform", convert=initializers.get)
    bias_initializer: Any = parameter(default="zeros", convert=initializers.get)
    kernel_regularizer: Any = parameter(default=None, convert=regularizers.get)
    bias_regularizer: Any = parameter(default=None, convert=regularizers.get)
    activity_regularizer: Any = parameter(default=None, convert=regularizers.get)
    kernel_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    bias_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    use_gate: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_query_heads % self.num_key_value_heads:
            raise DeepkitValueError(
                f"{self.label}: {self.num_query_heads} heads of queries cannot share {self.num_key_value_heads} "
                "heads of keys and values evenly. Give num_query_heads a multiple of num_key_value_heads."
            )

    def heads(self) -> tuple[int, int, int, int]:
        """Fewer heads of keys and values than of queries, all of one size."""
        return self.num_query_heads, self.num_key_value_heads, self.head_dim, self.head_dim

    def output_spec(self, *inputs: Spec) -> Spec | tuple[Spec, Spec]:
        """The query's shape, and the scores if asked for."""
        check_inputs(self, inputs[:3] if len(inputs) == 4 else inputs, 3)
        return super().output_spec(*inputs)
