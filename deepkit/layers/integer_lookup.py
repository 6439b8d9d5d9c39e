"""The place of whole numbers in a vocabulary."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.configuration import parameter
from deepkit.converters import optional, positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line
from deepkit.graph import Spec
from deepkit.layers.categories import encoded, encoded_spec, output_mode, require_whole_numbers
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.scaling import training_array

UNKNOWN = -1
"""Number of what is in no category: all its zeros and ones are zero."""


def _token(value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise DeepkitTypeError("expected whole numbers.")
    if not -(2**31) <= value < 2**31:
        raise DeepkitValueError(f"{value} does not fit in 32 bits, which tokens have here.")
    return int(value)


def _vocabulary(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple | np.ndarray):
        raise DeepkitTypeError("expected a list of whole numbers, such as [12, 36, 1138].")
    tokens = tuple(map(_token, value))
    if not tokens or len(set(tokens)) < len(tokens):
        raise DeepkitValueError("expected at least one token, and none twice.")
    return tokens


def _oov_count(value: Any) -> int:
    if value not in (0, 1) or isinstance(value, bool):
        raise DeepkitValueError("expected 1, or 0 for unknown tokens to be left out: nothing is hashed here.")
    return int(value)


class IntegerLookup(Layer):
    """The place of each whole number in a vocabulary, such as 0 for unknown ones, 1 for its first token.

    The vocabulary is given, or made by `adapt(x_train)`: the tokens by how often they occur, the greater first where
    that is equal, as in Keras. It is part of the declaration, because the shapes of what follows depend on it, so
    `adapt` comes before the layer is called. Input int32 of any shape, output int32 of the same, or zeros and ones as
    CategoryEncoding makes them. Keras's hashing of unknown tokens, "tf_idf", `pad_to_max_tokens`, `sparse` and
    vocabulary files are left out.

    Args:
        max_tokens: Largest vocabulary that `adapt` makes, special tokens included.
        num_oov_indices: 1: unknown tokens have a number of their own, before all others; 0: they become −1, which is
            all zeros (Keras: an error).
        mask_token: Token that stands for nothing; in mode "int" it is number 0 and unknown ones are 1, in the others it
            is all zeros.
        oov_token: What `invert` returns for unknown numbers.
        vocabulary: The tokens in order, without special ones; instead of `adapt`.
        invert: Whether to go back from numbers to tokens. Only for "int".
        output_mode: "int", "one_hot", "multi_hot" or "count".

    Raises:
        DeepkitError: for a call before there is a vocabulary, or an input that does not hold whole numbers.
    """

    SETTABLE: ClassVar[frozenset[str]] = Layer.SETTABLE | {"vocabulary"}

    max_tokens: int | None = parameter(default=None, convert=optional(positive_integer))
    num_oov_indices: int = parameter(default=1, convert=_oov_count)
    mask_token: int | None = parameter(default=None, convert=optional(_token))
    oov_token: int = parameter(default=-1, convert=_token)
    vocabulary: Any = parameter(default=None, convert=optional(_vocabulary))
    invert: bool = False
    output_mode: str = parameter(default="int", convert=output_mode)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.invert and self.output_mode != "int":
            raise DeepkitValueError(f'{self!r}: numbers go back to tokens only in output_mode="int".')
        special = [token for token in self.vocabulary or () if token in (self.mask_token, self.oov_token)]
        if special:
            raise DeepkitValueError(f"{self!r}: {special[0]} is a special token. Leave it out of the vocabulary.")

    @from_user_line
    def adapt(self, data: Any) -> Self:
        """Make the vocabulary of training data, and return the layer.

        Args:
            data: Array or DataFrame of whole numbers, of any shape, or a training part of `dk.split`.

        Raises:
            DeepkitError: for data without rows or whole numbers, a sealed test part, or if the layer was called before.
        """
        if self.holder.shapes is not None:
            raise DeepkitTypeError(f"{self.label} was called already. Adapt it before, as its sizes depend on it.")
        array = training_array(self, data)
        if (array % 1 != 0).any():
            raise DeepkitValueError(f"{self.label}.adapt: expected whole numbers. Use Discretization for ranges.")
        tokens, counts = np.unique(array.astype(np.int64), return_counts=True)
        order = np.lexsort((tokens, counts))[::-1]
        kept = [int(token) for token in tokens[order] if token not in (self.mask_token, self.oov_token)]
        room = len(kept) if self.max_tokens is None else self.max_tokens - self._first
        self.vocabulary = kept[: max(room, 0)]
        return self

    @property
    def _special(self) -> list[int]:
        """Tokens before the vocabulary, by number."""
        mask = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return mask + [self.oov_token] * self.num_oov_indices

    @property
    def _first(self) -> int:
        """Number of the vocabulary's first token."""
        return len(self._special)

    def get_vocabulary(self) -> list[int]:
        """The tokens by number, special ones included, as in Keras."""
        return [*self._special, *(self.vocabulary or ())]

    def output_spec(self, x: Spec) -> Spec:
        """Numbers, tokens, or zeros and ones."""
        require_whole_numbers(self, x)
        if self.vocabulary is None:
            raise DeepkitValueError(
                f"{self.label} has no vocabulary yet. Call its adapt(x_train) before it is called on a tensor, or give "
                "vocabulary."
            )
        return encoded_spec(self, x, self.output_mode, len(self.get_vocabulary()), "float32")

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """Search, encode."""
        everything = np.asarray(self.get_vocabulary(), np.int32)
        if self.invert:
            inside = (x >= 0) & (x < len(everything))
            return jnp.where(inside, jnp.asarray(everything)[jnp.where(inside, x, 0)], self.oov_token).astype(jnp.int32)
        tokens = np.asarray(self.vocabulary, np.int32)
        order = np.argsort(tokens)
        place = jnp.minimum(jnp.searchsorted(jnp.asarray(tokens[order]), x), len(tokens) - 1)
        known = jnp.asarray(tokens[order])[place] == x
        number = jnp.where(known, jnp.asarray(order + self._first)[place], self._first - 1)
        if self.num_oov_indices == 0:
            number = jnp.where(known, number, UNKNOWN)
        if self.mask_token is not None:
            number = jnp.where(x == self.mask_token, 0 if self.output_mode == "int" else UNKNOWN, number)
        return encoded(number, self.output_mode, len(everything), "float32")
