"""What each augmentation does to an image, row by row; and that the loss mixes targets as the layer mixes rows."""

import functools

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from scipy import stats

import deepkit as dk
from deepkit import layers
from deepkit.errors import DeepkitError, DeepkitValueError
from deepkit.layers import Context

rng = np.random.default_rng(0)
IMAGES = rng.uniform(0, 255, (40, 6, 8, 3)).astype("float32")
RANDOM = [
    layers.RandomFlip(),
    layers.RandomCrop(4, 4),
    layers.RandomRotation(0.2),
    layers.RandomZoom(0.3),
    layers.RandomTranslation(0.3, 0.3),
    layers.RandomBrightness(0.3),
    layers.RandomContrast(0.5),
    layers.RandomColorJitter(brightness_factor=0.1, contrast_factor=0.1, saturation_factor=0.7, hue_factor=0.3),
    layers.RandomErasing(),
]
by_class = pytest.mark.parametrize("layer", [*RANDOM, layers.MixUp(), layers.CutMix()], ids=lambda x: type(x).__name__)


@functools.cache
def compiled(layer):
    return jax.jit(lambda x, seed: layer.call({}, x, Context(True, jax.random.key(seed))))


def train(layer, x, seed=0):
    return np.asarray(compiled(layer)(x, seed))


def by_keras(twin, x):
    """What Keras does in training, compiled."""
    twin.build(x.shape)
    state = [v.value for v in twin.non_trainable_variables]
    return np.asarray(jax.jit(lambda state, x: twin.stateless_call([], state, x, training=True)[0])(state, x))


@by_class
def test_prediction_leaves_images_as_they_are(layer):
    result = np.asarray(layer.call({}, jnp.asarray(IMAGES), Context()))
    expected = IMAGES[:, 1:5, 2:6] if isinstance(layer, layers.RandomCrop) else IMAGES
    np.testing.assert_array_equal(result, expected)


