"""Text as whole numbers, and the plays themselves."""

import numpy as np
import pytest

import deepkit as dk
from deepkit.datasets import Text, load_shakespeare
from deepkit.errors import DeepkitError

HELLO = Text("hello")


def test_hello():
    assert HELLO == "hello" and HELLO.vocabulary == "ehlo"
    np.testing.assert_array_equal(HELLO.codes, [1, 0, 2, 2, 3])
    assert HELLO.codes.dtype == np.int32
    np.testing.assert_array_equal(HELLO.codes_of("hole"), [1, 3, 2, 0])
    assert HELLO.text_of(HELLO.codes) == "hello" and HELLO.text_of([]) == "" and len(HELLO.codes_of("")) == 0
    x, y = HELLO.sequences(4)
    np.testing.assert_array_equal(x, [[1, 0, 2, 2]])
    np.testing.assert_array_equal(y, [[0, 2, 2, 3]])


@pytest.mark.parametrize(("every", "starts"), [(None, [0, 3, 6]), (1, range(7)), (2, [0, 2, 4, 6]), (5, [0, 5])])
def test_pieces(every, starts):
    text = Text("abcdefghij")
    x, y = text.sequences(3, every)
    assert [text.text_of(row) for row in x] == [text[start : start + 3] for start in starts]
    assert [text.text_of(row) for row in y] == [text[start + 1 : start + 4] for start in starts]


def test_characters_beyond_ascii():
    text = Text("Σ x·y = 🦄 é")
    assert text.text_of(text.codes) == text
    assert len(text.vocabulary) == len(set(text))


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: HELLO.codes_of("help"), "the character 'p' is not in the vocabulary of 4 characters"),
        (lambda: HELLO.codes_of("zebra"), "the character 'z'"),
        (lambda: HELLO.codes_of(5), "codes_of takes a text"),
        (lambda: HELLO.text_of([4]), "codes from 4 to 4, but the 4 characters have 0 to 3"),
        (lambda: HELLO.text_of([-1]), "codes from -1 to -1"),
        (lambda: HELLO.text_of([[1]]), r"whole numbers of shape \(n,\)"),
        (lambda: HELLO.text_of([0.5]), "whole numbers"),
        (lambda: HELLO.sequences(5), "a text of 5 characters .* at most 4 steps"),
        (lambda: HELLO.sequences(0), "at least 1"),
        (lambda: HELLO.sequences(2, 0), "at least 1"),
    ],
)
def test_wrong_use(use, message):
    with pytest.raises(DeepkitError, match=message):
        use()


def test_shakespeare_as_numbers(published):
    text = published(load_shakespeare)
    assert len(text.vocabulary) == 65 and text.vocabulary.startswith("\n !$&',-.3:;?ABC")
    assert text.text_of(text.codes[:14]) == "First Citizen:"
    x, y = text.sequences(64)
    assert x.shape == y.shape == (17428, 64) and x.dtype == np.int32 and x.max() == 64
    np.testing.assert_array_equal(x[1:, 0], y[:-1, -1])
    assert dk.datasets.load_shakespeare is load_shakespeare
