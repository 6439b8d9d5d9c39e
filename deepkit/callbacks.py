"""Callbacks. Those that only look at figures and weights run inside the compiled program and cost nothing."""

from deepkit.training.callbacks import (
    Callback,
    CSVLogger,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
)
from deepkit.training.history import History
from deepkit.training.transitions import (
    BestWeights,
    EarlyStopping,
    ReduceLROnPlateau,
    TerminateOnNaN,
    Transition,
)

__all__ = [
    "BestWeights",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
    "Transition",
]
