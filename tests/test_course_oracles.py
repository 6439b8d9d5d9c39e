"""The exact numbers of the courses' rows, each through the public interface, as a user would compute it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import deepkit as dk


def dense_net(inputs, *units, activation="relu"):
    """Fully connected, linear at the end."""
    x = h = dk.Input(inputs)
    for width in units[:-1]:
        h = dk.layers.Dense(width, activation)(h)
    return dk.Model(x, dk.layers.Dense(units[-1])(h))


@pytest.mark.parametrize(
    ("row", "inputs", "units", "parameters"),
    [
        ("A3", 2, (10, 5, 1), 91),
        ("A9", 2, (20, 10, 1), 281),
        ("B1", 29, (16, 1), 497),
        ("B1", 2, (16, 1), 65),
        ("C8", 2, (4, 3), 27),
        ("C8", 2, (2, 2, 3), 21),
        ("D6", 3, (4, 2), 26),
        ("D6", 3, (4, 4, 2), 46),
        ("D13", 3072, (500,), 1536500),
    ],
)
def test_parameter_counts(row, inputs, units, parameters):
    assert dense_net(inputs, *units).count_params() == parameters, row


@pytest.mark.parametrize("shape", [29, (29,)])
def test_b1_inputs_are_declared_by_number_or_shape(shape):
    assert dk.Input(shape).shape == dk.Input(shape=shape).shape == (None, 29)


@pytest.mark.parametrize(
    ("optimizer", "end", "within"),
    [
        (dk.optimizers.SGD(0.1), 4.999999998981, 1e-12),
        (dk.optimizers.Adam(0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-8), 5.03900403, 1e-7),
    ],
    ids=["SGD", "Adam"],
)
def test_a1_parabola_in_float64(optimizer, end, within):
    """(w − 5)² from 0, 100 steps of rate 0.1."""
    with jax.enable_x64(True):
        w = jnp.zeros((), jnp.float64)
        state = optimizer.init(w)

        @jax.jit
        def step(w, state):
            updates, state = optimizer.update(jax.grad(lambda w: (w - 5) ** 2)(w), state, w, 0.1)
            return optax.apply_updates(w, updates), state

        for _ in range(100):
            w, state = step(w, state)
        assert float(w) == pytest.approx(end, abs=within)


def test_a3_partition_of_1600_points():
    split = dk.split(np.zeros((1600, 2)), np.zeros(1600), train=0.6, dev=0.2, test=0.2, stratify=False)
    assert [len(part) for part in split] == [960, 320, 320]


def test_a8_six_cars_have_no_horsepower(published):
    assert len(published(dk.datasets.load_auto_mpg, missing="keep")) == 398
    cars = published(dk.datasets.load_auto_mpg)
    assert (len(cars), cars.dropped) == (392, 6)


def test_a9_all_parameters_as_one_vector_and_back():
    model = dense_net(2, 20, 10, 1, activation="tanh")
    vector, unravel = model.flat_params()
    assert vector.shape == (281,)
    assert [leaf.size for leaf in model.get_weights()] == [40, 20, 200, 10, 10, 1]
    model.set_variables({"params": unravel(2 * vector), "state": model.variables["state"]})
    np.testing.assert_array_equal(model.flat_params()[0], 2 * vector)


def test_b2_heart_disease(published):
    """303 × 14; 4 and 2 unknown; 164 healthy, 139 ill."""
    heart = published(dk.datasets.load_heart_disease)
    assert heart.frame().shape == (303, 14)
    assert {name: int((heart.x[name] == "?").sum()) for name in ("ca", "thal")} == {"ca": 4, "thal": 2}
    assert np.bincount(heart.y).tolist() == [164, 139]


def test_c14_wine_quality(published):
    wine = published(dk.datasets.load_wine_quality, "red")
    assert wine.frame().shape == (1599, 12)
    assert len(wine.select(wine.x["total sulfur dioxide"] < 200)) == 1597
    assert dict(enumerate(np.bincount(wine.y)[3:].tolist(), start=3)) == {3: 10, 4: 53, 5: 681, 6: 638, 7: 199, 8: 18}
    good = published(dk.datasets.load_wine_quality, "red", "good")
    assert int(good.y.sum()) == 638 + 199 + 18
    assert published(dk.datasets.load_wine_quality, "red", "residual sugar").x.shape == (1599, 11)  # C18


class TestC19:
    LOGITS = np.asarray([[1.0, 4.0, 3.0]], np.float32)
    BY_CLASS = (3.34901, 0.349012, 1.34901)

    @pytest.mark.parametrize("form", ["loss of logits", "loss of probabilities", "one-hot", "softmax model"])
    def test_crossentropy(self, form):
        @jax.jit
        def loss(target, logits):
            if form == "loss of logits":
                return dk.losses.SparseCategoricalCrossentropy(from_logits=True)(target, logits)
            probabilities = dk.activations.softmax(logits)
            if form == "loss of probabilities":
                return dk.losses.SparseCategoricalCrossentropy()(target, probabilities)
            return dk.losses.CategoricalCrossentropy()(jax.nn.one_hot(target, 3), probabilities)

        x = dk.Input(3)
        model = dk.Model(x, dk.layers.Activation("softmax")(x))
        model.compile("sgd", "crossentropy")
        for target, expected in enumerate(self.BY_CLASS):
            y = np.asarray([target])
            value = model.evaluate(self.LOGITS, y)["loss"] if form == "softmax model" else loss(y, self.LOGITS)
            assert float(value) == pytest.approx(expected, abs=5e-6)

    def test_softmax_and_its_logarithm(self):
        np.testing.assert_allclose(dk.activations.softmax(self.LOGITS)[0], [0.0351, 0.7054, 0.2595], atol=5e-5)
        np.testing.assert_allclose(dk.activations.log_softmax(self.LOGITS)[0], [-3.3490, -0.3490, -1.3490], atol=5e-5)

    def test_binary(self):
        of_logits, of_probabilities = dk.losses.BinaryCrossentropy(from_logits=True), dk.losses.BinaryCrossentropy()
        assert float(of_logits([[1.0]], jnp.asarray([[2.0]]))) == pytest.approx(0.126928, abs=5e-7)
        for target in (0.0, 1.0):
            assert float(of_probabilities([[target]], jnp.asarray([[0.5]]))) == pytest.approx(0.693147, abs=5e-7)

    def test_two_classes_are_a_yes_or_no(self):
        @jax.jit
        def program(two):
            difference = two[:, 1:] - two[:, :1]
            both = dk.losses.SparseCategoricalCrossentropy(from_logits=True)([1], two)
            one = dk.losses.BinaryCrossentropy(from_logits=True)([[1.0]], difference)
            return dk.activations.softmax(two)[:, 1:], dk.activations.sigmoid(difference), both, one

        softmax, sigmoid, both, one = program(np.asarray([[0.7, -1.1]], np.float32))
        np.testing.assert_allclose(softmax, sigmoid, rtol=1e-6)
        assert float(both) == pytest.approx(float(one), rel=1e-6)

    def test_divergence_and_a_loss_of_ones_own(self):
        divergence = dk.losses.KLDivergence()(jnp.asarray([[0.5, 0.5]]), jnp.asarray([[0.25, 0.75]]))
        assert float(divergence) == pytest.approx(0.5 * np.log(4 / 3), rel=1e-5)
        absolute = dk.losses.get(lambda y_true, y_pred: jnp.abs(y_true - y_pred))
        assert float(absolute([[1.0], [5.0]], jnp.asarray([[2.0], [3.0]]))) == 1.5

    def test_a_second_softmax_has_a_floor_and_is_refused(self):
        floor = dk.losses.SparseCategoricalCrossentropy(from_logits=True)([0], jnp.asarray([[1.0, 0.0, 0.0]]))
        assert float(floor) == pytest.approx(0.5514, abs=5e-5)
        x = dk.Input(4)
        model = dk.Model(x, dk.layers.Dense(3, "softmax")(x))
        with pytest.raises(dk.errors.DeepkitValueError, match="a second softmax"):
            model.compile("sgd", dk.losses.SparseCategoricalCrossentropy(from_logits=True))
        with pytest.raises(dk.errors.DeepkitValueError, match="applies softmax to a distribution"):
            dk.layers.Softmax()(model.graph.outputs[0])

    @pytest.mark.parametrize("loss", ["crossentropy", "sparse_categorical_crossentropy", "categorical_crossentropy"])
    def test_logits_where_probabilities_are_expected_are_refused(self, loss):
        with pytest.raises(dk.errors.DeepkitValueError, match=r"expects probabilities, but Dense .* linear"):
            dense_net(4, 3).compile("sgd", loss)


def test_d3_zero_weights_cost_the_logarithm_of_the_classes():
    x = dk.Input(12)
    model = dk.Model(x, dk.layers.Dense(10, "softmax", kernel_initializer="zeros")(x))
    model.compile("sgd", "crossentropy")
    rows = np.random.default_rng(0).normal(size=(20, 12)).astype("float32")
    assert model.evaluate(rows, np.arange(20) % 10)["loss"] == pytest.approx(2.302585, abs=1e-6)


def test_d4_the_coin_is_most_likely_fair():
    """HTHHTTHT: θ⁴(1−θ)⁴."""
    tosses = jnp.asarray([[float(side == "H")] for side in "HTHHTTHT"])
    bce = dk.losses.BinaryCrossentropy()

    @jax.jit
    @jax.value_and_grad
    def log_likelihood(theta):
        return -8 * bce(tosses, jnp.full_like(tosses, theta))

    assert np.exp(log_likelihood(0.75)[0]) == pytest.approx(0.00124, abs=5e-6)
    assert np.exp(log_likelihood(0.5)[0]) == pytest.approx(0.00390625, rel=1e-5)
    assert float(log_likelihood(0.5)[1]) == pytest.approx(0, abs=1e-5)
    assert float(log_likelihood(0.49)[1]) > 0 > float(log_likelihood(0.51)[1])


def test_d4_large_scores_stay_finite():
    loss = dk.losses.SparseCategoricalCrossentropy(from_logits=True)
    scores = jnp.asarray([[500.0, 400.0, 450.0]])
    np.testing.assert_allclose(dk.activations.softmax(scores), [[1, 0, 0]], atol=1e-6)
    value, gradient = jax.jit(jax.value_and_grad(lambda z: loss([1], z)))(scores)
    assert float(value) == 100
    np.testing.assert_allclose(gradient, [[1, -1, 0]], atol=1e-6)


class TestD5:
    def test_sum_times_number(self):
        """(x + y)·z at (2, 3, 4)."""
        x, y, z = (dk.Input(1, name=name) for name in "xyz")
        model = dk.Model([x, y, z], dk.layers.Multiply()([dk.layers.Add()([x, y]), z]))
        at = [jnp.asarray([[value]]) for value in (2.0, 3.0, 4.0)]
        variables = model.init(jax.random.key(0))
        gradients = jax.jit(jax.grad(lambda at: model.apply(variables, at)[0].sum()))(at)
        assert [float(gradient[0, 0]) for gradient in gradients] == [4, 4, 5]

    def test_sigmoid_unit(self):
        """w = (2, −3), bias −3 at x = (−1, −2): f = .731, and its gradients."""
        inputs = dk.Input(2)
        model = dk.Model(inputs, dk.layers.Dense(1, "sigmoid")(inputs))
        params = {"dense": {"kernel": jnp.asarray([[2.0], [-3.0]]), "bias": jnp.asarray([-3.0])}}
        x = jnp.asarray([[-1.0, -2.0]])

        def f(params, x):
            return model.apply(model.variables | {"params": params}, x)[0][0, 0]

        value, (by_params, by_x) = jax.jit(jax.value_and_grad(f, argnums=(0, 1)))(params, x)
        assert float(value) == pytest.approx(0.731059, abs=1e-6)
        assert float(by_params["dense"]["kernel"][0, 0]) == pytest.approx(-0.196612, abs=1e-6)
        assert float(by_x[0, 0]) == pytest.approx(0.393224, abs=1e-6)
        assert float(by_params["dense"]["bias"][0]) == pytest.approx(0.196612, abs=1e-6)


class TestD7:
    @pytest.mark.parametrize(("loss", "slope"), [("mse", -4e-22), ("bce", -1.0)])
    def test_gradient_at_minus_50(self, loss, slope):
        """Confidently wrong, z = −50 where y = 1: the squared error has nothing left to learn from."""
        x = dk.Input(1)
        model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(x))
        if loss == "mse":
            with pytest.warns(dk.errors.DeepkitWarning, match="gradient vanishes"):
                model.compile("sgd", loss)
        else:
            model.compile("sgd", loss)
        params = {"dense": {"kernel": jnp.asarray([[-50.0]]), "bias": jnp.zeros(1)}}
        one = jnp.ones((1, 1))
        gradient = jax.jit(jax.grad(lambda p: model.loss(p, model.variables["state"], (one, one))[0]))(params)
        assert float(gradient["dense"]["bias"][0]) == pytest.approx(slope, rel=0.05)

    @pytest.mark.parametrize(
        ("activation", "initializer", "deviation"),
        [
            ("relu", dk.initializers.RandomNormal(stddev=0.01), 3e-12),
            ("relu", dk.initializers.RandomNormal(stddev=1.0), 2.0e8),
            ("relu", "glorot_normal", 0.022),
            ("relu", "he_normal", 1.4),
            ("tanh", dk.initializers.RandomNormal(stddev=0.01), 1e-10),
            ("tanh", dk.initializers.RandomNormal(stddev=1.0), 0.96),
            ("tanh", "glorot_normal", 0.23),
            ("tanh", "he_normal", 0.55),
        ],
    )
    def test_spread_of_the_tenth_layer(self, activation, initializer, deviation):
        """10 × 100 units on 1000 normal inputs. The course's number is one seed's: ours are of its size, ×÷ 3."""
        x = h = dk.Input(100)
        for _ in range(10):
            h = dk.layers.Dense(100, activation, kernel_initializer=initializer)(h)
        model = dk.Model(x, h)
        rows = np.random.default_rng(0).normal(size=(1000, 100)).astype("float32")
        spread = jax.jit(lambda variables: model.apply(variables, rows)[0].std())
        found = [float(spread(model.init(jax.random.key(seed)))) for seed in range(3)]
        assert deviation / 3 < np.median(found) < 3 * deviation


@pytest.mark.parametrize(("convention", "right", "wrong"), [("textbook", 0.9, 0.1 / 9), ("optax", 0.91, 0.01)])
@pytest.mark.parametrize("loss", [dk.losses.CategoricalCrossentropy, dk.losses.SparseCategoricalCrossentropy])
def test_d9_label_smoothing_of_ten_classes(loss, convention, right, wrong):
    """The gradient of a cross-entropy by its logits is softmax − label: it shows the label that was used."""
    smoothed = loss(from_logits=True, label_smoothing=0.1, smoothing_convention=convention)
    target = np.asarray([3]) if loss is dk.losses.SparseCategoricalCrossentropy else np.eye(10, dtype="float32")[3:4]
    show = jax.jit(lambda logits: dk.activations.softmax(logits) - jax.grad(lambda z: smoothed(target, z))(logits))
    label = show(np.zeros((1, 10), "float32"))
    expected = np.full((1, 10), wrong)
    expected[0, 3] = right
    np.testing.assert_allclose(label, expected, atol=1e-6)


def test_d11_clipping_by_global_norm_keeps_the_direction():
    """Norm 100, clipped to 10, over several arrays; and so is the step that the optimizer takes."""
    gradients = {"kernel": np.asarray([[36, 48], [0, 0]], "float32"), "bias": np.asarray([64, 48], "float32")}
    optimizer = dk.optimizers.SGD(1.0, global_clipnorm=10)

    @jax.jit
    def program(gradients):
        params = jax.tree.map(jnp.zeros_like, gradients)
        updates, _ = optimizer.update(gradients, optimizer.init(params), params, 1.0)
        return [ravel_pytree(tree)[0] for tree in (gradients, optimizer.clip(gradients), updates)]

    before, after, step = map(np.asarray, program(gradients))
    assert np.linalg.norm(before) == 100
    assert np.linalg.norm(after) == pytest.approx(10, rel=1e-6)
    np.testing.assert_allclose(after, before / 10, rtol=1e-6)
    np.testing.assert_allclose(step, -before / 10, rtol=1e-6)
