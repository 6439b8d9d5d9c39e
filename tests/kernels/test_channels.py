"""Sums per channel: the same as NumPy's for batches of every kind, and nothing computed inside them."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepkit as dk
from deepkit.kernels import channel_sums, per_channel
from deepkit.layers import Context

SHAPES = [(5, 3), (1, 1, 4), (16, 30, 2), (16, 31, 2), (33, 6, 2), (8, 10, 9, 3), (40, 4, 5, 3), (2, 3, 4, 5, 6)]


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_and_their_transpose(shape):
    rng = np.random.default_rng(0)
    x, values = rng.normal(size=shape), rng.normal(size=shape[-1])
    axes = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(channel_sums(jnp.asarray(x, jnp.float32)), x.sum(axes), atol=1e-4)
    np.testing.assert_array_equal(
        np.broadcast_to(per_channel(jnp.asarray(values), jnp.asarray(x)), shape),
        np.broadcast_to(values, shape).astype("f"),
    )
    gradient = jax.grad(lambda values: (per_channel(values, x) * x).sum())(jnp.asarray(values, jnp.float32))
    np.testing.assert_allclose(gradient, x.sum(axes), atol=1e-4)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_empty_axes(rows):
    x = jnp.ones((rows, 0, 4, 2))
    np.testing.assert_array_equal(channel_sums(x), np.zeros(2))
    assert jnp.broadcast_to(per_channel(jnp.ones(2), x), x.shape).shape == x.shape


@pytest.mark.parametrize("batch", [8, 16, 32, 33])
def test_nothing_is_computed_inside_a_sum(batch):
    """XLA would compute the normalised images and their gradients again inside every sum."""
    norm = dk.layers.BatchNormalization()
    x = dk.Input((16, 16, 8))
    model = dk.Model(x, dk.layers.Activation("swish")(norm(x)))
    weights = model.program.draw(0)

    def loss(params, images):
        outputs = model.program.forward(params, weights[1], [images], Context(training=True)).outputs
        return (outputs[0] ** 2).sum()

    images = jnp.ones((batch, 16, 16, 8))
    text = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(weights[0], images).compile().as_text()
    kernels = [kernel for kernel in text.split("\n}\n") if "fused_computation" in kernel]
    computed = re.compile(r"f32\[([\d,]+)\]\S* (?:multiply|subtract|add)\(")
    sizes = [
        math.prod(map(int, shape.split(",")))
        for kernel in kernels if " reduce(" in kernel
        for shape in computed.findall(kernel)
    ]  # fmt: skip
    assert kernels and max(sizes, default=0) < images.size
