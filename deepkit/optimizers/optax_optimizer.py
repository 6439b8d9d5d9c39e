"""Any optax.GradientTransformation as an optimizer."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from deepkit.configuration import parameter
from deepkit.converters import optional
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.optimizers.optimizer import Optimizer
from deepkit.optimizers.schedules.schedule import Rate, learning_rate


class OptaxRule:
    """An optax transformation that isn't a tuple, so that writing it as JSON is refused."""

    def __init__(self, transformation: optax.GradientTransformation) -> None:
        self.init = transformation.init
        self.update = transformation.update

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptaxRule) and (self.init, self.update) == (other.init, other.update)

    def __hash__(self) -> int:
        return hash((self.init, self.update))

    def __repr__(self) -> str:
        return "<optax.GradientTransformation>"


def _rule(value: Any) -> OptaxRule:
    if isinstance(value, OptaxRule):
        return value
    if not isinstance(value, optax.GradientTransformation):
        raise DeepkitTypeError(
            f"expected an optax.GradientTransformation, got {type(value).__name__}. "
            "Call optax's function first: optax.adam(learning_rate=0.001)."
        )
    return OptaxRule(value)


class OptaxOptimizer(Optimizer):
    """An optimizer made by optax: its updates are applied as they are, after our clipping and before our EMA.

    The learning rate is inside the transformation. Made with `optax.inject_hyperparams`, it can be seen and
    changed here: `learning_rate` starts at the injected value, and what is set here, by a schedule or a
    callback, is what the transformation uses. Otherwise `learning_rate` is a factor on the finished updates,
    1 by default.

        OptaxOptimizer(optax.inject_hyperparams(optax.adam)(learning_rate=0.001))

    It cannot be written to a file, because a transformation is code and not a name: to load a model that was
    compiled with it, compile it again.

    Args:
        transformation: Any `optax.GradientTransformation`.
        learning_rate: See above.
    """

    transformation: OptaxRule = parameter(convert=_rule)
    learning_rate: Rate = parameter(default=None, convert=optional(learning_rate), kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_decay is not None:
            raise DeepkitValueError(
                f"OptaxOptimizer(weight_decay={self.weight_decay}): the rate that would scale the decay is "
                "inside the transformation. Put optax.add_decayed_weights into its chain, or use optax.adamw."
            )
        injected = _injected_rate(self.transformation)
        object.__setattr__(self, "_injects", injected is not None)
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", 1.0 if injected is None else injected)

    def init_rule(self, params: Any) -> Any:
        return self.transformation.init(params)

    def apply_rule(self, gradients: Any, rule: Any, params: Any, learning_rate: Any) -> tuple[Any, Any]:
        if self._injects:  # type: ignore[attr-defined]
            old = optax.tree_utils.tree_get(rule, "learning_rate")
            rate = jnp.asarray(learning_rate, old.dtype)
            rule = optax.tree_utils.tree_set(rule, learning_rate=rate)
            return self.transformation.update(gradients, rule, params)
        updates, rule = self.transformation.update(gradients, rule, params)
        return jax.tree.map(lambda u: jnp.asarray(learning_rate, u.dtype) * u, updates), rule


def _injected_rate(rule: OptaxRule) -> float | None:
    """The number that `optax.inject_hyperparams` holds as learning rate, anywhere in a chain; else `None`."""
    try:
        state = rule.init({"probe": jnp.zeros(1)})
    except Exception:  # Masks and partitions may be made for the user's own tree only.
        return None
    rates = [
        part.hyperparams["learning_rate"]
        for part in jax.tree.leaves(state, is_leaf=_holds_hyperparameters)
        if _holds_hyperparameters(part)
        and "learning_rate" in part.hyperparams
        # A schedule inside the transformation cannot be overruled from outside.
        and "learning_rate" not in part.hyperparams_states
    ]
    return float(rates[0]) if len(rates) == 1 else None


def _holds_hyperparameters(part: Any) -> bool:
    return hasattr(part, "hyperparams") and hasattr(part, "hyperparams_states")
