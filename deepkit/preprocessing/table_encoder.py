"""From a table with numbers and categories to the float32 inputs of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from deepkit.datasets.dataset import Dataset
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, did_you_mean, from_user_line
from deepkit.preprocessing.columns import CategoricalColumn, NumericColumn
from deepkit.preprocessing.report import ColumnReport, Report
from deepkit.preprocessing.rows import column_names, table_of, values_of
from deepkit.preprocessing.sealed import refuse_sealed
from deepkit.preprocessing.target import TargetClasses, TargetScale

__all__ = ["TableEncoder"]

CHOICES: dict[str, tuple[str | None, ...]] = {
    "numeric": ("zscore", "minmax", "none"),
    "categorical": ("onehot",),
    "target": (None, "zscore", "minmax", "classes"),
    "missing": ("level", "mean", "error"),
    "unseen": ("error", "zeros"),
}


class TableEncoder:
    """Scales the numbers and one-hot encodes the categories of a table, with the training rows' statistics.

    Columns of dtype category, object, string or bool are categorical; integers and floats are numeric.

    Args:
        numeric: `"zscore"` (mean 0, deviation 1, the default: gradients then have one scale), `"minmax"`
            (0 to 1), or `"none"`. A constant column becomes 0.
        categorical: `"onehot"`, one input per level. Declared categories count as levels even if no training
            row has them, so that the number of inputs does not depend on the split.
        target: `None` leaves the target alone; `"zscore"` and `"minmax"` scale it, and `inverse_target` gives
            predictions in its own units; `"classes"` numbers class names from 0.
        missing: `"level"`: a missing category is a level `?` of its own, a missing number is an error (the
            default: no number is invented silently). `"mean"`: the same, and a missing number becomes the
            training mean. `"error"`: both are errors.
        unseen: A level that did not occur in training is an `"error"` (the default), or gets `"zeros"` in all
            inputs of its column.
        categorical_columns: Names of number columns that are codes, to be encoded as categories too.

    Example:
        >>> encoder = TableEncoder(numeric="zscore", categorical="onehot").fit(split.train)
        >>> x = encoder.transform(split.train)
        >>> print(encoder.report())
    """

    @from_user_line
    def __init__(
        self,
        numeric: str = "zscore",
        categorical: str = "onehot",
        target: str | None = None,
        missing: str = "level",
        unseen: str = "error",
        categorical_columns: Sequence[str] = (),
    ) -> None:
        if isinstance(categorical_columns, str):
            raise DeepkitTypeError(
                f"categorical_columns is the text {categorical_columns!r}. Give a list: [{categorical_columns!r}]."
            )
        self.numeric = _choice("numeric", numeric)
        self.categorical = _choice("categorical", categorical)
        self.target = _choice("target", target)
        self.missing = _choice("missing", missing)
        self.unseen = _choice("unseen", unseen)
        self.categorical_columns = tuple(str(name) for name in categorical_columns)
        self._columns: tuple[NumericColumn | CategoricalColumn, ...] | None = None
        self._target: TargetScale | TargetClasses | None = None
        self._rows = 0

    @from_user_line
    def fit(self, data: Any, y: Any = None) -> Self:
        """Learn levels and statistics.

        Args:
            data: `split.train`, a `Dataset`, or a DataFrame with the input columns only.
            y: The target, (N,) or (N, 1), where `target` is set; default: the part's own.

        Returns:
            The encoder itself.

        Raises:
            DeepkitValueError: The test part, no rows or columns, missing values that `missing` forbids,
                or a column that is neither numbers nor categories.
        """
        refuse_sealed(data, "TableEncoder.fit")
        refuse_sealed(y, "TableEncoder.fit")
        table = table_of(data)
        if not hasattr(table, "columns"):
            raise DeepkitTypeError(
                "TableEncoder.fit needs columns with types, and dicts have none. "
                "Use a part of a split, or pandas.DataFrame(rows)."
            )
        if 0 in table.shape:
            raise DeepkitValueError(
                f"TableEncoder.fit was given {table.shape[0]} rows and {table.shape[1]} columns. "
                "It needs at least one of both."
            )
        names = column_names(table)
        if unknown := [name for name in self.categorical_columns if name not in names]:
            raise DeepkitValueError(
                f"categorical_columns names {unknown[0]!r}, which is no column. {did_you_mean(unknown[0], names)}"
            )
        target = self._fit_target(data.y if y is None and isinstance(data, Dataset) else y) if self.target else None
        self._columns = tuple(self._fit_column(name, values_of(table, name)) for name in names)
        self._target = target
        self._rows = len(table)
        return self

    def _fit_column(self, name: str, values: Any) -> NumericColumn | CategoricalColumn:
        if values.dtype.kind in "bOSU" or name in self.categorical_columns:
            return CategoricalColumn.fit(name, values, self.missing, self.unseen)
        if values.dtype.kind in "iuf":
            return NumericColumn.fit(name, values, self.numeric, self.missing)
        raise DeepkitTypeError(
            f"column {name!r} is {values.dtype}, neither numbers nor categories. Convert it to numbers "
            "(days since a date, for instance), or leave it out."
        )

    def _fit_target(self, y: Any) -> TargetScale | TargetClasses:
        if y is None or hasattr(y, "columns"):
            raise DeepkitValueError(
                f"target={self.target!r} needs the target. Pass a part of a split, or fit(frame, y)."
            )
        assert self.target is not None
        return TargetClasses.fit(y) if self.target == "classes" else TargetScale.fit(y, self.target)

    @from_user_line
    def transform(self, data: Any) -> np.ndarray:
        """The inputs of a model.

        Args:
            data: A part of a split, a DataFrame, a dict of one row, or a list of dicts. Columns are found
                by name: their order does not matter, and others than the fitted ones are ignored.

        Returns:
            float32 (N, width).

        Raises:
            DeepkitValueError: A fitted column is not there, a level is new, a value is missing or infinite.
        """
        columns = self._fitted()
        table = table_of(data)
        names = column_names(table)
        if len(table) and (absent := [column.name for column in columns if column.name not in names]):
            raise DeepkitValueError(
                f"the columns {', '.join(absent)} are missing; there are {', '.join(names) or 'none'}. "
                "Pass every column that the encoder was fitted on."
            )
        encoded = [column.encode(values_of(table, column.name)) for column in columns]
        return np.concatenate(encoded, axis=1).astype(np.float32)

    @from_user_line
    def transform_target(self, y: Any) -> np.ndarray:
        """The target for a loss: scaled float32 in y's shape, class numbers int32 (N,), or as given."""
        self._fitted()
        return np.asarray(y) if self._target is None else self._target.encode(y)

    @property
    def target_scale(self) -> tuple[float, float] | None:
        """`(offset, width)` of a scaled target y = offset + width · scaled; `None` where it is not scaled."""
        return (self._target.offset, self._target.width) if isinstance(self._target, TargetScale) else None

    def inverse_target(self, predictions: Any) -> np.ndarray:
        """Predictions of a scaled target, of any shape, in its own units; all others as given."""
        self._fitted()
        return np.asarray(predictions) if self._target is None else self._target.decode(predictions)

    @property
    def width(self) -> int:
        """The number of inputs."""
        return sum(column.width for column in self._fitted())

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name per input: `age`, `sex=0`, `sex=1`, …"""
        return tuple(name for column in self._fitted() for name in column.feature_names)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table, in the order of the inputs."""
        return tuple(column.name for column in self._fitted())

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The class names with `target="classes"`, else `None`."""
        self._fitted()
        return self._target.classes if isinstance(self._target, TargetClasses) else None

    def report(self) -> Report:
        """How every column became inputs, and which ones are constant, incomplete, or have outliers."""
        return Report(
            columns=tuple(ColumnReport(c.name, c.KIND, c.width, c.how, c.note) for c in self._fitted()),
            rows=self._rows,
            target=None if self._target is None else self._target.how,
        )

    def _fitted(self) -> tuple[NumericColumn | CategoricalColumn, ...]:
        if self._columns is None:
            raise DeepkitValueError("this TableEncoder has seen no data yet. Call fit(split.train) first.")
        return self._columns

    def to_config(self) -> dict[str, Any]:
        """Settings and fitted statistics, as JSON writes them."""
        fitted = None
        if self._columns is not None:
            fitted = {
                "rows": self._rows,
                "columns": [{"kind": c.KIND, **_listed(dataclasses.asdict(c))} for c in self._columns],
                "target": None if self._target is None else _listed(dataclasses.asdict(self._target)),
            }
        settings = {name: getattr(self, name) for name in CHOICES}
        return {**settings, "categorical_columns": list(self.categorical_columns), "fitted": fitted}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TableEncoder:
        """The encoder that `to_config` described, bit for bit.

        Raises:
            DeepkitValueError: Something is missing or not understood.
        """
        try:
            encoder = cls(**{name: value for name, value in config.items() if name != "fitted"})
            if (fitted := config["fitted"]) is not None:
                encoder._columns = tuple(_column(each) for each in fitted["columns"])
                encoder._target = _target(fitted["target"])
                encoder._rows = int(fitted["rows"])
        except DeepkitError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DeepkitValueError(
                f"this is not the configuration of a TableEncoder ({type(error).__name__}: {error}). "
                "Pass what to_config returned."
            ) from None
        return encoder

    def __repr__(self) -> str:
        state = "not fitted" if self._columns is None else f"{len(self._columns)} columns → {self.width} inputs"
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in CHOICES)
        return f"TableEncoder({settings}: {state})"


def _choice(argument: str, value: Any) -> Any:
    if value not in CHOICES[argument]:
        known = [choice for choice in CHOICES[argument] if choice is not None]
        raise DeepkitValueError(f"TableEncoder({argument}={value!r}) is not known. {did_you_mean(str(value), known)}")
    return value


def _listed(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def _column(config: Mapping[str, Any]) -> NumericColumn | CategoricalColumn:
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in config.items()
    }
    kind = fields.pop("kind")
    return NumericColumn(**fields) if kind == NumericColumn.KIND else CategoricalColumn(**fields)


def _target(config: Mapping[str, Any] | None) -> TargetScale | TargetClasses | None:
    if config is None:
        return None
    if config["kind"] == "classes":
        return TargetClasses("classes", tuple(config["classes"]))
    return TargetScale(**config)
