"""The cross-entropy that fits: chosen by the output and the labels, and said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from deepkit.configuration import parameter
from deepkit.converters import fraction
from deepkit.errors import DeepkitValueError
from deepkit.graph.spec import Meaning, Spec
from deepkit.losses import outputs, targets
from deepkit.losses.binary import BinaryCrossentropy
from deepkit.losses.categorical import CategoricalCrossentropy, SparseCategoricalCrossentropy
from deepkit.losses.fields import logits_flag
from deepkit.losses.loss import Loss
from deepkit.losses.smoothing import smoothing_convention


class Crossentropy(Loss):
    """Binary, categorical or sparse categorical cross-entropy, whichever the output and the labels call for.

    Sigmoid outputs get the binary one; softmax outputs the sparse one for class numbers and the categorical
    one for one-hot rows. Linear outputs need `from_logits=True`; one unit then is binary, several are classes
    unless rows of 0 and 1 hold several ones. The choice is made when targets are seen (`choose`), and told to
    the user.

    Args:
        from_logits, label_smoothing, smoothing_convention: Handed on to the loss that is chosen.
    """

    from_logits: bool | None = parameter(default=None, convert=logits_flag)
    label_smoothing: float = parameter(default=0.0, convert=fraction)
    smoothing_convention: str = parameter(default="optax", convert=smoothing_convention, kw_only=True)

    def choose(self, output: Spec, y: np.ndarray) -> tuple[Loss, str]:
        """The loss for this output and these targets, and one sentence that says what was chosen and why."""
        shared: dict[str, Any] = {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "smoothing_convention": self.smoothing_convention,
        }
        y, units = np.asarray(y), output.features
        per_class = y.ndim == output.rank and y.shape[-1] == units
        if output.meaning is Meaning.PROBABILITY:
            reason = "the output is a sigmoid"
        elif units == 1:
            reason = "the output has one unit"
        elif output.meaning is Meaning.REAL and per_class and not targets.is_distribution(targets.numbers(y, "y")):
            reason = "several columns of a row may hold at once"
        elif per_class:
            return (
                CategoricalCrossentropy(**shared),
                f"crossentropy: CategoricalCrossentropy, because the {units} units are classes "
                "and the targets have one column per class.",
            )
        else:
            return (
                SparseCategoricalCrossentropy(**shared),
                f"crossentropy: SparseCategoricalCrossentropy, because the {units} units are classes "
                "and the targets are class numbers.",
            )
        return BinaryCrossentropy(**shared), f"crossentropy: BinaryCrossentropy, because {reason}."

    def values(self, y_true: Any, y_pred: Any) -> jax.Array:
        """Refused: the choice needs to know what the output means."""
        raise DeepkitValueError(
            "Crossentropy chooses by the output of a model, and has no values of its own. "
            "Outside a model use BinaryCrossentropy, CategoricalCrossentropy or "
            "SparseCategoricalCrossentropy."
        )

    def values_from_logits(self, y_true: Any, logits: Any) -> jax.Array:
        """Refused, as `values`."""
        return self.values(y_true, logits)

    def check_output(self, output: Spec, label: str, activation: Callable[..., Any] | None) -> None:
        """Refuses what is neither a sigmoid nor a softmax nor linear on purpose."""
        super().check_output(output, label, activation)
        wanted = "sigmoid" if output.features == 1 else "softmax"
        outputs.require_probabilities(type(self).__name__, self.from_logits, wanted, output, label, activation)

    def check_targets(self, y: np.ndarray, output: Spec, name: str) -> np.ndarray:
        """As the loss that is chosen."""
        return self.choose(output, targets.numbers(y, name))[0].check_targets(y, output, name)
