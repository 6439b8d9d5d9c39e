"""From raw rows to the numbers that a model reads, with statistics of the training rows only."""

from deepkit.preprocessing.arrays import minmax, one_hot, zscore
from deepkit.preprocessing.report import ColumnReport, Report
from deepkit.preprocessing.table_encoder import TableEncoder

__all__ = ["ColumnReport", "Report", "TableEncoder", "minmax", "one_hot", "zscore"]
