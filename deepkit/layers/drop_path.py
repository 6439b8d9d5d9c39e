"""FractalNet's drop-path: a mean of paths, of which training leaves some out."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import known_to_be, parameter
from deepkit.converters import fraction, positive_integer, share
from deepkit.errors import DeepkitValueError
from deepkit.graph import Spec
from deepkit.layers.dropping import kept
from deepkit.layers.layer import Context, Weights
from deepkit.layers.merging import Average


class DropPathAverage(Average):
    """The mean of the inputs; in training, for each row, of some of them. Shapes as of Average.

    A share of the rows is *global*: one column of the whole network is chosen for the row, and every join passes on
    that column's path alone. For the others each join is *local*: it drops every path with probability `rate`, but
    never all of them. What remains is averaged, so nothing needs to be scaled up. Drawn per row, where the paper draws
    once per batch to save time. Keras has no such layer.

    Args:
        columns: Columns of the network. A join of fewer paths has the last ones of them, the deepest at the end.
        rate: Probability that a local join drops a path, in [0, 1); the paper's 0.15.
        global_share: Share of the rows whose drop-path is global, in [0, 1]; the paper's half. The joins of one model
            choose alike; those in a sub-model choose for themselves.

    Raises:
        DeepkitError: for more inputs than columns, or training without a key.

    Reference: Larsson, Maire and Shakhnarovich, 2017, section 3.1, https://arxiv.org/abs/1605.07648
    """

    columns: int = parameter(convert=positive_integer)
    rate: float = parameter(default=0.15, convert=fraction)
    global_share: float = parameter(default=0.5, convert=share)

    def output_spec(self, *inputs: Spec) -> Spec:
        """The broadcast shape."""
        if len(inputs) > self.columns:
            raise DeepkitValueError(
                f"{self.label} joins {len(inputs)} paths, more than its columns={self.columns}. "
                f"Give the number of columns of the whole network, at least {len(inputs)}."
            )
        return super().output_spec(*inputs)

    def call(self, weights: Weights, *arguments: Any) -> jax.Array:
        """The mean of all paths, or in training of those that are left."""
        *paths, context = arguments
        drops = not (known_to_be(self.rate, 0) and known_to_be(self.global_share, 0))
        if not (context.training and drops):
            return super().call(weights, *arguments)
        shares = len(paths) * self._shares(context, len(paths), len(paths[0]))  # `Average` divides by their number
        parts = [
            weight.astype(jnp.promote_types(path.dtype, jnp.bfloat16)).reshape(-1, *[1] * (path.ndim - 1)) * path
            for weight, path in zip(shares, paths, strict=True)
        ]
        return super().call(weights, *parts, context)

    def _shares(self, context: Context, paths: int, rows: int) -> jax.Array:
        """`(paths, rows)`: what each path weighs in each row; the sum over the paths is 1."""
        drops, instead = jax.random.split(context.key_for(self))
        stays = kept(drops, self.rate, (paths, rows))
        last = jax.random.randint(instead, (rows,), 0, paths) == jnp.arange(paths)[:, None]
        stays = jnp.where(stays.any(0), stays, last)
        which, column = jax.random.split(context.common_key_for(self, "drop-path"))  # all joins choose alike
        chosen = jax.random.randint(column, (rows,), 0, self.columns) - (self.columns - paths)
        # Where the chosen column does not pass through this join, what it puts out is not used.
        alone = jnp.where(chosen >= 0, chosen == jnp.arange(paths)[:, None], True)
        is_global = jax.random.uniform(which, (rows,)) < self.global_share
        shares = jnp.where(is_global, alone, stays).astype(jnp.float32)
        return shares / shares.sum(0)
