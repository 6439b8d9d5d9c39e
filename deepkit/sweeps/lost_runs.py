"""Runs that never learned, how many they are, and why."""

from __future__ import annotations

import collections
import warnings
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np

from deepkit import activations, layers
from deepkit.graph import Meaning
from deepkit.layers.layer import Context
from deepkit.sweeps.chance import ACCURACIES, chance_of
from deepkit.sweeps.finding import Finding, evenly, listed, number, percent, setting
from deepkit.training.fitting import prepare
from deepkit.training.trainer import Plan

LOOKED_INTO = 100
"""Lost runs at most whose models are built again and shown some rows."""
ROWS = 256
"""Training rows that they are shown."""
NEARLY_NONE = 0.01
"""A layer that is active for this share of the rows, or less, counts as dead."""
STILL_FALLING = 0.005
"""A loss that fell by this share over the last tenth of the epochs had not settled."""
FEW_VALUES = 5
"""Shares are told value by value for axes with at most so many."""


class Lost(NamedTuple):
    """Why one run is at chance.

    Attributes:
        constant: Whether it answers all rows alike.
        dead: A layer of ReLU units that are all 0 for nearly every row; `None` if there is none.
        falling: Whether its loss was still falling.
    """

    constant: bool
    dead: str | None
    falling: bool


def not_finite(result: Any) -> Iterator[Finding]:
    """Runs whose loss became NaN or infinite."""
    ran = result.epochs > 0
    bad = ran & ~np.isfinite(result.final("loss"))
    if not bad.any():
        return
    losses = result.history[bad, :, result.figures.index("loss")]
    first = int(np.median([np.argmin(np.isfinite(row)) + 1 for row in losses]))
    whose = next(filter(None, (_beyond(result, axis, bad, ran) for axis in _numeric_axes(result))), "")
    yield Finding(
        "not finite",
        f"{_share(bad.sum(), ran.sum())} ended with a loss that is NaN or infinite, from epoch {first} on (median)"
        f"{whose}; a smaller learning rate or clipped gradients (clipnorm=1) mend it.",
        {"runs": int(bad.sum()), "share": float(bad.sum() / ran.sum()), "epoch": first},
    )


