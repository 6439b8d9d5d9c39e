"""What the values mean that an activation returns; losses and metrics read it from the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from deepkit.activations.bounded import hard_sigmoid, hard_tanh, sigmoid, softsign, tanh
from deepkit.activations.distributions import log_softmax, softmax
from deepkit.activations.rectifiers import exponential, relu, relu6, softplus
from deepkit.graph.spec import Meaning

_FUNCTIONS: dict[Meaning, tuple[Callable[..., Any], ...]] = {
    Meaning.PROBABILITY: (sigmoid, hard_sigmoid, jax.nn.sigmoid, jax.nn.hard_sigmoid),
    Meaning.DISTRIBUTION: (softmax, jax.nn.softmax),
    Meaning.LOG_DISTRIBUTION: (log_softmax, jax.nn.log_softmax),
    Meaning.NON_NEGATIVE: (
        *(relu, relu6, softplus, exponential),
        *(jax.nn.relu, jax.nn.relu6, jax.nn.softplus, jnp.exp),
    ),
    Meaning.BOUNDED: (tanh, softsign, hard_tanh, jnp.tanh, jax.nn.tanh, jax.nn.soft_sign, jax.nn.hard_tanh),
}


def meaning_of(function: Callable[..., Any]) -> Meaning:
    """What the values mean that `function` returns when called with its defaults.

    The functions of `jax.nn` mean the same as ours of the same name. Of any other function nothing is known:
    `Meaning.REAL`, also for a `functools.partial` (softmax over another axis is no distribution over the
    last).
    """
    for meaning, functions in _FUNCTIONS.items():
        if any(function is known for known in functions):
            return meaning
    return Meaning.REAL


def reads_logits(function: Callable[..., Any]) -> bool:
    """Whether what `function` is called on are the logits of the probabilities that it returns.

    Only then may a cross-entropy be computed from its argument instead of its result. A hard sigmoid returns
    probabilities, but not those of its argument taken as logits.
    """
    return any(function is known for known in (sigmoid, softmax, jax.nn.sigmoid, jax.nn.softmax))
