"""Cross-validation: every member is the model trained alone on its fold; what is fitted is fitted inside."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

import deepkit as dk
from deepkit.errors import DeepkitError, DeepkitValueError, DeepkitWarning

IRIS = dk.datasets.load_iris()
TWO = IRIS.select(np.arange(100))
NINETY = IRIS.select(np.arange(5, 95))
"""Two classes, in folds of one size: one program per batch size."""


def plain(learning_rate=0.1):
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(x))
    model.compile(dk.optimizers.Adam(learning_rate), "crossentropy", ["accuracy"])
    return model


def encoded(train, learning_rate=0.1):
    encoder = dk.preprocessing.TableEncoder().fit(train)
    x = dk.Input(encoder.width)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(x), encoder=encoder)
    model.compile(dk.optimizers.Adam(learning_rate), "crossentropy", ["accuracy"])
    return model


def normalised(train, learning_rate=0.1):
    x = dk.Input(4)
    scaled = dk.layers.Normalization().adapt(train)(x)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(scaled))
    model.compile(dk.optimizers.Adam(learning_rate), "crossentropy", ["accuracy"])
    return model


def scaled_target(train):
    encoder = dk.preprocessing.TableEncoder(target="zscore").fit(train)
    x = dk.Input(encoder.width)
    model = dk.Model(x, dk.layers.Dense(1)(x), encoder=encoder)
    model.compile(dk.optimizers.Adam(0.1), "mse", ["mae"])
    return model


WIDTHS = IRIS.x.drop(columns="petal width (cm)")
REGRESSION = dk.datasets.Dataset(WIDTHS, IRIS.x["petal width (cm)"] * 7 + 30, name="widths")


@pytest.mark.parametrize(
    ("build", "data"),
    [(plain, IRIS), (encoded, IRIS), (normalised, IRIS), (scaled_target, REGRESSION)],
    ids=["plain", "encoder", "normalization", "scaled target"],
)
def test_a_member_is_the_model_trained_alone_on_its_fold(build, data):
    folds = dk.folds(data, k=3, groups="duplicates")
    sizes = len(set(folds.sizes))
    grid = None if build is scaled_target else {"learning_rate": [0.02, 0.1]}
    result = dk.cross_validate(build, folds, grid=grid, epochs=5, seeds=[4], verbose=0)
    assert result.sweep.programs == sizes, "folds of one size are members of one program"
    member = result.sweep.member(len(result.sweep) - 2)
    fold = folds[member.settings["fold"]]
    train = {"train": fold.train} if build is not plain else {}
    alone = build(**train, **({} if grid is None else {"learning_rate": 0.1}))
    history = alone.fit(fold.train, validation_data=fold.dev, epochs=5, seed=4, verbose=0)
    for name, values in member.history.items():
        key = f"val_{name.removeprefix('dev_')}" if name.startswith("dev_") else name
        np.testing.assert_allclose(values, history[key], rtol=2e-4, atol=1e-6)
    figures = member.model.evaluate(fold.dev)
    assert figures["loss"] == pytest.approx(member.figures["dev_loss"], rel=1e-4)


@pytest.fixture(scope="module")
def chosen():
    split = dk.split(IRIS)
    grid = {"learning_rate": [1e-5, 0.1]}
    return split, dk.cross_validate(encoded, split, grid=grid, seeds=2, epochs=20, inner=2, verbose=0)


def test_the_table_and_the_interval(chosen):
    _, result = chosen
    values = result.array("dev_accuracy")
    assert values.shape == (2, 5, 2) and len(result.frame()) == 20 and len(result.sweep) == 60
    assert {"learning_rate", "fold", "seed", "dev_accuracy"} <= set(result.frame().columns)
    estimate = result.estimate({"learning_rate": 0.1}, "dev_accuracy")
    by_fold = values[1].mean(axis=1)
    half = t.ppf(0.975, 4) * by_fold.std(ddof=1) * np.sqrt(1 / 5 + 27 / 108)
    assert estimate.mean == pytest.approx(by_fold.mean())
    assert (estimate.low, estimate.high) == pytest.approx((estimate.mean - half, estimate.mean + half))
    assert estimate.seeds == pytest.approx(np.sqrt(values[1].var(axis=1, ddof=1).mean()))
    table = result.table("dev_accuracy")
    assert table["mean"].tolist() == pytest.approx(values.mean(axis=(1, 2)).tolist())
    assert "2 settings × 5 folds × 2 seeds = 20 models" in result.summary() and "nested" in repr(result)
    assert result.plot().axes


def test_the_best_setting_is_fitted_on_everything_that_is_not_test(chosen):
    split, result = chosen
    assert result.best == {"learning_rate": 0.1}
    model = result.model
    assert model.encoder._rows == 135 and model is result.model
    pool = dk.folds(split).pool
    alone = encoded(pool, 0.1)
    alone.fit(pool, epochs=20, seed=0, verbose=0)
    np.testing.assert_allclose(model.predict(IRIS.x), alone.predict(IRIS.x), rtol=1e-4, atol=1e-6)
    assert split.test.openings == 0
    figures = result.test()
    assert figures["accuracy"] > 0.8 and split.test.openings == 1
    assert result.test() == figures and split.test.openings == 1, "asked twice, opened once"


def test_nested_folds_choose_without_the_rows_that_measure(chosen):
    _, result = chosen
    nested = result.nested
    assert nested.settings == ({"learning_rate": 0.1},) * 5
    np.testing.assert_allclose(nested.figures, result.array("dev_loss")[1].mean(axis=1))
    for number, fold in enumerate(result.folds):
        for inside in result.folds.within(number, 2):
            assert {*inside.train.rows, *inside.dev.rows} == set(fold.train.rows)


def test_nested_folds_keep_groups_and_time():
    groups = np.arange(100) // 5
    folds = dk.folds(TWO, k=4, groups=groups)
    for inside in folds.within(1, 3):
        assert not set(groups[inside.train.rows]) & set(groups[inside.dev.rows])
    when = np.random.default_rng(0).permutation(100)
    for inside in dk.folds(TWO, k=4, time=when).within(3, 3):
        assert when[inside.train.rows].max() < when[inside.dev.rows].min()


def test_leave_one_out_is_the_share_of_rows_that_are_right():
    rows = np.random.default_rng(0).choice(100, 12, replace=False)
    result = dk.cross_validate(plain, TWO.select(rows), folds="leave-one-out", epochs=30, shuffle=False, verbose=0)
    right = result.array("dev_accuracy")
    assert right.shape == (1, 12, 1) and set(right.ravel()) <= {0.0, 1.0}
    assert result.estimate(figure="dev_accuracy").mean == pytest.approx(right.mean())


def test_arrays_repeats_and_runs_that_diverge():
    x, y = IRIS.x.to_numpy(np.float32), IRIS.y.to_numpy()
    grid = {"learning_rate": [0.1, 1e30], "batch_size": [None]}
    result = dk.cross_validate(plain, (x, y), folds=2, repeats=2, grid=grid, epochs=3, verbose=0)
    assert result.frame()["repeat"].tolist() == [0, 0, 1, 1] * 2
    assert result.best == {"learning_rate": 0.1, "batch_size": None}, "a setting that diverged is never chosen"
    assert result.model.predict(x).shape == (150, 3)
    with pytest.raises(DeepkitValueError, match="no test part"):
        result.test()
    with pytest.raises(DeepkitValueError, match="no inner folds"):
        _ = result.nested
    with pytest.raises(DeepkitValueError, match="there is no setting"):
        result.estimate({"learning_rate": 7})


@pytest.mark.parametrize(("inner", "sizes"), [(0, [8, None]), (2, [None])])
def test_settings_that_lie_on_no_grid(inner, sizes):
    space = {"learning_rate": dk.sweeps.LogUniform(1e-4, 0.1), "batch_size": sizes}
    options = {"seeds": 2, "epochs": 2, "inner": inner, "shuffle": False, "verbose": 0}
    folds = dk.folds(NINETY, k=3)
    sampled = dk.cross_validate(plain, folds, space=space, samples=4, sampling="latin", **options)
    assert len({setting["learning_rate"] for setting in sampled.settings}) == 4
    assert len(sampled.sweep) == 4 * 3 * 2 * (inner + 1) and len(sampled.frame()) == 24
    assert sampled.table()["learning_rate"].tolist() == [setting["learning_rate"] for setting in sampled.settings]
    # A member stands where its setting and its fold say.
    number, fold = 2, 1
    listed = sampled.frame().query(f"learning_rate == {sampled.settings[number]['learning_rate']} and fold == {fold}")
    np.testing.assert_array_equal(listed["dev_loss"], sampled.array("dev_loss")[number, fold])
    # The same settings as a list are the same study.
    again = dk.cross_validate(plain, folds, grid=list(sampled.settings), **options)
    np.testing.assert_array_equal(again.array("dev_loss"), sampled.array("dev_loss"))
    assert again.best == sampled.best in sampled.settings
    assert sampled.model.predict(NINETY.x).shape == (90, 3)
    # The data are a table, and what comes back is one.
    assert isinstance(sampled.frame(), pd.DataFrame)
    assert sampled.model.columns == tuple(IRIS.x.columns)
    if inner:
        assert all(setting in sampled.settings for setting in sampled.nested.settings)


def test_a_study_of_folds_says_nothing_by_itself(capsys):
    space = {"learning_rate": [0.1, 0.2]}
    dk.cross_validate(plain, dk.folds(TWO, k=2), space=space, samples=2, epochs=1, batch_size=None, shuffle=False)
    assert len(capsys.readouterr().out.splitlines()) == 1, "the line with the time, and no finding about folds"


def test_statistics_from_outside_are_warned_of():
    encoder = dk.preprocessing.TableEncoder().fit(IRIS.x)

    def build():
        x = dk.Input(4)
        model = dk.Model(x, dk.layers.Dense(3, "softmax")(x), encoder=encoder)
        model.compile("adam", "crossentropy")
        return model

    with pytest.warns(DeepkitWarning, match=r"the model's encoder came to the folds with statistics.*def build\(train"):
        dk.cross_validate(build, IRIS, folds=2, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"folds": 1}, "k=1 folds"),
        ({"folds": 51}, "fewer than k=51 folds"),
        ({"data": "iris"}, "Pass a split from dk.split"),
        ({"data": dk.split(IRIS).test}, "cross_validate was given the test part"),
        ({"monitor": "loss"}, "rows that it has not learnt from"),
        ({"monitor": "dev_recall"}, "monitor='dev_recall' is no figure of the model"),
        ({"grid": {"fold": [1]}}, "names a part of the folds"),
        ({"grid": {"units": [1]}}, "an axis 'units', but build takes"),
        ({"grid": [{"inner": 1}]}, "names a part of the folds"),
        ({"space": {"learning_rate": [0.1]}}, "Say how many to try"),
        ({"space": {"learning_rate": [0.1]}, "samples": 2, "grid": {}}, "both grid and space"),
        ({"grid": {"learning_rate": []}}, "has no values"),
        ({"inner": 1}, "at least 2 inner folds"),
        ({"limit": 4}, "more than limit=4"),
        ({"data": dk.folds(IRIS), "folds": 3}, "folds already"),
    ],
)
def test_wrong_use(change, message):
    arguments = {"data": IRIS, "epochs": 1, "verbose": 0} | change
    with pytest.raises(DeepkitError, match=message):
        dk.cross_validate(plain, **arguments)
