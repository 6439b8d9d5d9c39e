"""`dk.baselines`: what the plain models reach, in one table, before a network is believed to be good."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from deepkit.classical.least_squares import LeastSquares
from deepkit.classical.nearest import KNearest
from deepkit.classical.numbers import flat_rows
from deepkit.data import split
from deepkit.data.part import Part, Split
from deepkit.data.rows import classes_of, whole_of
from deepkit.datasets import Dataset
from deepkit.errors import DeepkitTypeError, DeepkitValueError, from_user_line
from deepkit.preprocessing import TableEncoder
from deepkit.preprocessing.sealed import refuse_sealed

__all__ = ["Baseline", "Baselines", "baselines"]

MOST_COLUMNS = 2000
"""Inputs of more columns, such as images, are left to the majority and the neighbours."""


@dataclasses.dataclass(frozen=True)
class Baseline:
    """One plain model.

    Attributes:
        name: What it is.
        train, dev: Its figures by name.
        note: What is to be known about it.
    """

    name: str
    train: dict[str, float]
    dev: dict[str, float]
    note: str = ""


@dataclasses.dataclass(frozen=True, repr=False)
class Baselines:
    """Plain models, fitted on train and measured on dev; printed as a table.

    Attributes:
        models: Each with its figures.
        rows: Rows of train and of dev.
    """

    models: tuple[Baseline, ...]
    rows: tuple[int, int]

    def __getitem__(self, name: str) -> Baseline:
        return {model.name: model for model in self.models}[name]

    def frame(self) -> Any:
        """A `DataFrame` with a row per model: figures on train, those on dev with `dev_`, and notes."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"model": m.name, **m.train, **{f"dev_{name}": value for name, value in m.dev.items()}, "note": m.note}
                for m in self.models
            ]
        )

    def __repr__(self) -> str:
        figures = list(self.models[0].dev)
        width = max(len(model.name) for model in self.models)
        heads = [head for figure in figures for head in (figure, f"dev_{figure}")]
        lines = [f"{'':{width}}  " + "  ".join(f"{head:>12}" for head in heads)]
        for model in self.models:
            values = [value for figure in figures for value in (model.train[figure], model.dev[figure])]
            note = f"  {model.note}" if model.note else ""
            lines.append(f"{model.name:{width}}  " + "  ".join(f"{value:12.4g}" for value in values) + note)
        return "\n".join([*lines, f"fitted on {self.rows[0]} rows, dev: {self.rows[1]} others"])


@from_user_line
def baselines(data: Any, y: Any = None, *, neighbours: int = 5, orders: tuple[int, ...] = (1, 2)) -> Baselines:
    """What plain models reach on the rows of dev. A network that does no better has learnt nothing worth its price.

    Classes: the majority class; least squares on one-hot targets; logistic regression, if scikit-learn is installed;
    the nearest neighbours by three distances. Quantities: the mean; linear and polynomial least squares; neighbours.
    Inputs are encoded and z-scored with the training rows' statistics; images are compared pixel by pixel.

    Args:
        data: A split (train and dev; the test part is never touched), or a `Dataset` or inputs, of which a fifth
            becomes dev (seed 0).
        y: The targets, if `data` are inputs.
        neighbours: k of the nearest neighbours.
        orders: Powers of the polynomials; 1 is linear.

    Returns:
        `Baselines`: print it, or `frame()`. Classes have `accuracy`; quantities `rmse` and `mae` in the target's
        units, and `r2`.
    """
    refuse_sealed(data, "dk.baselines")
    if isinstance(data, Split):
        parts = data
        declared = data.train.classes is not None or data.how.startswith("stratified")
        categorical = classes_of(data.train, declared, declared=False, purpose="dk.baselines") is not None
    else:
        if isinstance(data, Part):
            raise DeepkitTypeError("dk.baselines needs two parts. Pass the whole split.")
        whole = whole_of(data, y, "dk.baselines")
        known = isinstance(data, Dataset)
        categorical = classes_of(whole, "auto", declared=known, purpose="dk.baselines") is not None
        parts = split(whole, train=0.8, dev=0.2, test=0, stratify=categorical)
    if not len(parts.dev):
        raise DeepkitValueError("the split has no dev rows to measure on. Use dk.split(…, dev=.1).")
    if parts.train.y is None:
        raise DeepkitValueError("dk.baselines needs targets. Pass dk.baselines(x, y), or a Dataset that has them.")
    inputs, targets = _inputs(parts), _targets(parts, categorical)
    chosen = _classifiers if categorical else _regressors
    models = []
    for name, answers, note in chosen(inputs, targets, neighbours, orders):
        train, dev = (_figures(of, target, categorical) for of, target in zip(answers, targets, strict=True))
        models.append(Baseline(name, train, dev, note))
    return Baselines(tuple(models), (len(parts.train), len(parts.dev)))


