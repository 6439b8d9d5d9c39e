"""Numbers that the courses print (rows of SYSTEMS.md), and closed forms."""

import json
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepkit import losses
from deepkit.losses.smoothing import smooth

ORACLES = pathlib.Path(__file__).parents[2].parent / "shared" / "course" / "oracles.json"
C19 = {
    "ce_logits_1_4_3": [3.34901, 0.349012, 1.34901],
    "bce_logit_2_target_1": 0.126928,
    "bce_p_half": 0.693147,
    "double_softmax_floor_3_classes": 0.5514,
}
D9 = {"label_smoothing_textbook_10_classes_0.1": [0.9, 0.0111111], "label_smoothing_optax_10_classes_0.1": [0.91, 0.01]}


@pytest.mark.skipif(
    not ORACLES.exists() and not os.environ.get("CI"), reason="the course's numbers are not beside this checkout"
)
def test_the_numbers_here_are_the_courses():
    given = json.loads(ORACLES.read_text())
    assert {key: given["C19"][key] for key in C19} == C19
    assert given["D9"] == D9


class TestC19:
    LOGITS = np.array([[1.0, 4.0, 3.0]] * 3, np.float32)

    def test_crossentropy_of_logits_by_class(self):
        expected = C19["ce_logits_1_4_3"]
        sparse, dense = losses.SparseCategoricalCrossentropy(), losses.CategoricalCrossentropy()
        cases = ((sparse, np.arange(3)), (dense, np.eye(3)))

        @jax.jit
        def program(logits):
            probabilities = jax.nn.softmax(logits)
            return [(loss.values_from_logits(y, logits), loss.values(y, probabilities)) for loss, y in cases]

        for from_logits, from_probabilities in program(self.LOGITS):
            np.testing.assert_allclose(from_logits, expected, rtol=2e-6)
            np.testing.assert_allclose(from_probabilities, expected, rtol=4e-6)

    def test_binary(self):
        loss = losses.BinaryCrossentropy(from_logits=True)
        assert float(jax.jit(lambda z: loss([[1.0]], z))(np.array([[2.0]], np.float32))) == pytest.approx(
            C19["bce_logit_2_target_1"], abs=1e-6
        )
        half = jax.jit(losses.BinaryCrossentropy().values)(np.array([[0.0], [1.0]]), np.full((2, 1), 0.5, np.float32))
        np.testing.assert_allclose(half, C19["bce_p_half"], atol=1e-6)

    def test_two_classes_are_the_binary_one(self):
        logits = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
        y = np.arange(9) % 2
        two = jax.jit(losses.SparseCategoricalCrossentropy().values_from_logits)(y, logits)
        one = jax.jit(losses.BinaryCrossentropy().values_from_logits)(y[:, None], logits[:, 1:] - logits[:, :1])
        np.testing.assert_allclose(two, one, rtol=1e-5)

    def test_softmax_before_crossentropy_has_a_floor(self):
        """The best that a second softmax allows: probabilities (1, 0, 0) taken for logits."""
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        value = jax.jit(lambda z: loss([0], z))(np.eye(3, dtype=np.float32)[:1])
        assert float(value) == pytest.approx(C19["double_softmax_floor_3_classes"], abs=1e-4)
        assert float(value) == pytest.approx(np.log(1 + 2 / np.e), rel=1e-6)

    def test_divergence_is_crossentropy_less_entropy(self):
        random = np.random.default_rng(1)
        y, p = (random.dirichlet(np.ones(4), size=6).astype(np.float32) for _ in range(2))
        divergence = jax.jit(losses.KLDivergence().values)
        crossentropy = jax.jit(losses.CategoricalCrossentropy().values)
        entropy = -(y * np.log(y)).sum(axis=-1)
        np.testing.assert_allclose(divergence(y, p), crossentropy(y, p) - entropy, atol=1e-5)
        np.testing.assert_allclose(divergence(y, y), 0, atol=1e-6)

    def test_custom_absolute_difference(self):
        loss = losses.get(lambda y_true, y_pred: jnp.abs(y_true - y_pred))
        assert float(loss(np.array([[1.0], [5.0]]), np.array([[2.0], [3.0]]))) == 1.5


