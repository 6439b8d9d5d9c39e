"""C13. Batch sizes on iris and wine: at equal epochs the small ones win, at equal updates there is nothing left of it.

The smallest size takes as many steps in both comparisons: larger ones are given the epochs that they lacked. The quick
setting has two sizes on iris, the full one all powers of two: 2 … 64 on iris, 2 … 512 on wine.
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk


def network(inputs: int, outputs: int) -> dk.Model:
    x = h = dk.Input(inputs)
    for units in (32, 32):
        h = dk.layers.Dense(units, "relu")(h)
    if outputs == 1:
        model, loss = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h)), "binary_crossentropy"
    else:
        model, loss = dk.Model(x, dk.layers.Dense(outputs, "softmax")(h)), "crossentropy"
    model.compile(dk.optimizers.SGD(0.01), loss, ["accuracy"])
    return model


def wines() -> tuple[tuple, int]:
    """Is a red wine better than 5? z-scored by the training rows, of which there are so many; twins stay together."""
    wine = dk.datasets.load_wine_quality("red", "good")
    wine = wine.select(wine.x["total sulfur dioxide"] < 200)
    split = dk.split(wine, train=0.8, dev=0.2, test=0, groups="duplicates")
    encoder = dk.preprocessing.TableEncoder("zscore").fit(split.train)
    rows = {part.role: (encoder.transform(part), part.y) for part in (split.train, split.dev)}
    return (*rows["train"], rows["dev"]), len(split.train.y)


def main() -> None:
    options = arguments(__doc__, full=True)
    iris = dk.split(dk.datasets.load_iris(), train=0.8, dev=0.2, test=0)
    tables = {
        "iris": (iris, 120, lambda: network(4, 3), 2 ** np.arange(1, 7) if options.full else (2, 64), 15),
    }
    if options.full:
        tables["wine"] = (*wines(), lambda: network(11, 1), 2 ** np.arange(1, 10), 10)
    seeds = 10 if options.full else 5
    figure, panels = dk.plots.canvas.new_figure(2, len(tables), size=(5.0, 3.2), share_x="col", share_y="row")
    for (name, (data, rows, build, sizes, epochs)), (above, below) in zip(tables.items(), panels.T, strict=True):
        # The smallest batches run for as many epochs in both comparisons, the largest for so many times as many.
        factor = -(-rows // sizes[0]) / -(-rows // sizes[-1])
        for place, equal in enumerate(("epochs", "updates")):
            longest = epochs if equal == "epochs" else int(epochs * factor)
            grid = {"batch_size": sizes}
            result = dk.sweep(build, data, grid=grid, seeds=seeds, epochs=longest, equal=equal)  # prints its findings
            accuracy = result.array("dev_accuracy")
            trained = result.epochs.reshape(accuracy.shape)[:, 0]
            beside(f"{name}: epochs of each size at equal {equal}", trained.tolist(), f"sizes {list(map(int, sizes))}")
            ahead = float(accuracy[0].mean() - accuracy[-1].mean())
            expected = "> 0: the small one wins" if equal == "epochs" else "about 0: there is nothing left of it"
            beside(f"{name}, equal {equal}: smallest size ahead by", ahead, expected)
            look = {"color": dk.plots.canvas.OKABE_ITO[place], "label": f"at equal {equal}"}
            above.plot(sizes, accuracy, ".", alpha=0.4, color=look["color"])
            above.plot(sizes, np.median(accuracy, axis=1), dk.plots.canvas.marker(place) + "-", **look)
        # Of the longer trainings: those at equal epochs are so short that the compiler was told to hurry.
        fastest = [min(pace.seconds_per_member for pace in result.paces if pace.batch_size == size) for size in sizes]
        spent = 1e3 * np.asarray(fastest) / trained
        beside(f"{name}: ms an epoch, smallest and largest size", f"{spent[0]:.2f}, {spent[-1]:.2f}", "falls")
        below.plot(sizes, spent, dk.plots.canvas.marker(place) + "-", color=look["color"])
        above.set_title(f"{name}, {rows} rows, {seeds} seeds")
        below.set(xlabel="batch size", xscale="log", yscale="log")
        below.set_xticks(sizes, list(map(str, sizes)), minor=False)
        below.set_xticks([], minor=True)
        below.set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
        below.set_yticks([], minor=True)
    panels[0, 0].set_ylabel("accuracy on unseen rows")
    panels[1, 0].set_ylabel("ms per model and epoch")
    figure.suptitle("What small batches gain is updates")
    dk.plots.canvas.legend_below(figure)
    keep(figure, options.out / "c13_batch_size.png")


if __name__ == "__main__":
    main()
