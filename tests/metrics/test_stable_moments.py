"""R² and Pearson's r keep their digits in float32 where the mean is ten thousand standard deviations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from deepkit import metrics

ROWS, BATCH = 20_000, 32


@pytest.fixture(scope="module")
def far_from_zero():
    generator = np.random.default_rng(23)
    y_true = (1e4 + generator.normal(size=(ROWS, 1))).astype(np.float32)
    return y_true, (y_true + 0.5 * generator.normal(size=(ROWS, 1))).astype(np.float32)


def over_batches(metric, y_true, y_pred):
    """The metric as an epoch computes it: scanned over batches of 32."""

    @jax.jit
    def epoch(y_true, y_pred):
        def step(statistics, batch):
            return metric.merge(statistics, metric.statistics(*batch, jnp.ones(BATCH))), None

        shapes = jax.eval_shape(metric.statistics, y_true[0], y_pred[0], jnp.ones(BATCH))
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return metric.result(jax.lax.scan(step, zeros, (y_true, y_pred))[0])

    return epoch(y_true.reshape(-1, BATCH, 1), y_pred.reshape(-1, BATCH, 1))


def test_r2_score(far_from_zero):
    y_true, y_pred = far_from_zero
    expected = sklearn.metrics.r2_score(y_true.astype(np.float64), y_pred.astype(np.float64))
    np.testing.assert_allclose(over_batches(metrics.R2Score(), y_true, y_pred), expected, atol=1e-4)
    np.testing.assert_allclose(jax.jit(metrics.R2Score().__call__)(y_true, y_pred), expected, atol=1e-4)
    # The textbook formula, in the same float32, is not even near: the test would notice it.
    total = np.sum(y_true**2, dtype=np.float32) - np.sum(y_true, dtype=np.float32) ** 2 / np.float32(ROWS)
    assert abs(1 - np.sum((y_true - y_pred) ** 2) / total - expected) > 0.01


def test_pearson_r(far_from_zero):
    y_true, y_pred = far_from_zero
    expected = np.corrcoef(y_true[:, 0].astype(np.float64), y_pred[:, 0].astype(np.float64))[0, 1]
    np.testing.assert_allclose(over_batches(metrics.PearsonR(), y_true, y_pred), expected, atol=1e-4)
    np.testing.assert_allclose(jax.jit(metrics.PearsonR().__call__)(y_true, y_pred), expected, atol=1e-4)


def test_a_constant_stays_a_constant_over_batches(far_from_zero):
    y_true, _ = far_from_zero
    constant = np.full_like(y_true, 9999.9)
    assert np.isnan(over_batches(metrics.PearsonR(), y_true, constant))
    assert over_batches(metrics.R2Score(), constant, constant) == 1
