"""Outputs in evaluation mode, for any number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.layers.layer import Context, Weights
from deepkit.program.program import Program

BATCHES_AT_ONCE = 8
"""Batches per call of the compiled program where there are more than one. A call costs fresh memory for everything
between input and output: a small network on rows of a table spends most of its time on that."""
LARGE = 2**22
"""Numbers of a batch that is a call of its own: it spends its time on its work, and eight would be much memory."""

Arrays = tuple[jax.Array, ...]


class Predictor:
    """The outputs of a program, compiled for few sizes."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._one = jax.jit(self._outputs)
        self._several = jax.jit(self._outputs_of_several)

    def __call__(
        self, params: Weights, state: Weights, arrays: Sequence[np.ndarray], batch_size: int
    ) -> list[np.ndarray]:
        """One array per output, with as many rows as the inputs.

        Args:
            params, state: Weights by path.
            arrays: The inputs, in order, all with equally many rows.
            batch_size: Rows that are computed together, at most.
        """
        count = len(arrays[0])
        # A power of two serves all smaller batches, so that few sizes are ever compiled.
        size = min(batch_size, 1 << (count - 1).bit_length())
        alone = count <= size or size * sum(array[0].size for array in arrays) > LARGE
        at_once = size if alone else size * BATCHES_AT_ONCE
        pieces = []
        for start in range(0, count, at_once):
            rows = tuple(_filled(array[start : start + at_once], at_once) for array in arrays)
            if at_once == size:
                outputs = self._one(params, state, rows)
            else:
                batches = tuple(array.reshape(BATCHES_AT_ONCE, size, *array.shape[1:]) for array in rows)
                outputs = self._several(params, state, batches, min(-(-(count - start) // size), BATCHES_AT_ONCE))
            pieces.append([np.asarray(output) for output in outputs])
        if len(pieces) == 1:
            return [output[:count] for output in pieces[0]]
        return [np.concatenate(parts)[:count] for parts in zip(*pieces, strict=True)]

    def _outputs(self, params: Weights, state: Weights, arrays: Arrays) -> Arrays:
        return self._program.forward(params, state, arrays, Context()).outputs

    def _outputs_of_several(self, params: Weights, state: Weights, batches: Arrays, count: jax.Array) -> Arrays:
        """Of the first `count` batches `(batches, rows, …)`, as one batch; what stands behind them is nothing."""

        def outputs_of(place: Any) -> Arrays:
            return self._outputs(params, state, tuple(batch[place] for batch in batches))

        def fill(place: jax.Array, found: Arrays) -> Arrays:
            return tuple(into.at[place].set(new) for into, new in zip(found, outputs_of(place), strict=True))

        shapes = jax.eval_shape(outputs_of, 0)
        empty = tuple(jnp.zeros((BATCHES_AT_ONCE, *shape.shape), shape.dtype) for shape in shapes)
        found = jax.lax.fori_loop(0, count, fill, empty)
        return tuple(each.reshape(-1, *each.shape[2:]) for each in found)


def _filled(rows: np.ndarray, count: int) -> np.ndarray:
    """`rows` and the last of them again, up to `count`."""
    short = count - len(rows)
    return np.concatenate([rows, np.broadcast_to(rows[-1:], (short, *rows.shape[1:]))]) if short else rows
