"""What `compile` resolves to: for every output a loss and metrics that make sense on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from deepkit import losses, metrics, optimizers
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, did_you_mean
from deepkit.graph import Graph, Meaning, Spec, SymbolicTensor
from deepkit.losses import Loss
from deepkit.metrics import Metric
from deepkit.program.objective import Head
from deepkit.program.submodel import SubModel

RESERVED = ("loss", "learning_rate")
"""History keys that are not free for metrics."""


def resolve_heads(graph: Graph, loss: Any, loss_weights: Any, measured: Any, weighted: Any) -> tuple[Head, ...]:
    """One `Head` per output.

    Args:
        graph: The declaration.
        loss: One loss for all outputs, a list in order, or a dict by output name (`None`: not trained).
        loss_weights: A number per output, as list or dict; 1 by default.
        measured: Metrics: a list (one output), a list of lists, or a dict by output name.
        weighted: The same for metrics in which rows count by their sample weight.
    """
    if isinstance(loss, str) and loss in optimizers.OPTIMIZERS:
        raise DeepkitValueError(
            f"compile(loss={loss!r}): this is an optimizer. The order is compile(optimizer, loss), "
            f"such as compile({loss!r}, 'mse')."
        )
    if isinstance(loss, str) and loss in metrics.NAMES and loss not in losses.NAMES:
        raise DeepkitValueError(
            f"compile(loss={loss!r}): this is a metric, which has no gradient to follow. "
            f"Measure it, compile(…, metrics=[{loss!r}]), and minimise a loss such as 'crossentropy' or 'mse'."
        )
    chosen = [None if item is None else losses.get(item) for item in _per_output(loss, graph, "loss")]
    if all(item is None for item in chosen):
        raise DeepkitValueError("compile(loss=None): there is nothing to minimise. Name a loss, such as loss='mse'.")
    factors = _per_output(loss_weights, graph, "loss_weights") if loss_weights is not None else [None] * len(chosen)
    plain, by_weight = (
        _metric_lists(measured, graph, "metrics"),
        _metric_lists(weighted, graph, "weighted_metrics"),
    )
    heads = []
    for index, tensor in enumerate(graph.outputs):
        chosen_loss = chosen[index]
        label = tensor.label if tensor.node.callee is None else tensor.node.callee.label
        if chosen_loss is not None:
            chosen_loss.check_output(tensor.spec, label, final_activation(tensor))
            _refuse_relu_logits(chosen_loss, tensor)
        spec = _as_metrics_see_it(tensor.spec, chosen_loss)
        name = graph.output_names[index]
        plain_metrics = _resolved(plain[index], spec, label, ())
        heads.append(
            Head(
                name, chosen_loss, _factor(factors[index], name),
                plain_metrics, _resolved(by_weight[index], spec, label, [key for key, _ in plain_metrics]),
            )
        )  # fmt: skip
    return tuple(heads)


def _factor(factor: Any, name: str) -> float:
    if factor is None:
        return 1.0
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not math.isfinite(factor):
        error = DeepkitValueError if isinstance(factor, float) else DeepkitTypeError
        raise error(
            f"compile(loss_weights=…) holds {described(factor)} for the output {name!r}. "
            f"Give a finite number, such as {{{name!r}: 0.5}}."
        )
    return float(factor)


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
            f"{node.callee.label} takes its logits from the {source.label}, whose values are never negative: "  # type: ignore[union-attr]
            f"{'no probability can fall below 0.5' if binary else 'no class can be ruled out'}, "
            "and dead units stop all learning. Leave that layer linear: activation=None."
        )


def _as_metrics_see_it(spec: Spec, loss: Loss | None) -> Spec:
    """Metrics get activated outputs, also where the model itself gives logits."""
    if loss is not None and loss.FUSES is not None and (loss.from_logits or spec.meaning is Meaning.LOG_DISTRIBUTION):
        return spec.replace(meaning=loss.FUSES)
    return spec


def _resolved(items: Sequence[Any], spec: Spec, label: str, taken: Sequence[str]) -> tuple[tuple[str, Metric], ...]:
    found: dict[str, Metric] = {}
    for item in items:
        metric = metrics.get(item)
        if metric.key in RESERVED:
            raise DeepkitValueError(
                f"a metric is called {metric.key!r}, which is the history's name for something else. "
                f"Give it another: {type(metric).__name__}(…, name='my_{metric.key}')."
            )
        if metric.key in found or metric.key in taken:
            raise DeepkitValueError(
                f"two metrics are called {metric.key!r}, and the history has room for one. Leave one out, or tell them "
                f"apart: {type(metric).__name__}(…, name='other_{metric.key}')."
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
                f"compile({what}=…) has {len(value)} entr{'y' if len(value) == 1 else 'ies'} for {len(names)} "
                f"output{'s' * (len(names) > 1)} ({', '.join(names)}). "
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
            f"compile({what}=…) does not say which of the {len(names)} outputs ({', '.join(names)}) each metric is "
            f"for. Pass a dict such as {{{names[0]!r}: ['mae']}}, or a list with one list per output."
        )
    return [_listed(item) for item in value]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _check_names(value: Mapping[Any, Any], names: Sequence[str], what: str) -> None:
    for key in value:
        if key not in names:
            raise DeepkitValueError(
                f"compile({what}=…) names the output {key!r}, which the model does not have. "
                f"{did_you_mean(str(key), names)}"
            )
