"""Where the boxes of a layered graph stand: ranks from top to bottom, and places within a rank that keep edges short.

The method is that of Sugiyama, Tagawa and Toda (1981): every edge is cut into pieces from one rank to the next, each
rank is ordered by the middle of its neighbours, and places are the least-squares fit to straight edges in that order.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

Key = Hashable
Neighbours = dict[Key, list[Key]]

SWEEPS = 8
"""Passes down and up; the order of even large graphs settles within a few."""


@dataclasses.dataclass
class Layout:
    """A graph drawn in ranks.

    Attributes:
        rank: Per box its row, from 0 at the top.
        place: Per box and per bend of an edge the middle, in units of a box's width.
        bends: Per edge the keys of its bends, one in every rank that it passes.
    """

    rank: dict[Key, int]
    place: dict[Key, float]
    bends: dict[tuple[Key, Key], list[Key]]

    def row(self, key: Any) -> int:
        """The rank of a box or bend."""
        return self.rank[key] if key in self.rank else key[1]


def layered(boxes: Sequence[Key], edges: Sequence[tuple[Key, Key]], *, lane: float) -> Layout:
    """Lay out boxes, given in an order in which every edge points forward. A passing edge takes `lane` of a width."""
    rank = _ranks(boxes, edges)
    row_of = dict(rank)
    bends: dict[tuple[Key, Key], list[Key]] = {}
    pieces: list[tuple[Key, Key]] = []
    for edge in dict.fromkeys(edges):
        start, end = edge
        bends[edge] = [(edge, row) for row in range(rank[start] + 1, rank[end])]
        row_of |= {(edge, row): row for row in range(rank[start] + 1, rank[end])}
        chain: list[Key] = [start, *bends[edge], end]
        pieces += list(itertools.pairwise(chain))
    rows: list[list[Key]] = [[] for _ in range(max(row_of.values()) + 1)]
    for key, row in row_of.items():
        rows[row].append(key)
    above: Neighbours = {key: [] for key in row_of}
    below: Neighbours = {key: [] for key in row_of}
    for start, end in pieces:
        below[start].append(end)
        above[end].append(start)
    width = {key: 1.0 if key in rank else lane for key in row_of}
    _order(rows, above, below)
    return Layout(rank, _places(rows, above, below, width, bends.values()), bends)


def _ranks(boxes: Sequence[Key], edges: Sequence[tuple[Key, Key]]) -> dict[Key, int]:
    """Every box one below the lowest that it follows; a box that nothing leads to, just above the first it leads to."""
    rank = dict.fromkeys(boxes, 0)
    followers: dict[Key, list[Key]] = {box: [] for box in boxes}
    led_to = {end for _, end in edges}
    for start, end in edges:
        followers[start].append(end)
    for box in boxes:
        for follower in followers[box]:
            rank[follower] = max(rank[follower], rank[box] + 1)
    for box in boxes:
        if box not in led_to and followers[box]:
            rank[box] = min(rank[follower] for follower in followers[box]) - 1
    return rank


def _order(rows: list[list[Key]], above: Neighbours, below: Neighbours) -> None:
    """Sort each row by the mean place of its neighbours in the row before, downwards and upwards by turns."""
    at = {key: float(index) for row in rows for index, key in enumerate(row)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            neighbours = above if down else below
            wanted = {key: _mean([at[n] for n in neighbours[key]], at[key]) for key in row}
            row.sort(key=wanted.__getitem__)
            at |= {key: float(index) for index, key in enumerate(row)}


def _places(
    rows: list[list[Key]], above: Neighbours, below: Neighbours, width: dict[Key, float], bends: Iterable[list[Key]]
) -> dict[Key, float]:
    place = {}
    for row in rows:
        total, left = sum(width[key] for key in row), 0.0
        for key in row:
            place[key] = left + (width[key] - total) / 2
            left += width[key]
    pulls = {key: _pulls(key, above, below, width) for row in rows for key in row}
    for sweep in range(4 * SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = []
            for key in row:
                total = sum(pull for _, pull in pulls[key])
                wanted.append(sum(place[other] * pull for other, pull in pulls[key]) / total if total else place[key])
            _set(place, row, wanted, width)
    straight: dict[Key, float] = {}
    for line in (*_lines(rows, above, below, width), *bends):
        straight |= dict.fromkeys(line, sum(place[key] for key in line) / max(len(line), 1))
    for row in rows:
        _set(place, row, [straight[key] for key in row], width)
    return place


def _set(place: dict[Key, float], row: list[Key], wanted: list[float], width: dict[Key, float]) -> None:
    """Give a row its places. Where there is no room for both, an edge gives way to a box."""
    sizes = [width[key] for key in row]
    place |= dict(zip(row, _apart(wanted, sizes, [1.0 if size == 1.0 else 0.01 for size in sizes]), strict=True))


def _pulls(key: Key, above: Neighbours, below: Neighbours, width: dict[Key, float]) -> list[tuple[Key, float]]:
    """Who draws a box or bend to its place, and how strongly: a line of boxes stays straighter than a fork."""
    pulls = []
    for side, back in ((above, below), (below, above)):
        others, only = side[key], _only(side[key], width)
        others = [only] if only is not None else others
        pulls += [(other, 1 / max(len(others), len(back[other])) ** 4) for other in others]
    return pulls


def _only(others: list[Key], width: dict[Key, float]) -> Key | None:
    """The one box that is straight on: alone, or beside an edge that passes a block by."""
    boxes = [other for other in others if width[other] == 1.0]
    return boxes[0] if len(boxes) == 1 and len(others) < 3 else None


def _lines(rows: list[list[Key]], above: Neighbours, below: Neighbours, width: dict[Key, float]) -> Iterable[list[Key]]:
    """All boxes, those straight below each other in one list."""
    line_of: dict[Key, list[Key]] = {}
    for key in (key for row in rows for key in row if width[key] == 1.0):
        before = _only(above[key], width)
        goes_on = before is not None and _only(below[before], width) == key
        line_of[key] = line_of[before] if goes_on else []
        line_of[key].append(key)
    return {id(line): line for line in line_of.values()}.values()


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(wanted: list[float], width: list[float], weight: list[float]) -> list[float]:
    """The places nearest to the wanted ones (least squares) in this order without overlap: an isotonic regression."""
    offsets, offset = [], 0.0
    for index, size in enumerate(width):
        offset += (size + width[index - 1]) / 2 if index else 0.0
        offsets.append(offset)
    groups: list[tuple[float, float, int]] = []  # mean, weight and number of values that share a place, less offsets
    for value, shift, own in zip(wanted, offsets, weight, strict=True):
        mean, heavy, count = value - shift, own, 1
        while groups and groups[-1][0] >= mean:
            before, more, others = groups.pop()
            mean, heavy, count = (mean * heavy + before * more) / (heavy + more), heavy + more, count + others
        groups.append((mean, heavy, count))
    shared = [mean for mean, _, count in groups for _ in range(count)]
    return [mean + shift for mean, shift in zip(shared, offsets, strict=True)]
