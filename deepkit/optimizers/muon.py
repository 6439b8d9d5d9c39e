"""Muon: momentum for matrices, with all its singular values made equal."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from deepkit.configuration import parameter
from deepkit.converters import (
    finite_number,
    flag,
    fraction,
    non_negative_number,
    optional,
    positive_integer,
    positive_number,
)
from deepkit.optimizers.adam import scale_by_adam
from deepkit.optimizers.converters import fragments
from deepkit.optimizers.optimizer import Optimizer, readable


class Muon(Optimizer):
    """Muon (Jordan et al., 2024) for matrices, Adam for the rest (biases, convolution kernels, embeddings).

        M ← momentum · M + G,   N = momentum · M + G (Nesterov) or M
        p ← p − learning_rate · rms_rate · √max(rows, columns) · orthogonal(N)

    `orthogonal` replaces the singular values of N by numbers near 1, with `ns_steps` Newton–Schulz steps
    X ← a·X + (b·XXᵀ + c·(XXᵀ)²)·X from X = N / ‖N‖. The factor √max(rows, columns) · 0.2 gives updates of
    Adam's usual size, so that Adam's rates fit (Liu et al., Muon is Scalable, 2025).

    `optax.contrib.muon` corrects M and G for the start each in its own way, which changes the mix of the two
    in the first steps, and scales by √max(1, columns / rows) unless told otherwise; this is Keras's rule.

    Args:
        learning_rate: By default 0.001.
        adam_beta_1, adam_beta_2, epsilon: As in `Adam`, for what isn't a matrix.
        adam_weight_decay: Weight decay of what isn't a matrix, by default 0.004; `None`: none.
        weight_decay: Weight decay of the matrices, by default 0.004; `None`: none.
        exclude_layers: Matrices whose path contains one of these strings are left to Adam; the output layer's
            name belongs here.
        exclude_embeddings: Leave matrices with "embedding" in their path to Adam.
        muon_a, muon_b, muon_c: Coefficients of the Newton–Schulz step.
        adam_lr_ratio: Adam's rate as a multiple of `learning_rate`.
        momentum: In [0, 1), by default 0.95.
        ns_steps: Number of Newton–Schulz steps.
        nesterov: Look ahead.
        rms_rate: Size of the updates, by default 0.2; `None` leaves out the whole factor with the root.
    """

    adam_beta_1: float = parameter(default=0.9, convert=fraction)
    adam_beta_2: float = parameter(default=0.999, convert=fraction)
    adam_weight_decay: float | None = parameter(default=0.004, convert=optional(non_negative_number))
    epsilon: float = parameter(default=1e-7, convert=positive_number)
    weight_decay: float | None = parameter(default=0.004, convert=optional(non_negative_number), kw_only=True)
    exclude_layers: tuple[str, ...] = parameter(default=(), convert=fragments, kw_only=True)
    exclude_embeddings: bool = parameter(default=True, convert=flag, kw_only=True)
    muon_a: float = parameter(default=3.4445, convert=finite_number, kw_only=True)
    muon_b: float = parameter(default=-4.7750, convert=finite_number, kw_only=True)
    muon_c: float = parameter(default=2.0315, convert=finite_number, kw_only=True)
    adam_lr_ratio: float = parameter(default=1.0, convert=positive_number, kw_only=True)
    momentum: float = parameter(default=0.95, convert=fraction, kw_only=True)
    ns_steps: int = parameter(default=5, convert=positive_integer, kw_only=True)
    nesterov: bool = parameter(default=True, convert=flag, kw_only=True)
    rms_rate: float | None = parameter(default=0.2, convert=optional(positive_number), kw_only=True)

    def direction(self) -> optax.GradientTransformation:
        orthogonalise = optax.stateless(lambda momenta, params: jax.tree.map(self._orthogonal, momenta))
        adam = scale_by_adam(self.adam_beta_1, self.adam_beta_2, self.epsilon)
        return optax.partition(
            {
                "muon": optax.chain(optax.trace(self.momentum, self.nesterov), orthogonalise),
                "adam": optax.chain(adam, optax.scale(self.adam_lr_ratio)),
            },
            lambda tree: jax.tree_util.tree_map_with_path(
                lambda path, leaf: "muon" if self._is_for_muon(readable(path), leaf) else "adam", tree
            ),
        )

    def decay_of(self, path: str, leaf: Any) -> float | None:
        return self.weight_decay if self._is_for_muon(path, leaf) else self.adam_weight_decay

    def _is_for_muon(self, path: str, leaf: Any) -> bool:
        if leaf.ndim != 2 or (self.exclude_embeddings and "embedding" in path.lower()):
            return False
        return not any(part in path for part in self.exclude_layers)

    def _orthogonal(self, matrix: Any) -> Any:
        wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
        x = wide / (jnp.linalg.norm(wide) + 1e-7)
        for _ in range(self.ns_steps):
            square = x @ x.T
            x = self.muon_a * x + (self.muon_b * square + self.muon_c * square @ square) @ x
        size = 1.0 if self.rms_rate is None else self.rms_rate * max(matrix.shape) ** 0.5
        return size * (x.T if matrix.shape[0] > matrix.shape[1] else x)
