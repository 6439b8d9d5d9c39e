"""Optimizers: Keras 3's names and defaults, built from optax. `schedules` holds the rate's schedules."""

import inspect
from typing import Any

import optax

from deepkit.configuration import lookup
from deepkit.errors import DeepkitTypeError
from deepkit.optimizers import schedules
from deepkit.optimizers.adadelta import Adadelta
from deepkit.optimizers.adafactor import Adafactor
from deepkit.optimizers.adagrad import Adagrad
from deepkit.optimizers.adam import Adam, AdamW
from deepkit.optimizers.adamax import Adamax
from deepkit.optimizers.ftrl import Ftrl
from deepkit.optimizers.lamb import Lamb
from deepkit.optimizers.lion import Lion
from deepkit.optimizers.muon import Muon
from deepkit.optimizers.nadam import Nadam
from deepkit.optimizers.optax_optimizer import OptaxOptimizer
from deepkit.optimizers.optimizer import Optimizer, OptimizerState
from deepkit.optimizers.rmsprop import RMSprop
from deepkit.optimizers.schedule_free_adamw import ScheduleFreeAdamW
from deepkit.optimizers.schedules import (
    Constant,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LinearWarmup,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
    Schedule,
    StepDecay,
)
from deepkit.optimizers.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "adamax": Adamax,
    "nadam": Nadam,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adafactor": Adafactor,
    "ftrl": Ftrl,
    "lion": Lion,
    "lamb": Lamb,
    "muon": Muon,
    "schedule_free_adamw": ScheduleFreeAdamW,
}
"""Every optimizer that can be asked for by name, with its default arguments."""


def get(identifier: Any) -> Optimizer:
    """The optimizer meant by a name, a class, an `Optimizer` or an `optax.GradientTransformation`."""
    if isinstance(identifier, optax.GradientTransformation):
        return OptaxOptimizer(identifier)
    if inspect.isfunction(identifier):
        raise DeepkitTypeError(
            f"the optimizer is the function {identifier.__name__}, and not what it returns. "
            f"Call it: {identifier.__name__}(learning_rate=0.001)."
        )
    return lookup(identifier, "optimizer", OPTIMIZERS, kind=Optimizer)


__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Constant",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "Ftrl",
    "InverseTimeDecay",
    "Lamb",
    "LinearWarmup",
    "Lion",
    "Muon",
    "Nadam",
    "OneCycle",
    "OptaxOptimizer",
    "Optimizer",
    "OptimizerState",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "RMSprop",
    "Schedule",
    "ScheduleFreeAdamW",
    "StepDecay",
    "get",
    "schedules",
]
