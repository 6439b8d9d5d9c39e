"""deepkit: declare a model in four lines, train it as one compiled JAX program, take the parameters away."""

from deepkit import (
    activations,
    callbacks,
    datasets,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    plots,
    preprocessing,
    regularizers,
)
from deepkit.data import split
from deepkit.export import load_model
from deepkit.graph import Input
from deepkit.model import Model, Sequential

__version__ = "0.1.0"

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "activations",
    "callbacks",
    "datasets",
    "errors",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "optimizers",
    "plots",
    "preprocessing",
    "regularizers",
    "split",
]
