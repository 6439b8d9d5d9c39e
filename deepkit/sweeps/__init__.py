"""Many models in one call."""

from deepkit.sweeps.result import Sweep, Trained
from deepkit.sweeps.spaces import Choice, LogUniform, Uniform
from deepkit.sweeps.study import sweep

__all__ = ["Choice", "LogUniform", "Sweep", "Trained", "Uniform", "sweep"]
