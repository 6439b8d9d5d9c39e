"""Every picture: functions that take results and return a `matplotlib.figure.Figure`.

The figures belong to no window and change no global state: a notebook shows the one that a cell ends with,
`figure.savefig("curves.png")` writes it, `figure.axes` is there to add to. matplotlib is imported when the
first picture is drawn (`pip install "deepkit[plots]"`).
"""

from deepkit.plots.classes import per_class_accuracy, probabilities_by_sample
from deepkit.plots.confusion import confusion_matrix
from deepkit.plots.curves import curves
from deepkit.plots.decision import decision_boundary
from deepkit.plots.graph import model_graph
from deepkit.plots.histograms import histograms
from deepkit.plots.images import image_grid
from deepkit.plots.learning import learning_curves
from deepkit.plots.matrices import heat_map
from deepkit.plots.probability import loss_curves_of_probability
from deepkit.plots.regression import predicted_against_true
from deepkit.plots.runs import spread_over_runs
from deepkit.plots.sweep import sweep_axis, sweep_curves, sweep_distribution, sweep_learned, sweep_map

__all__ = [
    "confusion_matrix",
    "curves",
    "decision_boundary",
    "heat_map",
    "histograms",
    "image_grid",
    "learning_curves",
    "loss_curves_of_probability",
    "model_graph",
    "per_class_accuracy",
    "predicted_against_true",
    "probabilities_by_sample",
    "spread_over_runs",
    "sweep_axis",
    "sweep_curves",
    "sweep_distribution",
    "sweep_learned",
    "sweep_map",
]