Pair = tuple[np.ndarray, np.ndarray]
"""Of train and of dev."""
Answers = Iterator[tuple[str, list[np.ndarray], str]]
"""Name of a model, its answers for train and dev, a note."""


def _inputs(parts: Split) -> Pair:
    """Encoded and z-scored tables; pixels and other bytes as they are."""
    if hasattr(parts.train.x, "columns"):
        encoder = TableEncoder(missing="mean", unseen="zeros").fit(parts.train)
        return encoder.transform(parts.train), encoder.transform(parts.dev)
    train, dev = flat_rows(parts.train), flat_rows(parts.dev)
    if train.dtype == np.uint8:
        return train, dev
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(deviation == 0, 1, deviation)
    return (train - mean) / deviation, (dev - mean) / deviation


def _targets(parts: Split, categorical: bool) -> Pair:
    values = [np.asarray(part.y) for part in (parts.train, parts.dev)]
    if categorical:
        if values[0].ndim == 2 and values[0].shape[1] > 1:
            return values[0].argmax(axis=1), values[1].argmax(axis=1)
        flat = [value.reshape(len(value)) for value in values]
        _, numbers = np.unique(np.concatenate(flat), return_inverse=True)
        return numbers[: len(flat[0])], numbers[len(flat[0]) :]
    if any(value.size != len(value) for value in values):
        raise DeepkitValueError(
            f"dk.baselines takes one target per row, got {values[0].shape}. Pass one of its columns at a time."
        )
    return values[0].reshape(-1).astype(np.float64), values[1].reshape(-1).astype(np.float64)


def _classifiers(inputs: Pair, targets: Pair, neighbours: int, orders: tuple[int, ...]) -> Answers:
    train, classes = targets[0], int(max(target.max() for target in targets)) + 1
    most = int(np.bincount(train).argmax())
    yield "majority class", [np.full(len(target), most) for target in targets], ""
    if inputs[0].shape[1] <= MOST_COLUMNS:
        for order in orders:
            model = LeastSquares(order).fit(inputs[0], np.eye(classes)[train], quiet=True)
            yield _least_squares(order), [model.predict(x).argmax(axis=1) for x in inputs], _rank(model)
        try:
            from sklearn.linear_model import LogisticRegression
        except ImportError:
            pass
        else:
            logistic = LogisticRegression(max_iter=1000).fit(inputs[0], train)
            yield "logistic regression", [logistic.predict(x) for x in inputs], "L2 penalty, C=1"
    yield from _neighbours(inputs, targets, neighbours)


def _regressors(inputs: Pair, targets: Pair, neighbours: int, orders: tuple[int, ...]) -> Answers:
    mean = float(targets[0].mean())
    yield "mean", [np.full(len(target), mean) for target in targets], ""
    if inputs[0].shape[1] <= MOST_COLUMNS:
        for order in orders:
            model = LeastSquares(order).fit(inputs[0], targets[0], quiet=True)
            yield _least_squares(order), [model.predict(x) for x in inputs], _rank(model)
    yield from _neighbours(inputs, targets, neighbours)


def _neighbours(inputs: Pair, targets: Pair, k: int) -> Answers:
    k = min(k, len(inputs[0]))
    for metric in ("l1", "l2", "linf"):
        model = KNearest(k, metric).fit(inputs[0], targets[0])
        note = "on train each row is its own neighbour" if metric == "l1" else ""
        yield f"{k} nearest neighbours, {metric}", [model.predict(x) for x in inputs], note


def _least_squares(order: int) -> str:
    return f"least squares, {'linear' if order == 1 else f'order {order}'}"


def _rank(model: LeastSquares) -> str:
    deficient = model.rank < model.columns
    return f"rank {model.rank} of {model.columns}{': dependent columns' if deficient else ''}" + (
        "" if deficient or not model.note else f", condition {model.condition:.1g}"
    )


def _figures(answers: np.ndarray, targets: np.ndarray, categorical: bool) -> dict[str, float]:
    if categorical:
        return {"accuracy": float((answers == targets).mean())}
    errors = answers - targets
    spread = float(np.square(targets - targets.mean()).mean())
    squared = float(np.square(errors).mean())
    return {
        "rmse": squared**0.5,
        "mae": float(np.abs(errors).mean()),
        "r2": 1 - squared / spread if spread else float("nan"),
    }
