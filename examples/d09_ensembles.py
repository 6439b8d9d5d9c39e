"""D9, second part. Ten seeds, bagging, snapshots and test-time augmentation as one model each; and a new head.

Handwritten digits: 200 to train on and 1,000 to measure by. The new head learns to tell even digits from odd ones,
from 20 of them, on a body that has learned to tell all ten.
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.plots.canvas import GREY, OKABE_ITO, new_figure

MEMBERS = 10
DIGITS = dk.datasets.load_digits()
ORDER = np.random.default_rng(0).permutation(len(DIGITS))
X, Y = DIGITS.x[ORDER].astype("float32") / 16, DIGITS.y[ORDER]
TRAIN, UNSEEN = (X[:200], Y[:200]), (X[200:1200], Y[200:1200])


def network() -> dk.Model:
    """Images that are shifted at random in training, one hidden layer, ten classes."""
    x = dk.Input((8, 8, 1))
    shifted = dk.layers.RandomCrop(8, 8)(dk.layers.ZeroPadding2D(1)(x))
    h = dk.layers.Dense(32, "relu", name="body")(dk.layers.Flatten()(shifted))
    model = dk.Model(x, dk.layers.Dense(10, "softmax", name="head")(h))
    model.compile(dk.optimizers.SGD(0.1, momentum=0.9), "crossentropy", ["accuracy"])
    return model


def scores(probabilities: np.ndarray, y: np.ndarray = UNSEEN[1]) -> tuple[float, float]:
    """Cross-entropy and accuracy."""
    right = probabilities[np.arange(len(y)), y]
    return float(-np.log(right).mean()), float((probabilities.argmax(axis=1) == y).mean())


def report(name: str, members: np.ndarray) -> tuple[list[float], float]:
    """What averaged probabilities gain over their members: accuracies of each, and of the average."""
    each = [scores(member) for member in members]
    loss, accuracy = scores(members.mean(axis=0))
    single = np.mean(each, axis=0)
    beside(
        f"{name}: loss of the average / of a member", float(loss / single[0]), "below 1: the cross-entropy is convex"
    )
    beside(f"{name}: accuracy gained on a member", float(accuracy - single[1]), "above 0, mostly")
    return [a for _, a in each], accuracy


def bagging(draws: dk.ensembles.Bootstrap, together: dk.Ensemble) -> None:
    """Every row is judged by the members that have not drawn it: a test without test rows."""
    outside = np.zeros((MEMBERS, len(TRAIN[1])), bool)
    for seed in range(MEMBERS):
        outside[seed, draws.out_of_bag(seed)] = True
    beside("bagging: share of rows that a member has not drawn", float(outside.mean()), f"1/e = {1 / np.e:.3f}, about")
    judged = outside.any(axis=0)
    votes = (together.predict_members(TRAIN[0]) * outside[:, :, None]).sum(axis=0)[judged]
    beside(
        "bagging: accuracy by members that had not drawn it", scores(votes, TRAIN[1][judged])[1], "as on unseen rows"
    )


def transfer(base: dk.Model) -> None:
    """A new head on a frozen body: one that has learned ten digits, and one as it was drawn; 20 images for each."""
    drawn = network()
    drawn.initialize(1)

    def even(body: str) -> dk.Model:
        source = base if body == "learned" else drawn
        source.get_layer("body").trainable = False
        model = dk.Model(source.inputs, dk.layers.Dense(1, "sigmoid", name="even")(source.output_of("body")))
        model.compile(dk.optimizers.SGD(0.1, momentum=0.9), "bce", ["accuracy"])
        return model

    def few(seed: int) -> tuple:
        rows = 1200 + np.random.default_rng(seed).permutation(len(X) - 1200)[:20]
        return X[rows], (Y[rows] % 2 == 0).astype("float32"), (UNSEEN[0], (UNSEEN[1] % 2 == 0).astype("float32"))

    before = [array.copy() for array in base.get_weights()]
    result = dk.sweep(
        even, few, grid={"body": ["learned", "drawn"]}, seeds=MEMBERS, epochs=40, batch_size=None, verbose=0
    )
    beside("new heads: programs for both bodies", result.programs, 1)
    model = result.member(0).model
    beside("new head: numbers that are trained", int(sum(w.size for w in model.get_weights()[2:])), "32 + 1 = 33")
    moved = max(float(abs(now - old).max()) for now, old in zip(model.get_weights()[:2], before[:2], strict=True))
    beside("new head: the frozen body moved by", moved, 0)
    accuracy = result.array("dev_accuracy").mean(axis=1)
    beside("even or odd from 20 digits: accuracy, learned body", float(accuracy[0]), "above 0.5")
    beside("even or odd from 20 digits: gained on a body as drawn", float(accuracy[0] - accuracy[1]), "above 0")


def main() -> None:
    options = arguments(__doc__)
    result = dk.sweep(network, TRAIN, seeds=MEMBERS, epochs=60, verbose=0)
    draws = dk.ensembles.Bootstrap(TRAIN)
    kinds = {
        "ten seeds": dk.ensemble(result),
        "bagging": dk.ensemble(dk.sweep(network, draws, seeds=MEMBERS, epochs=60, verbose=0)),
        "snapshots": dk.ensembles.snapshots(network, TRAIN, cycles=4, epochs=30, verbose=0),
    }
    said = {name: together.predict_members(UNSEEN[0]) for name, together in kinds.items()}
    averaged = kinds["ten seeds"].predict(UNSEEN[0]) - said["ten seeds"].mean(axis=0)
    beside("ten seeds: predict less the averaged probabilities", float(abs(averaged).max()), "0, but for rounding")
    bagging(draws, kinds["bagging"])
    first = result.member(0).model
    said["test-time augmentation"] = dk.ensembles.Augmented(first, passes=20).predict_passes(UNSEEN[0])
    accuracies = {name: report(name, members) for name, members in said.items()}
    plain = scores(first.predict(UNSEEN[0]))[1]
    gained = accuracies["test-time augmentation"][1] - plain
    beside("test-time augmentation: gained on images as they are", gained, "above 0, mostly")
    transfer(first)

    figure, ((panel,),) = new_figure(size=(8, 4.2))
    for place, (each, together) in enumerate(accuracies.values()):
        panel.plot(np.full(len(each), place), each, "o", color=OKABE_ITO[0], alpha=0.5, label="a member, or one pass")
        panel.plot(place, together, "D", color=OKABE_ITO[1], markersize=9, label="averaged probabilities")
    panel.axhline(plain, color=GREY, linestyle=":", label="the first of the ten seeds, images as they are")
    panel.set_xticks(range(len(accuracies)), list(accuracies))
    panel.set(ylabel="accuracy on 1,000 unseen digits", title="Averages of models that learned from 200 digits")
    dk.plots.canvas.legend_below(figure)
    keep(figure, options.out / "d09_ensembles.png")


if __name__ == "__main__":
    main()
