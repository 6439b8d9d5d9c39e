"""The table of `summary(detail=True)`: two lines per layer, a hundred columns wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepkit.graph import Graph
from deepkit.inspect.accounting import Row
from deepkit.inspect.costs import Cost, costs_of
from deepkit.inspect.summary import FLOORED, memory_text, new_table, short_memory

HEADINGS = ("Layer\n(class)", "Output\nkernel", "Parameters\nformula", "Multiply-adds\nconnections")


def detailed(graph: Graph, rows: Sequence[Row]) -> tuple[Any, list[str]]:
    """The table, and the lines of the totals below it."""
    costs, total = costs_of(graph, rows)
    table = new_table()
    for heading in HEADINGS[:2]:
        table.add_column(heading, overflow="fold")
    table.add_column(HEADINGS[2], justify="right", overflow="fold")
    table.add_column(HEADINGS[3], justify="right", no_wrap=True)
    table.add_column("Memory\nlive", justify="right", no_wrap=True)
    sees = any(cost.field for cost in costs)
    if sees:
        table.add_column("Field", justify="right", overflow="fold")
    for row, cost in zip(rows, costs, strict=True):
        table.add_row(*_cells(row, cost)[: 6 if sees else 5])
    seen = [field for field in (cost.field for cost in costs[::-1]) if field]
    lines = [
        f"Multiply-adds: {total.work.multiply_adds:,}; connections: {total.work.connections:,} (one row)",
        f"Activations of one row: prediction {memory_text(total.prediction)}; training {memory_text(total.training)}",
        f"Depth: {total.depth} layer{'s' * (total.depth != 1)} with a kernel"
        + (f"; receptive field {seen[0]} of {seen[-1].whole_text}" if seen else ""),
    ]
    return table, lines


def _cells(row: Row, cost: Cost) -> list[str]:
    frozen = ", frozen" * bool(row.count.frozen and not row.count.trainable)
    note = f", {row.note}" * bool(row.note)
    kernel = ", ".join("×".join(map(str, shape)) for shape in row.kernels) if row.kind != "Model" else ""
    shapes = ["×".join(map(str, shape[1:])) or "1" for shape in row.shapes]
    work = cost.work
    cells = [
        (row.name, f"({row.kind}{note}{frozen})"),
        ("\n".join(shapes) + f" {FLOORED}" * row.floored, kernel),
        (f"{row.count.total:,}" if row.count.total else "", row.formula),
        (f"{work.multiply_adds:,}", f"{work.connections:,}") if work.connections else ("", ""),
        (short_memory(cost.kept), short_memory(cost.live) if cost.live else ""),
        (str(cost.field or ""), ""),
    ]
    return ["\n".join(filter(None, cell)) for cell in cells]
