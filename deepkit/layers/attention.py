"""Attention without projections: every query step takes a weighted mean of the value steps."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import fraction
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Spec
from deepkit.initializers import GlorotUniform, Ones
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.regularization import dropped
from deepkit.layers.specs import shapes, to_float, weight_dtype


def three(inputs: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """`(query, value, key)`, the first of the inputs or of their masks: no key is the value, no value the query."""
    query, value, *more = inputs if len(inputs) > 1 else inputs * 2
    return query, value, more[0] if more else value


def masks_of(context: Context, count: int) -> tuple[jax.Array | None, ...]:
    """The masks of `count` inputs, `None` where there is none."""
    return context.masks or (None,) * count


def check_inputs(layer: Layer, inputs: tuple[Spec, ...], rank: int | None = None) -> None:
    """Refuse other than one to three sequences, or keys that do not belong to the values."""
    if not 1 <= len(inputs) <= 3:
        raise DeepkitTypeError(
            f"{layer.label} was called on {len(inputs)} tensors. Call it on [query, value] or [query, value, key], "
            "or on one tensor that attends to itself."
        )
    wrong = [x for x in inputs if x.rank < 3 or (rank and x.rank != rank) or x.rank != inputs[0].rank]
    if wrong:
        steps = rank or max(3, max(x.rank for x in inputs))
        raise DeepkitValueError(
            f"{layer.label} needs inputs of {steps} axes, such as (batch, steps, features), got {shapes(inputs)}. "
            "Put dk.layers.Embedding before it if the input holds token numbers, dk.layers.Reshape if it is one row."
        )
    _, value, key = three(inputs)
    if value.shape[1:-1] != key.shape[1:-1]:
        raise DeepkitValueError(
            f"{layer.label}: every value belongs to one key, but values of shape {value.shape} come with keys of shape "
            f"{key.shape}. Give both the same steps."
        )


def causal(steps: int, others: int) -> jax.Array:
    """`(steps, others)`: whether step i may look at step j, that is j ≤ i."""
    return jnp.arange(steps)[:, None] >= jnp.arange(others)


def softmax(scores: jax.Array, allowed: jax.Array | None) -> jax.Array:
    """Softmax over the last axis where it is allowed; equal shares where nothing is."""
    if allowed is not None:
        scores = jnp.where(allowed, scores, -0.7 * jnp.finfo(scores.dtype).max)
    return jax.nn.softmax(scores)


class _Attention(Layer):
    """Base of the two: they differ in how a query and a key are compared.

    Keras gives `use_causal_mask` and `return_attention_scores` in the call; here they belong to the declaration,
    because a layer is called on tensors only. Keras's `seed` is left out as in Dropout.
    """

    use_causal_mask: bool = parameter(default=False, kw_only=True)
    return_attention_scores: bool = parameter(default=False, kw_only=True)

    def scores(self, weights: Weights, query: jax.Array, key: jax.Array) -> jax.Array:
        """How well each query fits each key, `(batch, query steps, key steps)`."""
        raise NotImplementedError

    def output_spec(self, *inputs: Spec) -> Spec | tuple[Spec, Spec]:
        """`(batch, query steps, value features)`, and the scores `(batch, query steps, value steps)` if asked for."""
        check_inputs(self, inputs, 3)
        query, value, key = three(inputs)
        if query.features != key.features:
            raise DeepkitValueError(
                f"{self.label} compares queries of {query.features} features with keys of {key.features} "
                f"({shapes(inputs)}). Bring both to one size with a Dense, or use MultiHeadAttention, which does."
            )
        dtype = weight_dtype(query)
        output = Spec((*query.shape[:2], value.features), dtype)
        return (output, Spec((*query.shape[:2], key.shape[1]), dtype)) if self.return_attention_scores else output

    def call(self: Any, weights: Weights, *arguments: Any) -> Any:
        """Compare, softmax, mean; zeros where the query's mask is false."""
        *inputs, context = arguments
        query, value, key = map(to_float, three(tuple(inputs)))
        query_mask, value_mask, _ = three(masks_of(context, len(inputs)))
        allowed = causal(query.shape[1], key.shape[1]) if self.use_causal_mask else None
        if value_mask is not None:
            allowed = value_mask[:, None] if allowed is None else value_mask[:, None] & allowed
        scores = softmax(self.scores(weights, query, key), allowed)
        if context.training and self.dropout > 0:
            scores = dropped(scores, self.dropout, context.key_for(self))
        output = scores @ value
        if query_mask is not None:
            output = jnp.where(query_mask[..., None], output, 0)
        return (output, scores) if self.return_attention_scores else output


