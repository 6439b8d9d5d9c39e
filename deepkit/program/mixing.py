"""What becomes of the targets when a layer mixes the rows of a batch (`MixUp`, `CutMix`).

A mix says for every row its partner and how much of the row is its own. The row's loss is then
share·loss(own target) + (1 − share)·loss(partner's target); after two mixes on one path there are four targets.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from deepkit.errors import DeepkitValueError

Mixes = tuple[tuple[jax.Array, jax.Array], ...]
"""The mixes on the way to a tensor, first to last, each `(partners, shares)`."""


class TargetPart(NamedTuple):
    """For every row, one of the targets that it is made of.

    Attributes:
        share: How much of the row belongs to this target; `None` for all.
        rows: Whose target it is; `None` for the row's own.
    """

    share: jax.Array | None = None
    rows: jax.Array | None = None

    def of(self, targets: jax.Array, weights: jax.Array | None) -> tuple[jax.Array, jax.Array | None]:
        """The targets of this part, and the sample weights of the rows that they come from."""
        if self.rows is None:
            return targets, weights
        return targets[self.rows], None if weights is None else weights[self.rows]

    def weighted(self, weights: jax.Array | None) -> jax.Array | None:
        """Sample weights times shares."""
        if self.share is None:
            return weights
        return self.share if weights is None else self.share * weights


def target_parts(mixes: Mixes) -> list[TargetPart]:
    """The parts that rows are made of after these mixes; their shares add up to 1 in every row."""
    parts = [TargetPart()]
    for partners, share in reversed(mixes):
        parts = [half for part in parts for half in _halves(part, partners, share)]
    return parts


def _halves(part: TargetPart, partners: jax.Array, share: jax.Array) -> tuple[TargetPart, TargetPart]:
    own, others = (share, partners) if part.rows is None else (share[part.rows], partners[part.rows])
    whole = 1 if part.share is None else part.share
    return TargetPart(whole * own, part.rows), TargetPart(whole * (1 - own), others)


def joined(layer: Any, mixes: Sequence[Mixes]) -> Mixes:
    """The mixes of a tensor that is computed from several: those of one, of which the others have the first ones.

    Raises:
        DeepkitValueError: if two tensors were mixed apart, so that nobody can say whose target a row should have.
    """
    longest = max(mixes, key=len, default=())
    for other, number in itertools.product(mixes, range(len(longest))):
        if number < len(other) and other[number] is not longest[number]:
            raise DeepkitValueError(
                f"{layer.label} brings together tensors whose rows were mixed with different partners, so no target "
                "fits their rows. Mix once, before the paths part: MixUp or CutMix right behind the Input."
            )
    return longest
