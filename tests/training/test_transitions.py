"""EarlyStopping and ReduceLROnPlateau against Keras's own callbacks, on random sequences of a monitored figure."""

import itertools
import math
import types

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from training_cases import data, net

import deepkit as dk
from deepkit.callbacks import BestWeights, EarlyStopping, ReduceLROnPlateau, TerminateOnNaN
from deepkit.errors import DeepkitTypeError, DeepkitValueError, DeepkitWarning
from deepkit.training.transitions import Epoch, minimizes

EPOCHS, SEQUENCES = 25, 40
# Quarters, so that ties and differences of exactly min_delta occur and are exact in float32.
FIGURES = np.random.default_rng(0).integers(0, 12, (SEQUENCES, EPOCHS)).astype("float32") / 4


def followed(transition, figures, direction="down"):
    """`(rate, stop, memory)` after every epoch for every sequence, by the compiled transition."""

    def first(number):
        directions = {"loss": direction}
        zero = jnp.zeros(())
        return Epoch(jnp.int32(number), {}, {"w": zero}, {}, jnp.float32(1.0), jnp.zeros((), bool), directions)

    def run(values):
        start = first(0)

        def step(carry, item):
            memory, rate = carry
            number, value = item
            epoch = start.replace(
                number=number, logs={"loss": value}, learning_rate=rate, trained={"w": number.astype(jnp.float32)}
            )
            memory, epoch = transition.step(memory, epoch)
            return (memory, epoch.learning_rate), (epoch.learning_rate, epoch.stop, memory)

        memory = jax.tree.map(jnp.asarray, transition.start(start))
        return jax.lax.scan(step, (memory, start.learning_rate), (jnp.arange(EPOCHS), values))[1]

    return jax.device_get(jax.jit(jax.vmap(run))(figures))


class FakeModel:
    """What Keras's callbacks touch of a model; its weights are the number of the epoch."""

    def __init__(self):
        self.stop_training = False
        self.optimizer = types.SimpleNamespace(learning_rate=np.float32(1.0))
        self.epoch = 0
        self.restored = None
        self.metrics = []

    def get_weights(self):
        return self.epoch

    def set_weights(self, weights):
        self.restored = weights


def in_keras(callback, values):
    """`(epochs run, rates, model)` of one sequence."""
    model = FakeModel()
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_end(epoch, {"loss": float(value)})
        rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    callback.on_train_end()
    return len(rates), rates, model


STOPPING = [
    {"patience": patience, "min_delta": delta, **more}
    for (patience, delta), more in itertools.product(
        [(0, 0.0), (1, 0.25), (3, -0.5), (5, 0.1)],
        [{"mode": "min"}, {"mode": "max", "baseline": 1.0, "start_from_epoch": 4}],
    )
]


@pytest.mark.parametrize("options", STOPPING, ids=str)
def test_early_stopping_stops_where_keras_does(options):
    ours = EarlyStopping("loss", restore_best_weights=True, **options)
    _, stops, memories = followed(ours, FIGURES)
    stopped_early = 0
    for index, values in enumerate(FIGURES):
        theirs = keras.callbacks.EarlyStopping("loss", restore_best_weights=True, **options)
        epochs, _, model = in_keras(theirs, values)
        mine = int(np.argmax(stops[index])) + 1 if stops[index].any() else EPOCHS
        assert mine == epochs, values
        memory = jax.tree.map(lambda leaf, index=index, last=mine - 1: leaf[index, last], memories)
        restored = ours.finish(memory, lambda number: number)
        assert restored[0]["w"] == model.restored
        assert ours.best == pytest.approx(float(theirs.best))
        assert ours.best_epoch == theirs.best_epoch
        assert ours.stopped_epoch == theirs.stopped_epoch
        stopped_early += mine < EPOCHS
    assert stopped_early > SEQUENCES // 3


