"""Each finding speaks where it should, with the right figure, and is silent where it should be."""

import numpy as np
import pytest

import deepkit as dk
from deepkit.sweeps.comparisons import compare, noise
from deepkit.sweeps.finding import listed, main_figure, number, percent
from deepkit.sweeps.interactions import interactions


class Runs:
    """What `noise` reads of a sweep: one axis, one figure."""

    figures = ("loss", "dev_accuracy")

    def __init__(self, table):
        self.table = np.asarray(table, float)
        self.axes = {"width": tuple(range(1, len(table) + 1))}
        self.seeds = tuple(range(self.table.shape[1]))

    def array(self, figure):
        return self.table

    def less_is_better(self, figure):
        return False


def blobs(seed=0, apart=4.0, rows=40):
    draw = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    return (draw.normal(size=(rows, 2)) + apart * y[:, None]).astype("float32"), y.astype("float32")


def build(learning_rate=0.3, width=4, activation="tanh", rate=None, l2=0.0, bias=0.0):
    x = dk.Input(2)
    h = dk.layers.Dense(
        width, activation, kernel_regularizer=dk.regularizers.L2(l2), bias_initializer=dk.initializers.Constant(bias)
    )(x)
    if rate is not None:
        h = dk.layers.Dropout(rate)(h)
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
    model.compile(dk.optimizers.SGD(learning_rate), "binary_crossentropy", ["accuracy"])
    return model


WHOLE = {"batch_size": None, "shuffle": False, "verbose": 0}


def swept(grid, data=None, seeds=3, epochs=20, **options):
    return dk.sweep(build, data or blobs(), grid=grid, seeds=seeds, epochs=epochs, **WHOLE, **options)


def of_kind(result, kind):
    return [finding for finding in result.findings() if finding.kind == kind]


# Noise between seeds.


def test_interval_of_two_values_is_students_paired_interval():
    table = np.random.default_rng(0).normal(size=(2, 10))
    difference = table[0] - table[1]
    expected = 2.262 * difference.std(ddof=1) / np.sqrt(10)
    assert compare(Runs(table), "dev_accuracy", "width").half == pytest.approx(expected, rel=0.02)


def test_differences_of_nothing_but_noise_are_called_noise():
    """Of 50 studies of 8 values without any difference, the best is told from the worst in about 5 %."""
    draw = np.random.default_rng(1)
    wrong = 0
    for _ in range(50):
        found = list(noise(Runs(draw.normal(size=(8, 6)))))
        wrong += not (found and "does not tell the values" in found[0].text)
    assert wrong <= 8


def test_what_seeds_do_to_all_values_alike_is_no_noise():
    draw = np.random.default_rng(2)
    table = np.array([[0.5], [0.6], [0.7]]) + 0.2 * draw.normal(size=(1, 6)) + 0.005 * draw.normal(size=(3, 6))
    assert list(noise(Runs(table))) == []


def test_best_and_second_that_are_close():
    draw = np.random.default_rng(3)
    table = np.array([[0.2], [0.7], [0.705]]) + 0.02 * draw.normal(size=(3, 5))
    (finding,) = noise(Runs(table))
    assert "is not told apart from 1 of the 2 others" in finding.text
    assert "contains 0" in finding.text
    assert finding.values["low"] < 0 < finding.values["high"]


def test_an_axis_without_effect():
    (finding,) = noise(Runs(np.tile([0.1, 0.5, 0.9], (3, 1))))
    assert finding.text.startswith("The axis width changes nothing")


def test_one_seed_says_nothing():
    (finding,) = noise(Runs([[0.1], [0.9]]))
    assert "one seed" in finding.text
    assert list(noise(Runs([[0.1]]))) == []


def test_runs_that_are_not_finite_are_left_out():
    table = np.random.default_rng(4).normal(size=(4, 6))
    table[3] = np.nan
    table[0, 2] = np.inf
    compared = compare(Runs(table), "dev_accuracy", "width")
    assert sorted(compared.values) == [1, 2, 3] and compared.seeds == 5
    assert compare(Runs(np.full((3, 3), np.nan)), "dev_accuracy", "width") is None


# Axes that depend on each other.


