"""C7. Three blobs, 1 to 128 hidden units: how many are enough, against the chance lines at 33 % and 67 %.

The quick setting tries 1, 2, 4, 8, … 128 units; the full one all 128, as the course does.
"""

from __future__ import annotations

import numpy as np
from c06_three_qwerties import best_possible, network, three_qwerties
from reporting import arguments, beside, keep

import deepkit as dk


def main() -> None:
    options = arguments(__doc__, full=True)
    x, y = three_qwerties()
    widths = tuple(range(1, 129)) if options.full else tuple(2**k for k in range(8))
    seeds, epochs = (5, 150) if options.full else (10, 120)
    result = dk.sweep(network, (x, y), grid={"units": widths}, seeds=seeds, epochs=epochs, batch_size=30)
    beside("models, programs", f"{len(result)}, {result.programs}", "narrow ones share the program of a wider one")

    accuracy = dict(zip(widths, result.array("accuracy"), strict=True))
    beside("the nearest centre is right for", best_possible(x, y), "about 0.93: the blobs overlap")
    expected = {1: "about 2/3 at most", 2: "between that and the next", 4: "near the best", 128: "near the best"}
    for units, text in expected.items():
        beside(f"accuracy with {units} hidden units, median of the seeds", float(np.median(accuracy[units])), text)
    lost = {units: float((values < 0.75).mean()) for units, values in accuracy.items()}
    beside("share of runs that lose a blob or two, with 1 unit", lost[1], "nearly all")
    beside("  with 8 units and more", float(np.mean([lost[units] for units in widths if units >= 8])), "0")

    figure = result.plot("units", "accuracy")
    (panel,) = figure.axes
    for level, style, text in ((1 / 3, ":", "33 %: chance"), (2 / 3, "--", "67 %: one blob of three lost")):
        panel.axhline(level, color="#707070", linestyle=style)
        panel.text(128, level + 0.01, text, horizontalalignment="right")
    keep(figure, options.out / "c07_hidden_units.png")


if __name__ == "__main__":
    main()
