"""C10. Splits of iris: rows in the file's order against rows at random, shares to train on, folds of every kind."""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SHARES = (0.2, 0.28, 0.36, 0.45, 0.53, 0.62, 0.7, 0.78, 0.87, 0.95)  # each has a program of its own to compile
EPOCHS = 100


def network() -> dk.Model:
    x = dk.Input(4)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(x))
    model.compile(dk.optimizers.Adam(0.1), "crossentropy", ["accuracy"])
    return model


def main() -> None:
    options = arguments(__doc__, full=True)
    shares = SHARES if options.full else (SHARES[0], SHARES[3], SHARES[8])
    iris = dk.datasets.load_iris()
    groups = np.arange(150) // 10  # flowers that grew together, say

    split = dk.split(iris, train=0.8, dev=0.1, test=0.1)
    beside("train, dev, test of .8, .1, .1", [len(part) for part in split], "[120, 15, 15]")
    beside("  every row in one part", len(np.unique(np.concatenate([part.rows for part in split]))), "150")
    beside("  classes of dev", np.bincount(split.dev.y).tolist(), "[5, 5, 5], stratified")
    grouped = dk.split(iris, groups=groups)
    both = set(groups[grouped.train.rows]) & {*groups[grouped.dev.rows], *groups[grouped.test.rows]}
    beside("groups on both sides of a grouped split", len(both), "0")

    # The file is sorted by species: cut in its order, it hides one from the model.
    parts = {
        "in the file's order": dk.split(iris, train=0.7, dev=0.3, test=0, time=np.arange(150)),
        "at random, stratified": dk.split(iris, train=0.7, dev=0.3, test=0),
    }
    for how, part in parts.items():
        beside(
            f"species in training, {how}",
            np.bincount(part.train.y, minlength=3).tolist(),
            "in order few of the third, at random equal",
        )

    # One sweep: both ways to cut, ten shares to train on.
    def rows(order: str, share: float) -> dk.data.Split:
        train = round(150 * share)
        time = np.arange(150) if order == "file" else None
        return dk.split(iris, train=train, dev=150 - train, test=0, time=time)

    result = dk.sweep(
        network, rows, grid={"order": ["file", "random"], "share": shares}, epochs=EPOCHS, batch_size=None, verbose=0
    )
    accuracy = result.array("dev_accuracy")[:, :, 0]
    beside(
        "accuracy on unseen rows, file's order, share .45", float(accuracy[0, 1]), "low: their species was never seen"
    )
    beside("accuracy on unseen rows, at random, share .45", float(accuracy[1, 1]), "> 0.9")

    # Folds: each row is left out once.
    folds = {
        "5 folds": dk.folds(iris, k=5),
        "grouped": dk.folds(iris, k=5, groups=groups),
        "in time": dk.folds(iris, k=5, time=np.random.default_rng(0).permutation(150)),
    }
    for name, each in folds.items():
        beside(f"{name}: rows of dev", [dev for _, dev in each.sizes], "30 each; in time 25 each")
    validated = dk.cross_validate(
        network, dk.folds(iris, k="leave-one-out"), epochs=EPOCHS, batch_size=None, monitor="dev_accuracy", verbose=0
    )
    right = validated.array("dev_accuracy")
    beside("leave-one-out: models in one call", right.size, "150")
    beside("  of them right about their flower", float(right.mean()), "> 0.93")

    # A mean of batch means gives the rows of a short last batch too much weight.
    model = validated.model
    probabilities = model.predict(split.train.x)
    losses = -np.log(probabilities[np.arange(120), split.train.y])
    means = [batch.mean() for batch in np.split(losses, (32, 64, 96))]
    beside("loss of 120 rows, as evaluate says", model.evaluate(split.train)["loss"], "whatever the batch size")
    beside(
        "  mean of its batches of 32, 32, 32, 24, by rows", float(np.average(means, weights=[32] * 3 + [24])), "same"
    )
    beside("  unweighted mean of the batches", float(np.mean(means)), "another number")

    history = result.history[:, :, result.figures.index("dev_accuracy")].reshape(2, len(shares), EPOCHS)
    figure, (panels,) = dk.plots.canvas.new_figure(1, 2, size=(5.2, 4.0), share_x=True, share_y=True)
    for panel, values, title in zip(panels, history, ("in the file's order", "at random, stratified"), strict=True):
        image = panel.imshow(
            values,
            aspect="auto",
            origin="lower",
            cmap="cividis",
            vmin=0,
            vmax=1,
            extent=(0.5, EPOCHS + 0.5, -0.5, len(shares) - 0.5),
            interpolation="nearest",
        )
        panel.set(title=title, xlabel="epoch")
        panel.set_yticks(range(len(shares)), shares)
    panels[0].set_ylabel("share of the 150 rows to train on")
    figure.colorbar(image, ax=panels, label="accuracy on unseen rows")
    figure.suptitle("Iris: the order of the rows decides, not their number")
    keep(figure, options.out / "c10_splits.png")


if __name__ == "__main__":
    main()