def rates_and_widths(effects, seeds=8, spread=0.02, draw=0):
    """Runs over two axes: `effects[rate][width]` and noise."""
    effects = np.asarray(effects, float)[:, :, None]
    runs = Runs(np.zeros((len(effects), seeds)))
    runs.axes = {"rate": tuple(0.1 * 2**k for k in range(len(effects))), "width": (4, 16, 64)}
    noise_of_seeds = np.random.default_rng(draw).normal(size=(*effects.shape[:2], seeds))
    runs.table = effects + spread * noise_of_seeds
    return runs


def test_the_best_of_one_axis_depends_on_another():
    (finding,) = interactions(rates_and_widths([[0.5, 0.7, 0.9], [0.5, 0.7, 0.8], [0.85, 0.7, 0.5]]))
    assert finding.kind == "interaction"
    assert finding.text.startswith("The best rate depends on width: by dev_accuracy, with width=4 it is 0.4 (0.8")
    assert "with width=64 it is 0.1 (0.90" in finding.text
    assert finding.values["places"] == (4, 64) and finding.values["best"] == (0.4, 0.1)
    # Student's interval is narrower than one for three places and all pairs, Scheffé's is wider.
    student, scheffe = (t * 0.02 * np.sqrt(2 / 8) for t in (2.14, 4.2))
    assert all(student < half < scheffe for half in finding.values["half_widths"])


def test_axes_that_only_add_up_do_not_depend_on_each_other():
    sums = np.add.outer([0.0, 0.1, 0.3], [0.2, 0.4, 0.6])
    assert list(interactions(rates_and_widths(sums))) == []
    # Nor where one merely matters less at some values of the other.
    assert list(interactions(rates_and_widths([[0.2, 0.4, 0.6], [0.59, 0.6, 0.6], [0.6, 0.6, 0.6]]))) == []


def test_noise_alone_is_no_dependence():
    found = sum(bool(list(interactions(rates_and_widths(np.zeros((8, 3)), draw=k)))) for k in range(100))
    assert found <= 4


def test_dependence_needs_seeds_and_figures():
    crossing = [[0.5, 0.7, 0.9], [0.9, 0.6, 0.5]]
    assert list(interactions(rates_and_widths(crossing, seeds=1))) == []
    runs = rates_and_widths(crossing)
    runs.table[0, 0] = np.nan  # nobody knows how far ahead of it the others were
    assert list(interactions(runs)) == []


def test_momentum_that_helps_slow_rates_and_hurts_fast_ones():
    def rolling(learning_rate, momentum):
        x = dk.Input(1)
        model = dk.Model(x, dk.layers.Dense(1)(x))
        model.compile(dk.optimizers.SGD(learning_rate, momentum), "mse")
        return model

    x = np.linspace(-1, 1, 20, dtype="float32")[:, None]
    grid = {"learning_rate": [0.01, 0.5], "momentum": [0.0, 0.9]}
    result = dk.sweep(rolling, (x, 3 * x), grid=grid, seeds=10, epochs=30, **WHOLE)
    (finding,) = of_kind(result, "interaction")
    assert {finding.values["axis"], finding.values["other"]} == {"learning_rate", "momentum"}


# Confounded comparisons.


def test_batch_sizes_at_equal_epochs_and_at_equal_updates():
    def line():
        x = dk.Input(2)
        model = dk.Model(x, dk.layers.Dense(1)(x))
        model.compile("sgd", "mse")
        return model

    options = {"grid": {"batch_size": [4, 40]}, "shuffle": False, "verbose": 0}
    (finding,) = of_kind(dk.sweep(line, blobs(), epochs=4, **options), "updates")
    assert finding.values == {"most": 40, "fewest": 4, "ratio": 10}
    assert 'equal="updates"' in finding.text
    assert not of_kind(dk.sweep(line, blobs(), epochs=40, equal="updates", **options), "updates")


def test_penalty_too_small():
    (finding,) = of_kind(swept({"l2": [0.0, 1e-6]}, seeds=1), "penalty")
    assert "too small to matter: it is at most" in finding.text and "(l2=1e-06)" in finding.text
    assert finding.values["member"] == 1 and 0 < finding.values["share"] < 1e-4
    assert not of_kind(swept({"l2": [0.0]}, seeds=1), "penalty")


