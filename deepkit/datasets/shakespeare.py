"""Tiny Shakespeare: a million characters of plays, for character models."""

from __future__ import annotations

from deepkit.datasets.locate import Path, PublicFile, locate
from deepkit.datasets.text import Text
from deepkit.datasets.text_tables import read_lines
from deepkit.errors import DeepkitValueError, from_user_line

__all__ = ["load_shakespeare"]

FILE = PublicFile(
    folder="shakespeare",
    name="input.txt",
    address="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    licence="public domain",
)
CHARACTERS = 1_115_394


@from_user_line
def load_shakespeare(path: Path | None = None) -> Text:
    """Tiny Shakespeare, as one text of 1,115,394 characters, 65 of them different.

        text = dk.datasets.load_shakespeare()
        x, y = text.sequences(64)                        # (17428, 64) whole numbers, and the same one character later

    Args:
        path: The file or its directory. Default: `$DEEPKIT_DATA`, then the cache, then a download.

    Returns:
        A `Text`: a `str` with `vocabulary`, `codes`, `sequences(steps)` and `text_of(codes)`.

    Raises:
        DeepkitValueError: The file is nowhere, or is not the whole text.

    Source: Karpathy (2015), github.com/karpathy/char-rnn; the plays are in the public domain.
    """
    found = locate(FILE, path)
    lines = read_lines(found)
    text = Text("\n".join(lines) + "\n")
    if len(text) != CHARACTERS:
        raise DeepkitValueError(
            f"{found}, line {len(lines)}: the text ends after {len(text):,} characters; "
            f"the published one has {CHARACTERS:,}. Delete it and get the published file again."
        )
    return text
