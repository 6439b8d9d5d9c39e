"""The drawing of a model's graph: a box per layer call, arrows where tensors go."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from deepkit.errors import DeepkitTypeError, DeepkitValueError, described
from deepkit.plots.canvas import GREY, new_figure
from deepkit.plots.layout import Layout, layered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".svg", ".png", ".pdf")

RANKS = 24
"""Ranks in one column of a deep model's picture; about so many are read on a screen."""

SEARCH = 7
"""Ranks by which a column may be longer or shorter than the others, to be cut where few edges cross."""

PITCH, BOX, GAP, LINE, CHARACTER = 0.82, 0.58, 0.25, 0.165, 0.072
"""Inches: from rank to rank, height of a box, between boxes side by side, height of a line, width of a character."""

GUTTER, TURN = 0.4, 0.35
"""Inches between columns, and above and below them, where arrows pass from one to the next."""

LANE = 0.2
"""Share of a box's width that an edge takes where it passes by."""

COLOURS = {
    "input": "#E6E6E6",
    "layer with parameters": "#CFE3F3",
    "frozen parameters": "#F6D9C4",
    "layer without parameters": "#FFFFFF",
    "model used as a layer": "#CDEBDD",
}


@dataclasses.dataclass(frozen=True)
class Box:
    """One box: its name, the lines below it, what it is (a key of `COLOURS`), and whether it makes an output."""

    title: str
    lines: tuple[str, ...]
    kind: str
    last: bool = False


def model_graph(model: Any, path: Any = None) -> Figure:
    """Draw a model: a box per call of a layer, with its name, class, output shape (of one row) and parameters.

    Data runs from top to bottom. A model of more than 24 ranks is set in several columns; the arrows out of the foot
    of one go on at the head of the next.

    Args:
        model: A `dk.Model`. No weight is drawn, so a model of any size can be pictured.
        path: Where to write the picture, if anywhere: a name that ends in `.svg`, `.png` or `.pdf`.

    Raises:
        DeepkitError: for anything but a model, and for another ending.
    """
    from deepkit.inspect.accounting import rows_of
    from deepkit.model import Model

    if not isinstance(model, Model):
        raise DeepkitTypeError(f"model_graph draws a dk.Model, got {described(model)}. Pass dk.Model(inputs, outputs).")
    file = _file(path)
    boxes, edges = _boxes(model.graph, rows_of(model.program))
    layout = layered(list(boxes), edges, lane=LANE)
    figure = _drawn(boxes, layout, _title(model))
    if file is not None:
        figure.savefig(file)
    return figure


def _file(path: Any) -> pathlib.Path | None:
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise DeepkitTypeError(f"a picture is written to a path, got {described(path)}. Write plot('model.svg').")
    file = pathlib.Path(path)
    if file.suffix.lower() not in ENDINGS:
        raise DeepkitValueError(
            f"{file.name!r} says no format for a picture. End the name in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}."
        )
    if not file.parent.is_dir():
        raise DeepkitValueError(f"there is no folder {str(file.parent)!r} to write {file.name!r} to. Make it first.")
    return file


def _title(model: Any) -> str:
    return str(model.layer.name or model.layer.given_name or type(model).__name__)


