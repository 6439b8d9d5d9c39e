"""Real data that comes inside scikit-learn: always there, without a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepkit.datasets.dataset import Dataset
from deepkit.datasets.optional import import_tables

__all__ = ["load_digits", "load_iris", "load_wine"]


def load_wine() -> Dataset:
    """Wine recognition: 178 wines, 13 measurements (float64), three cultivars (59, 71, 48).

    Source: Aeberhard and Forina (1991), UCI Machine Learning Repository; scikit-learn's copy.
    """
    return _table(
        _datasets("load_wine").load_wine(),
        "wine",
        "cultivar",
        "https://archive.ics.uci.edu/dataset/109/wine (CC BY 4.0), as scikit-learn ships it",
    )


def load_iris() -> Dataset:
    """Iris: 150 flowers, 4 lengths in centimetres (float64), three species of 50.

    The rows are ordered by species: split them with `dk.split`, which shuffles.
    Source: Fisher (1936); scikit-learn's copy, which follows Fisher's paper (UCI's has two wrong rows).
    """
    return _table(
        _datasets("load_iris").load_iris(),
        "iris",
        "species",
        "https://archive.ics.uci.edu/dataset/53/iris (CC BY 4.0), as scikit-learn ships it",
    )


def load_digits() -> Dataset:
    """Handwritten digits: 1797 images, uint8 (1797, 8, 8, 1) from 0 (paper) to 16 (ink), ten classes.

    Source: Alpaydin and Kaynak (1998), UCI Machine Learning Repository; scikit-learn's copy of its test set.
    """
    bunch = _datasets("load_digits").load_digits()
    return Dataset(
        bunch.images.astype(np.uint8)[..., None],
        bunch.target.astype(np.int64),
        name="digits",
        target="digit",
        classes=tuple("0123456789"),
        source="https://archive.ics.uci.edu/dataset/80 (CC BY 4.0), as scikit-learn ships it",
    )


def _datasets(purpose: str) -> Any:
    return import_tables("sklearn.datasets", purpose)


def _table(bunch: Any, name: str, target: str, source: str) -> Dataset:
    pandas = import_tables("pandas", f"load_{name}")
    return Dataset(
        pandas.DataFrame(bunch.data, columns=list(bunch.feature_names)),
        pandas.Series(bunch.target.astype(np.int64), name=target),
        name=name,
        target=target,
        classes=tuple(str(each) for each in bunch.target_names),
        source=source,
    )
