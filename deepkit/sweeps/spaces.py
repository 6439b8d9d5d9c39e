"""Which settings a sweep tries: every point of a grid, or a sample of a space."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, did_you_mean, shown

__all__ = ["Choice", "LogUniform", "Uniform", "grid_points", "listed_points", "sampled_points"]

Settings = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Uniform:
    """A number between `low` and `high`, all equally likely."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high)

    def at(self, share: float) -> float:
        """The value below which this share of all draws lies."""
        return float(self.low + share * (self.high - self.low))


@dataclasses.dataclass(frozen=True)
class LogUniform:
    """A number between `low` and `high`, both above 0, with all orders of magnitude equally likely: for rates."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high)
        if self.low <= 0:
            raise DeepkitValueError(f"LogUniform(low={self.low}): a logarithm needs numbers above 0, such as 1e-4.")

    def at(self, share: float) -> float:
        """The value below which this share of all draws lies."""
        return float(math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low))))


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of these values, all equally likely."""

    values: Sequence[Any]

    def __post_init__(self) -> None:
        if len(self.values) == 0:
            raise DeepkitValueError("Choice has no values. Give it at least one.")

    def at(self, share: float) -> Any:
        """The value at this share of the list."""
        return plain(self.values[min(int(share * len(self.values)), len(self.values) - 1)])


def grid_points(grid: Mapping[str, Any]) -> tuple[dict[str, tuple[Any, ...]], Iterator[Settings], int]:
    """The axes of a grid, its points in C order (the last axis runs fastest), and how many there are."""
    axes = {name: _axis(name, values) for name, values in grid.items()}
    points = (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
    return axes, points, math.prod(map(len, axes.values()))


def listed_points(settings: Sequence[Any]) -> list[Settings]:
    """The settings of a list, which must all have the same names."""
    if not settings:
        raise DeepkitValueError("grid is an empty list, so there is nothing to train. Give at least one setting.")
    for place, setting in enumerate(settings):
        if not isinstance(setting, Mapping):
            raise DeepkitTypeError(
                f"grid[{place}] is {described(setting)}. A list holds settings: [{{'learning_rate': 0.1}}, …]; a grid "
                "of all combinations is a dict of lists: {'learning_rate': [0.1, …]}."
            )
        if set(setting) != set(settings[0]):
            raise DeepkitValueError(
                f"grid[{place}] has {', '.join(setting) or 'no names'}, and grid[0] has {', '.join(settings[0])}. "
                "Give all settings of a list the same names."
            )
    return [{name: plain(setting[name]) for name in settings[0]} for setting in settings]


def sampled_points(space: Mapping[str, Any], samples: int, sampling: str, seed: int) -> list[Settings]:
    """So many points of a space.

    Args:
        space: Per name `Uniform`, `LogUniform` or `Choice`; a list of values is a choice.
        samples: How many.
        sampling: `"random"`: each number by itself; `"latin"`: each axis is cut into as many parts as there are
            samples, and every part gets one (McKay, Beckman, Conover 1979).
        seed: Of the draws.
    """
    if sampling not in ("random", "latin"):
        raise DeepkitValueError(
            f"sampling={shown(sampling)} is unknown. {did_you_mean(str(sampling), ('random', 'latin'))}"
        )
    axes = {name: value if hasattr(value, "at") else Choice(_axis(name, value)) for name, value in space.items()}
    generator = np.random.default_rng(seed)
    shares = generator.random((samples, len(axes)))
    if sampling == "latin":
        cells = np.stack([generator.permutation(samples) for _ in axes], axis=1) if axes else shares
        shares = (cells + shares) / samples
    return [{name: axis.at(share) for (name, axis), share in zip(axes.items(), row, strict=True)} for row in shares]


def plain(value: Any) -> Any:
    """NumPy's scalars as Python's, so that a setting prints, compares and is written as what it is."""
    return value.item() if isinstance(value, np.generic) else value


def _axis(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
        raise DeepkitTypeError(
            f"the axis {name!r} is {described(values)}, not a list of values. Write {name}=[…], also for a single one."
        )
    listed = tuple(map(plain, values))
    if not listed:
        raise DeepkitValueError(f"the axis {name!r} has no values, so there is nothing to train. Give at least one.")
    return listed


def _check_ends(low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise DeepkitValueError(f"low={low}, high={high}: expected two finite numbers, the smaller one first.")
