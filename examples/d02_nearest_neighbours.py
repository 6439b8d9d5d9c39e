"""D2. Nearest neighbours on CIFAR-10, pixel by pixel: three distances, k by cross-validation, ties defined."""

from __future__ import annotations

import time

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.classical import KNearest

KS = (1, 3, 5, 8, 10, 12, 15, 20, 50)
DISTANCES = {"l1": "L1", "l2": "L2", "linf": "L∞"}
MEMORY = 2**26


def main() -> None:
    options = arguments(__doc__, full=True)
    train, test = dk.datasets.load_cifar10()
    kept, asked = (5000, 1000) if options.full else (500, 200)
    train, test = train.select(np.arange(kept)), test.select(np.arange(asked))

    # Every distance is measured once per fold, for the largest k; the others look at its first neighbours.
    folds = dk.folds(train, k=5)
    accuracy = np.zeros((len(DISTANCES), len(KS), len(folds)))
    begun = time.perf_counter()
    for number, fold in enumerate(folds):
        for place, metric in enumerate(DISTANCES):
            model = KNearest(metric=metric, memory=MEMORY).fit(fold.train)
            for column, answers in enumerate(model.predict_each(fold.dev, KS).values()):
                accuracy[place, column, number] = np.mean(answers == fold.dev.y)
    seconds = time.perf_counter() - begun
    means = accuracy.mean(axis=2)
    beside("images to compare with, of one fold", len(folds[0].train), f"{kept * 4 // 5}")
    beside(f"{accuracy.size} figures within {MEMORY >> 20} MiB, seconds", seconds, "few")
    best = {metric: KS[int(row.argmax())] for metric, row in zip(DISTANCES, means, strict=True)}
    for (metric, name), row in zip(DISTANCES.items(), means, strict=True):
        beside(f"{name}: best k, mean accuracy of 5 folds", f"{best[metric]}, {row.max():.3f}", "above guessing, 0.1")
    chosen = list(DISTANCES)[int(means.max(axis=1).argmax())]

    # Only the chosen distance and k meet the test images.
    model = KNearest(best[chosen], chosen, MEMORY).fit(train)
    _, rows = model.neighbours(test, 7)
    found = float(np.mean(model.predict(test) == test.y))
    beside(
        f"accuracy on {asked} test images, {DISTANCES[chosen]}, k={best[chosen]}",
        found,
        "above guessing, 0.1",
    )
    beside(
        "an image's nearest neighbour among the images that have it",
        float(model.neighbours(train.x[:20], 1)[0].max()),
        "0",
    )

    # Ties: of two classes with one neighbour each at the same distance, the smaller number.
    tied = KNearest(2, "l1").fit(np.array([[-1], [1]]), np.array([7, 3])).predict(np.array([[0]]))
    beside("class of 0 between a 7 at -1 and a 3 at 1", int(tied[0]), "3")

    figure, ((panel,),) = dk.plots.canvas.new_figure(size=(6.4, 4.2))
    for place, (name, marker) in enumerate(zip(DISTANCES.values(), "o^s", strict=True)):
        colour = dk.plots.canvas.OKABE_ITO[place]
        panel.plot(np.repeat(KS, len(folds)), accuracy[place].ravel(), marker, color=colour, alpha=0.3, markersize=4)
        panel.plot(KS, means[place], color=colour, marker=marker, label=f"{name}, mean of 5 folds")
    panel.axhline(0.1, color=dk.plots.canvas.GREY, linestyle="--", label="guessing")
    panel.set(xlabel="k, neighbours", ylabel="accuracy on the fold left out", xscale="log", ylim=(0, None))
    panel.set_xticks(KS, [str(k) for k in KS])
    panel.minorticks_off()
    panel.set_title(f"CIFAR-10, {kept} images: distances of pixels say little")
    panel.legend(frameon=False)
    keep(figure, options.out / "d02_nearest_neighbours.png")
    shown = np.concatenate([np.concatenate([test.x[i : i + 1], train.x[rows[i]]]) for i in range(6)])
    names = [
        f"{'asked: ' if place == 0 else ''}{train.classes[label]}"
        for i in range(6)
        for place, label in enumerate([test.y[i], *train.y[rows[i]]])
    ]
    figure = dk.plots.image_grid(
        shown, titles=names, columns=8, title="Test images and their seven nearest training images, nearest first"
    )
    keep(figure, options.out / "d02_nearest_neighbours_images.png")


if __name__ == "__main__":
    main()
