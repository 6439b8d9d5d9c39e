"""Graph → pure functions: `init`, `forward`, and the objective (loss, penalties, metrics) of one batch."""

from deepkit.program.forward import Pass
from deepkit.program.objective import Batch, Head, Objective
from deepkit.program.program import Program
from deepkit.program.submodel import SubModel

__all__ = ["Batch", "Head", "Objective", "Pass", "Program", "SubModel"]
