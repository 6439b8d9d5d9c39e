"""What a run leaves: every figure of every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas as pd


class History:
    """Result of `fit`.

    Attributes:
        history: Per history key a list with one entry per epoch: a float, or an array for figures such as a
            confusion matrix.
        epoch: Epoch numbers, from 0 (or `initial_epoch`).
        seconds: Time that training took, compilation included.
        stopped: Why the run ended before its last epoch, in one sentence; `None` if it did not.
        validation_rows: Which rows `validation_split` set aside; `None` without it.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.seconds = 0.0
        self.stopped: str | None = None
        self.validation_rows: np.ndarray | None = None

    def append(self, epoch: int, figures: dict[str, Any]) -> None:
        """Add one epoch."""
        self.epoch.append(epoch)
        for key, value in figures.items():
            self.history.setdefault(key, []).append(value)

    def __getitem__(self, key: str) -> list[Any]:
        return self.history[key]

    def __repr__(self) -> str:
        if not self.epoch:
            return "History(no epochs)"
        last = ", ".join(f"{k}={v[-1]:.4g}" for k, v in self.history.items() if np.ndim(v[-1]) == 0)
        return f"History({len(self.epoch)} epochs in {self.seconds:.2f} s: {last})"

    def frame(self) -> pd.DataFrame:
        """One row per epoch, one column per figure (pandas)."""
        import pandas as pd

        return pd.DataFrame(self.history, index=pd.Index(self.epoch, name="epoch"))

    def plot(self, **options: Any) -> matplotlib.figure.Figure:
        """Learning curves: one panel per figure, training and validation together."""
        from deepkit.plots import learning_curves

        return learning_curves(self, **options)
