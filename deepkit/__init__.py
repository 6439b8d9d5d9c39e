"""deepkit: declare a model in four lines, train it as one compiled JAX program, take the parameters away."""

import gc as _gc

_collecting = _gc.isenabled()
_gc.disable()  # importing jax makes a million objects that all stay: looking for garbage among them takes a tenth

from deepkit import (  # noqa: E402
    activations,
    callbacks,
    classical,
    datasets,
    ensembles,
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
    sweeps,
)
from deepkit.classical import baselines  # noqa: E402
from deepkit.data import duplicates, folds, split  # noqa: E402
from deepkit.ensembles import Ensemble, ensemble  # noqa: E402
from deepkit.export import load_model  # noqa: E402
from deepkit.graph import Input  # noqa: E402
from deepkit.kernels import set_flags as _set_flags  # noqa: E402
from deepkit.model import Model, Sequential  # noqa: E402
from deepkit.sweeps import cross_validate, sweep  # noqa: E402

_set_flags()
_gc.freeze()
if _collecting:
    _gc.enable()

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
