"""Text as numbers: what a character model reads and writes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from deepkit.converters import positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, from_user_line, shown

__all__ = ["Text"]


class Text(str):
    """A text that also knows its characters as whole numbers. In every other respect it is a `str`; what is cut out of
    it is a plain one.

        text = dk.datasets.Text("hello")
        text.vocabulary              # "ehlo": the different characters, sorted
        text.codes                   # [1, 0, 2, 2, 3]: their places in the vocabulary
        x, y = text.sequences(4)     # [[1, 0, 2, 2]] and [[0, 2, 2, 3]]: y is x, one character later
        text.text_of([1, 0, 2])      # "hel"
    """

    @functools.cached_property
    def vocabulary(self) -> str:
        """The different characters, in the order of their Unicode numbers."""
        return "".join(sorted(set(self)))

    @functools.cached_property
    def codes(self) -> np.ndarray:
        """Every character's place in the vocabulary: int32 `(len(text),)`."""
        return self.codes_of(self)

    @from_user_line
    def codes_of(self, text: str) -> np.ndarray:
        """Another text in this vocabulary: int32 `(len(text),)`.

        Raises:
            DeepkitError: for what is no text, or for a character that the vocabulary does not have.
        """
        if not isinstance(text, str):
            raise DeepkitTypeError(f"codes_of takes a text, got {described(text)}.")
        known, wanted = _numbers(self.vocabulary), _numbers(text)
        places = np.searchsorted(known, wanted)
        wrong = known.take(places, mode="clip") != wanted
        if wrong.any():
            raise DeepkitValueError(
                f"the character {text[int(np.argmax(wrong))]!r} is not in the vocabulary of {len(known)} characters, "
                f"{shown(self.vocabulary)}. Leave it out, or replace it: text.replace(…)."
            )
        return places.astype(np.int32)

    @from_user_line
    def text_of(self, codes: Any) -> str:
        """The characters that codes `(n,)` stand for.

        Raises:
            DeepkitError: for numbers that are no places in the vocabulary.
        """
        places = np.asarray(codes)
        if places.ndim != 1 or (places.size and places.dtype.kind not in "iu"):
            raise DeepkitTypeError(f"text_of takes whole numbers of shape (n,), got {described(codes)}.")
        if places.size and not (places.min() >= 0 and places.max() < len(self.vocabulary)):
            raise DeepkitValueError(
                f"text_of got codes from {places.min()} to {places.max()}, but the {len(self.vocabulary)} characters "
                f"have 0 to {len(self.vocabulary) - 1}."
            )
        return "".join(self.vocabulary[place] for place in places.tolist())

    @from_user_line
    def sequences(self, steps: int, every: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Pieces to train on: `x` and `y`, int32 `(pieces, steps)`; `y` is `x`, one character later.

        Args:
            steps: Characters in a piece.
            every: Distance between the starts of two pieces, `steps` by default: one begins where the last one ended.
                Where the text does not come out even, its end is left out.

        Raises:
            DeepkitError: for numbers below 1, or a text of no more than `steps` characters.
        """
        steps, every = positive_integer(steps), positive_integer(steps if every is None else every)
        if len(self) <= steps:
            raise DeepkitValueError(
                f"a text of {len(self)} characters has no piece of {steps} and the one after it. "
                f"Choose at most {len(self) - 1} steps."
            )
        windows = np.lib.stride_tricks.sliding_window_view(self.codes, steps + 1)[::every]
        return windows[:, :-1].copy(), windows[:, 1:].copy()


def _numbers(text: str) -> np.ndarray:
    """The characters' Unicode numbers."""
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)
