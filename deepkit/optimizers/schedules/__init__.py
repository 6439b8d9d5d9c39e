"""Learning-rate schedules: the rate as a pure function of the step. Any optax schedule fits too."""

from deepkit.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
from deepkit.optimizers.schedules.exponential import ExponentialDecay, InverseTimeDecay, StepDecay
from deepkit.optimizers.schedules.piecewise import PiecewiseConstantDecay
from deepkit.optimizers.schedules.polynomial import PolynomialDecay
from deepkit.optimizers.schedules.schedule import Constant, Schedule
from deepkit.optimizers.schedules.warmup import LinearWarmup, OneCycle

__all__ = [
    "Constant",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LinearWarmup",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "Schedule",
    "StepDecay",
]
