"""Class by class: accuracy over the epochs, and the probabilities of every sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitValueError
from deepkit.plots.canvas import (
    GREY,
    class_names,
    class_numbers,
    colours,
    legend_below,
    marker,
    new_figure,
    require_rows,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def per_class_accuracy(accuracies: Any, classes: Sequence[Any] | None = None, *, validation: Any = None) -> Figure:
    """The accuracy of every class over the epochs, training solid and validation dashed.

    Args:
        accuracies: `(epochs, classes)`, such as `history["per_class_accuracy"]`; NaN where a class has no rows.
        classes: Names of the classes.
        validation: The same on validation rows, `history["val_per_class_accuracy"]`.

    Raises:
        DeepkitValueError: for other shapes.
    """
    curves = {"training": np.asarray(accuracies, float)}
    if validation is not None:
        curves["validation"] = np.asarray(validation, float)
    shapes = {values.shape for values in curves.values()}
    if len(shapes) > 1 or len(next(iter(shapes))) != 2:
        raise DeepkitValueError(
            f"per_class_accuracy was given arrays of shape {', '.join(map(str, shapes))}. "
            "Pass one row per epoch and one column per class, as the history has them with "
            "metrics=[dk.metrics.PerClassAccuracy()]."
        )
    epochs, count = next(iter(shapes))
    names = class_names(classes, count)
    figure, ((panel,),) = new_figure()
    dot = "." if epochs == 1 else ""
    for (kind, values), style in zip(curves.items(), ("-", "--"), strict=False):
        for index, (name, colour) in enumerate(zip(names, colours(count), strict=True)):
            label = name if kind == "training" else ""
            panel.plot(range(1, epochs + 1), values[:, index], style, marker=dot, color=colour, label=label)
        if len(curves) > 1:
            panel.plot([], [], style, color=GREY, label=kind)
    panel.set(xlabel="epoch", ylabel="accuracy", ylim=(-0.02, 1.02), title="Accuracy of every class")
    legend_below(figure)
    return figure


def probabilities_by_sample(probabilities: Any, labels: Any, classes: Sequence[Any] | None = None) -> Figure:
    """Every sample's class probabilities, samples sorted by their true class; wrongly classified ones are crossed.

    Args:
        probabilities: `(samples, classes)`, as `predict` gives them; for a sigmoid output `(samples, 1)`, the
            probability of the second class.
        labels: True class numbers `(samples,)`, or one-hot rows.
        classes: Names of the classes.

    Raises:
        DeepkitValueError: for other shapes, numbers that are no probabilities, or labels that are no classes.
    """
    p = np.asarray(probabilities, float)
    p = np.column_stack([1 - p, p]) if p.ndim == 1 or p.shape[1:] == (1,) else p
    if p.ndim != 2 or not ((p >= 0) & (p <= 1)).all():
        raise DeepkitValueError(
            f"probabilities has shape {np.shape(probabilities)}, and not all its values lie between 0 and 1. "
            "Pass one row per sample and one probability per class. Of logits, take the softmax first."
        )
    true, names = class_numbers(labels, p.shape[1], "labels"), class_names(classes, p.shape[1])
    require_rows({"probabilities": len(p), "labels": len(true)})
    order = np.argsort(true, kind="stable")
    p, true = p[order], true[order]
    wrong = np.flatnonzero(p.argmax(axis=1) != true)
    figure, ((panel,),) = new_figure(size=(9.0, 4.0))
    for index, (name, colour) in enumerate(zip(names, colours(len(names)), strict=True)):
        panel.plot(p[:, index], marker(index), color=colour, markersize=4, label=f"P({name})")
        rows = np.flatnonzero(true == index)
        if len(rows):
            panel.axvspan(rows[0] - 0.5, rows[-1] + 0.5, color=colour, alpha=0.08, linewidth=0)
            panel.text(rows.mean(), 1.05, name, ha="center", va="bottom", color=GREY)
    panel.plot(
        wrong,
        p.max(axis=1)[wrong],
        "x",
        color="black",
        markersize=11,
        zorder=1.9,
        label=f"wrong: {len(wrong)} of {len(p)}",
    )
    panel.set(xlabel="sample number, sorted by true class", ylabel="probability", ylim=(-0.03, 1.13), xlim=(-1, len(p)))
    figure.suptitle("Class probabilities of every sample, under its true class")
    legend_below(figure)
    return figure