def test_penalty_that_is_part_of_the_losses_compared():
    result = swept({"l2": [0.0, 1e-6, 0.1]}, seeds=1)
    (finding,) = of_kind(result, "penalty")
    kernel = result.member(2).model.params["dense"]["kernel"]
    share = 0.1 * float((np.asarray(kernel) ** 2).sum()) / result.member(2).figures["loss"]
    assert "compare their metrics, not their losses" in finding.text
    assert finding.values == {"share": pytest.approx(share), "member": 2}
    assert not of_kind(swept({"l2": [0.1]}, seeds=1), "penalty")  # one penalty for all


def test_one_of_two_penalties_is_too_small():
    def kinds(kind, factor):
        return build(l2=factor if kind == "sum" else factor / 1e6)

    result = dk.sweep(kinds, blobs(), grid={"factor": [0.0, 0.1], "kind": ["sum", "tiny"]}, epochs=20, **WHOLE)
    small, compared = of_kind(result, "penalty")
    assert small.text.startswith("With kind=tiny the weight penalty is too small") and small.values["member"] == 3
    assert compared.values["member"] == 2


def test_sizes():
    (finding,) = of_kind(swept({"width": [2, 8], "activation": ["relu", "tanh"]}, seeds=1, epochs=2), "size")
    assert (finding.values["axis"], finding.values["fewest"], finding.values["most"]) == ("width", 9, 33)


def test_layers_without_a_nonlinearity_between():
    (finding,) = of_kind(swept({"activation": ["tanh", "linear"], "rate": [0.0]}, seeds=1, epochs=2), "linear layers")
    assert finding.values == {"axis": "activation", "values": ["linear"], "layers": ("dense", "dense_1")}
    assert not of_kind(swept({"activation": ["tanh"]}, seeds=1, epochs=2), "linear layers")


def test_momentum_is_a_larger_rate_too():
    def rolling(momentum, averaging):
        x = dk.Input(2)
        model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(x))
        model.compile(dk.optimizers.SGD(0.1, momentum, averaging=averaging), "binary_crossentropy")
        return model

    for averaging in (False, True):
        grid = {"momentum": [0.0, 0.9], "averaging": [averaging]}
        result = dk.sweep(rolling, blobs(), grid=grid, epochs=2, **WHOLE)
        found = of_kind(result, "effective rate")
        assert len(found) == (not averaging)
    assert not of_kind(swept({"learning_rate": [0.1, 1.0]}, seeds=1, epochs=2), "effective rate")


def test_dropout_on_beside_dropout_off():
    data = (*blobs(), blobs(1))
    result = swept({"rate": [0.0, 0.8]}, data, seeds=1)
    (finding,) = of_kind(result, "training mode")
    assert "Dropout" in finding.text and finding.values["member"] == 1
    assert finding.values["off"] == pytest.approx(result.member(1).model.evaluate(*blobs())["accuracy"])
    assert not of_kind(swept({"rate": [0.0]}, data, seeds=1), "training mode")  # nothing is drawn
    assert not of_kind(swept({"rate": [0.8]}, seeds=1), "training mode")  # nothing to compare with


# Runs that never learned.


def test_dead_units():
    """A bias of −100 keeps every ReLU unit at 0, and the output at one value."""
    result = swept({"bias": [0.0, -100.0], "activation": ["relu"]}, seeds=4, epochs=60)
    (finding,) = of_kind(result, "never learned")
    assert {name: finding.values[name] for name in ("runs", "constant", "dead")} == {
        "runs": 4,
        "constant": 4,
        "dead": 4,
    }
    assert "4 of 8 runs (50 %)" in finding.text and "by bias: 0 0 %, -100 100 %" in finding.text


def test_too_slow_to_learn():
    (finding,) = of_kind(swept({"learning_rate": [1e-3]}, blobs(apart=0.1), seeds=6), "never learned")
    assert finding.values["dead"] == 0


def test_all_have_learned():
    assert not of_kind(swept({"learning_rate": [0.3]}, epochs=60), "never learned")