def _boxes(graph: Any, rows: Any) -> tuple[dict[Hashable, Box], list[tuple[Hashable, Hashable]]]:
    from deepkit.inspect.summary import FLOORED

    boxes: dict[Hashable, Box] = {}
    maker: dict[int, Hashable] = {}
    rows_by_name = {row.name: row for row in rows}
    outputs: dict[int, list[str]] = {}
    for name, tensor in zip(graph.output_names, graph.outputs, strict=True):
        outputs.setdefault(id(tensor.node), []).append(name)
    for name, tensor in zip(graph.input_names, graph.inputs, strict=True):
        maker[id(tensor)] = id(tensor)
        boxes[id(tensor)] = Box(name, (f"Input → {_shape(tensor)}",), "input")
    edges: list[tuple[Hashable, Hashable]] = []
    seen: dict[str, int] = {}
    for node in graph.nodes:
        name = graph.name_of(node.callee)
        row = rows_by_name[name]
        seen[name] = seen.get(name, 0) + 1
        shape = ", ".join(map(_shape, node.outputs)) + f" {FLOORED}" * row.floored
        lines = [f"{row.kind} → {shape}"]
        if row.count.total:
            lines.append(f"{row.count.total:,} parameters" if seen[name] == 1 else "the same parameters")
        title = name + f" (call {seen[name]})" * (len(row.nodes) > 1)
        called = ", ".join(given for given in outputs.get(id(node), ()) if given != name)
        title += f" → {called}" if called else ""
        boxes[id(node)] = Box(title, tuple(lines), _kind(row), id(node) in outputs)
        maker |= {id(tensor): id(node) for tensor in node.outputs}
        edges += [(maker[id(tensor)], id(node)) for tensor in node.inputs]
    return boxes, edges


def _shape(tensor: Any) -> str:
    return "×".join(map(str, tensor.spec.row_shape)) or "1"


def _kind(row: Any) -> str:
    if row.kind == "Model":
        return "model used as a layer"
    if row.count.frozen:
        return "frozen parameters"
    return "layer with parameters" if row.nodes[0].callee.holder.shapes else "layer without parameters"


