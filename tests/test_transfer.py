"""Freeze, unfreeze, replace the head, and copy weights by the names of the layers."""

import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.inspect import summary_frame

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")
Y3 = np.digitize(X[:, 1], [-0.5, 0.5])


def classifier(classes, *, body="body"):
    x = dk.Input(3)
    h = dk.layers.BatchNormalization(name="norm")(dk.layers.Dense(5, "relu", name=body)(x))
    model = dk.Model(x, dk.layers.Dense(classes, "softmax", name="head")(h))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_replace_the_head_and_train_only_that():
    base = classifier(2)
    base.fit(X, Y, epochs=2, verbose=0)
    new = dk.Model(base.inputs, dk.layers.Dense(3, "softmax", name="new")(base.output_of("norm")))
    for name in ("body", "norm"):
        new.get_layer(name).trainable = False
    new.compile("adam", "sparse_categorical_crossentropy")
    before = base.get_weights()
    first = new.get_weights()[-2]
    new.fit(X, Y3, epochs=2, verbose=0)
    for old, now in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    assert not np.array_equal(first, new.get_weights()[-2])
    # Thawed, the body moves too, and with it the first model, which shares it.
    new.get_layer("body").trainable = True
    new.fit(X, Y3, epochs=4, initial_epoch=2, verbose=0)
    np.testing.assert_array_equal(base.params["body"]["kernel"], new.params["body"]["kernel"])
    assert not np.array_equal(before[0], new.params["body"]["kernel"])


def test_output_of_a_layer_itself_and_of_a_stranger():
    base = classifier(2)
    assert base.output_of(base.get_layer("body")) is base.output_of("body")
    with pytest.raises(DeepkitValueError, match=r"no layer of this model. Its layers: body, norm, head"):
        base.output_of(dk.layers.Dense(3))


def test_copy_weights_by_name_and_the_report():
    old, new = classifier(2), classifier(3)
    old.fit(X, Y, epochs=1, verbose=0)
    head = new.get_weights()[-2]
    with pytest.raises(DeepkitValueError, match=r"head/kernel \(5, 3\) ← \(5, 2\).*skip_mismatch=True"):
        new.copy_weights(old)
    report = new.copy_weights(old, skip_mismatch=True)
    assert report.copied == (
        "body/kernel", "body/bias", "norm/gamma", "norm/beta", "norm/moving_mean", "norm/moving_variance"
    )  # fmt: skip
    assert report.other_shape == ("head/kernel", "head/bias")
    assert (report.only_here, report.only_there) == ((), ())
    assert "left, of another shape (2): head/kernel, head/bias" in str(report)
    for mine, theirs in zip(new.get_weights()[:6], old.get_weights(), strict=False):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(new.get_weights()[-2], head)
    # A copy: training one leaves the other alone.
    kept = old.get_weights()[0]
    new.fit(X, Y3, epochs=1, verbose=0)
    np.testing.assert_array_equal(old.get_weights()[0], kept)


def test_names_that_only_one_has():
    report = classifier(2).copy_weights(classifier(2, body="trunk"))
    assert report.only_here == ("body/kernel", "body/bias") and report.only_there == ("trunk/kernel", "trunk/bias")


def test_nothing_in_common():
    x = dk.Input(3)
    other = dk.Model(x, dk.layers.Dense(1, name="alone")(x))
    with pytest.raises(DeepkitValueError, match="no array has the same name"):
        classifier(2).copy_weights(other)
    with pytest.raises(DeepkitTypeError, match="load_weights"):
        classifier(2).copy_weights("weights.npz")


def sequence_model(layer):
    x = dk.Input((4, 3))
    model = dk.Model(x, dk.layers.Dense(2)(layer(x)))
    model.compile(dk.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize(
    ("make", "frozen", "moving"),
    [
        (lambda: dk.layers.TimeDistributed(dk.layers.Dense(3, trainable=False)), ["layer"], []),
        (lambda: dk.layers.RNN([dk.layers.LSTMCell(2, trainable=False), dk.layers.GRUCell(2)]), ["cell_0"], ["cell_1"]),
        (
            lambda: dk.layers.Bidirectional(
                dk.layers.SimpleRNN(2, trainable=False), backward_layer=dk.layers.SimpleRNN(2, go_backwards=True)
            ),
            ["forward_layer"],
            ["backward_layer"],
        ),
        (lambda: dk.layers.SpectralNormalization(dk.layers.Dense(2, trainable=False)), ["layer"], []),
    ],
    ids=["every step", "stacked cells", "two directions", "spectral"],
)
def test_a_frozen_layer_inside_another_stands_still(make, frozen, moving):
    model = sequence_model(make())
    name = next(iter(model.params))
    branch = model.params[name].get("cell", model.params[name])
    before = {part: {k: np.asarray(v) for k, v in branch[part].items()} for part in (*frozen, *moving)}
    x = rng.normal(size=(8, 4, 3)).astype("float32")
    y = np.ones((8, *model.predict(x).shape[1:]), "float32")
    model.fit(x, y, epochs=1, verbose=0)
    after = model.params[name].get("cell", model.params[name])
    for part, arrays in before.items():
        for key, array in arrays.items():
            assert np.array_equal(after[part][key], array) is (part in frozen), (part, key)
    assert sum(summary_frame(model)["frozen"]) == sum(a.size for part in frozen for a in before[part].values())


def test_freezing_a_wrapper_freezes_what_is_in_it_and_thaws_it_again():
    norm = dk.layers.BatchNormalization()
    model = sequence_model(dk.layers.TimeDistributed(norm))
    layer = model.get_layer("time_distributed")
    layer.trainable = False
    assert norm.trainable is False
    x = rng.normal(3, size=(8, 4, 3)).astype("float32")
    model.fit(x, x[..., :2], epochs=1, verbose=0)
    np.testing.assert_array_equal(model.weights()[1]["time_distributed"]["layer"]["moving_mean"], np.zeros(3))
    layer.trainable = True
    model.fit(x, x[..., :2], epochs=2, initial_epoch=1, verbose=0)
    assert (np.asarray(model.weights()[1]["time_distributed"]["layer"]["moving_mean"]) > 0).all()

    both = sequence_model(dk.layers.Bidirectional(dk.layers.GRU(2)))
    both.layers[0].layer.trainable = False  # The backward layer is its mirror image.
    assert summary_frame(both)["trainable"].sum() == 2 * 4 + 2
