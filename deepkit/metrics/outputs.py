"""What a metric asks of the output it is put on, and what it says when that is something else."""

from __future__ import annotations

from deepkit.errors import DeepkitValueError
from deepkit.graph.spec import Meaning, Spec

PREDICTS_CLASSES = (Meaning.PROBABILITY, Meaning.DISTRIBUTION, Meaning.LOG_DISTRIBUTION)


def units(output: Spec) -> int:
    """Numbers on the last axis; 1 for an output that is one bare number per row."""
    return 1 if output.rank == 1 else output.features


def describe(output: Spec, label: str) -> str:
    """`the output of Dense 'dense' (shape (None, 3), real numbers)`."""
    return f"the output of {label} (shape {output.shape}, {output.meaning.value})"


def refuse_regression(metric: str, output: Spec, label: str) -> None:
    """Refuse an output that holds no probabilities: there are no classes to count."""
    if output.meaning not in PREDICTS_CLASSES:
        raise DeepkitValueError(
            f"{metric} counts classes, but {describe(output, label)} has none. "
            'For a regression use "mae", "rmse" or "r2"; for classes give that layer activation="sigmoid" or '
            '"softmax".'
        )


def refuse_distribution(metric: str, output: Spec, label: str) -> None:
    """Refuse probabilities of classes where a number with a unit is meant."""
    if output.meaning in (Meaning.DISTRIBUTION, Meaning.LOG_DISTRIBUTION):
        raise DeepkitValueError(
            f"{metric} describes predicted numbers, but {describe(output, label)} chooses among classes. "
            'Use "accuracy", "balanced_accuracy" or "f1".'
        )


def refuse_one_unit_softmax(metric: str, output: Spec, label: str) -> None:
    """Refuse a distribution over one class, which is always 1."""
    if output.meaning in (Meaning.DISTRIBUTION, Meaning.LOG_DISTRIBUTION) and units(output) == 1:
        raise DeepkitValueError(
            f"{metric} is always the same on {describe(output, label)}: a softmax over one unit is 1 for "
            "every row. "
            'Use activation="sigmoid" for one unit, or one unit per class.'
        )


def require_classes(metric: str, output: Spec, label: str) -> None:
    """Refuse an output without one column per class."""
    if units(output) == 1:
        raise DeepkitValueError(
            f"{metric} compares the columns of several classes, but {describe(output, label)} has one. "
            'Use "binary_accuracy", "precision", "recall" or "auc" for one probability, "mae", "rmse" or '
            '"r2" for a number.'
        )


def require_class_id(metric: str, class_id: int | None, classes: int) -> None:
    """Refuse a class that the output doesn't have (JAX would silently take the last)."""
    if class_id is not None and class_id >= classes:
        raise DeepkitValueError(
            f"{metric}(class_id={class_id}) asks for a class that an output of {classes} does not have. "
            f"Classes are counted from 0: the last is {classes - 1}."
        )
