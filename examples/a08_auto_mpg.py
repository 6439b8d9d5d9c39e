"""A8. Miles per gallon: standardised inside, in its own units outside; a table of settings over five folds.

The quick setting has two nets and trains for 25 and 75 epochs, the full one four, for 50 and 200.
"""

from __future__ import annotations

import functools
import itertools

import matplotlib.figure
import numpy as np
import pandas as pd
from reporting import arguments, beside, keep

import deepkit as dk

NETS = [((), "linear"), ((16,), "tanh"), ((16, 8), "relu"), ((16,), "relu")]
OPTIMIZERS = {"sgd": dk.optimizers.SGD, "adam": dk.optimizers.Adam}
RATES = {"sgd": (0.01, 0.1), "adam": (0.003, 0.01)}
SETTING = ["hidden", "activation", "optimizer", "rate", "epochs"]
ERRORS = ["train", "validation", "test"]


def net(inputs: int, hidden: tuple[int, ...], activation: str, optimizer: str, rate: float, encoder=None) -> dk.Model:
    x = h = dk.Input(inputs)
    for units in hidden:
        h = dk.layers.Dense(units, activation)(h)
    model = dk.Model(x, dk.layers.Dense(1)(h), encoder=encoder)
    model.compile(OPTIMIZERS[optimizer](rate), "mse")
    return model


def folds(data: dk.datasets.Dataset):
    """Five times 236, 78 and 78 cars to train, validate and test on; no car is tested twice. The same for all nets."""
    order = np.random.default_rng(0).permutation(len(data))
    for fold in range(5):
        test, dev, train = np.split(np.roll(order, -78 * fold), [78, 156])
        yield [data.select(rows) for rows in (train, dev, test)]


def rmse(predicted, true) -> float:
    """Root mean squared error, in miles per gallon."""
    return float(np.sqrt(np.mean((np.ravel(predicted) - np.asarray(true)) ** 2)))


def sweep(nets: list, lengths: tuple[int, ...], cut: list, encoders: list) -> pd.DataFrame:
    """A row per setting and fold, with the three errors."""
    inputs = [[encoder.transform(part) for part in parts] for encoder, parts in zip(encoders, cut, strict=True)]
    targets = [encoder.transform_target(parts[0].y) for encoder, parts in zip(encoders, cut, strict=True)]
    settings = [
        dict(zip(["fold", *SETTING], (fold, *shape, optimizer, rate, epochs), strict=True))
        for shape, optimizer, fold, epochs in itertools.product(nets, RATES, range(5), lengths)
        for rate in RATES[optimizer]
    ]
    build = functools.partial(net, encoders[0].width)
    result = dk.sweep(build, lambda fold: (inputs[fold][0], targets[fold]), grid=settings, verbose=0)

    ends, models, rows = np.cumsum([len(part) for part in cut[0]])[:2], {}, []
    for number, setting in enumerate(settings):
        fold, hidden, activation, *_ = setting.values()
        trained = result.member(number).model
        model = models.setdefault((hidden, activation), trained)
        model.set_variables(trained.variables)
        answers = np.split(encoders[fold].inverse_target(model.predict(np.concatenate(inputs[fold]))), ends)
        errors = [rmse(answer, part.y) for answer, part in zip(answers, cut[fold], strict=True)]
        rows.append([*setting.values(), *errors])
    return pd.DataFrame(rows, columns=["fold", *SETTING, *ERRORS])


