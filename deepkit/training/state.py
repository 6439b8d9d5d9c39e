"""Everything that changes while a model trains, as one pytree."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax

from deepkit.layers.layer import Weights
from deepkit.program.objective import Statistics

HISTORY_CAPACITY = 1024
"""Epochs whose figures are kept on the device, at most, before the host must fetch them."""

HISTORY_NUMBERS = 2**22
"""Numbers kept there, at most (16 MB): an epoch's figures may hold large confusion matrices."""


@dataclasses.dataclass(frozen=True)
class TrainState:
    """State of a run between two steps. The same state, data and key give the same next state, bit for bit.

    Attributes:
        trained: Parameters that the optimizer changes, nested by layer name.
        frozen: All other parameters; every layer has its branch, if only an empty one.
        state: State of the layers (running statistics).
        optimizer: The optimizer's own state.
        memories: One pytree per transition (early stopping's best weights, …).
        learning_rate: Rate of the next step, float32 scalar; follows the schedule if there is one.
        iteration: Steps since `compile`, int32 scalar.
        epoch: Finished epochs since `compile`, int32 scalar.
        step: Finished steps of the running epoch, int32 scalar.
        stop: Set by a transition that ends the run.
        statistics: Sums over the running epoch's batches.
        history: Figures of the last epochs, one row each, written round and round: `(capacity, figures)`.
        seed: The run's seed, uint32 scalar; never changes. The keys of epochs, steps and layers are made from it.
    """

    trained: Weights
    frozen: Weights
    state: Weights
    optimizer: Any
    memories: tuple[Any, ...]
    learning_rate: jax.Array
    iteration: jax.Array
    epoch: jax.Array
    step: jax.Array
    stop: jax.Array
    statistics: Statistics
    history: jax.Array
    seed: jax.Array

    def replace(self, **changes: Any) -> TrainState:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)


jax.tree_util.register_dataclass(TrainState, [field.name for field in dataclasses.fields(TrainState)], [])
