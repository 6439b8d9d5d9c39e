"""`Ensemble`: trained models of the same inputs and outputs, averaged, as one model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from deepkit.data.arrays import input_arrays, restore
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, from_user_line
from deepkit.graph import Graph, Meaning, Node, Spec, SymbolicTensor
from deepkit.layers import Activation, Average
from deepkit.losses import Crossentropy
from deepkit.model import Model
from deepkit.program import SubModel
from deepkit.sweeps.result import Sweep
from deepkit.training.arguments import check_batch_size, rows_at_once, whole_number
from deepkit.training.rows import check_ready, in_own_units, model_inputs

__all__ = ["Ensemble", "ensemble"]


class Ensemble(Model):
    """The average of several trained models, as one model: it predicts in one program, saves, exports and evaluates.

        together = dk.Ensemble([model_a, model_b, model_c])
        together.predict(x)                 # averaged probabilities, (rows, classes)
        together.spread(x)                  # how far the members differ, (rows, classes)

    Probabilities are averaged, not logits: behind a member that gives logits (its loss says `from_logits=True`) stands
    a sigmoid or softmax. The squared error and the cross-entropy of the average are never more than the average of the
    members' (both are convex); by how much less depends on how independent the members' errors are.

    The ensemble is its members side by side in one graph, `member_0`, `member_1`, …, and shares their weights. Its
    compilation grows with their number. It is compiled with the loss and the metrics of the first member; its
    `evaluate` counts the weight penalties of all members.

    Args:
        models: Trained models with the same inputs and outputs.
        name: As in `Model`.

    Raises:
        DeepkitError: No models, the same one twice, or models whose inputs, outputs or encoders differ.

    Reference: Goodfellow, Bengio, Courville 2016, Deep Learning, 7.11.
    """

    _apart: Model | None = None

    @from_user_line
    def __init__(self, models: Iterable[Model], *, name: str | None = None) -> None:
        models = _checked(models)
        first = models[0]
        inputs = [_fresh(tensor) for tensor in first.graph.inputs]
        outputs: list[list[SymbolicTensor]] = []
        for number, model in enumerate(models):
            model.weights()
            given = SubModel(model.graph, name=f"member_{number}", trainable=model.trainable)(inputs)
            leaves = jax.tree.leaves(given, is_leaf=lambda leaf: isinstance(leaf, SymbolicTensor))
            outputs.append([_as_probabilities(leaf, model, place) for place, leaf in enumerate(leaves)])
        names = first.graph.output_names
        averages = [Average(name=names[place])(list(each)) for place, each in enumerate(zip(*outputs, strict=True))]
        super().__init__(
            jax.tree.unflatten(first.graph.input_structure, inputs),
            jax.tree.unflatten(first.graph.output_structure, averages),
            name=name,
            encoder=first.encoder,
        )
        self.columns = first.columns
        _compile_like(self, first)

    @property
    def members(self) -> list[Model]:
        """The members as models of their own, not compiled; they share their weights with the ensemble."""
        found = [layer for layer in self.graph.callees.values() if isinstance(layer, SubModel)]
        return [_model_of(layer.graph) for layer in found]

    @from_user_line
    def predict_members(self, x: Any, batch_size: int | None = None) -> Any:
        """What every member says by itself: `(members, rows, …)`, arranged as the model's outputs.

        Args:
            x: Arrays, a part, or a raw table if the model has an encoder.
            batch_size: As in `predict`.
        """
        if self._apart is None:
            # What goes into the averages are the members' outputs.
            columns = zip(*(tensor.node.inputs for tensor in self.graph.outputs), strict=True)
            self._apart = Model(list(self.graph.inputs), [tensor for member in columns for tensor in member])
        size = check_batch_size(batch_size) or rows_at_once(self.graph)
        arrays = input_arrays(model_inputs(self, x, "predict_members"), self.graph)
        check_ready(self)
        outputs = self._apart._predict_arrays(arrays, size)
        width = len(self.graph.outputs)
        each = [
            in_own_units(self, restore(outputs[start : start + width], self.graph))
            for start in range(0, len(outputs), width)
        ]
        return jax.tree.map(lambda *members: np.stack(members), *each)

    @from_user_line
    def spread(self, x: Any, batch_size: int | None = None) -> Any:
        """How far the members differ: the standard deviation over them (n − 1 below), `(rows, …)` as `predict` gives.

        It is 0 where all agree, and a lower bound of what is unknown: members that were trained on the same rows err
        together.
        """
        predicted = self.predict_members(x, batch_size)
        if len(jax.tree.leaves(predicted)[0]) == 1:
            raise DeepkitValueError("an ensemble of one member has no spread. Put two models or more into it.")
        return jax.tree.map(lambda members: members.std(axis=0, ddof=1), predicted)


@from_user_line
def ensemble(result: Sweep, members: int | Sequence[int] | None = None, *, figure: str | None = None) -> Ensemble:
    """Trained members of a sweep as one model.

        result = dk.sweep(build, split, seeds=10, epochs=100)
        together = dk.ensemble(result)

    Args:
        result: From `dk.sweep`.
        members: Numbers of members; or how many, the best by `figure`; by default all that did not fail.
        figure: Needed for "how many". Of development rows: the best on training rows are those that overfit most.

    Raises:
        DeepkitError: A member that failed or does not exist, or a number of members without a figure.
    """
    if not isinstance(result, Sweep):
        raise DeepkitTypeError(
            f"ensemble was given {described(result)}, not the result of dk.sweep. For models use dk.Ensemble([…])."
        )
    failed = result.failures()
    if members is None:
        numbers: Sequence[int] = [number for number in range(len(result)) if number not in failed]
    elif isinstance(members, int | np.integer):
        if figure is None:
            raise DeepkitValueError(
                f"members={members} is how many, so say the best by which figure: figure='dev_loss'. "
                f"For the one member of this number write members=[{members}]."
            )
        values = result.final(figure)
        order = np.argsort(values if result.less_is_better(figure) else -values)  # NaN comes last
        numbers = order[: whole_number(members, "members")].tolist()
    else:
        numbers = list(members)
    return Ensemble([result.member(number).model for number in numbers])


def _checked(models: Any) -> list[Model]:
    if isinstance(models, Model) or not isinstance(models, Iterable):
        raise DeepkitTypeError(f"Ensemble was given {described(models)}, not a list of models. Write Ensemble([a, b]).")
    models = list(models)
    if not models:
        raise DeepkitValueError("Ensemble was given no models. Give it at least one, better ten.")
    first = models[0]
    for place, model in enumerate(models):
        if not isinstance(model, Model) or not model.built:
            raise DeepkitTypeError(f"models[{place}] is {described(model)}, not a built model. Train it first.")
        if any(model is other for other in models[:place]):
            raise DeepkitValueError(
                f"models[{place}] is the same model as one before it, and would only count twice. Train another: from "
                "another seed, or on other rows (dk.ensembles.Bootstrap)."
            )
        for what in ("inputs", "outputs"):
            here, there = (_form(getattr(each.graph, what)) for each in (model, first))
            if here != there:
                raise DeepkitValueError(
                    f"the {what} of models[{place}] are {here}, those of models[0] {there}. Only models with the same "
                    f"{what} can be averaged."
                )
        if not _same_encoder(model.encoder, first.encoder):
            raise DeepkitValueError(
                f"models[{place}] has another encoder than models[0], so the same table means other numbers to it. "
                "Fit one encoder on the training rows of all, and give it to all."
            )
    return models


def _form(tensors: Sequence[SymbolicTensor]) -> str:
    return " and ".join(f"{tensor.shape} {tensor.dtype}" for tensor in tensors)


def _same_encoder(a: Any, b: Any) -> bool:
    return a is b or (a is not None and b is not None and a.to_config() == b.to_config())


def _fresh(tensor: SymbolicTensor) -> SymbolicTensor:
    """An input of the same kind. Not dk.Input: a model may start from the output of a layer, which has a meaning."""
    fresh = Node(None, (), [Spec(tensor.spec.shape, tensor.spec.dtype, tensor.spec.meaning)]).outputs[0]
    fresh.name = tensor.name
    return fresh


def _as_probabilities(tensor: SymbolicTensor, model: Model, place: int) -> SymbolicTensor:
    loss = None if model._trainer is None else model._trainer.heads[place].loss
    if tensor.spec.meaning is Meaning.LOG_DISTRIBUTION:
        raise DeepkitValueError(
            f"{tensor.label} gives logarithms of probabilities, and an average of logarithms is no distribution. "
            "End the members with softmax."
        )
    if not getattr(loss, "from_logits", None):
        return tensor
    several = isinstance(loss, Crossentropy) and tensor.spec.features > 1
    softmax = several or (loss is not None and loss.FUSES is Meaning.DISTRIBUTION)
    return Activation("softmax" if softmax else "sigmoid")(tensor)


def _compile_like(model: Model, first: Model) -> None:
    trainer = first._trainer
    if trainer is None:
        return
    heads = trainer.heads
    losses = [
        loss.replace(from_logits=None) if loss is not None and getattr(loss, "from_logits", None) else loss
        for loss in (head.loss for head in heads)
    ]
    model.compile(
        trainer.optimizer,
        losses,
        [[metric for _, metric in head.metrics] for head in heads],
        [head.loss_weight for head in heads],
        [[metric for _, metric in head.weighted_metrics] for head in heads],
    )


def _model_of(graph: Graph) -> Model:
    return Model(
        jax.tree.unflatten(graph.input_structure, graph.inputs),
        jax.tree.unflatten(graph.output_structure, graph.outputs),
    )