class TestB4:
    P = np.linspace(0.01, 0.99, 99, dtype=np.float32)[:, None]

    def test_curves_in_natural_logarithms(self):
        values = jax.jit(losses.BinaryCrossentropy().values)
        np.testing.assert_allclose(values(np.ones_like(self.P), self.P), -np.log(self.P[:, 0]), rtol=1e-5)
        np.testing.assert_allclose(values(np.zeros_like(self.P), self.P), -np.log(1 - self.P[:, 0]), rtol=1e-5)

    def test_their_gradients(self):
        gradient = jax.jit(jax.grad(lambda p, y: losses.BinaryCrossentropy().values(y, p).sum()))
        np.testing.assert_allclose(gradient(self.P, np.ones_like(self.P)), -1 / self.P, rtol=1e-5)
        np.testing.assert_allclose(gradient(self.P, np.zeros_like(self.P)), 1 / (1 - self.P), rtol=1e-4)

    def test_crossentropy_still_learns_where_squared_error_does_not(self):
        """D7: at z = −50, y = 1 the gradient of the squared error is −4e-22, that of the cross-entropy −1."""

        def squared(z):
            return losses.MeanSquaredError()(jnp.ones((1, 1)), jax.nn.sigmoid(z))

        bce = losses.BinaryCrossentropy(from_logits=True)
        both = jax.jit(lambda z: (jax.grad(squared)(z), jax.grad(lambda z: bce(jnp.ones((1, 1)), z))(z)))
        of_square, of_bce = both(np.full((1, 1), -50.0, np.float32))
        assert of_square.item() == pytest.approx(-4e-22, rel=0.1)
        assert of_bce.item() == pytest.approx(-1)


class TestD4:
    def test_likelihood_of_the_coin(self):
        """H T H H T T H T: four heads of eight, likelihood θ⁴(1−θ)⁴."""
        tosses = np.array([1, 0, 1, 1, 0, 0, 1, 0], np.float32)[:, None]

        @jax.jit
        @jax.value_and_grad
        def cost(theta):
            return losses.BinaryCrossentropy()(tosses, jnp.full_like(tosses, theta))

        def likelihood(theta):
            return np.exp(-8 * float(cost(theta)[0]))

        assert likelihood(0.75) == pytest.approx(0.00124, abs=5e-6)
        assert likelihood(0.5) == pytest.approx(0.00390625, rel=1e-5)
        assert float(cost(0.5)[1]) == pytest.approx(0, abs=1e-6)
        assert float(cost(0.4)[1]) < 0 < float(cost(0.6)[1])

    def test_huge_logits_stay_finite(self):
        logits = np.array([[500.0, 400.0, 450.0]], np.float32)
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        both = jax.jit(jax.value_and_grad(lambda z, y: loss(y, z)))
        for label in range(3):
            value, gradient = both(logits, np.array([label]))
            assert float(value) == pytest.approx(500 - float(logits[0, label]))
            assert np.isfinite(gradient).all()


class TestD9:
    @pytest.mark.parametrize("convention", ["textbook", "optax"])
    def test_ten_classes(self, convention):
        expected = D9[f"label_smoothing_{convention}_10_classes_0.1"]
        smoothed = np.asarray(jax.jit(lambda y: smooth(y, 0.1, 10, convention))(np.eye(10, dtype=np.float32)))
        np.testing.assert_allclose(np.diag(smoothed), expected[0], atol=1e-6)
        np.testing.assert_allclose(smoothed[~np.eye(10, dtype=bool)], expected[1], atol=1e-6)
        np.testing.assert_allclose(smoothed.sum(axis=-1), 1, atol=1e-6)

    @pytest.mark.parametrize(("convention", "positive"), [("optax", 0.95), ("textbook", 0.9)])
    def test_two_answers(self, convention, positive):
        """The smoothed loss is lowest, and flat, at the smoothed label."""
        loss = losses.BinaryCrossentropy(label_smoothing=0.1, smoothing_convention=convention)
        gradient = jax.jit(jax.grad(lambda p: loss(jnp.ones((1, 1)), p)))
        assert gradient(np.full((1, 1), positive, np.float32)).item() == pytest.approx(0, abs=1e-5)

    @pytest.mark.parametrize("convention", ["textbook", "optax"])
    def test_class_numbers_are_smoothed_like_one_hot_rows(self, convention):
        logits = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float32)
        labels = np.array([3, 0, 9, 3])
        dense = losses.CategoricalCrossentropy(True, 0.1, smoothing_convention=convention)
        sparse = losses.SparseCategoricalCrossentropy(True, label_smoothing=0.1, smoothing_convention=convention)
        both = jax.jit(lambda z: (sparse(labels, z), dense(np.eye(10)[labels], z)))
        np.testing.assert_allclose(*both(logits), rtol=1e-6)


def test_zero_weights_cost_the_logarithm_of_the_classes():
    """D3: 2.302585 for ten classes."""
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(jax.jit(loss.__call__)(np.arange(10), np.zeros((10, 10), np.float32))) == pytest.approx(
        2.302585, abs=1e-6
    )