def _numeric_axes(result: Any) -> list[str]:
    names = result.members[0].settings
    return [name for name in names if all(_is_number(member.settings[name]) for member in result.members)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _beyond(result: Any, axis: str, bad: np.ndarray, ran: np.ndarray) -> str:
    """`: those with learning_rate ≥ 1, and no others`, if an axis tells them apart."""
    values = np.array([member.settings[axis] for member in result.members], float)
    good = ran & ~bad
    if not good.any():
        return ""
    if values[bad].min() > values[good].max():
        return f": those with {axis} ≥ {setting(float(values[bad].min()))}, and no others"
    if values[bad].max() < values[good].min():
        return f": those with {axis} ≤ {setting(float(values[bad].max()))}, and no others"
    return ""


def never_learned(result: Any) -> Iterator[Finding]:
    """Runs that end no better than the best constant, and what their models do."""
    rows = _Rows(result)
    ran = np.isfinite(result.final("loss"))
    levels, bounds = np.full((2, len(result)), np.nan)
    figure = "loss"
    for groups in rows.alike(np.flatnonzero(ran)):
        model = result.member(groups[0][0]).model
        for start in range(0, len(groups), LOOKED_INTO):
            some = groups[start : start + LOOKED_INTO]
            chance = chance_of(model, [rows.of(same[0], model)[1] for same in some])
            if chance is None:
                return
            figure, of_each = chance.figure, np.repeat(np.arange(len(some)), list(map(len, some)))
            numbers = np.concatenate(some)
            levels[numbers], bounds[numbers] = chance.levels[of_each], chance.bounds[of_each]
    of_loss, values = figure == "loss", result.final(figure)
    lost = ran & ~(values < bounds if of_loss else values > bounds)
    if not lost.any():
        return
    answers, constant = (
        ("nearly one value", "the best constant") if of_loss else ("one class", "the most frequent class")
    )
    looked, why = _reasons(result, rows, np.flatnonzero(lost), answers)
    worse = f"{'at least' if of_loss else 'at most'} {number(bounds[lost][0])}"
    of_all = f"{worse}, where {constant} alone has {number(levels[lost][0])}"
    own = f"no better than what {constant} has on the same rows"
    yield Finding(
        "never learned",
        f"{_share(lost.sum(), ran.sum())} never learned{_by_value(result, lost)}: their last training {figure} "
        f"is {of_all if np.ptp(levels[lost]) == 0 else own}{why}.",
        {"runs": int(lost.sum()), "share": float(lost.sum() / ran.sum()), "level": float(np.median(levels[lost]))}
        | looked,
    )


def undefined(result: Any) -> Iterator[Finding]:
    """Metrics without a value where the loss has one: whoever averages them leaves these runs out."""
    ran = np.isfinite(result.final("loss"))
    for figure in result.figures:
        without = ran & np.isnan(result.final(figure))
        if without.any():
            looked, why = _reasons(result, _Rows(result), np.flatnonzero(without), "nearly one value")
            rest = int((ran & ~without).sum())
            yield Finding(
                "undefined",
                f"{figure} is undefined (NaN) for {_share(without.sum(), ran.sum())}{_by_value(result, without)}{why}; "
                f"a mean of {figure} is one of the other {rest:,} runs alone.",
                {"figure": figure, "runs": int(without.sum()), "share": float(without.sum() / ran.sum())} | looked,
            )


def _reasons(result: Any, rows: _Rows, numbers: np.ndarray, answers: str) -> tuple[dict[str, int], str]:
    """What the models of lost runs do: how many of them what, and the end of a sentence; `answers`: all rows alike."""
    looked = [_look(result.member(n), rows) for n in evenly(numbers.tolist(), LOOKED_INTO)]
    constant = sum(each.constant for each in looked)
    dead = collections.Counter(each.dead for each in looked if each.dead is not None)
    falling = sum(each.falling for each in looked if each.dead is None)
    reasons = [f"{constant} {'gives' if constant == 1 else 'give'} every row {answers}"] if constant else []
    if dead:
        reasons.append(
            f"{_have(dead.total())} a layer of dead ReLU units ({listed(dead)}): all 0 for at least 99 % of the rows, "
            "so that hardly a gradient comes through"
        )
    if falling:
        reasons.append(f"{_have(falling)} a loss that was still falling (more epochs or a larger rate may help)")
    whose = "of these" if len(looked) == len(numbers) else f"of {len(looked)} of these that were looked into"
    counts = {"looked_into": len(looked), "constant": constant, "dead": dead.total(), "falling": falling}
    return counts, f"; {whose}, {', '.join(reasons)}" if reasons else ""


def _have(count: int) -> str:
    return f"{count} has" if count == 1 else f"{count} have"


def _share(count: Any, total: Any) -> str:
    return f"{int(count):,} of {int(total):,} runs ({percent(count / total)})"


def _by_value(result: Any, lost: np.ndarray) -> str:
    """` (by activation: relu 24 %, linear 0 %)`: for the axis whose values differ most, if any does by a tenth."""
    ran = (result.epochs > 0).reshape(*map(len, result.axes.values()), len(result.seeds))
    bad = lost.reshape(ran.shape)
    widest, told = 0.1, ""
    for place, (axis, values) in enumerate(result.axes.items()):
        others = tuple(n for n in range(ran.ndim) if n != place)
        shares = bad.sum(axis=others) / np.maximum(ran.sum(axis=others), 1)
        if 1 < len(values) <= FEW_VALUES and np.ptp(shares) >= widest:
            widest = np.ptp(shares)
            each = (f"{setting(value)} {percent(share)}" for value, share in zip(values, shares, strict=True))
            told = f" (by {axis}: {', '.join(each)})"
    return told


class _Rows:
    """The training rows of members, as their models take them."""

    def __init__(self, result: Any) -> None:
        self._result = result
        self._known: dict[Hashable, tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]] = {}

    def alike(self, numbers: np.ndarray) -> list[list[list[int]]]:
        """The members, in groups with the same rows; in one list those whose rows differ by the seed alone."""
        groups: dict[Hashable, dict[int | None, list[int]]] = {}
        for n in numbers.tolist():
            seed = self._result.members[n].seed if self._result._source.takes_seed else None
            groups.setdefault(self._settings(n), {}).setdefault(seed, []).append(n)
        return [list(each.values()) for each in groups.values()]

    def _settings(self, n: int) -> Hashable:
        settings = self._result.members[n].settings
        return tuple(repr(settings[name]) for name in self._result._source.names)

    def of(self, n: int, model: Any) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """`(inputs, targets)` of a member, whose model this is."""
        source, member = self._result._source, self._result.members[n]
        shapes = tuple(tensor.spec.shape for tensor in (*model.graph.inputs, *model.graph.outputs))
        key = self._settings(n), member.seed if source.takes_seed else None, shapes
        if key not in self._known:
            if len(self._known) >= LOOKED_INTO:  # drawn rows are as many as there are seeds
                self._known.clear()
            x, y, _ = source.of(member.settings, member.seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # whatever is odd about the data was said before training
                plan = Plan(1, 0, 0, 0, (), (), None)
                prepared = prepare(model, model._require_trainer("findings"), plan, x, y, batch_size=None)
            self._known[key] = prepared.inputs, tuple(prepared.targets)
        return self._known[key]


def _look(run: Any, rows: _Rows) -> Lost:
    """Show a run's model some rows, and watch its outputs and its ReLU layers."""
    from deepkit.model import Model

    model = run.model
    inputs, targets = rows.of(run.number, model)
    chosen = np.array(evenly(range(len(inputs[0])), ROWS))
    shown = {id(tensor) for tensor in model.outputs}
    watched = [
        (model.graph.name_of(node.callee), node.outputs[0])
        for node in model.graph.nodes
        if _is_rectifier(node.callee) and id(node.outputs[0]) not in shown
    ]
    probe = Model(model.inputs, [*model.outputs, *(tensor for _, tensor in watched)])
    # Not compiled: every setting has a graph of its own, and these rows are few.
    arrays = [array[chosen] for array in inputs]
    outputs = probe.program.forward(*probe.weights(), arrays, Context()).outputs
    rectified = (np.asarray(values).reshape(len(chosen), -1) for values in outputs[len(shown) :])
    dead = [
        name for (name, _), values in zip(watched, rectified, strict=True) if values.any(axis=1).mean() <= NEARLY_NONE
    ]
    losses = run.history["loss"]
    before = losses[int(0.9 * (len(losses) - 1))]
    falling = bool(before - losses[-1] > STILL_FALLING * abs(before))
    constant = _is_constant(model, np.asarray(outputs[0]), np.asarray(targets[0])[chosen])
    return Lost(constant, dead[0] if dead else None, falling)


def _is_rectifier(layer: Any) -> bool:
    if isinstance(layer, layers.ReLU | layers.ReLU6):
        return not getattr(layer, "negative_slope", 0)
    return getattr(layer, "activation", None) in (activations.relu, activations.relu6)


def _is_constant(model: Any, outputs: np.ndarray, targets: np.ndarray) -> bool:
    """Whether all rows get one class, or values that spread by less than a hundredth of what they should."""
    head = model._require_trainer("findings").heads[0]
    if not head.loss.FUSES and not any(isinstance(metric, ACCURACIES) for _, metric in head.metrics):
        return bool((outputs.std(axis=0) <= 0.01 * targets.std(axis=0)).all())
    if outputs.shape[-1] > 1 and head.loss.FUSES is not Meaning.PROBABILITY:
        classes = outputs.argmax(axis=-1)
    else:
        middle = 0.5 if model.graph.outputs[0].spec.meaning is Meaning.PROBABILITY else 0.0
        classes = outputs > middle
    return bool((classes == classes[:1]).all())
