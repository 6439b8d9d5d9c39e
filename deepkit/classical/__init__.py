"""Models without gradient descent, to be better than: closed form, neighbours, and a table of them all."""

from deepkit.classical.baselines import Baselines, baselines
from deepkit.classical.least_squares import LeastSquares
from deepkit.classical.nearest import KNearest

__all__ = ["Baselines", "KNearest", "LeastSquares", "baselines"]