@by_class
def test_seed_decides(layer):
    one, again, other = (train(layer, IMAGES, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("layer", RANDOM, ids=lambda x: type(x).__name__)
def test_every_row_is_changed_by_itself_whatever_the_batch(layer):
    same = np.broadcast_to(IMAGES[:1], IMAGES.shape)
    result = train(layer, same)
    assert len({row.tobytes() for row in result}) > 2
    np.testing.assert_allclose(train(layer, same[:7]), result[:7], atol=1e-3)


def test_flips():
    for mode, axes in (("horizontal", (2,)), ("vertical", (1,))):
        flipped = np.flip(IMAGES, axes)
        result = train(layers.RandomFlip(mode), IMAGES)
        kinds = [(row == a).all() * 1 + (row == b).all() * 2 for row, a, b in zip(result, IMAGES, flipped, strict=True)]
        assert set(kinds) == {1, 2} and 8 < kinds.count(1) < 32
    four = [IMAGES, IMAGES[:, ::-1], IMAGES[:, :, ::-1], IMAGES[:, ::-1, ::-1]]
    result = train(layers.RandomFlip(), IMAGES)
    assert {next(k for k in range(4) if (row == four[k][i]).all()) for i, row in enumerate(result)} == {0, 1, 2, 3}


def test_every_window_of_a_crop_occurs_and_nothing_else():
    image = np.arange(20.0, dtype="float32").reshape(1, 4, 5, 1)
    windows = {image[0, r : r + 3, c : c + 3].tobytes() for r in range(2) for c in range(3)}
    result = train(layers.RandomCrop(3, 3), np.broadcast_to(image, (200, 4, 5, 1)))
    assert {row.tobytes() for row in result} == windows


def test_padded_and_cropped_as_for_cifar():
    x = dk.Input((6, 8, 3))
    padded = layers.ZeroPadding2D(2)(x)
    model = dk.Model(x, layers.RandomCrop(6, 8)(padded))
    np.testing.assert_array_equal(model.predict(IMAGES), IMAGES)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_exact_and_counter_clockwise(quarters):
    square = IMAGES[:, :, :6]
    turned = train(layers.RandomRotation((quarters / 4, quarters / 4)), square)
    np.testing.assert_allclose(turned, np.rot90(square, quarters, (1, 2)), atol=0.01)


def test_whole_shifts_are_exact():
    shifted = train(layers.RandomTranslation((0.5, 0.5), (-0.25, -0.25), "constant", fill_value=7), IMAGES)
    expected = np.full_like(IMAGES, 7)
    expected[:, 3:, :-2] = IMAGES[:, :3, 2:]
    np.testing.assert_allclose(shifted, expected, atol=0.01)
    wrapped = train(layers.RandomTranslation((0.5, 0.5), (0, 0), "wrap"), IMAGES)
    np.testing.assert_allclose(wrapped, np.roll(IMAGES, 3, 1), atol=0.01)


def test_zoom_of_a_ramp_changes_its_slope():
    ramp = np.broadcast_to(np.arange(9.0, dtype="float32")[:, None, None], (9, 9, 1))[None]
    out = train(layers.RandomZoom((-0.5, -0.5)), ramp)[0, :, 0, 0]
    np.testing.assert_allclose(out, 4 + (np.arange(9) - 4) * 0.5, atol=1e-4)
    only_width = train(layers.RandomZoom((0, 0), (-0.5, -0.5)), ramp)[0, :, 0, 0]
    np.testing.assert_allclose(only_width, np.arange(9), atol=1e-4)


@pytest.mark.parametrize("mode", ["reflect", "constant", "wrap", "nearest"])
def test_translation_as_in_keras(mode):
    """A pair of equal numbers leaves nothing to chance."""
    arguments = ((0.3, 0.3), (-0.2, -0.2), mode)
    twin = keras.layers.RandomTranslation(*arguments, fill_value=9.0)
    expected = by_keras(twin, IMAGES)
    np.testing.assert_allclose(train(layers.RandomTranslation(*arguments, fill_value=9.0), IMAGES), expected, atol=0.05)


def test_brightness_and_contrast_as_in_keras():
    for ours, theirs, arguments in (
        (layers.RandomBrightness, keras.layers.RandomBrightness, {"factor": (0.2, 0.2)}),
        (layers.RandomContrast, keras.layers.RandomContrast, {"factor": (-0.0, 0.0)}),
    ):
        expected = by_keras(theirs(**arguments), IMAGES)
        np.testing.assert_allclose(train(ours(**arguments), IMAGES), expected, atol=0.01)
    mean = IMAGES.mean((1, 2), keepdims=True)
    spread, before = (np.abs(x - mean).mean((1, 2, 3)) for x in (train(layers.RandomContrast(0.5), IMAGES), IMAGES))
    assert 0.5 <= (spread / before).min() < 0.7 and 1.1 < (spread / before).max() <= 1.5


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.7])
def test_saturation_as_in_keras(share):
    expected = by_keras(keras.layers.RandomSaturation((share, share), value_range=(0, 1)), IMAGES / 255)
    jitter = layers.RandomColorJitter((0, 1), saturation_factor=(share, share))
    np.testing.assert_allclose(train(jitter, IMAGES / 255), expected, atol=1e-4)


def test_hue_is_turned_by_as_much_as_asked():
    """Red by a third of the circle is green or blue; a sixth is yellow or magenta. Grey stays grey."""
    red = np.tile(np.array([200.0, 0, 0], "float32"), (30, 2, 2, 1))
    third = train(layers.RandomColorJitter(hue_factor=(2 / 3, 2 / 3)), red).round(2)[:, 0, 0]
    assert {tuple(row.tolist()) for row in third} == {(0, 200, 0), (0, 0, 200)}
    sixth = train(layers.RandomColorJitter(hue_factor=(1 / 3, 1 / 3)), red).round(2)[:, 0, 0]
    assert {tuple(row.tolist()) for row in sixth} == {(200, 200, 0), (200, 0, 200)}
    grey = np.full((3, 2, 2, 3), 80.0, "float32")
    jitter = layers.RandomColorJitter(hue_factor=1.0, saturation_factor=0.9)
    np.testing.assert_allclose(train(jitter, grey), grey, atol=1e-3)