@pytest.mark.parametrize("weight", [1.0, 0.25, 4.0])
def test_positive_weight_weighs_positive_rows(weight):
    """As many times the loss of a positive row as if it stood there so often, from logits and from
    probabilities."""
    logits = np.array([[-1.0], [0.5], [2.0]], np.float32)
    y = np.array([[1.0], [0.0], [1.0]], np.float32)
    plain, weighted = losses.BinaryCrossentropy(), losses.BinaryCrossentropy(positive_weight=weight)
    factors = np.where(y[:, 0] == 1, weight, 1)
    of_both = jax.jit(
        lambda z: [(loss.values_from_logits(y, z), loss.values(y, jax.nn.sigmoid(z))) for loss in (plain, weighted)]
    )
    (from_logits, values), (heavier_from_logits, heavier_values) = of_both(logits)
    np.testing.assert_allclose(heavier_from_logits, factors * from_logits, rtol=1e-6)
    np.testing.assert_allclose(heavier_values, factors * values, rtol=1e-5)


def test_focal_without_focus_is_the_crossentropy():
    logits = np.array([[-3.0], [0.5], [2.0]], np.float32)
    y = np.array([[1.0], [0.0], [1.0]], np.float32)
    both = (losses.BinaryFocalCrossentropy(gamma=0), losses.BinaryCrossentropy())
    np.testing.assert_allclose(*jax.jit(lambda z: [loss.values_from_logits(y, z) for loss in both])(logits), rtol=1e-6)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_pinball_is_lowest_at_the_quantile(quantile):
    y = np.arange(1.0, 102)[:, None]
    candidates = np.arange(1.0, 102)
    cost = jax.jit(losses.Pinball(quantile).__call__)
    costs = [float(cost(y, np.full_like(y, c))) for c in candidates]
    assert candidates[np.argmin(costs)] == pytest.approx(np.quantile(y, quantile), abs=1)


def test_pinball_costs():
    """Too low by 2 costs 1.8 at the 90th percentile, too high by 2 costs .2; half the absolute error at the
    median."""
    values = losses.Pinball(0.9).values(np.array([[2.0], [0.0]]), np.array([[0.0], [2.0]]))
    np.testing.assert_allclose(values, [1.8, 0.2], rtol=1e-6)
    assert float(losses.Pinball()(np.array([[3.0]]), np.array([[1.0]]))) == 1


@pytest.mark.parametrize(
    ("loss", "y", "p", "expected"),
    [
        ("mse", [1, 2], [2, 4], 2.5),
        ("mae", [1, 2], [2, 4], 1.5),
        ("mape", [1, 2], [2, 4], 100),
        ("msle", [0, 0], [np.e - 1, 0], 0.5),
        ("huber", [0, 0], [0.5, 3], (0.125 + 2.5) / 2),
        ("log_cosh", [0], [1], np.log(np.cosh(1))),
        ("poisson", [1], [2], 2 - np.log(2)),
        ("hinge", [1, -1], [0.5, -3], 0.25),
        ("squared_hinge", [1, -1], [0.5, -3], 0.125),
        ("categorical_hinge", [0, 1, 0], [2, 1.5, 0.3], 1.5),
        ("cosine_similarity", [3, 4], [4, 3], -0.96),
        ("cosine_similarity", [0, 0], [4, 3], 0),
        ("kl", [0.5, 0.5], [0.25, 0.75], 0.5 * np.log(4 / 3)),
        ("bce", [1, 0], [0.6, 0.4], -np.log(0.6)),
        ("binary_focal_crossentropy", [1, 0], [0.6, 0.4], -0.16 * np.log(0.6)),
        ("cce", [0, 1, 0], [0.2, 0.5, 0.3], np.log(2)),
    ],
)
def test_by_hand(loss, y, p, expected):
    value = jax.jit(losses.get(loss).__call__)(np.array([y], np.float32), np.array([p], np.float32))
    assert float(value) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@jax.jit
def slope_and_probability(z, y):
    loss = losses.BinaryCrossentropy(from_logits=True)
    return jax.grad(lambda z: loss.values_from_logits(y, z)[0])(z), jax.nn.sigmoid(z)


@pytest.mark.parametrize("logit", [-90.0, -3.0, -1e-30, 0.0, 1e-30, 3.0, 90.0])
def test_the_slope_of_binary_crossentropy_is_p_minus_y(logit):
    """Everywhere, also where the stable formula has its seam."""
    for y in (0.0, 0.3, 1.0):
        slope, p = slope_and_probability(np.array([[logit]], np.float32), np.array([[y]], np.float32))
        np.testing.assert_allclose(slope[0, 0], p[0, 0] - y, rtol=1e-6, atol=1e-7)
