"""Images side by side."""

import numpy as np
import pytest

from deepkit import plots
from deepkit.errors import DeepkitValueError


def test_photographs_are_drawn_as_they_are_and_numbers_on_a_scale_of_their_own():
    photographs = np.arange(2 * 3 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3, 3)
    drawn = [panel.images[0].get_array() for panel in plots.image_grid(photographs).axes]
    np.testing.assert_array_equal(drawn, photographs)
    filters = np.stack([np.zeros((2, 2, 3)), np.arange(12.0).reshape(2, 2, 3)])
    each, shared = (
        [np.asarray(panel.images[0].get_array()) for panel in plots.image_grid(filters, scale=scale).axes]
        for scale in ("each", "shared")
    )
    assert each[1].max() == 1 and each[1].min() == 0
    np.testing.assert_allclose(shared[1], filters[1] / 11)


def test_signs_show_around_zero():
    (panel,) = plots.image_grid(np.array([[[-1.0, 3.0]]])).axes
    assert panel.images[0].get_clim() == (-3, 3)


@pytest.mark.parametrize(
    ("images", "options", "words"),
    [
        (np.zeros((2, 3, 3, 5)), {}, "shape (2, 3, 3, 5)"),
        (np.zeros((0, 3, 3)), {}, "shape (0, 3, 3)"),
        (np.zeros((2, 3, 3)), {"titles": ["one"]}, "2 images and 1 titles"),
        (np.zeros((2, 3, 3)), {"scale": "all"}, "choose 'each' or 'shared'"),
    ],
)
def test_mistakes(images, options, words):
    with pytest.raises(DeepkitValueError) as raised:
        plots.image_grid(images, **options)
    assert words in str(raised.value)
