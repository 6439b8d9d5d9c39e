"""An ensemble is the average of its members, and a model like any other."""

from __future__ import annotations

import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 4)).astype("float32")
CLASSES = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0.5)
TARGET = (np.sin(2 * X[:, :1]) + 0.3 * RANDOM.normal(size=(60, 1))).astype("float32")
WHOLE = {"batch_size": None, "shuffle": False, "verbose": 0}
"""A smaller program, which compiles sooner."""


def classifier(activation="softmax", name=None):
    x = dk.Input(4)
    h = dk.layers.Dense(6, "tanh")(x)
    model = dk.Model(x, dk.layers.Dense(3, activation, name=name)(h))
    loss = dk.losses.SparseCategoricalCrossentropy(from_logits=True if activation is None else None)
    model.compile(dk.optimizers.SGD(0.1), loss, ["accuracy"])
    return model


def regressor(rate=0.05):
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(1)(dk.layers.Dense(6, "tanh")(x)))
    model.compile(dk.optimizers.SGD(rate), "mse")
    return model


def drawn(build, seeds):
    models = [build() for _ in seeds]
    for model, seed in zip(models, seeds, strict=True):
        model.initialize(seed)
    return models


@pytest.fixture(scope="module")
def three():
    return drawn(classifier, range(3))


