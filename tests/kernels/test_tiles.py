"""Convolutions with few filters, several outputs at a time, against XLA's own of one output at a time."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from deepkit.kernels.tiles import _tile, in_tiles

# Size, window, strides, channels, filters, padding: uneven ones, and outputs that no tile divides.
CASES = [
    ((28, 28), (5, 5), (1, 1), 16, 6, ((2, 2), (2, 2))),
    ((13, 11), (3, 3), (1, 1), 8, 1, ((1, 1), (1, 1))),
    ((9, 14), (4, 5), (1, 1), 3, 8, ((0, 3), (2, 0))),
    ((10, 7), (1, 7), (1, 1), 6, 3, ((0, 0), (3, 3))),
    ((6, 6), (5, 2), (1, 1), 5, 4, ((2, 2), (0, 0))),
    ((61,), (5,), (1,), 8, 3, ((2, 1),)),
    ((15, 12), (5, 5), (2, 2), 8, 3, ((2, 2), (0, 0))),
    ((12, 13), (5, 3), (3, 1), 16, 2, ((1, 0), (1, 1))),
    ((64,), (7,), (2,), 4, 2, ((3, 3),)),
    ((7, 6, 5), (3, 3, 3), (1, 1, 1), 4, 2, ((1, 1), (0, 2), (1, 1))),
]


def plain(x, kernel, strides, padding):
    space = "DHW"[-len(strides) :]
    return lax.conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C")
    )


@pytest.mark.parametrize(("size", "window", "strides", "channels", "filters", "padding"), CASES, ids=str)
def test_tiles_are_the_convolution(size, window, strides, channels, filters, padding):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(3, *size, channels)).astype("float32")
    kernel = draw.normal(size=(*window, channels, filters)).astype("float32")
    taken = []

    def convolution(x, kernel, strides, padding):
        taken.append(strides)
        return plain(x, kernel, strides, padding)

    expected = plain(x, kernel, strides, padding)
    found = in_tiles(convolution, jnp.asarray(x), jnp.asarray(kernel), strides, padding)
    assert taken[0] != strides, "this case is here to be computed in tiles"
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("why", "out", "shape"),
    [
        ("many filters", (28, 28), (3, 3, 16, 32)),
        ("a gradient by a kernel, whose copies would be large", (5, 5), (28, 28, 128, 6)),
        ("one output", (1, 1), (1, 1, 16, 6)),
    ],
)
def test_one_output_at_a_time(why, out, shape):
    assert _tile(out, (1, 1), *shape) == (1, 1), why


def test_few_filters_are_worth_larger_tiles():
    tiles = functools.partial(_tile, (28, 28), (1, 1), 5, 5, 8)
    assert [np.prod(tiles(filters)) for filters in (1, 8, 32)] == [16, 4, 1]
