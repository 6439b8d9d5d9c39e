"""Many models in one call."""

from deepkit.sweeps.cross_validation import cross_validate
from deepkit.sweeps.halving import Halving, halving
from deepkit.sweeps.journal import load
from deepkit.sweeps.result import Sweep, Trained
from deepkit.sweeps.spaces import Choice, LogUniform, Uniform
from deepkit.sweeps.study import sweep
from deepkit.sweeps.validated import CrossValidation

__all__ = [
    "Choice",
    "CrossValidation",
    "Halving",
    "LogUniform",
    "Sweep",
    "Trained",
    "Uniform",
    "cross_validate",
    "halving",
    "load",
    "sweep",
]
