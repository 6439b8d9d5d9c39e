"""Splits of a data set into parts that each have one use."""

from deepkit.data.part import Part, Split
from deepkit.data.split import split

__all__ = ["Part", "Split", "split"]