def test_erasing_fills_a_rectangle_of_the_asked_size():
    ones = np.ones((300, 20, 20, 1), "float32")
    result = train(layers.RandomErasing(scale=(0.25, 0.25), fill_value=3), ones)
    for row in result[:, :, :, 0] == 3:
        rows, columns = row.any(1).sum(), row.any(0).sum()
        assert row.sum() == rows * columns and 9 <= rows <= 11 and 9 <= columns <= 11
    changed = (train(layers.RandomErasing(0.3, fill_value=3), ones) == 3).any((1, 2, 3))
    assert 0.2 < changed.mean() < 0.4


# Rows mixed with partners.


@pytest.mark.parametrize("layer", [layers.MixUp(0.7), layers.CutMix()], ids=["MixUp", "CutMix"])
@pytest.mark.parametrize("mask", [None, np.arange(40) < 11])
def test_partners_are_a_permutation_of_the_rows_that_count(layer, mask):
    context = Context(True, jax.random.key(3), row_mask=None if mask is None else jnp.asarray(mask))
    indices, shares = map(np.asarray, jax.jit(lambda: layer.partners(context, jnp.asarray(IMAGES)))())
    count = 40 if mask is None else 11
    assert sorted(indices[:count]) == list(range(count)) and (indices[:count] != np.arange(count)).sum() > count / 2
    np.testing.assert_array_equal(indices[count:], np.arange(count, 40))
    assert ((shares >= 0) & (shares <= 1)).all() and shares.std() > 0.1


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_follow_the_beta_distribution(alpha):
    keys = jax.random.split(jax.random.key(0), 20_000)
    drawn = np.asarray(layers.MixUp(alpha).shares(keys, jnp.zeros((20_000, 1))))
    # For 0.2, one share in fifty is so close to 1 that it is 1 in float32.
    assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).statistic < (0.025 if alpha < 1 else 0.015)


def test_an_images_share_is_what_is_left_of_it():
    context = Context(True, jax.random.key(3))
    which = jnp.broadcast_to(jnp.arange(40.0)[:, None, None, None], (40, 8, 8, 1))
    layer = layers.CutMix()
    drawn, cut = jax.jit(lambda which: (layer.partners(context, which), layer.call({}, which, context)[..., 0]))(which)
    (indices, shares), cut = map(np.asarray, drawn), np.asarray(cut)
    for row in range(40):
        assert set(np.unique(cut[row])) <= {row, indices[row]}
        if indices[row] != row:
            assert (cut[row] == row).mean() == pytest.approx(shares[row], abs=1e-6)
    layer = layers.MixUp()
    drawn, mixed = jax.jit(lambda which: (layer.partners(context, which), layer.call({}, which, context)))(which)
    (indices, shares), mixed = map(np.asarray, drawn), np.asarray(mixed)[:, 0, 0, 0]
    np.testing.assert_allclose(mixed, shares * np.arange(40) + (1 - shares) * indices, atol=1e-4)


N, CLASSES = 10, 3
X = rng.normal(size=(N, 4)).astype("float32")
LABELS = rng.integers(0, CLASSES, N).astype("int32")
KEY = jax.random.key(5)


def logits_of(params, x):
    return x @ np.asarray(params["last"]["kernel"]) + np.asarray(params["last"]["bias"])


def crossentropies(logits, labels):
    return np.asarray(-jax.nn.log_softmax(jnp.asarray(logits))[np.arange(len(labels)), labels])