def _score_mode(value: Any) -> str:
    if value not in ("dot", "concat"):
        raise DeepkitValueError('expected "dot" or "concat".')
    return str(value)


class Attention(_Attention):
    """`softmax(query · keyᵀ) · value`: dot-product attention (Luong).

    Called on `[query, value]` or `[query, value, key]`, each `(batch, steps, features)`; on one tensor it attends to
    itself. Masks of the value's steps leave them out; where the query's mask is false, the output is 0.

    Args:
        use_scale: Whether a learned number multiplies the scores. It starts at 1; nothing divides them by √features.
        score_mode: "dot", or "concat" for a learned number times `Σ tanh(query + key)`.
        dropout: Share of the scores that is dropped in training.
        use_causal_mask: Whether step i sees only the steps up to i.
        return_attention_scores: Whether the scores after the softmax, `(batch, query steps, value steps)`, are a
            second output.

    Raises:
        DeepkitError: for inputs that are not sequences of one feature size.

    Reference: Luong, Pham and Manning, 2015, https://arxiv.org/abs/1508.04025
    """

    use_scale: bool = False
    score_mode: str = parameter(default="dot", convert=_score_mode)
    dropout: float = parameter(default=0.0, convert=fraction)

    def build(self, *inputs: Spec) -> dict[str, Weight]:
        """`scale ()` and `concat_score_weight ()`, each if it is used."""
        dtype = weight_dtype(inputs[0])
        wanted = {"scale": self.use_scale, "concat_score_weight": self.score_mode == "concat"}
        return {name: Weight((), Ones(), dtype=dtype) for name, used in wanted.items() if used}

    def scores(self, weights: Weights, query: jax.Array, key: jax.Array) -> jax.Array:
        """Dot products, or sums of tanh."""
        scale = weights.get("scale", 1.0)
        if self.score_mode == "dot":
            return scale * (query @ key.swapaxes(1, 2))
        together = query[:, :, None] + key[:, None]
        return weights["concat_score_weight"] * jnp.tanh(scale * together).sum(-1)


class AdditiveAttention(_Attention):
    """`softmax(Σ scale · tanh(query + key)) · value`: additive attention (Bahdanau).

    Inputs, masks and outputs as of Attention.

    Args:
        use_scale: Whether there is a learned `scale (features,)`; without it all features weigh 1.
        dropout, use_causal_mask, return_attention_scores: As in Attention.

    Raises:
        DeepkitError: for inputs that are not sequences of one feature size.

    Reference: Bahdanau, Cho and Bengio, 2015, https://arxiv.org/abs/1409.0473
    """

    use_scale: bool = True
    dropout: float = parameter(default=0.0, convert=fraction)

    def build(self, *inputs: Spec) -> dict[str, Weight]:
        """`scale (features,)`, if it is used."""
        query = inputs[0]
        scale = Weight((query.features,), GlorotUniform(), dtype=weight_dtype(query))
        return {"scale": scale} if self.use_scale else {}

    def scores(self, weights: Weights, query: jax.Array, key: jax.Array) -> jax.Array:
        """Weighted sums of tanh."""
        return (weights.get("scale", 1.0) * jnp.tanh(query[:, :, None] + key[:, None])).sum(-1)
