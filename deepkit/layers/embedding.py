"""Vectors for whole numbers: words, characters, categories."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit import initializers, regularizers
from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.graph import Spec
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.specs import FLOATING


class Embedding(Layer):
    """Row `x` of a table of vectors, for every whole number `x`: a Dense layer on one-hot codes without the product.

    Input `(batch, …)` of an integer dtype, `dk.Input(10, dtype="int32")`; output `(batch, …, output_dim)`. A code below
    0 or from `input_dim` on has no row: `fit`, `evaluate` and `predict` refuse it where the layer is called on an input
    of the model; elsewhere its vector is NaN. (Keras reads some other row, or zeros, and says nothing.) Keras's
    `weights`, `lora_rank` and quantisation are left out; use `embeddings_initializer=lambda key, shape, dtype: table`
    for given vectors.

    Args:
        input_dim: Number of rows: the largest code plus 1.
        output_dim: Size of a vector.
        embeddings_initializer: Of the table `(input_dim, output_dim)`; uniform within ±0.05.
        embeddings_regularizer: Penalty on the whole table.
        embeddings_constraint: Projection of the table after every step of the optimizer.
        mask_zero: Whether code 0 only fills sequences up: later layers, the loss and the metrics leave these steps
            out. The input is then `(batch, steps)`, and the first code that means something is 1.

    Raises:
        DeepkitError: for sizes below 1, an input of floats, or `mask_zero` on an input that is no sequence.
    """

    input_dim: int = parameter(convert=positive_integer)
    output_dim: int = parameter(convert=positive_integer)
    embeddings_initializer: Any = parameter(default="uniform", convert=initializers.get)
    embeddings_regularizer: Any = parameter(default=None, convert=regularizers.get)
    embeddings_constraint: Any = parameter(default=None, convert=regularizers.get_constraint)
    mask_zero: bool = False

    def build(self, x: Spec) -> dict[str, Weight]:
        """`embeddings (input_dim, output_dim)`."""
        table = Weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
        return {"embeddings": table}

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape and `output_dim`."""
        if x.dtype in FLOATING:
            raise DeepkitTypeError(
                f"{self.label} looks up rows by whole numbers, but its input has dtype {x.dtype}. "
                f'Declare Input({_sizes(x)}, dtype="int32"); for quantities use dk.layers.Dense.'
            )
        if self.mask_zero and x.rank != 2:
            raise DeepkitValueError(
                f"{self.label}: mask_zero tells the steps of sequences that count, (batch, steps), but the input has "
                f"shape {x.shape}. Leave mask_zero out, or bring the codes to one axis with dk.layers.Reshape."
            )
        return Spec((*x.shape, self.output_dim))

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The rows."""
        codes = jnp.asarray(x, jnp.int32)
        rows = jnp.take(weights["embeddings"], codes, axis=0, mode="clip")
        known = (codes >= 0) & (codes < self.input_dim)
        return jnp.where(known[..., None], rows, jnp.nan)

    def check_codes(self, codes: np.ndarray, what: str) -> None:
        """Refuse codes without a row."""
        low, high = int(codes.min()), int(codes.max())
        if low < 0 or high >= self.input_dim:
            raise DeepkitValueError(
                f"{what} holds the code {low if low < 0 else high}, but {self.label} has rows for the codes 0 to "
                f"{self.input_dim - 1}. Give it input_dim={high + 1}, or number the codes from 0."
            )

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """True where the code is not 0, if 0 only fills up."""
        return inputs[0] != 0 if self.mask_zero else super().output_mask(masks, inputs, output)


def _sizes(x: Spec) -> str:
    return str(x.row_shape[0]) if len(x.row_shape) == 1 else str(x.row_shape)
