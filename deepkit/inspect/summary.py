"""`summary`: a model's layers, shapes and weights as a table, and what they cost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from deepkit.errors import DeepkitTypeError, from_user_line
from deepkit.inspect.accounting import Count, Row, rows_of, tensor_names

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 100
"""Columns of the table where the output is not a terminal."""

FLOORED = "⌊⌋"
"""Mark of an output size that was rounded down."""


@from_user_line
def summary(model: Any, detail: bool = False) -> None:
    """Print every layer with its output shape, its weights and what it is connected to, and the totals.

    Every array counts once: a shared layer at its first place, a sub-model as one row with all it holds. No
    weight is drawn, so a model too large for the machine can be looked at. `⌊⌋` marks output sizes that were rounded
    down: (W − w + 2·pad)/stride is no whole number, and the last places of the padded input are not seen.

    Args:
        model: A `dk.Model`.
        detail: Whether to print what each layer costs instead of what it is connected to: how its parameters come
            about, multiply-adds, connections, memory per row, receptive field. `summary_frame` explains the figures.

    Raises:
        DeepkitTypeError: for anything else than a model.
    """
    from rich.console import Console

    program = _program(model)
    rows = rows_of(program)
    total = sum((row.count for row in rows), Count())
    # Names may hold brackets or colons: they are text, not markup.
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(markup=False, highlight=False, emoji=False, width=width, force_jupyter=False)
    graph = program.graph
    if detail:
        from deepkit.inspect.detail import detailed

        table, lines = detailed(graph, rows)
    else:
        table, lines = _table(rows, total), []
    table.title = _title(model)
    console.print(table)
    if len(graph.outputs) > 1:
        names = tensor_names(graph)
        outputs = zip(graph.output_names, graph.outputs, strict=True)
        console.print("Outputs: " + ", ".join(f"{name} = {names[id(tensor)]}" for name, tensor in outputs))
    if any(row.floored for row in rows):
        console.print(f"{FLOORED} rounded down: a stride leaves the last places of the padded input unseen.")
    console.print(
        f"Parameters: {total.total:,} = {total.trainable:,} trainable + {total.frozen:,} frozen "
        f"+ {total.state:,} state ({memory_text(total.bytes)})"
    )
    for line in lines:
        console.print(line)


@from_user_line
def summary_frame(model: Any) -> pd.DataFrame:
    """What `summary` prints, as a DataFrame: one row per input, layer or sub-model.

    Columns, of which those that can be added up give the totals as sums:

    - `layer`, `class`, `output_shape` (tuple; a list of them if there are several), `floored` (whether a size of it
      was rounded down), `connected_to` (list of names, call by call), `note`;
    - `kernel_shape` (of parameters with more than one axis; a list of shapes if there are several, `None` without),
      `formula` of the parameters (`3·3·3·32 + 32`);
    - `trainable`, `frozen`, `state` (counts of numbers) and their `bytes`;
    - `multiply_adds` for one row: products added up in matrix products and convolutions. `connections`: those, and
      one for every bias that is added to a number (LeCun's count). A layer called twice works twice;
    - `output_bytes` for one row, which training keeps for the gradients: their sum is the activation memory of
      training. `live_bytes`: what prediction holds while the layer computes; their maximum is its memory;
    - `receptive_field`: per axis, positions of the input that one number of the output sees, the padding among them;
      `None` where rows have no such axes, or a layer is unknown.

    Raises:
        DeepkitTypeError: if it is not a `dk.Model`.
    """
    import pandas as pd

    from deepkit.inspect.costs import costs_of

    program = _program(model)
    rows = rows_of(program)
    costs, _ = costs_of(program.graph, rows)
    return pd.DataFrame(
        [
            {
                "layer": row.name,
                "class": row.kind,
                "output_shape": _one_or_all(row.shapes),
                "floored": row.floored,
                "kernel_shape": _one_or_all(row.kernels),
                "formula": row.formula,
                "trainable": row.count.trainable,
                "frozen": row.count.frozen,
                "state": row.count.state,
                "bytes": row.count.bytes,
                "multiply_adds": cost.work.multiply_adds,
                "connections": cost.work.connections,
                "output_bytes": cost.kept,
                "live_bytes": cost.live,
                "receptive_field": cost.field and tuple(map(int, cost.field.size)),
                "connected_to": [name for call in row.calls for name in call],
                "note": row.note,
            }
            for row, cost in zip(rows, costs, strict=True)
        ]
    )


def _one_or_all(shapes: tuple[Any, ...]) -> Any:
    return list(shapes) if len(shapes) > 1 else next(iter(shapes), None)


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


def new_table() -> Any:
    """The look of all tables."""
    from rich import box
    from rich.table import Table

    return Table(title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def _table(rows: list[Row], total: Count) -> Any:
    table = new_table()
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
            "\n".join(map(str, row.shapes)) + f" {FLOORED}" * row.floored,
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


def memory_text(count: int) -> str:
    """`1,988 bytes, 1.9 KiB`, `419,840,000 bytes, 400.4 MiB`."""
    return f"{count:,} bytes" + (f", {short_memory(count)}" if count >= 1024 else "")


def short_memory(count: int) -> str:
    """`96 B`, `400.4 MiB`."""
    power = min((count.bit_length() - 1) // 10, 4) if count else 0
    return f"{count / 1024**power:.1f} {'KMGT'[power - 1]}iB" if power else f"{count} B"
