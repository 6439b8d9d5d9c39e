"""What losses say, before compilation, about the layer whose output they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepkit.errors import DeepkitValueError, warn
from deepkit.graph.spec import Meaning, Spec

Activation = Callable[..., Any] | None

RANGES = {
    Meaning.NON_NEGATIVE: "which gives numbers of at least zero",
    Meaning.BOUNDED: "which gives numbers between −1 and 1",
    Meaning.LOG_DISTRIBUTION: "which gives log-probabilities",
}


def ending(output: Spec, activation: Activation) -> str:
    """Name of the activation that made the output, as far as it is known."""
    if activation is not None:
        return str(getattr(activation, "__name__", repr(activation)))
    known = {
        Meaning.PROBABILITY: "sigmoid",
        Meaning.DISTRIBUTION: "softmax",
        Meaning.LOG_DISTRIBUTION: "log_softmax",
        Meaning.NON_NEGATIVE: "an activation without negative values",
        Meaning.BOUNDED: "a bounded activation",
        Meaning.REAL: "linear",
    }
    return known[output.meaning]


def require_probabilities(
    loss: str, from_logits: bool | None, wanted: str, output: Spec, label: str, activation: Activation
) -> None:
    """Refuse an output that is neither the probabilities a cross-entropy expects nor logits by intent.

    `wanted` is the activation that would be right: "sigmoid" or "softmax". Outputs that already have it, or
    the other one of the two, are the caller's to judge.
    """
    end = ending(output, activation)
    if from_logits:
        _require_logits(loss, wanted, output, label, end)
        return
    if output.meaning is Meaning.REAL and from_logits is False and is_users_own(activation):
        return
    if output.meaning is Meaning.REAL and end == "linear":
        known = "" if activation is not None else ", as far as its declaration tells"
        raise DeepkitValueError(
            f"{loss} expects probabilities, but {label} has a linear output{known}: any real number. "
            f"Give it activation={wanted!r} (deepkit computes from its logits all the same), "
            f"or say {loss}(from_logits=True) if it is linear on purpose."
            + (f" If its values are probabilities already, say {loss}(from_logits=False)." if known else "")
        )
    if output.meaning is Meaning.REAL and is_users_own(activation):
        raise DeepkitValueError(
            f"{loss} expects probabilities, and nothing is known of what {label} gives after {end}. "
            f"Say {loss}(from_logits=False) if these are probabilities, "
            f"or give it activation={wanted!r}."
        )
    if output.meaning in (Meaning.REAL, *RANGES):
        what = RANGES.get(output.meaning, "which gives any real number")
        raise DeepkitValueError(
            f"{loss} expects probabilities, but {label} ends in {end}, {what}. Give it activation={wanted!r} instead."
        )


def _require_logits(loss: str, wanted: str, output: Spec, label: str, end: str) -> None:
    if output.meaning in (Meaning.PROBABILITY, Meaning.DISTRIBUTION):
        raise DeepkitValueError(
            f"{loss}(from_logits=True) expects raw scores, but {label} ends in {end} already: "
            f"a second {wanted} would flatten the probabilities, and the loss could not come near 0. "
            "Leave from_logits out: deepkit computes from the logits by itself."
        )
    if output.meaning in (Meaning.NON_NEGATIVE, Meaning.BOUNDED):
        raise DeepkitValueError(
            f"{loss}(from_logits=True) expects raw scores of either sign and any size, but {label} ends in "
            f"{end}, {RANGES[output.meaning]}. Give it activation={wanted!r} and leave from_logits out."
        )
    if output.meaning is Meaning.LOG_DISTRIBUTION and wanted == "sigmoid":
        raise DeepkitValueError(
            f"{loss}(from_logits=True) expects one raw score per unit, but {label} ends in {end}. "
            "Leave its activation out."
        )


def is_users_own(activation: Activation) -> bool:
    """Whether only the user knows what comes out: no activation, or a function of their own."""
    return activation is None or not (activation.__module__ or "").startswith(("deepkit.", "jax."))


def require_binary(loss: str, from_logits: bool | None, output: Spec, label: str, activation: Activation) -> None:
    """Outputs on which a binary cross-entropy makes sense: independent probabilities, or logits by intent."""
    require_probabilities(loss, from_logits, "sigmoid", output, label, activation)
    if output.meaning is Meaning.DISTRIBUTION:
        raise DeepkitValueError(
            f"{loss} treats every unit as a yes or no of its own, but the {output.features} units of {label} "
            "share one softmax. For one class per row use loss='crossentropy'; "
            "if several classes may hold at once, activation='sigmoid'."
        )


def require_categorical(loss: str, from_logits: bool | None, output: Spec, label: str, activation: Activation) -> None:
    """Outputs on which a categorical cross-entropy makes sense: a distribution, or logits by intent."""
    if output.features == 1:
        raise DeepkitValueError(
            f"{loss} chooses among the units of {label}, but there is only one. "
            "For two classes use activation='sigmoid' with loss='binary_crossentropy'; "
            "for K classes give it K units and activation='softmax'."
        )
    require_probabilities(loss, from_logits, "softmax", output, label, activation)
    if output.meaning is Meaning.PROBABILITY:
        raise DeepkitValueError(
            f"{loss} expects one distribution over the classes, but {label} ends in "
            f"{ending(output, activation)}: {output.features} probabilities that need not sum to 1. Give it "
            "activation='softmax' if every row has one class; if several may hold at once, use "
            "loss='binary_crossentropy'."
        )


def warn_if_squashed(loss: str, output: Spec, label: str, activation: Activation) -> None:
    """A difference taken after a sigmoid or softmax: legal, but learning stops where they saturate."""
    advice = {
        Meaning.PROBABILITY: "binary_crossentropy",
        Meaning.DISTRIBUTION: "crossentropy",
        Meaning.LOG_DISTRIBUTION: "crossentropy",
    }
    if output.meaning in advice:
        end = ending(output, activation)
        warn(
            f"{loss} is taken on {label}, which ends in {end}: where that saturates the gradient vanishes, "
            "and rows that are confidently wrong are no longer learnt. "
            f"For classes use loss={advice[output.meaning]!r}"
            + (" with activation='softmax'" if output.meaning is Meaning.LOG_DISTRIBUTION else "")
            + "; for numbers leave the activation out."
        )


def warn_if_negative(loss: str, output: Spec, label: str, activation: Activation, consequence: str) -> None:
    """An output that may fall below zero, where the loss takes a logarithm of it."""
    if output.meaning in (Meaning.REAL, Meaning.BOUNDED, Meaning.LOG_DISTRIBUTION):
        warn(
            f"{loss} needs outputs of at least 0, but {label} ends in {ending(output, activation)}, "
            f"which may be negative: {consequence}. Give it activation='softplus' or 'exponential'."
        )
