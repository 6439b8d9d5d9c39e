"""Snapshots: several members from one training run, whose learning rate rises again whenever it has settled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepkit.datasets.dataset import number_of_rows
from deepkit.ensembles.ensemble import Ensemble
from deepkit.errors import DeepkitValueError, from_user_line
from deepkit.model import Model
from deepkit.optimizers import CosineDecayRestarts
from deepkit.sweeps.members import unpacked
from deepkit.training.arguments import DEFAULT_BATCH_SIZE, check_batch_size, whole_number
from deepkit.training.trainer import Trainer

__all__ = ["snapshots"]


@from_user_line
def snapshots(
    build: Callable[[], Model],
    data: Any,
    *,
    cycles: int = 5,
    epochs: int = 20,
    batch_size: int | None = DEFAULT_BATCH_SIZE,
    seed: int = 0,
    verbose: Any = "auto",
) -> Ensemble:
    """Train one model, and keep it at the end of every cycle of its learning rate: an ensemble at the price of one.

    In each cycle the rate falls as a cosine from what `build` declares to 0 and starts anew; the jump leads out of the
    minimum that was found, mostly into another one. Members are less independent than those from several seeds.

    Args:
        build: Returns a compiled model whose learning rate is a number, such as SGD(0.1).
        data: As in `dk.sweep`: a split, `(x, y)`, or `(x, y, validation_data)`.
        cycles: Snapshots that are taken.
        epochs: Of each cycle.
        batch_size, seed, verbose: As in `fit`.

    Raises:
        DeepkitError: A model with a learning-rate schedule of its own.

    Reference: Huang et al. 2017, https://arxiv.org/abs/1704.00109
    """
    whole_number(cycles, "cycles", 1, "5")
    whole_number(epochs, "epochs", 1, "20")
    x, y, validation = unpacked(data)
    rows = number_of_rows(x)
    steps = -(-rows // (check_batch_size(batch_size) or rows))
    model = build()
    trainer = model._require_trainer("snapshots")
    if trainer.optimizer.scheduled:
        raise DeepkitValueError(
            f"snapshots sets the learning rate itself, and the optimizer is {trainer.optimizer}. Give it the rate that "
            "each cycle starts from: SGD(0.1)."
        )
    start = float(trainer.optimizer.learning_rate)  # type: ignore[arg-type]
    schedule = CosineDecayRestarts(start, steps * epochs, t_mul=1.0)
    model._trainer = Trainer(model.program, trainer.optimizer.replace(learning_rate=schedule), trainer.heads)
    members = []
    for cycle in range(cycles):
        model.fit(
            x, y, batch_size, epochs * (cycle + 1), verbose, validation_data=validation, initial_epoch=epochs * cycle,
            seed=seed,
        )  # fmt: skip
        member = build()
        member.set_weights([np.array(array) for array in model.get_weights()])
        member.columns = model.columns
        members.append(member)
    return Ensemble(members)
