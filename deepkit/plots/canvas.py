"""What all pictures share: the empty figure, the colours, and how lists of results are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepkit.errors import DeepkitError, DeepkitValueError

if TYPE_CHECKING:
    from deepkit.plots.picture import Picture

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours that colour-blind eyes tell apart (Okabe and Ito, 2008); its yellow is too light for lines on white."""

MARKERS = ("o", "^", "s", "D", "v", "P", "X")
"""One per colour: what differs in colour differs in shape too."""

GREY = "#707070"
"""For references: baselines, identity lines, counts."""


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    size: tuple[float, float] = (6.0, 4.0),
    share_x: Any = False,
    share_y: Any = False,
) -> tuple[Picture, np.ndarray]:
    """A figure and its panels, `(rows, columns)`; `size` of one panel in inches."""
    try:
        from deepkit.plots.picture import Picture
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise DeepkitError(
            'pictures need matplotlib, which is not installed. Run: pip install "deepkit[plots]"'
        ) from None

    figure = Picture(figsize=(columns * size[0], rows * size[1]), dpi=120)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    panels = figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False)
    for panel in panels.flat:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, panels


def colours(count: int) -> list[Any]:
    """So many colours: the first of Okabe and Ito's, or steps from dark blue to yellow where they don't suffice."""
    if count <= len(OKABE_ITO):
        return list(OKABE_ITO[:count])
    import matplotlib

    return list(matplotlib.colormaps["cividis"](np.linspace(0, 0.9, count)))


def legend_below(figure: Picture, handles: Iterable[Any] | None = None) -> None:
    """One legend for all panels, in as many columns as fit, on paper added below them.

    By default of everything that has a label; of several with one label, the first.
    """
    if handles is None:
        handles = [handle for panel in figure.axes for handle in panel.get_legend_handles_labels()[0]]
    entries: dict[str, Any] = {}
    for handle in handles:
        entries.setdefault(handle.get_label(), handle)
    fitting = (n for n in range(len(entries), 1, -1) if _inches(list(entries), n) < figure.get_figwidth())
    columns = next(fitting, 1)
    figure.set_figheight(figure.get_figheight() + 0.21 * math.ceil(len(entries) / columns))
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=columns, frameon=False)


def _inches(labels: list[str], columns: int) -> float:
    """Estimated width of a legend: a sign and the longest label of each column."""
    return sum(0.67 + 0.085 * max(map(len, column)) for column in np.array_split(np.array(labels), columns))


def marker(index: int) -> str:
    """A marker for the line or class of this number."""
    return MARKERS[index % len(MARKERS)]


def class_names(classes: Sequence[Any] | None, count: int) -> list[str]:
    """Names of the classes, numbers where none are given; as many as needed, or an error."""
    if classes is None:
        return [f"class {index}" for index in range(count)]
    if len(classes) != count:
        raise DeepkitValueError(
            f"classes has {len(classes)} names {tuple(map(str, classes))}, but the results have {count} classes. "
            "Give one name per class, in the order of the outputs."
        )
    return [str(name) for name in classes]


def class_numbers(labels: Any, count: int, name: str) -> np.ndarray:
    """`(rows,)` class numbers from 0, from numbers, one column of them, or one-hot rows."""
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == count > 1:
        array = array.argmax(axis=1)
    if array.dtype.kind not in "fiub" or array.size != len(array):
        raise DeepkitValueError(
            f"{name} has shape {array.shape} and dtype {array.dtype}. "
            f"Pass one class number per row, from 0 to {count - 1}."
        )
    numbers = array.reshape(-1)
    wrong = ~np.isin(numbers, np.arange(count))
    if wrong.any():
        raise DeepkitValueError(
            f"{name} holds {numbers[wrong][0]:g} in row {int(wrong.argmax())}, but there are {count} classes. "
            f"Class numbers run from 0 to {count - 1}."
        )
    return numbers.astype(int)


def numbers_of(values: Any, name: str) -> np.ndarray:
    """A flat float64 array; anything that is not numbers is refused by name."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise DeepkitValueError(f"{name} holds {array.dtype}, and a picture needs numbers. Pass an array of numbers.")
    return array.astype(np.float64).reshape(-1)


def require_rows(counts: Mapping[str, int]) -> None:
    """Refuse results with different numbers of rows, or none."""
    if len(set(counts.values())) > 1 or not all(counts.values()):
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise DeepkitValueError(f"the picture needs one value per row in each, but of rows {told}. Pass the same rows.")


def whole_ticks(panel: Any) -> None:
    """Ticks of the horizontal axis at whole numbers only: there is no epoch 1.5."""
    from matplotlib.ticker import MaxNLocator

    panel.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
