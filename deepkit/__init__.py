"""deepkit: declare a model in four lines, train it as one compiled JAX program, take the parameters away."""

import gc as _gc
import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

_collecting = _gc.isenabled()
_gc.disable()  # importing jax makes a million objects that all stay: looking for garbage among them takes a tenth

from deepkit import (  # noqa: E402
    activations,
    callbacks,
    datasets,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    networks,
    optimizers,
    plots,
    preprocessing,
    regularizers,
)
from deepkit.data import duplicates, folds, split  # noqa: E402
from deepkit.export import load_model  # noqa: E402
from deepkit.graph import Input  # noqa: E402
from deepkit.kernels import set_flags as _set_flags  # noqa: E402
from deepkit.model import Model, Sequential  # noqa: E402

if _TYPE_CHECKING:
    from deepkit import classical, ensembles, sweeps
    from deepkit.classical import baselines
    from deepkit.ensembles import Ensemble, ensemble
    from deepkit.sweeps import cross_validate, sweep

_set_flags()
_gc.freeze()
if _collecting:
    _gc.enable()

_LATER = {
    "baselines": "classical",
    "classical": "classical",
    "cross_validate": "sweeps",
    "ensemble": "ensembles",
    "Ensemble": "ensembles",
    "ensembles": "ensembles",
    "sweep": "sweeps",
    "sweeps": "sweeps",
}
"""Names of packages that are imported when they are asked for: a program with one model needs none of them."""


def __getattr__(name: str) -> _Any:
    if name not in _LATER:
        raise AttributeError(f"module 'deepkit' has no attribute {name!r}")
    package = _importlib.import_module(f"deepkit.{_LATER[name]}")
    return package if name == _LATER[name] else getattr(package, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__version__ = "0.1.0"

__all__ = [
    "Ensemble",
    "Input",
    "Model",
    "Sequential",
    "activations",
    "baselines",
    "callbacks",
    "classical",
    "cross_validate",
    "datasets",
    "duplicates",
    "ensemble",
    "ensembles",
    "errors",
    "folds",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "networks",
    "optimizers",
    "plots",
    "preprocessing",
    "regularizers",
    "split",
    "sweep",
    "sweeps",
]
