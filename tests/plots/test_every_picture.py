"""What holds for all pictures: no pyplot, no window, titles and labels, a file that can be written."""

import functools
import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import deepkit as dk
from deepkit import plots

ROWS = np.random.default_rng(0)
P = ROWS.dirichlet([1, 1, 1], 30)


def small_model():
    x = dk.Input(2)
    return dk.Model(x, dk.layers.Dense(3, "softmax")(x))


@functools.cache
def study():
    def build(learning_rate, activation):
        x = dk.Input(2)
        model = dk.Model(x, dk.layers.Dense(1, activation)(x))
        model.compile(dk.optimizers.SGD(learning_rate), "mse")
        return model

    grid = {"learning_rate": [0.01, 0.1, 1.0], "activation": ["linear", "tanh"]}
    rows = (P[:, :2], P[:, 2:])
    return dk.sweep(build, (*rows, rows), grid=grid, seeds=4, epochs=3, verbose=0)


PICTURES = {
    "learning_curves": lambda: plots.learning_curves({"loss": [3.0, 2.0], "val_loss": [3.0, 2.5]}),
    "confusion_matrix": lambda: plots.confusion_matrix([[5, 1], [0, 7]]),
    "per_class_accuracy": lambda: plots.per_class_accuracy(ROWS.uniform(size=(4, 3))),
    "probabilities_by_sample": lambda: plots.probabilities_by_sample(P, P.argmax(axis=1)),
    "predicted_against_true": lambda: plots.predicted_against_true(P[:, 0], P[:, 1], "g"),
    "spread_over_runs": lambda: plots.spread_over_runs(
        {"a": [1, 2, 3]}, quantity="accuracy", setting="name", title="t"
    ),
    "sweep_axis": lambda: study().plot("learning_rate", ["loss", "dev_loss"], hue="activation"),
    "sweep_map": lambda: study().plot("learning_rate", "loss", y="activation"),
    "sweep_learned": lambda: study().plot_learned("learning_rate", "loss", below=0.1, hue="activation"),
    "sweep_distribution": lambda: study().plot_distribution("loss", "learning_rate"),
    "sweep_curves": lambda: study().curves(["loss", "dev_loss"], hue="activation"),
    "loss_curves_of_probability": plots.loss_curves_of_probability,
    "heat_map": lambda: plots.heat_map(P, quantity="r", title="t"),
    "histograms": lambda: plots.histograms({"mass (g)": P[:, 0]}),
    "curves": lambda: plots.curves({"a": ([1, 2], [3, 4])}, x="step", y="loss", title="t"),
    "image_grid": lambda: plots.image_grid(ROWS.uniform(-1, 1, (5, 4, 4)), titles=list("abcde"), title="t"),
    "model_graph": lambda: plots.model_graph(small_model()),
    "decision_boundary": lambda: plots.decision_boundary(small_model(), P[:, :2], P.argmax(axis=1)),
}


TWO = {"train": [1, 9], "test": [2, 3]}
CROWDED = {
    "panels": lambda: plots.predicted_against_true(TWO, TWO),
    "runs": lambda: plots.learning_curves({f"learning rate {n}": {"loss": [2.0], "val_loss": [2.0]} for n in range(9)}),
    "settings": lambda: plots.spread_over_runs({n / 1000: [1, 2, 3] for n in range(50)}, quantity="accuracy"),
    "names": lambda: plots.confusion_matrix(np.eye(8), [f"species number {n}" for n in range(8)]),
    "columns": lambda: plots.heat_map(np.ones((30, 30)), quantity="r", columns=[f"column {n}" for n in range(30)]),
    "labels": lambda: plots.curves({f"a long label {n}" * 2: ([1], [n]) for n in range(7)}, x="x", y="y"),
}


@functools.cache
def drawn(name):
    """The picture, laid out and drawn once, as a notebook does, and its file."""
    figure = (PICTURES | CROWDED)[name]()
    return figure, figure._repr_png_()


def test_every_public_function_is_here():
    assert sorted(PICTURES) == sorted(plots.__all__)


@pytest.mark.parametrize("name", PICTURES)
def test_figure(name):
    figure, png = drawn(name)
    assert isinstance(figure, Figure)
    assert figure.dpi == 120
    assert figure.get_layout_engine() is not None
    panels = [panel for panel in figure.axes if panel.get_label() != "<colorbar>"]
    for panel in panels:
        assert panel.get_title() or figure.get_suptitle()
        if panel.axison and name != "heat_map":
            assert panel.get_xlabel() or not panel.xaxis.get_tick_params()["labelbottom"]
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", [*PICTURES, *CROWDED])
def test_nothing_is_cut(name):
    """Every text lies inside the figure."""
    figure, _ = drawn(name)
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


def test_a_figure_is_saved():
    file = io.BytesIO()
    PICTURES["confusion_matrix"]().savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def test_no_pyplot_and_no_matplotlib_before_it_is_needed():
    script = (
        "import sys, deepkit.plots, deepkit.inspect\n"
        "assert not {'matplotlib', 'rich', 'pandas'} & set(sys.modules)\n"
        "deepkit.plots.loss_curves_of_probability().savefig('/dev/null', format='png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={"PATH": "", "JAX_PLATFORMS": "cpu", "HOME": "/tmp"})


def test_without_matplotlib(monkeypatch):
    monkeypatch.delitem(sys.modules, "deepkit.plots.picture", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == "matplotlib":
                raise ModuleNotFoundError(f"No module named {name!r}", name="matplotlib")

    monkeypatch.setattr(sys, "meta_path", [Refuse(), *sys.meta_path])
    with pytest.raises(dk.errors.DeepkitError, match=r'pip install "deepkit\[plots\]"'):
        plots.loss_curves_of_probability()
