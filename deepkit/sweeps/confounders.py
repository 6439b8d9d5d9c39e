"""What differs between settings besides what they are called after, or does not differ enough to matter."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from deepkit.inspect.linear_stacks import linear_stacks
from deepkit.layers.layer import Context, Layer
from deepkit.optimizers import SGD
from deepkit.sweeps.finding import Finding, evenly, listed, main_figure, number, setting

UNEQUAL = 1.5
"""From this factor on, updates and parameters count as different: epochs are whole, and a bias is a parameter too."""
LOOKED_INTO = 30
"""Values of an axis at most whose models are built again."""


class Line:
    """The runs along one axis: all other axes at their first value, the first seed.

    Attributes:
        axis: Its name; `None` in a sweep of seeds alone, whose line is one run.
        values: Those of the axis that have a trained run.
        runs, models: These runs, and their models.
        elsewhere: The other axes and the values that they are held at, as part of a sentence.
    """

    def __init__(self, result: Any, axis: str | None) -> None:
        values = (None,) if axis is None else result.axes[axis]
        numbers = np.arange(len(result)).reshape(*map(len, result.axes.values()), len(result.seeds))[..., 0]
        if axis is not None:
            numbers = np.moveaxis(numbers, list(result.axes).index(axis), 0).reshape(len(values), -1)[:, 0]
        trained = [(value, n) for value, n in zip(values, numbers.reshape(-1), strict=True) if result.epochs[n]]
        chosen = evenly(trained, LOOKED_INTO)
        self.axis = axis
        self.values = [value for value, _ in chosen]
        self.runs = [result.member(n) for _, n in chosen]
        self.models = [run.model for run in self.runs]
        others = [f"{name}={setting(values[0])}" for name, values in result.axes.items() if name != axis]
        self.elsewhere = f" (looked at with {', '.join(others)})" if others else ""


def lines(result: Any) -> list[Line]:
    """One per axis with several values; without any, one of a single run."""
    axes: list[str | None] = [axis for axis, values in result.axes.items() if len(values) > 1]
    axes = axes or [next(iter(result.axes), None)]
    return [line for line in (Line(result, axis) for axis in axes) if line.runs]


def updates(result: Any, rows: int) -> Iterator[Finding]:
    """Batch sizes that took different numbers of gradient steps."""
    sizes = result.axes.get("batch_size", ())
    taken: dict[Any, int] = {}
    for member, epochs in zip(result.members, result.epochs, strict=True):
        if len(sizes) > 1 and epochs:
            size = member.settings["batch_size"]
            steps = int(epochs) * -(-rows // min(size or rows, rows))
            taken[size] = max(steps, taken.get(size, 0))
    if not taken:
        return
    most, fewest = max(taken, key=taken.__getitem__), min(taken, key=taken.__getitem__)
    ratio = taken[most] / taken[fewest]
    if ratio >= UNEQUAL:
        yield Finding(
            "updates",
            f"Batch sizes were compared at unequal numbers of updates: batch_size={most} took {taken[most]:,} steps, "
            f'batch_size={fewest} {taken[fewest]:,}, so {number(ratio)} times as many against as few; equal="updates" '
            "gives every size as many.",
            {"most": taken[most], "fewest": taken[fewest], "ratio": ratio},
        )


def sizes(along: list[Line]) -> Iterator[Finding]:
    """Axes that change how many parameters there are."""
    for line in along:
        counts = [model.count_params() for model in line.models]
        if max(counts) >= UNEQUAL * min(counts) > 0:
            small, large = int(np.argmin(counts)), int(np.argmax(counts))
            yield Finding(
                "size",
                f"The values of {line.axis} differ in size as well{line.elsewhere}: from {counts[small]:,} parameters "
                f"({setting(line.values[small])}) to {counts[large]:,} ({setting(line.values[large])}), so what looks "
                "like the effect of the one may be that of the other.",
                {"axis": line.axis, "fewest": counts[small], "most": counts[large]},
            )


def effective_rates(along: list[Line]) -> Iterator[Finding]:
    """Momenta of the heavy ball, which multiply the learning rate."""
    for line in along:
        optimizers = [model._require_trainer("findings").optimizer for model in line.models]
        if not all(isinstance(each, SGD) and not each.averaging and not each.scheduled for each in optimizers):
            continue
        rates = [float(each.learning_rate) / (1 - each.momentum) for each in optimizers]
        if len({each.momentum for each in optimizers}) > 1 and max(rates) >= UNEQUAL * min(rates) > 0:
            low, high = int(np.argmin(rates)), int(np.argmax(rates))
            yield Finding(
                "effective rate",
                f"The values of {line.axis} differ in effective rate as well{line.elsewhere}: under a steady gradient "
                f"a heavy ball moves by learning_rate / (1 − momentum), from {number(rates[low])} "
                f"({setting(line.values[low])}) to {number(rates[high])} ({setting(line.values[high])}), so what looks "
                "like the effect of memory may be that of the rate; SGD(averaging=True) keeps the rate.",
                {"axis": line.axis, "lowest": rates[low], "highest": rates[high]},
            )


def linear_layers(along: list[Line]) -> Iterator[Finding]:
    """Depth that is none: layers with nothing nonlinear between them."""
    for line in along:
        stacks = [linear_stacks(model) for model in line.models]
        having = [value for value, found in zip(line.values, stacks, strict=True) if found]
        if having:
            stack = max((names for found in stacks for names in found), key=len)
            where = f"With {line.axis}={listed(having)} the" if len(having) < len(line.values) else "The"
            yield Finding(
                "linear layers",
                f"{where} layers {listed(stack)} follow each other without a nonlinearity between: together they are "
                "one linear layer, however many they are.",
                {"axis": line.axis, "values": having, "layers": stack},
            )
            return


def training_mode(result: Any, along: list[Line], rows: tuple[Any, Any]) -> Iterator[Finding]:
    """Training figures that were taken with dropout or other noise on, beside development figures without.

    How much it makes is measured on one run: the last along its axis that draws anything in training.
    """
    figure = main_figure([name for name in result.figures if not name.startswith("dev_")])
    if f"dev_{figure}" not in result.figures:
        return
    for line in along:
        for run, model in reversed(list(zip(line.runs, line.models, strict=True))):
            drawing = _drawing(model)
            if drawing:
                off = float(model.evaluate(*rows)[figure])
                on = run.figures[figure]
                yield Finding(
                    "training mode",
                    f"{figure} was measured with {listed(drawing)} on and dev_{figure} with it off, so the two do not "
                    f"compare: on its training rows, run {run.number} has {number(on)} with it on, over its last "
                    f"epoch, and {number(off)} with it off, after it.",
                    {"figure": figure, "on": on, "off": off, "member": run.number},
                )
                return


@dataclasses.dataclass(frozen=True)
class _Listening(Context):
    """A training step that remembers which layers asked for a key."""

    heard: list[str] = dataclasses.field(default_factory=list)

    def key_for(self, layer: Layer) -> jax.Array:
        self.heard.append(type(layer).__name__)
        return super().key_for(layer)


def _drawing(model: Any) -> list[str]:
    """Classes of the layers that draw random numbers in training, found by letting them; nothing is computed."""
    heard: list[str] = []
    inputs = [jax.ShapeDtypeStruct((2, *tensor.spec.row_shape), tensor.dtype) for tensor in model.graph.inputs]

    def step(inputs: Any) -> Any:
        context = _Listening(training=True, rng=jax.random.key(0), heard=heard)
        return model.program.forward(*model.weights(), inputs, context).outputs

    jax.eval_shape(step, inputs)
    return list(dict.fromkeys(heard))
