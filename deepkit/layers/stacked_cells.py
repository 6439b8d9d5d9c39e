"""Several cells as one."""

from __future__ import annotations

from typing import Any

import jax

from deepkit.configuration import parameter
from deepkit.errors import DeepkitTypeError, described
from deepkit.graph import Spec
from deepkit.layers.cell import Cell, States, Step, check_states
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.layers.wrapper import Wrapper, context_of_part


def a_cell(value: Any) -> Cell:
    """Converter: one cell."""
    if not isinstance(value, Cell):
        raise DeepkitTypeError(
            f"expected a cell such as dk.layers.LSTMCell(8), got {described(value)}. "
            "A cell of your own derives from dk.layers.Cell; whole layers such as LSTM are stacked by calling one on "
            "the other, with return_sequences=True."
        )
    return value


def _cells(value: Any) -> tuple[Cell, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise DeepkitTypeError(f"expected a list of cells, such as [dk.layers.GRUCell(8)] * 2, got {described(value)}.")
    return tuple(map(a_cell, value))


class StackedRNNCells(Cell, Wrapper):
    """Several cells as one: the output of each is the input of the next. Weights under `cell_0`, `cell_1`, …

    The states stand one after another, `output, h0, c0, h1, c1 = cells([x, h0, c0, h1, c1])`; Keras nests them.

    Args:
        cells: A list of cells, the first one first. A cell that is named twice has weights of its own in each place.
    """

    cells: Any = parameter(convert=_cells)

    def state_shapes(self, x: Spec) -> tuple[tuple[int, ...], ...]:
        """Those of all cells, in order."""
        return tuple(spec.row_shape for _, specs in self.parts(x).values() for spec in specs[1:])

    def parts(self, x: Spec, *_: Spec) -> dict[str, tuple[Layer, tuple[Spec, ...]]]:
        """Every cell, on the output of the one before."""
        parts: dict[str, tuple[Layer, tuple[Spec, ...]]] = {}
        for number, cell in enumerate(self.cells):
            specs = (x, *cell.state_specs(x))
            parts[f"cell_{number}"] = cell, specs
            x = cell.output_spec(*specs)[0].real()
        return parts

    def output_spec(self, x: Spec, *states: Spec) -> tuple[Spec, ...]:
        """The last cell's output, then all states."""
        expected = self.state_specs(x)
        check_states(self, states, expected)
        cell, specs = self.parts(x)[f"cell_{len(self.cells) - 1}"]
        return (cell.output_spec(*specs)[0], *expected)

    def unfold(self, weights: Weights, xs: jax.Array, context: Context) -> tuple[Any, Step]:
        """The first cell sees all its inputs at once; the others wait for the one below them."""
        names = [f"cell_{number}" for number in range(len(self.cells))]
        counts = [len(specs) - 1 for _, specs in self.parts(Spec((None, *xs.shape[2:]), xs.dtype.name)).values()]
        contexts = [context_of_part(context, self, name) for name in names]
        xs, first = self.cells[0].unfold(weights[names[0]], xs, contexts[0])

        def step(x: Any, states: States) -> tuple[jax.Array, States]:
            output, after = first(x, states[: counts[0]])
            start = counts[0]
            for cell, name, count, inside in list(zip(self.cells, names, counts, contexts, strict=True))[1:]:
                output, *new = cell.call(weights[name], output, *states[start : start + count], inside)
                after, start = (*after, *new), start + count
            return output, after

        return xs, step

    def held_output(self, x: Spec, states: States) -> jax.Array:
        """That of the last cell."""
        cell, (x, *own) = self.parts(x)[f"cell_{len(self.cells) - 1}"]
        return cell.held_output(x, states[-len(own) :])  # type: ignore[attr-defined]