def classifier(nested=False, metrics=None):
    """MixUp, then softmax; nested: the mixing is done in a sub-model, behind another call."""
    x = dk.Input(4)
    mix = layers.MixUp(1.0, name="mix")
    if nested:
        inside = dk.Input(4)
        h = dk.Model(inside, mix(layers.Rescaling(1.0)(inside)), name="inner")(layers.Rescaling(1.0)(x))
    else:
        h = mix(x)
    model = dk.Model(x, layers.Dense(CLASSES, "softmax", name="last")(h))
    model.compile(dk.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=metrics)
    return model


def mix_of(model, context, nested):
    """The partners that the layer draws, through the keys that the forward pass gives it."""
    if nested:
        inner = model.get_layer("inner")
        key = Context(rng=context.rng, call_number=1).key_inside()
        return inner.graph.callees["mix"].partners(Context(True, key, 1, context.row_mask), jnp.asarray(X))
    return model.get_layer("mix").partners(Context(True, context.rng, 0, context.row_mask), jnp.asarray(X))


@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
def test_the_loss_has_the_partners_of_the_layer(nested):
    model = classifier(nested)
    params, state = model.weights()
    value, (outputs, _) = jax.jit(model.loss)(params, state, (X, LABELS), KEY)
    indices, shares = map(np.asarray, jax.jit(lambda: mix_of(model, Context(rng=KEY), nested))())
    mixed = shares[:, None] * X + (1 - shares)[:, None] * X[indices]
    logits = logits_of(params, mixed)
    np.testing.assert_allclose(outputs, jax.nn.softmax(logits), atol=1e-5)
    # Sparse labels; the same as soft targets, which for a cross-entropy are the mix of the one-hot ones.
    by_hand = shares * crossentropies(logits, LABELS) + (1 - shares) * crossentropies(logits, LABELS[indices])
    assert float(value) == pytest.approx(by_hand.mean(), abs=1e-5)
    one_hot = np.eye(CLASSES, dtype="float32")[LABELS]
    soft = shares[:, None] * one_hot + (1 - shares)[:, None] * one_hot[indices]
    assert float(value) == pytest.approx(-(soft * np.asarray(jax.nn.log_softmax(logits))).sum(1).mean(), abs=1e-5)


def test_evaluation_mixes_nothing():
    model = classifier()
    plain = crossentropies(logits_of(model.params, X), LABELS).mean()
    assert model.evaluate(X, LABELS)["loss"] == pytest.approx(plain, abs=1e-5)


def test_rows_that_fill_up_are_nobodys_partner_and_weights_go_with_their_targets():
    """A batch filled up with rows of nonsense gives the loss of those that count; a weight belongs to its target."""
    from deepkit.program import Batch

    model = classifier(metrics=["accuracy"])
    params, state = model.weights()
    weights = rng.uniform(0.5, 2, N).astype("float32")
    mask = jnp.arange(N) < 6
    rows = X.copy()
    rows[6:] = np.nan
    batch = Batch((jnp.asarray(rows),), (jnp.asarray(LABELS),), (jnp.asarray(weights),), mask)
    objective = jax.jit(lambda params, batch: model._trainer.objective(params, state, batch, Context(True, KEY)))
    value, (_, _, statistics) = objective(params, batch)
    indices, shares = map(np.asarray, jax.jit(lambda: mix_of(model, Context(rng=KEY, row_mask=mask), False))())
    logits = logits_of(params, (shares[:, None] * X + (1 - shares)[:, None] * X[indices]))[:6]
    parts = [(shares[:6], np.arange(6)), (1 - shares[:6], indices[:6])]
    by_hand = sum(share * weights[rows] * crossentropies(logits, LABELS[rows]) for share, rows in parts)
    assert float(value) == pytest.approx(by_hand.mean(), abs=1e-5)
    right = sum(share * (logits.argmax(1) == LABELS[rows]) for share, rows in parts)
    assert float(model._trainer.objective.report(statistics)["accuracy"]) == pytest.approx(right.mean(), abs=1e-5)


