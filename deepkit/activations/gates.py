"""Activations that multiply their input by a gate: SiLU, GELU, Mish, GLU."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from deepkit.errors import DeepkitValueError


def silu(x: ArrayLike) -> jax.Array:
    """`x · sigmoid(x)`, also called swish.

    Reference: Ramachandran, Zoph and Le, 2017, https://arxiv.org/abs/1710.05941
    """
    return jax.nn.silu(x)


def hard_silu(x: ArrayLike) -> jax.Array:
    """`x · hard_sigmoid(x)`, also called hard swish: 0 below −3, `x` above 3, `x · (x + 3) / 6` between.

    Reference: Howard et al., 2019, https://arxiv.org/abs/1905.02244
    """
    return jax.nn.hard_silu(x)


def gelu(x: ArrayLike, approximate: bool = False) -> jax.Array:
    """`x · Φ(x)`, where Φ is the distribution function of the standard normal.

    Args:
        x: Array of any shape.
        approximate: `True` replaces Φ by a formula with tanh (off by at most 5e-4). `False` as in Keras and
            PyTorch; `jax.nn.gelu` and `flax.nnx.gelu` have `True`.

    Reference: Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415
    """
    return jax.nn.gelu(x, approximate=approximate)


def mish(x: ArrayLike) -> jax.Array:
    """`x · tanh(softplus(x))`.

    Reference: Misra, 2019, https://arxiv.org/abs/1908.08681
    """
    return jax.nn.mish(x)


def glu(x: ArrayLike, axis: int = -1) -> jax.Array:
    """`a · sigmoid(b)`, where `a` and `b` are the first and the second half of `x` along `axis`.

    Args:
        x: Array whose size along `axis` is even.
        axis: The axis that is halved in the output.

    Raises:
        DeepkitValueError: if the size along `axis` is odd.

    Reference: Dauphin et al., 2017, https://arxiv.org/abs/1612.08083
    """
    shape = jnp.shape(x)
    if shape[axis] % 2:
        raise DeepkitValueError(
            f"glu halves axis {axis} of its input, but shape {shape} has {shape[axis]} values there. "
            "Give the layer before it an even number of units."
        )
    return jax.nn.glu(x, axis)
