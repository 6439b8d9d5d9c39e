"""Augmentation that mixes every row with a partner: MixUp and CutMix. The loss mixes the targets to match."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import positive_number
from deepkit.graph import Spec
from deepkit.layers.augmentation import rectangle, row_keys
from deepkit.layers.layer import Context, Layer, Weights, require_rank
from deepkit.layers.specs import floating, to_float


def symmetric_beta(key: jax.Array, alpha: float) -> jax.Array:
    """A number from Beta(alpha, alpha), in one formula and without the loops of a sampler by rejection.

    T = √(u^(−1/alpha) − 1)·cos 2πv is Student's t with 2·alpha degrees of freedom, up to its scale (Bailey, 1994), and
    ½ + ½·T / √(1 + T²) is the beta variate that belongs to it (Devroye, 1996).
    """
    u, v = jax.random.uniform(key, (2,))
    cosine = jnp.cos(2 * jnp.pi * v)
    # By 1 / T², because T² may be infinite.
    return 0.5 + 0.5 * jnp.sign(cosine) / jnp.sqrt(1 + 1 / ((u ** (-1 / alpha) - 1) * cosine**2))


class Mixing(Layer):
    """Base of layers whose training output for a row is made of this row and of another, its partner.

    Partners are a random order of the rows that count, so each of them is one row's partner; a row may be its own.
    In training the objective takes `partners` of the same call: for an output that depends on this layer, the loss of
    row i is share·loss(yᵢ) + (1 − share)·loss(y of the partner), each with the sample weight of the row that the target
    belongs to. So it is for metrics. This is exact for every loss, and class numbers stay class numbers; for
    cross-entropies it is the same as mixing one-hot targets. (Keras mixes targets in a data pipeline.)
    """

    def partners(self, context: Context, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """`(indices, shares)` per row: the partner, and how much of the row is its own."""
        indices, keys = self._drawn(context, len(x))
        return indices, self.shares(keys, x)

    def shares(self, keys: jax.Array, x: jax.Array) -> jax.Array:
        """How much of each row is its own."""
        raise NotImplementedError

    def _drawn(self, context: Context, rows: int) -> tuple[jax.Array, jax.Array]:
        keys = row_keys(self, context, rows + 1)
        counts = jnp.ones(rows, bool) if context.row_mask is None else context.row_mask
        places = jnp.where(counts, jax.random.uniform(keys[-1], (rows,)), jnp.inf)
        order = jnp.argsort(places)  # rows that count first, shuffled
        rank = jnp.cumsum(counts) - 1
        return jnp.where(counts, order[jnp.maximum(rank, 0)], jnp.arange(rows)), keys[:-1]


class MixUp(Mixing):
    """In training, each row becomes share·row + (1 − share)·partner. Shape as the input, which may be of any rank.

    Nothing is done in prediction. Targets are mixed by the loss, see `Mixing`.

    Args:
        alpha: Shares are drawn from Beta(alpha, alpha), one per row: near 0 most are close to 0 or 1, 1 is uniform.

    Raises:
        DeepkitError: for an alpha of 0 or less, or training without a key.

    Source: Zhang et al., 2017, https://arxiv.org/abs/1710.09412
    """

    alpha: float = parameter(default=0.2, convert=positive_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        return floating(x).real()

    def shares(self, keys: jax.Array, x: jax.Array) -> jax.Array:
        """From the beta distribution."""
        return jax.vmap(symmetric_beta, (0, None))(keys, self.alpha)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The rows, in training each mixed with its partner."""
        x = to_float(x)
        if not context.training:
            return x
        indices, shares = self.partners(context, x)
        shares = shares.astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        return shares * x + (1 - shares) * x[indices]


class CutMix(Mixing):
    """In training, a rectangle of each image shows its partner: `(batch, h, w, c)` to the same shape.

    Nothing is done in prediction. An image's share is that of the pixels which stay its own; targets are mixed by the
    loss, see `Mixing`.

    Args:
        factor: The rectangle covers a share of the image drawn from Beta(factor, factor), one per row, as in the paper.
            (Keras draws the parameter of that distribution anew for each batch, between 0 and a single number.)

    Raises:
        DeepkitError: for a factor of 0 or less, an input that is not of images, or training without a key.

    Source: Yun et al., 2019, https://arxiv.org/abs/1905.04899
    """

    factor: float = parameter(default=1.0, convert=positive_number)

    def output_spec(self, x: Spec) -> Spec:
        """The input's shape."""
        require_rank(self, x, 4)
        return floating(x).real()

    def shares(self, keys: jax.Array, x: jax.Array) -> jax.Array:
        """Pixels outside of the rectangle."""
        return 1 - self._cut(keys, x).mean((1, 2))

    def _cut(self, keys: jax.Array, x: jax.Array) -> jax.Array:
        def cut(key: jax.Array) -> jax.Array:
            area, corner = jax.random.split(key)
            side = jnp.sqrt(symmetric_beta(area, self.factor))
            return rectangle(corner, jnp.stack([side, side]), x.shape[1:3])

        return jax.vmap(cut)(keys)

    def call(self, weights: Weights, x: jax.Array, context: Context) -> jax.Array:
        """The images, in training each with a rectangle of its partner."""
        x = to_float(x)
        if not context.training:
            return x
        indices, keys = self._drawn(context, len(x))
        return jnp.where(self._cut(keys, x)[..., None], x[indices], x)