def test_two_mixes_on_one_path_and_an_output_before_them():
    x = dk.Input(4)
    early = layers.Dense(1, name="early")(x)
    h = layers.MixUp(1.0, name="two")(layers.MixUp(1.0, name="one")(x))
    model = dk.Model(x, [early, layers.Dense(1, name="late")(h)])
    model.compile("sgd", "mae")
    params, state = model.weights()
    y = rng.normal(size=(N, 1)).astype("float32")
    numbers = {node.callee.name: number for number, node in enumerate(model.graph.nodes)}

    @jax.jit
    def everything(params, x, y):
        value, (outputs, _) = model.loss(params, state, (x, [y, y]), KEY)
        drawn = [model.get_layer(name).partners(Context(True, KEY, numbers[name]), x) for name in ("one", "two")]
        return value, outputs, drawn

    value, (first, second), ((i, s), (j, t)) = jax.device_get(everything(params, X, y))
    error = lambda rows: np.abs(np.asarray(second)[:, 0] - y[rows, 0])  # noqa: E731
    own = np.arange(N)
    late = t * s * error(own) + t * (1 - s) * error(i) + (1 - t) * s[j] * error(j) + (1 - t) * (1 - s[j]) * error(i[j])
    assert float(value) == pytest.approx(late.mean() + np.abs(np.asarray(first) - y).mean(), abs=1e-5)


def test_mixing_apart_is_refused():
    x = dk.Input(4)
    both = layers.Add()([layers.MixUp()(x), layers.MixUp()(x)])
    model = dk.Model(x, layers.Dense(1)(both))
    model.compile("sgd", "mse")
    with pytest.raises(DeepkitValueError, match=r"Add 'add'.*different partners.*Mix once"):
        model.fit(X, X[:, :1], epochs=1, verbose=0)


def test_fit_with_mixing_is_deterministic_and_learns():
    x = rng.normal(size=(70, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    losses = []
    for _ in range(2):
        model = classifier(metrics=["accuracy"])
        history = model.fit(x, y, epochs=15, batch_size=16, verbose=0, validation_split=0.2)
        losses.append(history["loss"])
    assert losses[0] == losses[1] and losses[0][-1] < losses[0][0]
    assert 0 < history["accuracy"][-1] <= 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.RandomFlip("sideways"), ("RandomFlip(mode='sideways')", "horizontal")),
        (lambda: layers.RandomCrop(9, 4)(dk.Input((6, 8, 3))), ("9 × 4", "6 × 8", "ZeroPadding2D")),
        (lambda: layers.RandomRotation(1.5), ("factor=1.5", "between -1 and 1")),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), ("fill_mode='mirror'",)),
        (lambda: layers.RandomZoom(0.1, interpolation="cubic"), ("interpolation='cubic'", "bilinear")),
        (lambda: layers.RandomZoom(-1), ("height_factor=-1",)),
        (lambda: layers.RandomTranslation((0.3, 0.1), 0.1), ("height_factor", "lower one first")),
        (lambda: layers.RandomBrightness(0.1, (1, 0)), ("value_range", "lowest value first")),
        (lambda: layers.RandomBrightness(0.1, 255), ("value_range", "pair")),
        (lambda: layers.RandomContrast((1.5, 0.1)), ("factor", "at most 1 below")),
        (lambda: layers.RandomColorJitter(hue_factor=0.1)(dk.Input((6, 8, 1))), ("three channels", "(None, 6, 8, 1)")),
        (lambda: layers.RandomErasing(scale=(0.1, 2)), ("scale", "between 0 and 1")),
        (lambda: layers.MixUp(0), ("alpha=0", "above 0")),
        (lambda: layers.CutMix()(dk.Input(3)), ("CutMix", "4 axes")),
        (lambda: layers.RandomFlip()(dk.Input((32, 32))), ("RandomFlip", "4 axes")),
        (lambda: layers.RandomFlip().call({}, jnp.zeros((1, 2, 2, 3)), Context(True)), ("RandomFlip", "rng=")),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(DeepkitError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)
