"""The CPU's convolution against XLA's own: values, both gradients, second derivatives, jvp, vmap, loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from deepkit.kernels import convolve

DRAW = np.random.default_rng(0)


def by_xla(x, kernel, strides, padding, dilation, groups):
    """XLA's, on an input that is padded before: its own gradient of a wide padding reads beside the array."""
    space = "DHW"[-len(strides) :]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    return lax.conv_general_dilated(
        x, kernel, strides, "VALID", rhs_dilation=dilation, feature_group_count=groups,
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
    )  # fmt: skip


def numbers(*shape):
    return DRAW.normal(size=shape).astype(np.float32)


def close(left, right):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5 * np.abs(b).max() + 1e-6), left, right
    )


def compare(size, window, strides, padding, dilation=None, channels=2, filters=3, groups=1, everything=False):
    rank = len(size)
    dilation = dilation or (1,) * rank
    x, kernel = numbers(2, *size, channels), numbers(*window, channels // groups, filters)
    geometry = (strides, padding, dilation, groups)

    def results(convolution):
        def convolved(x, kernel):
            return convolution(x, kernel, *geometry)

        def loss(x, kernel):
            return jnp.sin(convolved(x, kernel)).sum()

        def twice(x, kernel):
            by_x, by_kernel = jax.grad(loss, (0, 1))(x, kernel)
            return (by_x**2).sum() + (by_kernel**2).sum(), (by_x, by_kernel)

        if not everything:
            return convolved(x, kernel), jax.grad(loss, (0, 1))(x, kernel)
        xs, kernels = jnp.stack([x, -2 * x]), jnp.stack([kernel, kernel + 1])
        return (
            # Values beside first, and slopes beside second derivatives.
            jax.jvp(convolved, (x, kernel), (x + 1, kernel - 1)),
            jax.grad(twice, (0, 1), has_aux=True)(x, kernel),
            jax.vmap(convolved, (0, None))(xs, kernel),
            jax.vmap(convolved, (None, 0))(x, kernels),
            jax.vmap(jax.grad(loss, (0, 1)))(xs, kernels),
        )

    ours, xlas = jax.jit(lambda: (results(convolve), results(by_xla)))()
    close(ours, xlas)


# Two at once, one along each axis: every window meets every stride.
UNEQUAL = [(2, 3), (3, 4), (4, 2)]
WINDOWS_AND_STRIDES = [
    *((window, (1, 1), 6, 5) for window in [(1, 1), (2, 3), (4, 5), (6, 7), (11, 3)]),
    *((window, strides, 6, 5) for window in [(1, 2), (3, 4), (5, 6), (7, 11)] for strides in UNEQUAL),
    *((window, strides, 6, 5) for window in [(1, 1), (3, 3)] for strides in [(2, 2), (3, 3), (4, 4)]),
    # Few channels take another way.
    *((window, strides, 2, 3) for window in [(2, 3), (4, 5)] for strides in [(1, 1), *UNEQUAL]),
    ((3, 3), (2, 2), 2, 3),
]


@pytest.mark.parametrize(("window", "strides", "channels", "filters"), WINDOWS_AND_STRIDES, ids=str)
def test_every_window_and_stride_on_an_odd_image(window, strides, channels, filters):
    (low, high), (left, right) = ((size // 2, (size - 1) // 2) for size in window)
    compare((13, 11), window, strides, ((low, high), (right, left)), channels=channels, filters=filters)


@pytest.mark.parametrize(
    "padding", [((0, 0), (0, 0)), ((1, 1), (1, 1)), ((2, 0), (0, 2)), ((0, 1), (3, 0)), ((5, 4), (4, 6))], ids=str
)
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_every_padding(padding, strides):
    compare((6, 7), (3, 2), strides, padding)


@pytest.mark.parametrize(
    "case",
    [
        {"size": (9,), "window": (3,), "strides": (1,), "padding": ((1, 1),)},
        {"size": (10,), "window": (4,), "strides": (3,), "padding": ((2, 0),)},
        {"size": (7, 6), "window": (3, 3), "strides": (1, 1), "padding": ((1, 1), (0, 0))},
        {"size": (7, 8), "window": (3, 2), "strides": (2, 3), "padding": ((1, 0), (0, 2))},
        {"size": (6, 6), "window": (1, 1), "strides": (2, 1), "padding": ((0, 0), (0, 0))},
        {"size": (9, 8), "window": (3, 2), "strides": (1, 1), "padding": ((2, 2), (0, 0)), "dilation": (2, 3)},
        {"size": (9, 9), "window": (2, 2), "strides": (2, 2), "padding": ((1, 1), (0, 0)), "dilation": (2, 1)},
        {"size": (6, 6), "window": (3, 3), "strides": (1, 2), "padding": ((1, 1),) * 2, "channels": 4, "filters": 6,
         "groups": 2},
        {"size": (6, 7), "window": (3, 3), "strides": (2, 1), "padding": ((1, 1),) * 2, "channels": 3, "filters": 6,
         "groups": 3},
        {"size": (7, 7), "window": (3, 3), "strides": (1, 1), "padding": ((2, 2),) * 2, "channels": 3, "filters": 3,
         "groups": 3, "dilation": (2, 2)},
        {"size": (4, 5, 4), "window": (2, 3, 2), "strides": (1, 2, 1), "padding": ((0, 1), (1, 1), (0, 0))},
        {"size": (4, 4), "window": (2, 2), "strides": (1, 1), "padding": ((0, 0),) * 2, "channels": 66, "filters": 66,
         "groups": 33},
        {"size": (9, 10), "window": (3, 4), "strides": (1, 1), "padding": ((1, 1), (2, 0)), "channels": 6},  # in tiles
    ],
    ids=lambda case: "-".join(map(str, case.values())),
)  # fmt: skip
def test_all_derivatives_and_vmap(case):
    compare(**case, everything=True)


def test_inside_a_loop_as_outside():
    x, kernel = numbers(4, 9, 9, 3), numbers(3, 3, 3, 3)

    def step(kernel, _):
        gradient = jax.grad(lambda k: (convolve(x, k, (2, 2), ((1, 1), (1, 1))) ** 2).mean())(kernel)
        return kernel - 0.1 * gradient, None

    looped, _ = jax.jit(lambda kernel: lax.scan(step, kernel, length=5))(kernel)
    one = jax.jit(lambda kernel: step(kernel, None)[0])
    for _ in range(5):
        kernel = one(kernel)
    close(looped, kernel)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_other_dtypes(dtype):
    # Drawn here, whatever ran before.
    draw = np.random.default_rng(1)
    with jax.enable_x64(True):
        x, kernel = (jnp.asarray(draw.normal(size=shape), dtype) for shape in ((2, 6, 6, 2), (3, 3, 2, 2)))
        slope = jax.value_and_grad(lambda k: convolve(x, k, (1, 1), ((1, 1), (1, 1))).sum())
        y, gradient = jax.jit(slope)(kernel)
        assert y.dtype == gradient.dtype == dtype
        slope = jax.grad(lambda k: by_xla(x, k, (1, 1), ((1, 1), (1, 1)), (1, 1), 1).sum())
        expected = jax.jit(slope)(kernel)
        tolerance = 1e-12 if dtype == "float64" else 0.05
        np.testing.assert_allclose(gradient.astype(float), expected.astype(float), rtol=tolerance, atol=tolerance)


def test_it_can_be_exported():
    shape = jax.ShapeDtypeStruct((2, 5, 5, 1), jnp.float32)
    kernel = numbers(3, 3, 1, 2)
    exported = jax.export.export(jax.jit(lambda x: convolve(x, kernel, (1, 1), ((1, 1), (1, 1)))))(shape)
    x = numbers(2, 5, 5, 1)
    close(exported.call(x), convolve(x, kernel, (1, 1), ((1, 1), (1, 1))))