def _drawn(boxes: dict[Hashable, Box], layout: Layout, title: str) -> Figure:
    width = CHARACTER * max(len(line) for box in boxes.values() for line in (box.title + "  ", *box.lines)) + 0.15
    sheet = Sheet(layout, width + GAP)
    shown = [kind for kind in COLOURS if any(box.kind == kind for box in boxes.values())]
    paper = max(sheet.width + 0.3, 4.2)
    per_row = max(1, int(paper / 2.2))
    head, foot = 0.5, 0.25 * -(-(len(shown) + 1) // per_row) + 0.15
    full = head + sheet.height + foot
    figure, panels = new_figure(size=(paper, full))
    figure.set_layout_engine("none")
    figure.suptitle(title, y=1 - 0.3 / full, va="center", parse_math=False)
    panel = panels[0, 0]
    panel.set_position((0, foot / full, 1, sheet.height / full))
    side = (paper - sheet.width) / 2
    panel.set(xlim=(-side, paper - side), ylim=(sheet.height, 0))  # in inches, downwards
    panel.set_axis_off()
    panel.xaxis.set_tick_params(labelbottom=False)
    for edge, bends in layout.bends.items():
        _arrow(panel, sheet, [edge[0], *bends, edge[1]])
    for key, box in boxes.items():
        _box(panel, box, *sheet.where[key], width)
    _legend(figure, shown, per_row)
    return figure


class Sheet:
    """The layout in inches, cut into columns that stand side by side.

    Attributes:
        where: Middle of every box and bend, from the upper left corner.
        width, height: Of all columns.
        column: Per rank the number of its column.
        gutters: Per column the middle of the space on its right.
    """

    def __init__(self, layout: Layout, unit: float) -> None:
        cuts = _columns(layout)
        several = len(cuts) > 1
        self.turn = TURN if several else 0.0
        self.height = PITCH * max(last - first + 1 for first, last in cuts) + 2 * self.turn
        self.where: dict[Any, tuple[float, float]] = {}
        self.column = {row: number for number, (first, last) in enumerate(cuts) for row in range(first, last + 1)}
        self.gutters, self.taken, left = [], [0] * len(cuts), 0.0
        for number, (first, _) in enumerate(cuts):
            inside = {key: unit * x for key, x in layout.place.items() if self.column[layout.row(key)] == number}
            half = {key: unit * (0.5 if key in layout.rank else LANE / 2) for key in inside}
            start = left - min(x - half[key] for key, x in inside.items())
            for key, x in inside.items():
                self.where[key] = (start + x, self.turn + (layout.row(key) - first + 0.5) * PITCH)
            left = start + max(x + half[key] for key, x in inside.items()) + GUTTER * several
            self.gutters.append(left - GUTTER / 2)
        self.width = left - GUTTER * several
        self.layout = layout

    def passage(self, number: int) -> float:
        """The middle of the gutter on a column's right, a little apart for every arrow that goes through it."""
        self.taken[number] += 1
        return self.gutters[number] + 0.07 * (self.taken[number] // 2) * (-1) ** self.taken[number]


def _columns(layout: Layout) -> list[tuple[int, int]]:
    """First and last ranks of the columns, about equally long: cut where few edges cross."""
    last = max(layout.rank.values())
    crossing = [0] * (last + 1)  # edges from this rank to the next
    for start, end in layout.bends:
        for row in range(layout.rank[start], layout.rank[end]):
            crossing[row] += 1
    columns, first = [], 0
    for left in range(-(-(last + 1) // RANKS), 1, -1):
        middle = first + round((last + 1 - first) / left) - 1
        end = min(range(middle - SEARCH, middle + SEARCH + 1), key=lambda row: 2 * crossing[row] + abs(row - middle))
        columns.append((first, end))
        first = end + 1
    return [*columns, (first, last)]


def _arrow(panel: Any, sheet: Sheet, keys: list[Any]) -> None:
    """From one box to another, straight through its bends."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    row = sheet.layout.row
    x, y = sheet.where[keys[0]]
    points, codes = [(x, y + BOX / 2)], [Path.MOVETO]
    for key, follower in itertools.pairwise(keys):
        (x0, y0), (x1, y1) = sheet.where[key], sheet.where[follower]
        y0, y1 = y0 + BOX / 2, y1 - BOX / 2
        if key not in sheet.layout.rank:
            points.append((x0, y0))
            codes.append(Path.LINETO)
        number = sheet.column[row(key)]
        if sheet.column[row(follower)] == number:
            middle = (y0 + y1) / 2
            points += [(x0, middle), (x1, middle), (x1, y1)]
            codes += [Path.CURVE4] * 3
        else:  # out below the column, up beside it, into the next one from above
            x, spread = sheet.passage(number), 0.07 * sheet.taken[number]
            below, above = sheet.height - sheet.turn / 2 - spread / 2, spread
            points += [(x0, below), (x, below), (x, above), (x1, above), (x1, y1)]
            codes += [Path.LINETO] * 5
    panel.add_patch(
        FancyArrowPatch(
            path=Path(points, codes),
            arrowstyle="-|>",
            mutation_scale=9,
            color=GREY,
            linewidth=0.9,
            shrinkA=0,
            shrinkB=0,
            joinstyle="round",
        )
    )


def _box(panel: Any, box: Box, x: float, y: float, width: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = f"round,pad=0,rounding_size={BOX / 8}"
    corner = (x - width / 2, y - BOX / 2)
    panel.add_patch(FancyBboxPatch(corner, width, BOX, boxstyle=style, **_paint(box.kind, box.last)))
    top = y - LINE * len(box.lines) / 2
    for number, line in enumerate((box.title, *box.lines)):
        # Names may hold what matplotlib would read as mathematics.
        panel.text(
            x,
            top + LINE * number,
            line,
            ha="center",
            va="center",
            fontsize=7.5 if number else 8,
            fontweight="normal" if number else "bold",
            parse_math=False,
        )


def _paint(kind: str, last: bool) -> dict[str, Any]:
    return {"facecolor": COLOURS[kind], "edgecolor": "#303030", "linewidth": 2.2 if last else 0.8}


def _legend(figure: Any, shown: list[str], columns: int) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(**_paint(kind, False), label=kind) for kind in shown]
    handles.append(Patch(facecolor="none", edgecolor="#303030", linewidth=2.2, label="output"))
    figure.legend(handles=handles, loc="lower center", ncols=columns, frameon=False, fontsize=8)