def test_average_and_spread(three):
    together = dk.Ensemble(three)
    each = np.stack([model.predict(X) for model in three])
    np.testing.assert_allclose(together.predict(X), each.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(together.predict_members(X), each, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(together.predict_members(X, batch_size=7), each, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(together.spread(X), each.std(axis=0, ddof=1), rtol=1e-3, atol=1e-6)
    assert together.count_params() == sum(model.count_params() for model in three)


def test_compiled_like_its_members_and_never_worse_than_they_are_on_average(three):
    together = dk.Ensemble(three)
    figures = together.evaluate(X, CLASSES)
    average = together.predict(X)
    assert figures["loss"] == pytest.approx(-np.log(average[np.arange(60), CLASSES]).mean(), rel=1e-4)
    assert figures["accuracy"] == pytest.approx((average.argmax(axis=1) == CLASSES).mean())
    assert figures["loss"] <= np.mean([model.evaluate(X, CLASSES)["loss"] for model in three])


def test_logits_become_probabilities_first():
    models = drawn(lambda: classifier(None), range(2))
    together = dk.Ensemble(models)
    scores = [np.exp(model.predict(X)) for model in models]
    expected = np.mean([score / score.sum(axis=1, keepdims=True) for score in scores], axis=0)
    np.testing.assert_allclose(together.predict(X), expected, rtol=1e-5, atol=1e-6)
    assert together.evaluate(X, CLASSES)["loss"] == pytest.approx(
        -np.log(expected[np.arange(60), CLASSES]).mean(), rel=1e-4
    )


def test_saves_loads_and_exports(three, tmp_path):
    together = dk.Ensemble(three, name="committee")
    together.save(tmp_path / "e.deepkit")
    loaded = dk.load_model(tmp_path / "e.deepkit")
    assert isinstance(loaded, dk.Ensemble)
    np.testing.assert_array_equal(loaded.predict(X), together.predict(X))
    np.testing.assert_array_equal(loaded.spread(X), together.spread(X))
    assert loaded.evaluate(X, CLASSES) == together.evaluate(X, CLASSES)
    np.testing.assert_allclose(loaded.members[1].predict(X), three[1].predict(X), rtol=1e-5)
    together.export(tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz") as arrays:
        assert "params/member_2/dense/kernel" in arrays.files


def test_several_inputs_and_outputs_by_name():
    def build():
        inputs = {"a": dk.Input(2), "b": dk.Input(3)}
        h = dk.layers.Concatenate()(list(inputs.values()))
        outputs = {"up": dk.layers.Dense(1)(h), "kind": dk.layers.Dense(3, "softmax")(h)}
        model = dk.Model(inputs, outputs)
        model.compile("sgd", {"up": "mse", "kind": "sparse_categorical_crossentropy"}, {"kind": ["accuracy"]})
        return model

    models = drawn(build, range(2))
    together = dk.Ensemble(models)
    data = {"a": X[:, :2], "b": X[:, 1:]}
    each = [model.predict(data) for model in models]
    for name, values in together.predict(data).items():
        np.testing.assert_allclose(values, (each[0][name] + each[1][name]) / 2, rtol=1e-4, atol=1e-6)
    assert together.spread(data)["kind"].shape == (60, 3)
    figures = together.evaluate(data, {"up": TARGET, "kind": CLASSES})
    assert figures.keys() == models[0].evaluate(data, {"up": TARGET, "kind": CLASSES}).keys()


def test_encoder_and_its_own_units():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": X[:, 0] * 10, "b": X[:, 1], "y": 100 + 20 * X[:, 0]})
    split = dk.split(table[["a", "b"]], table["y"], train=0.8, dev=0.2, test=0, seed=0)
    encoder = dk.preprocessing.TableEncoder(target="zscore").fit(split.train)

    def build():
        x = dk.Input(encoder.width)
        model = dk.Model(x, dk.layers.Dense(1)(x), encoder=encoder)
        model.compile("sgd", "mse", ["mae"])
        return model

    models = drawn(build, range(3))
    together = dk.Ensemble(models)
    each = np.stack([model.predict(split.dev) for model in models])
    np.testing.assert_allclose(together.predict(split.dev), each.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(together.spread(split.dev), each.std(axis=0, ddof=1), rtol=1e-2)
    answer = np.abs(together.predict(split.dev)[:, 0] - np.asarray(split.dev.y)).mean()
    assert together.evaluate(split.dev)["mae"] == pytest.approx(answer, rel=1e-4)


def test_of_a_sweep():
    result = dk.sweep(
        regressor, (X, TARGET, (X[:20], TARGET[:20])), grid={"rate": [0.01, 0.1]}, seeds=3, epochs=5, **WHOLE
    )
    together = dk.ensemble(result, [0, 4])
    expected = (result.member(0).model.predict(X) + result.member(4).model.predict(X)) / 2
    np.testing.assert_allclose(together.predict(X), expected, rtol=1e-4, atol=1e-6)
    assert len(dk.ensemble(result).members) == 6
    best = dk.ensemble(result, 2, figure="dev_loss")
    losses = [model.predict(X[:20]) for model in best.members]
    losses = [float(((loss - TARGET[:20]) ** 2).mean()) for loss in losses]
    np.testing.assert_allclose(losses, np.sort(result.final("dev_loss"))[:2], rtol=1e-3)
    for members, figure, message in (
        (2, None, "by which figure"), ([9], None, "no member 9"), (0, "dev_loss", "members=0"),
        (2, "dev_los", "no figure 'dev_los'"),
    ):  # fmt: skip
        with pytest.raises(DeepkitError, match=message):
            dk.ensemble(result, members, figure=figure)


def test_bootstrap_draws_rows_with_replacement():
    draws = dk.ensembles.Bootstrap((X, TARGET, (X[:5], TARGET[:5])))
    x, y, validation = draws(3)
    assert np.array_equal(x, X[draws.rows(3)]) and np.array_equal(y, TARGET[draws.rows(3)])
    assert np.array_equal(validation[0], X[:5])
    assert np.array_equal(draws.rows(3), draws.rows(3)) and not np.array_equal(draws.rows(3), draws.rows(4))
    left = [len(draws.out_of_bag(seed)) / 60 for seed in range(200)]
    assert np.mean(left) == pytest.approx((1 - 1 / 60) ** 60, abs=0.02)
    assert not set(draws.out_of_bag(3)) & set(draws.rows(3))

    result = dk.sweep(regressor, draws, seeds=3, epochs=2, **WHOLE)
    alone = regressor()
    alone.fit(*draws(2)[:2], epochs=2, seed=2, **WHOLE)
    np.testing.assert_allclose(result.member(2).model.predict(X), alone.predict(X), rtol=1e-3, atol=1e-5)
    assert dk.ensemble(result).predict(X).shape == (60, 1)


def test_bootstrap_takes_splits_tables_and_several_inputs():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcd"))
    split = dk.split(table, TARGET[:, 0], train=0.5, dev=0.3, test=0.2, seed=0)
    x, y, validation = dk.ensembles.Bootstrap(split)(0)
    assert len(x) == len(y) == 30 and list(x.columns) == list("abcd") and validation is split.dev
    x, y = dk.ensembles.Bootstrap(({"a": X, "b": X[:, :1]}, TARGET))(0)
    assert np.array_equal(x["a"][:, :1], x["b"]) and len(y) == 60
    with pytest.raises(DeepkitError, match="test"):
        dk.ensembles.Bootstrap(split.test)


def test_snapshots_are_one_run_with_a_cyclic_rate():
    together = dk.ensembles.snapshots(regressor, (X, TARGET), cycles=3, epochs=4, batch_size=30, seed=1, verbose=0)
    model = regressor()
    schedule = dk.optimizers.CosineDecayRestarts(0.05, 8, t_mul=1.0)
    model.compile(dk.optimizers.SGD(schedule), "mse")
    members = together.members
    for member in members:
        model.fit(X, TARGET, batch_size=30, epochs=4, seed=1, verbose=0)
        np.testing.assert_allclose(member.predict(X), model.predict(X), rtol=1e-4, atol=1e-6)
    assert together.evaluate(X, TARGET)["loss"] <= np.mean([((m.predict(X) - TARGET) ** 2).mean() for m in members])

    def scheduled():
        model = regressor()
        model.compile(dk.optimizers.SGD(schedule), "mse")
        return model

    with pytest.raises(DeepkitError, match="sets the learning rate itself"):
        dk.ensembles.snapshots(scheduled, (X, TARGET), cycles=2, epochs=1)


IMAGES = RANDOM.normal(size=(5, 4, 4, 1)).astype("float32")


def image_model(augmented=True, inner=False):
    x = dk.Input((4, 4, 1))
    h = dk.layers.RandomFlip("horizontal")(x) if augmented else x
    h = dk.layers.Dense(1)(dk.layers.Dropout(0.5)(dk.layers.Flatten()(dk.layers.BatchNormalization()(h))))
    model = dk.Model(x, h)
    if inner:
        z = dk.Input((4, 4, 1))
        return dk.Model(z, dk.layers.Rescaling(2.0)(model(z)))
    return model


@pytest.mark.parametrize("inner", [False, True])
def test_augmented_passes_average_over_flips(inner):
    model = image_model(inner=inner)
    augmented = dk.ensembles.Augmented(model, 40)
    plain, flipped = model.predict(IMAGES), model.predict(IMAGES[:, :, ::-1])
    passes = augmented.predict_passes(IMAGES)
    assert passes.shape == (40, 5, 1)
    near = np.isclose(passes, plain, rtol=1e-4, atol=1e-5) | np.isclose(passes, flipped, rtol=1e-4, atol=1e-5)
    assert near.all()  # flipped or not, and nothing else: no dropout, no batch statistics
    flips = np.isclose(passes, flipped, rtol=1e-4, atol=1e-5).mean()
    assert 0.35 < flips < 0.65
    np.testing.assert_allclose(augmented.predict(IMAGES), passes.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(augmented.spread(IMAGES), passes.std(axis=0, ddof=1), rtol=1e-5)
    before = augmented.predict(IMAGES)
    np.testing.assert_array_equal(before, dk.ensembles.Augmented(model, 40).predict(IMAGES))
    model.initialize(5)  # the weights are the model's, whatever happens to them
    assert not np.allclose(augmented.predict(IMAGES), before)


def test_augmented_ensemble():
    models = [image_model() for _ in range(2)]
    for seed, model in enumerate(models):
        model.initialize(seed)
    together = dk.Ensemble(models)
    assert dk.ensembles.Augmented(together, 3).predict(IMAGES).shape == (5, 1)


def other_width():
    x = dk.Input(5)
    return dk.Model(x, dk.layers.Dense(3)(x))


def log_softmax():
    x = dk.Input(4)
    return dk.Model(x, dk.layers.Dense(3, "log_softmax")(x))


MODEL = classifier()
CASES = {
    "not a list of models": lambda: dk.Ensemble(MODEL),
    "no models": lambda: dk.Ensemble([]),
    "the same model": lambda: dk.Ensemble([MODEL, MODEL]),
    r"models\[1\] is 3": lambda: dk.Ensemble([MODEL, 3]),
    r"the inputs of models\[1\] are \(None, 5\)": lambda: dk.Ensemble([MODEL, other_width()]),
    r"the outputs of models\[1\]": lambda: dk.Ensemble([regressor(), classifier()]),
    "has no spread": lambda: dk.Ensemble([MODEL]).spread(X),
    "logarithms": lambda: dk.Ensemble([log_softmax(), log_softmax()]),
    "not the result of dk.sweep": lambda: dk.ensemble([MODEL]),
    "no augmentation layers": lambda: dk.ensembles.Augmented(image_model(augmented=False)),
    "one pass has no spread": lambda: dk.ensembles.Augmented(image_model(), 1).spread(IMAGES),
}


@pytest.mark.parametrize("message", CASES)
def test_mistakes(message):
    with pytest.raises(DeepkitError, match=message):
        CASES[message]()
