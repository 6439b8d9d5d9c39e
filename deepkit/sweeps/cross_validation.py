"""`dk.cross_validate`: all folds × seeds × settings as one sweep."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from deepkit.data.folds import Folds, folds_of
from deepkit.data.part import Part, Split
from deepkit.datasets import Dataset
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, did_you_mean, from_user_line, warn
from deepkit.sweeps.spaces import Settings, grid_points
from deepkit.sweeps.study import settings_of, sweep
from deepkit.sweeps.validated import CrossValidation, Refit
from deepkit.training.arguments import refuse_test_data, whole_number

__all__ = ["cross_validate"]


@from_user_line
def cross_validate(
    build: Callable[..., Any],
    data: Any,
    *,
    folds: int | str = 5,
    repeats: int = 1,
    grid: Mapping[str, Any] | Sequence[Settings] | None = None,
    space: Mapping[str, Any] | None = None,
    samples: int | None = None,
    sampling: str = "random",
    seeds: int | Sequence[int] = 1,
    epochs: int | None = None,
    updates: int | None = None,
    batch_size: int | None = 32,
    shuffle: bool = True,
    callbacks: Iterable[Any] | None = None,
    monitor: str = "dev_loss",
    mode: str = "auto",
    inner: int = 0,
    limit: int = 10_000,
    verbose: Any = "auto",
) -> CrossValidation:
    """Train every setting and seed on every fold's training rows, in one `dk.sweep`, and measure on the rows left out.

    The folds are decided before anything is fitted. What is fitted to data belongs inside a fold: let `build` take
    `train`, the fold's training part, and fit encoders and `Normalization` layers to it:

        def build(train, learning_rate):
            encoder = dk.preprocessing.TableEncoder().fit(train)
            x = dk.Input(encoder.width)
            model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(x), encoder=encoder)
            model.compile(dk.optimizers.Adam(learning_rate), "bce", ["accuracy"])
            return model

        result = dk.cross_validate(build, split, grid={"learning_rate": [0.001, 0.01]}, epochs=100)
        print(result)                # per setting the mean over the folds, with its interval
        result.model                 # the best setting, trained once more on everything that is not test
        result.test()                # opens the test part, once

    Args:
        build: Called with a setting, returns a compiled model, as in `dk.sweep`; `train` is no setting.
        data: A split (its test part stays sealed), a `Dataset`, `(x, y)`, or `dk.folds(…)`, which has every other way
            to divide: by group, by time, other seeds.
        folds, repeats: As `k` and `repeats` in `dk.folds`, where `data` are no folds yet.
        grid, space, samples, sampling: The settings, as in `dk.sweep`; all of them are tried on every fold.
        seeds, epochs, updates, batch_size, shuffle, callbacks, limit, verbose: As in `dk.sweep`.
        monitor, mode: The figure by whose mean over folds and seeds the setting is chosen, and whether it should be
            low (`"min"`) or high; by default as the metric says.
        inner: Nested cross-validation: so many folds within the training rows of every fold choose the setting that
            the fold then measures (Stone 1974). Its figure, `result.nested`, is honest also after many settings; the
            best setting's own mean is not, since it is the best of many.

    Returns:
        A `CrossValidation`.

    Raises:
        DeepkitError: What `dk.folds` and `dk.sweep` refuse; test data; a monitor that is no figure of held-out rows.
    """
    refuse_test_data(data, "cross_validate")
    divided = _folds(data, folds, repeats)
    axes, settings = settings_of(grid, space, samples, sampling)
    if reserved := [name for name in ("fold", "inner", "train") if name in settings[0]]:
        raise DeepkitValueError(
            f"there is a setting {reserved[0]!r}, which names a part of the folds. Give yours another name."
        )
    if not monitor.startswith("dev_"):
        raise DeepkitValueError(
            f"monitor={monitor!r}: a setting is chosen by rows that it has not learnt from, whose figures begin with "
            "dev_. Use monitor='dev_loss', or a metric such as 'dev_accuracy'."
        )
    whole_number(inner, "inner", 0, "5")
    if inner == 1:
        raise DeepkitValueError("inner=1: choosing within a fold takes at least 2 inner folds. Use 0 for none.")
    _check_first(build, settings[0], divided, monitor)
    nested = [divided.within(number, inner) for number in range(len(divided))] if inner else []
    places = {"fold": range(len(divided)), **({"inner": range(inner + 1)} if inner else {})}
    points: Any = {**axes, **places}
    if space is not None or isinstance(grid, list | tuple):  # they lie on no grid, and the folds with them
        points = [setting | place for setting in settings for place in grid_points(places)[1]]

    def rows(fold: int, inner: int = 0) -> Split:
        return divided[fold] if inner == 0 else nested[fold][inner - 1]

    result = sweep(
        _within_fold(build, lambda fold, inner: rows(fold, inner).train), rows, grid=points, seeds=seeds, epochs=epochs,
        updates=updates, batch_size=batch_size, shuffle=shuffle, callbacks=callbacks, limit=limit, verbose=verbose,
    )  # fmt: skip
    refit = Refit(build, batch_size, shuffle, callbacks)
    return CrossValidation(result, settings, divided, inner, monitor, mode, refit)


def _folds(data: Any, k: int | str, repeats: int) -> Folds:
    if isinstance(data, Folds):
        if (k, repeats) != (5, 1):
            raise DeepkitValueError("data are folds already. Say how many there: dk.folds(…, k=10, repeats=3).")
        return data
    if isinstance(data, Split | Dataset):
        return folds_of(data, None, k=k, repeats=repeats)
    if isinstance(data, tuple | list) and len(data) == 2:
        return folds_of(*data, k=k, repeats=repeats)
    raise DeepkitTypeError(
        f"data is {described(data)}. Pass a split from dk.split, a Dataset, (x, y), or folds from dk.folds."
    )


def _takes_train(build: Callable[..., Any]) -> bool:
    return "train" in inspect.signature(build).parameters


def _within_fold(build: Callable[..., Any], train_of: Callable[[int, int], Part]) -> Callable[..., Any]:
    """`build` as a sweep calls it: where it takes `train`, with the fold's number in its place."""
    if not _takes_train(build):
        return build

    def build_in_fold(*, fold: int, inner: int = 0, **settings: Any) -> Any:
        return build(train=train_of(fold, inner), **settings)

    own = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(build).parameters.values() if p.name != "train"]
    places = [
        p for p in inspect.signature(build_in_fold).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    build_in_fold.__signature__ = inspect.Signature([*places, *own])  # type: ignore[attr-defined]
    return build_in_fold


def _check_first(build: Callable[..., Any], first: Settings, folds: Folds, monitor: str) -> None:
    """What can be seen in the model of the first setting, before hundreds are trained."""
    known = inspect.signature(build).parameters
    train = {"train": folds[0].train} if _takes_train(build) else {}
    try:
        model = build(**{name: value for name, value in first.items() if name in known}, **train)
        keys = model._require_trainer("cross_validate").objective.keys
        layers = model.program.places.values()
    except Exception:  # the sweep will name it, with its setting
        return
    if monitor.removeprefix("dev_") not in keys:
        figures = [f"dev_{key}" for key in keys]
        raise DeepkitValueError(
            f"monitor={monitor!r} is no figure of the model. {did_you_mean(monitor, figures)} Metrics are chosen in "
            "compile(metrics=[…])."
        )
    fitted = [layer.label for layer in layers if hasattr(layer, "adapt") and layer.holder.state]
    fitted += ["the model's encoder"] if model.encoder is not None else []
    if fitted and not train:
        warn(
            f"{' and '.join(fitted)} came to the folds with statistics, which may be those of the rows that are left "
            "out. Let build take train, the fold's training part, and fit to it: def build(train, …)."
        )