PLATEAUS = [
    {"patience": patience, "min_delta": delta, "cooldown": cooldown, "min_lr": least, "mode": mode, "factor": 0.5}
    for patience, delta, cooldown, least, mode in [
        (0, 0.0, 0, 0.0, "min"), (1, 0.25, 0, 0.01, "min"), (2, 0.0, 3, 0.0, "max"), (3, 0.5, 1, 0.3, "max"),
        (1, 1e-4, 2, 2.0, "min"),
    ]
]  # fmt: skip


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_reduce_on_plateau_has_the_rates_of_keras(options):
    rates = followed(ReduceLROnPlateau("loss", **options), FIGURES)[0]
    for index, values in enumerate(FIGURES):
        theirs = in_keras(keras.callbacks.ReduceLROnPlateau("loss", **options), values)[1]
        np.testing.assert_allclose(rates[index], theirs, rtol=1e-6)
    assert (rates[:, -1] < 1).any() == (options["min_lr"] < 1)


def test_nan_after_the_first_epoch_is_no_improvement_as_in_keras():
    figures = FIGURES.copy()
    figures[np.random.default_rng(1).random(figures.shape) < 0.3] = math.nan
    figures[:, 0] = FIGURES[:, 0]
    stops = followed(EarlyStopping("loss", patience=2, mode="min"), figures)[1]
    rates = followed(ReduceLROnPlateau("loss", patience=2, mode="min"), figures)[0]
    for index, values in enumerate(figures):
        epochs = in_keras(keras.callbacks.EarlyStopping("loss", patience=2, mode="min"), values)[0]
        assert (int(np.argmax(stops[index])) + 1 if stops[index].any() else EPOCHS) == epochs
        theirs = in_keras(keras.callbacks.ReduceLROnPlateau("loss", patience=2, mode="min"), values)[1]
        np.testing.assert_allclose(rates[index], theirs, rtol=1e-6)


def test_a_nan_in_the_first_epoch_can_be_beaten():
    """On purpose not as in Keras, where no number ever compares as better than that NaN."""
    falling = np.linspace(5, 1, EPOCHS, dtype="float32")[None].copy()
    falling[0, 0] = math.nan
    _, stops, memories = followed(EarlyStopping("loss", patience=2, mode="min"), falling)
    assert not stops.any()
    assert memories["best"][0, -1] == 1.0


def test_all_nan_stops_where_keras_does_and_goes_back_to_the_first_epoch():
    figures = np.full((1, EPOCHS), math.nan, "float32")
    ours = EarlyStopping("loss", patience=3, mode="min", restore_best_weights=True)
    _, stops, memories = followed(ours, figures)
    theirs = keras.callbacks.EarlyStopping("loss", patience=3, mode="min", restore_best_weights=True)
    epochs, _, model = in_keras(theirs, figures[0])
    assert int(np.argmax(stops[0])) + 1 == epochs == 4
    restored = ours.finish(jax.tree.map(lambda leaf: leaf[0, 3], memories), lambda number: number)
    assert restored[0]["w"] == model.restored == 0
    assert ours.best is None


def test_best_weights_remembers_and_never_stops():
    figures = np.tile(np.array([3, 1, 2, 1, 5], "float32"), (1, 5))
    ours = BestWeights("loss")
    _, stops, memories = followed(ours, figures)
    assert not stops.any()
    assert ours.finish(jax.tree.map(lambda leaf: leaf[0, -1], memories), lambda number: number)[0]["w"] == 1
    assert (ours.best, ours.best_epoch) == (1.0, 1)


@pytest.mark.parametrize(
    ("monitor", "direction", "less"),
    [
        ("val_loss", None, True),
        ("val_accuracy", "up", False),
        ("vaccine_loss", None, True),  # "acc" is in the name of the output
        ("score", "up", False),
        ("val_score", "down", True),
        ("r2", None, False),
    ],
)
def test_which_way_is_better(monitor, direction, less):
    assert minimizes(monitor, "auto", {monitor.removeprefix("val_"): direction}) is less
    assert minimizes(monitor, "min") is True
    assert minimizes(monitor, "max") is False


X, Y = data()


