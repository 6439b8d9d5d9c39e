"""What `compile` resolves to: for every output a loss and metrics that make sense on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deepkit import losses, metrics
from deepkit.errors import DeepkitTypeError, DeepkitValueError, did_you_mean
from deepkit.graph import Graph, Meaning, Spec, SymbolicTensor
from deepkit.losses import Loss
from deepkit.metrics import Metric
from deepkit.program.objective import Head
from deepkit.program.submodel import SubModel


def resolve_heads(graph: Graph, loss: Any, loss_weights: Any, measured: Any, weighted: Any) -> tuple[Head, ...]:
    """One `Head` per output.

    Args:
        graph: The declaration.
        loss: One loss for all outputs, a list in order, or a dict by output name (`None`: not trained).
        loss_weights: A number per output, as list or dict; 1 by default.
        measured: Metrics: a list (one output), a list of lists, or a dict by output name.
        weighted: The same for metrics in which rows count by their sample weight.
    """
    chosen = [None if item is None else losses.get(item) for item in _per_output(loss, graph, "loss")]
    if all(item is None for item in chosen):
        raise DeepkitValueError("compile(loss=None): there is nothing to train on. Name a loss, such as loss='mse'.")
    factors = _per_output(loss_weights, graph, "loss_weights") if loss_weights is not None else [None] * len(chosen)
    plain, by_weight = (
        _metric_lists(measured, graph, "metrics"),
        _metric_lists(weighted, graph, "weighted_metrics"),
    )
    heads = []
    for index, tensor in enumerate(graph.outputs):
        chosen_loss, label = chosen[index], tensor.label
        if chosen_loss is not None:
            chosen_loss.check_output(tensor.spec, label, final_activation(tensor))
            _refuse_relu_logits(chosen_loss, tensor)
        spec = _as_metrics_see_it(tensor.spec, chosen_loss)
        factor = factors[index]
        if factor is not None and (isinstance(factor, bool) or not isinstance(factor, int | float)):
            raise DeepkitTypeError(
                f"loss_weights holds {factor!r} for {graph.output_names[index]!r}: expected a number."
            )
        heads.append(
            Head(
                graph.output_names[index], chosen_loss, 1.0 if factor is None else float(factor),
                _resolved(plain[index], spec, label), _resolved(by_weight[index], spec, label),
            )
        )  # fmt: skip
    return tuple(heads)


def final_activation(tensor: SymbolicTensor) -> Any:
    """The activation that makes this output, seen through sub-models; `None` if there is none."""
    layer: Any = tensor.node.callee
    if isinstance(layer, SubModel):
        return final_activation(layer.graph.outputs[tensor.index])
    return None if layer is None else layer.final_activation


def _refuse_relu_logits(loss: Loss, tensor: SymbolicTensor) -> None:
    """A sigmoid or softmax layer of its own, behind a ReLU: the logits can never be negative."""
    node = tensor.node
    is_activation = node.callee is not None and len(node.inputs) == 1 and not getattr(node.callee, "units", None)
    if loss.FUSES is None or tensor.spec.meaning is not loss.FUSES or not is_activation:
        return
    source = node.inputs[0]
    if source.spec.meaning is Meaning.NON_NEGATIVE:
        binary = loss.FUSES is Meaning.PROBABILITY
        raise DeepkitValueError(
            f"{tensor.label} takes its logits from the {source.label}, whose values are never negative: "
            f"{'no probability can fall below 0.5' if binary else 'no class can be ruled out'}, "
            "and dead units stop all learning. Leave the activation of that layer linear."
        )


def _as_metrics_see_it(spec: Spec, loss: Loss | None) -> Spec:
    """Metrics get activated outputs, also where the model itself gives logits."""
    if loss is not None and loss.FUSES is not None and (loss.from_logits or spec.meaning is Meaning.LOG_DISTRIBUTION):
        return spec.replace(meaning=loss.FUSES)
    return spec


def _resolved(items: Sequence[Any], spec: Spec, label: str) -> tuple[tuple[str, Metric], ...]:
    found: dict[str, Metric] = {}
    for item in items:
        metric = metrics.get(item)
        if metric.key in found:
            raise DeepkitValueError(
                f"two metrics are called {metric.key!r}, and the history has room for one. Give one of them name=…."
            )
        found[metric.key] = metric.resolve(spec, label)
    return tuple(found.items())


def _per_output(value: Any, graph: Graph, what: str) -> list[Any]:
    names = graph.output_names
    if isinstance(value, Mapping):
        _check_names(value, names, what)
        return [value.get(name) for name in names]
    if isinstance(value, list | tuple):
        if len(value) != len(names):
            raise DeepkitValueError(
                f"compile({what}=…) has {len(value)} entries for {len(names)} outputs ({', '.join(names)}). "
                "Give one per output, in order, or a dict by name."
            )
        return list(value)
    return [value] * len(names)


def _metric_lists(value: Any, graph: Graph, what: str) -> list[list[Any]]:
    names = graph.output_names
    if value is None:
        return [[] for _ in names]
    if isinstance(value, Mapping):
        _check_names(value, names, what)
        return [_listed(value.get(name)) for name in names]
    value = _listed(value)
    if len(names) == 1:
        return [_listed(value[0])] if len(value) == 1 else [value]
    if len(value) != len(names) or not all(isinstance(item, list | tuple) for item in value):
        raise DeepkitValueError(
            f"compile({what}=…): the model has {len(names)} outputs ({', '.join(names)}), so say which output each "
            f"metric is for: a dict such as {{{names[0]!r}: ['mae']}}, or a list with one list per output."
        )
    return [_listed(item) for item in value]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _check_names(value: Mapping[Any, Any], names: Sequence[str], what: str) -> None:
    for key in value:
        if key not in names:
            raise DeepkitValueError(f"compile({what}=…) names the output {key!r}. {did_you_mean(str(key), names)}")
