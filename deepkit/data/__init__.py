"""Splits and folds of a data set: parts that each have one use."""

from deepkit.data.duplicates import Duplicates, duplicates
from deepkit.data.folds import Folds, folds
from deepkit.data.part import Part, Split
from deepkit.data.split import split

__all__ = ["Duplicates", "Folds", "Part", "Split", "duplicates", "folds", "split"]
