"""The figure that all pictures are drawn on. Imported with the first picture, not with deepkit."""

from __future__ import annotations

import io

import matplotlib.figure


class Picture(matplotlib.figure.Figure):
    """A matplotlib figure without pyplot that notebooks show all the same."""

    def _repr_png_(self) -> bytes:
        # Without pyplot, Jupyter has not been told how figures are displayed.
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()