def test_constant_regression():
    def hidden(slope):
        x = dk.Input(1)
        h = dk.layers.Dense(3, "relu", kernel_initializer=dk.initializers.Constant(slope))(x)
        model = dk.Model(x, dk.layers.Dense(1)(h))
        model.compile(dk.optimizers.SGD(0.05), "mse")
        return model

    x = np.linspace(0.1, 1, 30, dtype="float32")[:, None]
    result = dk.sweep(hidden, (x, x), grid={"slope": [1.0, -1.0]}, epochs=100, **WHOLE)
    (finding,) = of_kind(result, "never learned")
    assert (finding.values["runs"], finding.values["dead"], finding.values["constant"]) == (1, 1, 1)
    assert "nearly one value" in finding.text


def regression(slope=0.0):
    """A ReLU unit that a slope below 0 keeps at 0, where x is above 0."""
    x = dk.Input(1)
    h = dk.layers.Dense(1, "relu", kernel_initializer=dk.initializers.Constant(slope))(x)
    model = dk.Model(x, dk.layers.Dense(1, kernel_initializer=dk.initializers.Constant(0.5))(h))
    model.compile(dk.optimizers.SGD(0.1), "mse", ["pearson_r"])
    return model


def test_metric_without_a_value():
    x = np.linspace(0.1, 1, 30, dtype="float32")[:, None]
    result = dk.sweep(regression, (x, x), grid={"slope": [1.0, -1.0]}, seeds=2, epochs=20, **WHOLE)
    (finding,) = of_kind(result, "undefined")
    assert {name: finding.values[name] for name in ("figure", "runs", "looked_into", "constant", "dead")} == {
        "figure": "pearson_r",
        "runs": 2,
        "looked_into": 2,
        "constant": 2,
        "dead": 2,
    }
    assert "by slope: 1 0 %, -1 100 %" in finding.text and "the other 2 runs alone" in finding.text


def test_each_run_is_held_against_the_best_constant_of_its_own_rows():
    """Targets spread ten times as wide with one seed: its loss is high, and far below its own constant's."""

    def rows(seed):
        x = np.linspace(0.1, 1, 30, dtype="float32")[:, None]
        return x, (1, 10)[seed] * x

    result = dk.sweep(regression, rows, grid={"slope": [1.0, -1.0]}, seeds=2, epochs=200, **WHOLE)
    learned, dead = result.array("loss")
    assert dead[0] < dead[1] / 50 and (learned < dead / 3).all()
    (finding,) = of_kind(result, "never learned")
    assert finding.values["runs"] == 2 and "no better than what the best constant has on the same rows" in finding.text


def test_not_finite():
    result = swept({"learning_rate": [0.1, 1e38]})
    (finding,) = of_kind(result, "not finite")
    assert finding.values["runs"] == 3
    assert "learning_rate ≥ 1e+38, and no others" in finding.text


# When and how they are told.


def test_sweep_prints_them_unless_it_is_silent(capsys):
    options = {"grid": {"learning_rate": [0.1, 0.2]}, "seeds": 1, "epochs": 2, "batch_size": None, "shuffle": False}
    dk.sweep(build, blobs(), **options)
    assert "one seed" in capsys.readouterr().out
    dk.sweep(build, blobs(), **options, verbose=0)
    assert capsys.readouterr().out == ""


def test_data_of_its_own_for_every_seed():
    result = swept({"activation": ["relu", "tanh"]}, blobs, seeds=3, epochs=2)
    assert all(str(finding) for finding in result.findings())


def test_figures_are_written_as_people_do():
    assert (number(1234.0), number(0.12345), percent(0.5), percent(0.001)) == ("1,234", "0.123", "50 %", "0.1 %")
    assert listed([1, 2, 3]) == "1, 2 and 3" and listed(range(9)) == "0, 1, 2 and 6 more" and listed("a") == "a"
    assert main_figure(["loss", "accuracy", "dev_loss", "dev_accuracy"]) == "dev_accuracy"
    assert main_figure(["loss", "dev_loss"]) == "dev_loss" and main_figure(["loss", "accuracy"]) == "accuracy"