def by_setting(table: pd.DataFrame, best: pd.Series, baseline: float) -> matplotlib.figure.Figure:
    """The validation error of every setting, parted by one hyper-parameter per panel, on one common axis."""
    figure = matplotlib.figure.Figure(figsize=(13, 4), dpi=120, layout="constrained")
    means = table.groupby(SETTING)["validation"].mean().reset_index()
    for panel, name in zip(figure.subplots(1, len(SETTING), sharey=True), SETTING, strict=True):
        values = sorted(set(table[name]))
        for place, value in enumerate(values):
            errors = means.loc[[each == value for each in means[name]], "validation"]
            panel.plot(place + np.linspace(-0.2, 0.2, len(errors)), errors, "o", color="#0072B2", alpha=0.5)
            panel.hlines(errors.median(), place - 0.3, place + 0.3, color="black")
        chosen = values.index(best[name])
        panel.plot(chosen, best["validation"], "*", color="#D55E00", markersize=14)
        panel.set_xticks(range(len(values)), [str(list(v)) if isinstance(v, tuple) else str(v) for v in values])
        panel.set(xlabel=name, xlim=(-0.6, len(values) - 0.4))
    figure.axes[0].set_ylabel("validation RMSE (mpg), mean of 5 folds")
    figure.suptitle(f"A dot per setting, median as a bar, the chosen one a star (always the mean: {baseline:.1f} mpg)")
    return figure


def main() -> None:
    options = arguments(__doc__, full=True)
    nets, lengths = (NETS, (50, 200)) if options.full else (NETS[:2], (25, 75))
    data = dk.datasets.load_auto_mpg()
    print(data)
    beside("cars in the file", len(data) + data.dropped, 398)
    beside("cars that stay; dropped, for they have no horsepower", f"{len(data)}; {data.dropped}", "392; 6")
    cut = list(folds(data))
    encoders = [dk.preprocessing.TableEncoder(target="zscore").fit(parts[0]) for parts in cut]  # on training rows only
    print(encoders[0].report())

    table = sweep(nets, lengths, cut, encoders)
    mean = table.groupby(SETTING, as_index=False)[ERRORS].mean().sort_values("validation")
    print(mean.round(3).head().to_string(index=False))
    best, linear = mean.iloc[0], mean[mean["activation"] == "linear"].iloc[0]  # chosen by validation only
    baseline = float(np.mean([rmse(np.mean(train.y), test.y) for train, _, test in cut]))
    nonlinear, straight = (
        table[(table[SETTING] == one[SETTING]).all(axis=1)].set_index("fold") for one in (best, linear)
    )
    beside("rows of the table", len(table), f"5 folds × {len(nets)} nets × 4 rates × {len(lengths)} lengths")
    beside("validation RMSE (mpg), best net", best["validation"], f"< {linear['validation']:.3f}, the best linear one")
    beside("folds in which it beats linear", int((nonlinear["validation"] < straight["validation"]).sum()), 5)
    score = f"{nonlinear['test'].mean():.2f} ± {nonlinear['test'].std():.2f}"
    beside("its test RMSE (mpg), mean ± deviation", score, f"< {baseline:.2f}, always the mean")
    keep(by_setting(table, best, baseline), options.out / "a08_settings.png")

    # The standardisation travels with the model: cars go in as they are, miles per gallon come out, also from a file.
    train, _, new = cut[0]
    model = net(encoders[0].width, best["hidden"], best["activation"], best["optimizer"], best["rate"], encoders[0])
    model.fit(train, epochs=best["epochs"], verbose=0)
    model.save(options.out / "mpg.deepkit")
    again = dk.load_model(options.out / "mpg.deepkit")
    car = new.x.iloc[0].to_dict()
    answer, off = float(again.predict(car)[0, 0]), nonlinear["test"].mean()
    beside(f"mpg of a car of {car['weight']:.0f} pounds", answer, f"{new.y.iloc[0]}, give or take {off:.1f}")
    beside("the file predicts what the model does", np.array_equal(again.predict(new), model.predict(new)), True)
    truth, predicted = ({"training": of(train), "test": of(new)} for of in (lambda part: part.y, again.predict))
    keep(dk.plots.predicted_against_true(truth, predicted, units="mpg"), options.out / "a08_auto_mpg.png")


if __name__ == "__main__":
    main()
