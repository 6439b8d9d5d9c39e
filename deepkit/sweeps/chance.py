"""What a model gets that answers every row alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from deepkit.graph import Meaning
from deepkit.metrics import Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy

CHANCE_LOSS = 0.98
"""A loss above this share of the best constant's counts as chance."""
ACCURACIES = (Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy)


class Chance(NamedTuple):
    """What runs reach that answer every row alike.

    Attributes:
        figure: By which they are told: a training accuracy, or the loss.
        levels: What the best constant reaches, for each of several sets of rows.
        bounds: At this or worse, a run counts as lost: for an accuracy, two standard errors above the level.
    """

    figure: str
    levels: np.ndarray
    bounds: np.ndarray


def chance_of(model: Any, targets: list[tuple[np.ndarray, ...]]) -> Chance | None:
    """What a constant answer gets on each of these targets; of models with several outputs nothing is said."""
    heads = model._require_trainer("findings").heads
    if len(heads) != 1 or heads[0].loss is None:
        return None
    head, every = heads[0], [target for (target,) in targets]
    units = model.graph.outputs[0].spec.features
    sparse = every[0].ndim < len(model.graph.outputs[0].spec.shape)
    for key, metric in head.metrics:
        if isinstance(metric, ACCURACIES):
            yes_or_no = head.loss.FUSES is Meaning.PROBABILITY
            levels = np.array([_most_frequent(target, units, sparse, yes_or_no) for target in every])
            return Chance(key, levels, levels + 2 * np.sqrt(levels * (1 - levels) / list(map(len, every))))
    flat = [target.reshape(-1) if sparse else target.reshape(-1, units) for target in every]
    if sparse:
        constants = [[np.bincount(target.astype(int), minlength=units) / len(target) for target in flat]]
    else:
        # The mean is best for squares and cross-entropies, the median for absolute errors.
        constants = [[target.mean(axis=0) for target in flat]]
        if head.loss.FUSES is None:
            constants.append([np.median(target, axis=0) for target in flat])
    ends = np.cumsum(list(map(len, flat)))[:-1]
    losses = []
    for answers in constants:  # all targets at once
        answer = np.repeat(np.asarray(answers, np.float32), list(map(len, flat)), axis=0)
        values = np.asarray(head.loss.values(np.concatenate(flat), answer))
        losses.append([part.mean() for part in np.split(values, ends)])
    levels = np.min(losses, axis=0) * head.loss_weight
    return Chance("loss", levels, CHANCE_LOSS * levels) if np.isfinite(levels).all() and (levels > 0).all() else None


def _most_frequent(target: np.ndarray, units: int, sparse: bool, yes_or_no: bool) -> float:
    """Accuracy of saying the most frequent class for every row, or the more frequent answer in every column."""
    if sparse or units == 1:
        return float(np.unique(target, return_counts=True)[1].max() / target.size)
    columns = target.reshape(-1, units)
    if yes_or_no:
        share = (columns > 0.5).mean(axis=0)
        return float(np.maximum(share, 1 - share).mean())
    return float(np.bincount(columns.argmax(axis=1), minlength=units).max() / len(columns))
