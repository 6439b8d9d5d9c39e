"""One convolution at a time: GFLOP/s of its forward pass and both gradients, beside the machine's matrix products.

    python benchmarks/convolutions.py

Each is timed inside a loop, as in a training epoch: deepkit's kernels (`deepkit.kernels`), and XLA's own where it comes
to an end (its gradients inside a loop are left out: they take minutes). Best of several runs, batch 128.
"""

from __future__ import annotations

import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

import deepkit  # noqa: F401  sets the flags
from deepkit.kernels import convolve

BATCH, TIMES = 128, 4
LAYERS = {
    "3×3, 32×32, 3→32, same": (32, 3, 3, 32, 1, 1),
    "3×3, 32×32, 32→32, valid": (32, 3, 32, 32, 1, 0),
    "3×3, 15×15, 32→64, same": (15, 3, 32, 64, 1, 1),
    "3×3, 15×15, 64→64, valid": (15, 3, 64, 64, 1, 0),
    "3×3, 32×32, 16→16, same": (32, 3, 16, 16, 1, 1),
    "3×3, 16×16, 32→32, same": (16, 3, 32, 32, 1, 1),
    "3×3, 8×8, 64→64, same": (8, 3, 64, 64, 1, 1),
    "3×3/2, 32×32, 16→32, same": (32, 3, 16, 32, 2, 1),
    "5×5, 32×32, 3→6, valid": (32, 5, 3, 6, 1, 0),
    "5×5, 14×14, 6→16, valid": (14, 5, 6, 16, 1, 0),
    "1×1, 32×32, 64→64": (32, 1, 64, 64, 1, 0),
}


def seconds(function, *arguments):
    """Time of one call inside a compiled loop in which every turn depends on the one before."""

    @jax.jit
    def loop(arguments):
        def turn(_, carry):
            first, *rest = carry
            result = jax.lax.optimization_barrier(function(first, *rest))
            return first + 1e-30 * result.reshape(-1)[0], *rest

        return jax.lax.fori_loop(0, TIMES, turn, arguments)

    jax.block_until_ready(loop(arguments))
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        jax.block_until_ready(loop(arguments))
        best = min(best, time.perf_counter() - begun)
    return best / TIMES


def main() -> None:
    draw = np.random.default_rng(0)

    def array(*shape):
        return jnp.asarray(draw.standard_normal(shape, np.float32))

    square = array(1024, 1024)
    print(f"1024³ matrix product: {2 * 1024**3 / seconds(jnp.matmul, square, square) / 1e9:.0f} GFLOP/s")
    print(f"{'GFLOP/s':28} {'forward':>9} {'by input':>9} {'by kernel':>10}")
    for name, (size, window, channels, filters, stride, pad) in LAYERS.items():
        conv = functools.partial(convolve, strides=(stride,) * 2, padding=((pad, pad),) * 2)
        x, kernel = array(BATCH, size, size, channels), array(window, window, channels, filters)
        dy = array(*jax.eval_shape(conv, x, kernel).shape)
        operations = 2 * dy.size * window * window * channels
        times = (
            seconds(conv, x, kernel),
            seconds(lambda dy, x, k, conv=conv: jax.linear_transpose(lambda x: conv(x, k), x)(dy)[0], dy, x, kernel),
            seconds(lambda dy, x, k, conv=conv: jax.linear_transpose(lambda k: conv(x, k), k)(dy)[0], dy, x, kernel),
        )
        print(f"{name:28}" + "".join(f" {operations / t / 1e9:9.0f}" for t in times))


if __name__ == "__main__":
    main()
