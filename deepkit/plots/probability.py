"""What a wrong probability costs: cross-entropy beside squared and absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepkit.plots.canvas import GREY, colours, legend_below, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def loss_curves_of_probability() -> Figure:
    """Loss and its gradient against the predicted probability p, for y = 1 and y = 0.

    Three losses: binary cross-entropy −ln p or −ln(1−p), with the natural logarithm (.693 at p = ½, where the
    logarithm to base 2 gives 1); squared error (y−p)²; absolute ("linear") error |y−p|. Only the cross-entropy's
    gradient grows without bound where the prediction is confident and wrong: −1/p or 1/(1−p).
    """
    figure, panels = new_figure(2, 2, size=(4.6, 3.2), share_x=True, share_y="row")
    p = np.linspace(0.002, 0.998, 499)
    for column, y in enumerate((1, 0)):
        right, towards = (p, -1.0) if y else (1 - p, 1.0)
        losses = {
            "binary cross-entropy (natural logarithm)": (-np.log(right), towards / right),
            "squared error": ((y - p) ** 2, 2 * (p - y)),
            "absolute error": (np.abs(y - p), np.full_like(p, towards)),
        }
        for (label, (loss, gradient)), colour in zip(losses.items(), colours(3), strict=True):
            panels[0, column].plot(p, loss, color=colour, label=label if column == 0 else "")
            panels[1, column].plot(p, gradient, color=colour)
        panels[0, column].set(title=f"true class y = {y}", ylim=(0, 5))
        panels[1, column].set(xlabel="predicted probability p of class 1", ylim=(-10, 10), xlim=(0, 1))
        panels[1, column].axhline(0, color=GREY, linewidth=0.6)
    panels[0, 0].set_ylabel("loss")
    panels[1, 0].set_ylabel("gradient, d loss / dp")
    figure.suptitle("What a wrong probability costs")
    legend_below(figure)
    return figure