def test_a_renamed_metric_keeps_its_direction():
    """An accuracy that goes by another name is still maximised, with and without restoring."""
    model = net(metrics=[dk.metrics.BinaryAccuracy(name="share")], optimizer=dk.optimizers.SGD(0.5))
    stopping = EarlyStopping("share", patience=50, restore_best_weights=True)
    history = model.fit(X, Y, epochs=12, verbose=0, callbacks=[stopping])
    assert stopping.best == pytest.approx(max(history["share"]))
    assert stopping.best_epoch == int(np.argmax(history["share"]))


def test_a_figure_without_direction_asks_for_the_mode():
    def oddness(y_true, y_pred):
        return (y_true - y_pred)[:, 0]

    model = net(metrics=[oddness])
    with pytest.raises(DeepkitValueError, match=r"'val_oddness'.*mode='max' or mode='min'"):
        model.fit(X, Y, validation_split=0.2, callbacks=[EarlyStopping("val_oddness")], verbose=0)
    model.fit(X, Y, validation_split=0.2, callbacks=[EarlyStopping("val_oddness", mode="max")], verbose=0)


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (EarlyStopping(), "monitors 'val_loss', but this run reports loss, accuracy. Pass validation_data"),
        (EarlyStopping("acuracy"), "Did you mean 'accuracy'"),
        (dk.callbacks.ModelCheckpoint("x.npz", "val_auc", save_best_only=True), "monitors 'val_auc'"),
    ],
)
def test_an_unknown_monitor_is_refused_before_anything_runs(callback, message):
    with pytest.raises(DeepkitValueError, match=message):
        net().fit(X, Y, epochs=1, callbacks=[callback], verbose=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping(patience=-1),
        lambda: EarlyStopping(patience=1.5),
        lambda: EarlyStopping(mode="lower"),
        lambda: ReduceLROnPlateau(factor=1.5),
        lambda: ReduceLROnPlateau(cooldown=-2),
    ],
)
def test_options_that_cannot_work(make):
    with pytest.raises((DeepkitValueError, DeepkitTypeError)):
        make()


def test_terminate_on_nan_ends_the_run_after_that_epoch():
    model = net(optimizer=dk.optimizers.SGD(1e38))
    with pytest.warns(DeepkitWarning, match="loss became"):
        history = model.fit(X, Y, epochs=50, verbose=0, callbacks=[TerminateOnNaN()])
    assert len(history.epoch) < 5
    assert not math.isfinite(history["loss"][-1])
    assert history.stopped == f"Stopped after epoch {len(history.epoch)}."


def test_early_stopping_in_a_run_restores_state_and_parameters_of_the_best_epoch():
    model = net(dk.layers.BatchNormalization(), optimizer=dk.optimizers.SGD(2.0))
    snapshots = []
    watch = dk.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: snapshots.append(model.get_weights()))
    stopping = EarlyStopping(patience=4, restore_best_weights=True)
    history = model.fit(X, Y, epochs=60, initial_epoch=10, verbose=0, validation_split=0.3, callbacks=[stopping, watch])
    best = int(np.argmin(history["val_loss"]))
    assert stopping.best_epoch == history.epoch[best] == best + 10
    assert stopping.stopped_epoch == history.epoch[-1] < 59
    assert len(history.epoch) == best + 5
    for mine, kept in zip(model.get_weights(), snapshots[best], strict=True):
        np.testing.assert_array_equal(mine, kept)


def test_plateaus_in_a_run_leave_their_rate_in_the_optimizer():
    model = net(optimizer=dk.optimizers.SGD(1.0))
    callback = ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=10, min_lr=0.001)
    history = model.fit(X, Y, epochs=6, verbose=0, callbacks=[callback])
    np.testing.assert_allclose(history["learning_rate"], [1, 1, 0.1, 0.01, 0.001, 0.001], rtol=1e-5)
    assert model.optimizer.learning_rate == 0.001


def test_plateaus_refuse_a_schedule():
    model = net(optimizer=dk.optimizers.SGD(dk.optimizers.schedules.CosineDecay(0.1, 10)))
    with pytest.raises(DeepkitValueError, match="follows a schedule"):
        model.fit(X, Y, callbacks=[ReduceLROnPlateau("loss")], verbose=0)
