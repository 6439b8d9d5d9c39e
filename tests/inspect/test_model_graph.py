"""The drawing of a model: where boxes stand, what they say, and the files that it is written to."""

import itertools

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import deepkit as dk
from deepkit.errors import DeepkitError
from deepkit.plots.layout import layered


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def boxes(figure):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]


def middles(figure):
    """By title, where the boxes stand: inches from the left and from above."""
    found = {}
    for patch in boxes(figure):
        x, y = patch.get_x() + patch.get_width() / 2, patch.get_y() + patch.get_height() / 2
        inside = [t for t in figure.axes[0].texts if np.abs(np.subtract(t.get_position(), (x, y))).max() < 0.3]
        found[inside[0].get_text()] = (x, y)
    return found


def residual_block():
    x = dk.Input((8, 8, 4))
    h = dk.layers.Conv2D(4, 3, padding="same", name="first")(x)
    h = dk.layers.Conv2D(4, 3, padding="same", name="second", trainable=False)(h)
    return dk.Model(x, dk.layers.Add(name="sum")([h, x]), name="block")


def test_boxes_say_name_class_shape_and_parameters():
    figure = dk.networks.LeNet5().plot()
    assert texts(figure)[:6] == ["input", "Input → 32×32×1", "C1", "Conv2D → 28×28×6", "156 parameters", "S2"]
    assert figure.get_suptitle() == "LeNet5"
    assert len(boxes(figure)) == 9
    assert sum(isinstance(patch, FancyArrowPatch) for patch in figure.axes[0].patches) == 8


def test_a_block_stands_straight_and_its_shortcut_beside():
    figure = residual_block().plot()
    places = middles(figure)
    assert len({round(x, 6) for x, _ in places.values()}) == 1
    assert [name for name, _ in sorted(places.items(), key=lambda item: item[1][1])] == [
        "input",
        "first",
        "second",
        "sum",
    ]
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    right = boxes(figure)[0].get_window_extent().x1
    assert [arrow.get_window_extent().x1 > right for arrow in arrows] == [False, False, False, True]


def test_branches_of_an_inception_module_stand_side_by_side():
    places = middles(dk.networks.InceptionModule().plot())
    rows = {}
    for name, (_, y) in places.items():
        rows.setdefault(round(y, 3), []).append(name)
    assert [len(rows[y]) for y in sorted(rows)] == [1, 4, 3, 1]


def test_shared_layers_sub_models_and_several_outputs():
    a, b = dk.Input(4, name="a"), dk.Input(4, name="b")
    shared = dk.layers.Dense(4, name="shared")
    inner = dk.Input(4)
    part = dk.Model(inner, dk.layers.Dense(2)(inner), name="part")
    model = dk.Model([a, b], {"p": part(shared(a)), "q": shared(b)})
    said = texts(model.plot())
    assert {"shared (call 1)", "shared (call 2) → q", "part → p", "Model → 2", "the same parameters"} <= set(said)
    assert said.count("20 parameters") == 1
    legend = [text.get_text() for text in model.plot().legends[0].get_texts()]
    assert legend == ["input", "layer with parameters", "model used as a layer", "output"]
    assert "frozen parameters" in [text.get_text() for text in residual_block().plot().legends[0].get_texts()]


def test_rounded_sizes_are_marked():
    x = dk.Input((5, 5, 1))
    assert "MaxPooling2D → 2×2×1 ⌊⌋" in texts(dk.Model(x, dk.layers.MaxPooling2D(2)(x)).plot())


@pytest.mark.parametrize("build", [dk.networks.GoogLeNet, dk.networks.FractalNet, dk.networks.ResNet56])
def test_deep_models_are_cut_into_columns_and_no_box_lies_on_another(build):
    figure = build().plot()
    drawn = [patch.get_window_extent().padded(-1) for patch in boxes(figure)]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(drawn, 2))
    width, height = figure.get_size_inches()
    assert height < 30 and width < 12 * height
    paper = figure.bbox
    assert all(paper.x0 <= box.x0 and box.x1 <= paper.x1 and paper.y0 <= box.y0 and box.y1 <= paper.y1 for box in drawn)


def test_no_text_is_wider_than_its_box():
    x = dk.Input(4, name="an input with $dollars$ and a long name")
    figure = dk.Model(x, dk.layers.Dense(3, name="W" * 20)(x)).plot()
    figure.draw_without_rendering()
    widest = max(text.get_window_extent().width for text in figure.axes[0].texts)
    assert widest < boxes(figure)[0].get_window_extent().width


@pytest.mark.parametrize(("ending", "start"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".PDF", b"%PDF")])
def test_files(tmp_path, ending, start):
    path = tmp_path / f"model{ending}"
    residual_block().plot(path)
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("model.jpeg2", r"'model\.jpeg2' says no format.*\.svg, \.png or \.pdf"),
        (3, r"written to a path, got .*plot\('model\.svg'\)"),
        ("nowhere/model.svg", "no folder 'nowhere'"),
    ],
)
def test_wrong_paths(path, message):
    with pytest.raises(DeepkitError, match=message):
        residual_block().plot(path)


def test_not_a_model():
    with pytest.raises(DeepkitError, match=r"draws a dk\.Model, got"):
        dk.plots.model_graph(dk.layers.Dense(1))


def test_layout_keeps_the_order_of_edges_and_room_between_boxes():
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d"), ("e", "d")]
    layout = layered(["a", "e", "b", "c", "d"], edges, lane=0.2)
    assert layout.rank == {"a": 0, "b": 1, "c": 1, "e": 1, "d": 2}
    assert layout.bends["a", "d"] == [(("a", "d"), 1)]
    row = sorted(layout.place[key] for key in ("b", "c", "e"))
    assert row[1] - row[0] >= 1 - 1e-9 and row[2] - row[1] >= 1 - 1e-9
