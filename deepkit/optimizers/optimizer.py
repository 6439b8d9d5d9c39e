"""What an optimizer is: a declaration, and a pure init/update pair over pytrees of parameters."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import optax

from deepkit.configuration import Configurable, known_to_be, parameter
from deepkit.converters import flag, fraction, non_negative_number, optional, positive_number
from deepkit.errors import DeepkitTypeError, DeepkitValueError
from deepkit.optimizers.converters import fragments
from deepkit.optimizers.schedules.schedule import Rate, at_step, learning_rate


class Average(NamedTuple):
    """Running average of the parameters: `params ← momentum · params + (1 − momentum) · new parameters`."""

    steps: jax.Array
    params: Any


class OptimizerState(NamedTuple):
    """What an optimizer remembers: the state of its rule, and the averaged parameters (with EMA)."""

    rule: Any
    average: Average | None


class Optimizer(Configurable):
    """Base of all optimizers. One update, in Keras's order:

    1. the gradients are clipped;
    2. decoupled weight decay shrinks the parameters: p ← p − learning_rate · weight_decay · p
       (Loshchilov & Hutter, 2019: not an L2 penalty, which would pass through the moments);
    3. the rule turns gradients into a direction, and p ← p − learning_rate · direction.

    A subclass defines `direction()`, an optax.GradientTransformation without any learning rate. A rule that
    needs the rate inside itself defines `init_rule` and `apply_rule` instead.

    Everything is pure, holds for any pytree of parameters (empty layers too), and takes the dtype of each
    parameter. The learning rate enters `update` as an argument, so changing it never recompiles anything.

    Args:
        learning_rate: A finite number of at least 0, a `Schedule`, an optax schedule, or a function of the
            step. May be set later: `optimizer.learning_rate = 0.01`.
        weight_decay: Decoupled decay per step and unit of rate; `None`: none.
        weight_decay_exclude: Parameters whose path (such as "dense/bias") contains one of these strings don't
            decay. By default all decay, as in Keras.
        clipnorm: Largest norm of each gradient array by itself. At most one of the three kinds of clipping.
        clipvalue: Largest absolute value of each element of the gradients.
        global_clipnorm: Largest norm of all gradients together; the direction stays the same.
        use_ema: Keep an exponential moving average of the parameters, which `fit` leaves in the model at its
            end.
        ema_momentum: Weight of the old average at each step, in [0, 1). The first step starts the average.

    Raises:
        DeepkitValueError: A number out of its range, or two kinds of clipping.
        DeepkitTypeError: Something that is no number, schedule or function as `learning_rate`.
    """

    SETTABLE: ClassVar[frozenset[str]] = frozenset({"learning_rate"})

    learning_rate: Rate = parameter(default=0.001, convert=learning_rate)
    weight_decay: float | None = parameter(default=None, convert=optional(non_negative_number), kw_only=True)
    weight_decay_exclude: tuple[str, ...] = parameter(default=(), convert=fragments, kw_only=True)
    clipnorm: float | None = parameter(default=None, convert=optional(positive_number), kw_only=True)
    clipvalue: float | None = parameter(default=None, convert=optional(positive_number), kw_only=True)
    global_clipnorm: float | None = parameter(default=None, convert=optional(positive_number), kw_only=True)
    use_ema: bool = parameter(default=False, convert=flag, kw_only=True)
    ema_momentum: float = parameter(default=0.99, convert=fraction, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        clippings = {
            name: getattr(self, name)
            for name in ("clipnorm", "clipvalue", "global_clipnorm")
            if getattr(self, name) is not None
        }
        if len(clippings) > 1:
            given = ", ".join(f"{name}={value:g}" for name, value in clippings.items())
            raise DeepkitValueError(
                f"{type(self).__name__}({given}) would clip in {len(clippings)} ways at once. "
                "Keep one: global_clipnorm keeps the direction of the gradient."
            )

    # What a subclass defines.

    def direction(self) -> optax.GradientTransformation:
        """The rule from gradients to the direction that is subtracted, without any learning rate."""
        raise DeepkitTypeError(
            f"{type(self).__name__} does not define direction(). "
            "It returns an optax.GradientTransformation such as optax.scale_by_adam()."
        )

    def init_rule(self, params: Any) -> Any:
        """What the rule remembers before the first step."""
        return self.direction().init(params)

    def apply_rule(self, gradients: Any, rule: Any, params: Any, learning_rate: Any) -> tuple[Any, Any]:
        """`(updates, new state of the rule)` for clipped gradients and decayed parameters."""
        direction, rule = self.direction().update(gradients, rule, params)
        return jax.tree.map(
            lambda d, p: (-jnp.asarray(learning_rate, p.dtype) * d).astype(p.dtype), direction, params
        ), rule

    def decay_of(self, path: str, leaf: Any) -> float | None:
        """The weight decay of one parameter array that isn't excluded from it."""
        return self.weight_decay

    # What the rest of the house uses.

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate is a function of the step; then it cannot be set by a callback."""
        return callable(self.learning_rate)

    def schedule(self, step: Any) -> jax.Array:
        """The learning rate after `step` finished steps: scalar of the default floating dtype."""
        return at_step(self.learning_rate, step)

    def init(self, params: Any) -> OptimizerState:
        """The state before the first step. It shares no buffer with `params`, so both may be donated."""
        average = Average(jnp.zeros((), jnp.int32), jax.tree.map(jnp.copy, params)) if self.use_ema else None
        return OptimizerState(self.init_rule(params), average)

    def update(
        self, gradients: Any, state: OptimizerState, params: Any, learning_rate: Any
    ) -> tuple[Any, OptimizerState]:
        """One step.

        Args:
            gradients: Pytree like `params`.
            state: From `init` or the last `update`.
            params: The parameters that the gradients were taken at.
            learning_rate: Scalar, usually traced: `optimizer.schedule(step)` or any other rate.

        Returns:
            `(updates, state)`: `optax.apply_updates(params, updates)` gives the new parameters.
        """
        decayed = jax.tree_util.tree_map_with_path(
            lambda path, p: self._decayed(readable(path), p, learning_rate), params
        )
        updates, rule = self.apply_rule(self.clip(gradients), state.rule, decayed, learning_rate)
        updates = jax.tree.map(
            lambda update, after, before: update if after is before else after - before + update,
            updates,
            decayed,
            params,
        )
        return updates, OptimizerState(rule, self._follow(state.average, params, updates))

    def clip(self, gradients: Any) -> Any:
        """The gradients, clipped in the way that was asked for."""
        if self.global_clipnorm is not None:
            return _clip_by_norm(gradients, self.global_clipnorm)
        if self.clipnorm is not None:
            largest = self.clipnorm
            return jax.tree.map(lambda gradient: _clip_by_norm(gradient, largest), gradients)
        if self.clipvalue is not None:
            return optax.clip(self.clipvalue).update(gradients, optax.EmptyState())[0]
        return gradients

    def averaged(self, state: OptimizerState, params: Any) -> Any:
        """The averaged parameters if `use_ema`, else `params`."""
        return params if state.average is None else state.average.params

    def _decayed(self, path: str, p: Any, learning_rate: Any) -> Any:
        decay = self.decay_of(path, p)
        if decay is None or known_to_be(decay, 0) or any(part in path for part in self.weight_decay_exclude):
            return p
        return p - jnp.asarray(learning_rate, p.dtype) * decay * p

    def _follow(self, average: Average | None, params: Any, updates: Any) -> Average | None:
        if average is None:
            return None
        momentum = jnp.where(average.steps > 0, self.ema_momentum, 0.0)
        followed = jax.tree.map(
            lambda old, new: old + (1 - momentum).astype(new.dtype) * (new - old),
            average.params,
            optax.apply_updates(params, updates),
        )
        return Average(average.steps + 1, followed)


def _clip_by_norm(gradients: Any, largest: float) -> Any:
    return optax.clip_by_global_norm(largest).update(gradients, optax.EmptyState())[0]


def readable(path: Any) -> str:
    """A parameter's path in the tree as text: "dense/bias"."""
    return jax.tree_util.keystr(path, simple=True, separator="/")
