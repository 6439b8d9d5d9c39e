"""A recurrent network that reads letters and says what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepkit import layers
from deepkit.errors import DeepkitValueError
from deepkit.graph import Input
from deepkit.model import Model

CELLS = ("SimpleRNN", "GRU", "LSTM")


def CharacterRNN(
    steps: int, letters: int, units: Sequence[int] = (128,), cell: str = "LSTM", embedding: int | None = None
) -> Model:
    """After every letter of a text a distribution over the letter that follows.

    Input `(batch, steps)`, the numbers of the letters; output `(batch, steps, letters)`. Train it with
    "sparse_categorical_crossentropy" on the text moved by one letter.

    Args:
        steps: Letters in a row.
        letters: Size of the alphabet.
        units: Of the recurrent layers, one after another.
        cell: "SimpleRNN", "GRU" or "LSTM".
        embedding: Numbers that stand for a letter; by default as many as there are letters.
    """
    if cell not in CELLS:
        raise DeepkitValueError(f"CharacterRNN(cell={cell!r}): no such cell. Choose one of {', '.join(CELLS)}.")
    x = Input((steps,), dtype="int32")
    h: Any = layers.Embedding(letters, embedding or letters)(x)
    for width in units:
        h = getattr(layers, cell)(width, return_sequences=True)(h)
    return Model(x, layers.Dense(letters, "softmax")(h), name="CharacterRNN")
