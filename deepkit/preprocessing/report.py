"""The account of how the columns of a table became the inputs of a model."""

from __future__ import annotations

import dataclasses
from typing import Any

from deepkit.datasets.optional import import_tables

__all__ = ["ColumnReport", "Report"]


@dataclasses.dataclass(frozen=True)
class ColumnReport:
    """One column: its name and kind, its number of inputs, what becomes of a value, and what stands out."""

    column: str
    kind: str
    inputs: int
    how: str
    note: str


@dataclasses.dataclass(frozen=True)
class Report:
    """All columns. `print(report)` shows a table; `report.frame()` is the same as a DataFrame."""

    columns: tuple[ColumnReport, ...]
    rows: int
    target: str | None

    @property
    def inputs(self) -> int:
        """The number of inputs of a model on this table."""
        return sum(column.inputs for column in self.columns)

    def frame(self) -> Any:
        """A DataFrame with one row per column of the table."""
        pandas = import_tables("pandas", "Report.frame")
        return pandas.DataFrame([dataclasses.asdict(column) for column in self.columns])

    def __str__(self) -> str:
        width = max(len("column"), *(len(column.column) for column in self.columns))
        lines = [
            f"{len(self.columns)} columns → {self.inputs} inputs, fitted on {self.rows} rows",
            f"{'column':<{width}}  {'kind':<11}  inputs  how",
        ]
        for column in self.columns:
            note = f"  [{column.note}]" if column.note else ""
            lines.append(f"{column.column:<{width}}  {column.kind:<11}  {column.inputs:>6}  {column.how}{note}")
        if self.target is not None:
            lines.append(f"target  {self.target}")
        return "\n".join(lines)

    __repr__ = __str__
