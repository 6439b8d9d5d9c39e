"""`summary`: a model's layers, shapes and weights as a table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from deepkit.errors import DeepkitTypeError, from_user_line
from deepkit.inspect.accounting import Count, Row, rows_of, tensor_names

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 100
"""Columns of the table where the output is not a terminal."""


@from_user_line
def summary(model: Any) -> None:
    """Print every layer with its output shape, its weights and what it is connected to, and the totals.

    Every array counts once: a shared layer at its first place, a sub-model as one row with all it holds. No
    weight is drawn, so a model too large for the machine can be looked at.

    Args:
        model: A `dk.Model`.

    Raises:
        DeepkitTypeError: for anything else.
    """
    from rich.console import Console

    program = _program(model)
    rows = rows_of(program)
    total = sum((row.count for row in rows), Count())
    # Names may hold brackets or colons: they are text, not markup.
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(markup=False, highlight=False, emoji=False, width=width, force_jupyter=False)
    console.print(_table(rows, total, _title(model)))
    graph = program.graph
    if len(graph.outputs) > 1:
        names = tensor_names(graph)
        outputs = zip(graph.output_names, graph.outputs, strict=True)
        console.print("Outputs: " + ", ".join(f"{name} = {names[id(tensor)]}" for name, tensor in outputs))
    console.print(
        f"Parameters: {total.total:,} = {total.trainable:,} trainable + {total.frozen:,} frozen "
        f"+ {total.state:,} state ({_memory(total.bytes)})"
    )


@from_user_line
def summary_frame(model: Any) -> pd.DataFrame:
    """What `summary` prints, as a DataFrame: one row per input, layer or sub-model; sums of the columns are the totals.

    Columns: `layer`, `class`, `output_shape` (tuple; a list of them if there are several), `trainable`, `frozen`,
    `state` (counts of numbers), `bytes`, `connected_to` (list of names, call by call) and `note`.

    Raises:
        DeepkitTypeError: if it is not a `dk.Model`.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "layer": row.name,
                "class": row.kind,
                "output_shape": row.shapes[0] if len(row.shapes) == 1 else list(row.shapes),
                "trainable": row.count.trainable,
                "frozen": row.count.frozen,
                "state": row.count.state,
                "bytes": row.count.bytes,
                "connected_to": [name for call in row.calls for name in call],
                "note": row.note,
            }
            for row in rows_of(_program(model))
        ]
    )


def _program(model: Any) -> Any:
    from deepkit.model import Model

    if not isinstance(model, Model):
        raise DeepkitTypeError(
            f"summary needs a model, got {type(model).__name__}. "
            "Pass dk.Model(inputs, outputs); it need not be compiled."
        )
    return model.program


def _title(model: Any) -> str:
    name = model.layer.name or model.layer.given_name
    return f"{type(model).__name__} {name!r}" if name else type(model).__name__


def _table(rows: list[Row], total: Count, title: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Layer (class)", overflow="fold")
    table.add_column("Output shape", overflow="fold")
    # Columns of zeros say nothing: most models are neither frozen nor have state.
    kinds = ["trainable", *(kind for kind in ("frozen", "state") if getattr(total, kind))]
    for kind in kinds:
        table.add_column(kind.capitalize(), justify="right", no_wrap=True, min_width=len(f"{getattr(total, kind):,}"))
    table.add_column("Connected to", overflow="fold")
    for row in rows:
        table.add_row(
            f"{row.name} ({row.kind}{', ' * bool(row.note)}{row.note})",
            "\n".join(map(str, row.shapes)),
            *(_number(row, kind) for kind in kinds),
            _connections(row),
        )
    return table


def _number(row: Row, kind: str) -> str:
    count = getattr(row.count, kind)
    if not count and (row.kind == "Input" or kind != "trainable"):
        return ""
    return f"{count:,}"


def _connections(row: Row) -> str:
    if len(row.calls) == 1:
        return ", ".join(row.calls[0])
    return "\n".join(f"call {number}: {', '.join(names)}" for number, names in enumerate(row.calls, 1))


def _memory(count: int) -> str:
    """`1,988 bytes`, `419,840,000 bytes, 400.4 MiB`."""
    power = min((count.bit_length() - 1) // 10, 4) if count else 0
    return f"{count:,} bytes" + (f", {count / 1024**power:.1f} {'KMGT'[power - 1]}iB" if power else "")
