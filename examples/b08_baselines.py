"""B8. Baselines: is the network better than saying "healthy" to everybody, and better than no hidden layer at all?"""

from __future__ import annotations

import functools

import numpy as np
from reporting import arguments, beside, keep
from scipy.stats import t

import deepkit as dk

SEEDS = range(10)
WIDTHS = (0, 4, 8, 16, 32)  # hidden units; without any it is logistic regression


def classifier(inputs: int, width: int) -> dk.Model:
    x = dk.Input(inputs)
    h = dk.layers.Dense(width, "relu")(x) if width else x
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
    model.compile(dk.optimizers.Adam(0.005), "bce", ["accuracy"])
    return model


@functools.cache
def encoded(seed: int):
    """One split; arrays of its three parts, with the training part's statistics. All widths share it."""
    split = dk.split(dk.datasets.load_heart_disease(), train=193, dev=49, test=61, seed=seed)
    encoder = dk.preprocessing.TableEncoder().fit(split.train)
    return [(encoder.transform(part), part.y) for part in split]


def to_learn(seed: int):
    """What a run sees: rows to learn, and those that tell it when to stop."""
    train, devset, _ = encoded(seed)
    return *train, devset


def difference(left, right) -> tuple[float, float]:
    """Mean and half the 95 % interval of the differences, split by split."""
    d = np.subtract(left, right)
    return float(d.mean()), float(t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))


def main() -> None:
    options = arguments(__doc__)
    splits = [encoded(seed) for seed in SEEDS]
    inputs = splits[0][0][0].shape[1]
    stop = dk.callbacks.EarlyStopping(patience=20, restore_best_weights=True)

    dev = {width: [] for width in WIDTHS}
    test = {width: [] for width in WIDTHS}
    result = dk.sweep(
        functools.partial(classifier, inputs), to_learn, grid={"width": WIDTHS}, seeds=SEEDS, epochs=200,
        callbacks=[stop], verbose=0,
    )  # fmt: skip
    models = {width: classifier(inputs, width) for width in WIDTHS}
    for number in range(len(result)):
        run = result.member(number)
        width, model = run.settings["width"], models[run.settings["width"]]
        model.set_variables(run.model.variables)
        dev[width].append(np.nanmin(run.history["dev_loss"]))
        test[width].append(model.evaluate(*splits[run.seed][2])["accuracy"])
    healthy = [float(np.mean(testset[1] == 0)) for _, _, testset in splits]

    majority, linear = float(np.mean(healthy)), float(np.mean(test[0]))
    beside("majority class", majority, ".54")
    beside("no hidden layer, mean test accuracy", linear, f"> {majority:.3f}")
    for width in WIDTHS[1:]:
        spread = f"{np.mean(test[width]):.3f} ± {np.std(test[width], ddof=1):.3f}"
        beside(f"{width} hidden units, mean ± deviation", spread, f"beside {majority:.3f} and {linear:.3f}")

    # The width is chosen on the validation parts; only then is the test asked, and split by split, for the splits
    # differ far more than the models do.
    best = min(WIDTHS[1:], key=lambda width: np.mean(dev[width]))
    beside("width of the lowest validation loss", best, f"one of {WIDTHS[1:]}")
    gain, half = difference(test[best], healthy)
    beside(f"{best} units against the majority class", f"{gain:+.3f} ± {half:.3f}", "above 0")
    gain, half = difference(test[best], test[0])
    beside(f"{best} units against no hidden layer", f"{gain:+.3f} ± {half:.3f}", "about 0")
    verdict = "pays" if gain > half else "costs" if gain < -half else "makes no difference that one can see"
    print(f"Here the hidden layer {verdict}.")

    figure = dk.plots.spread_over_runs(
        {"none": test[0]} | {width: test[width] for width in WIDTHS[1:]},
        quantity=f"accuracy on 61 test patients, {len(SEEDS)} splits",
        setting="hidden units",
        baselines={f"majority class, {majority:.2f}": majority, f"no hidden layer, {linear:.2f}": linear},
        title="Heart disease: what does the hidden layer add?",
    )
    keep(figure, options.out / "b08_baselines.png")


if __name__ == "__main__":
    main()
