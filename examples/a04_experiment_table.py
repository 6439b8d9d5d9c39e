"""A4. A table of experiments: every setting on one fixed partition, chosen by validation alone.

Epochs × hidden layers (none: a linear model) × activation × optimizer × learning rate × seeds, in one call. The quick
setting has 8 settings of four structures, the full one 72. Training errors are those of the last epoch's steps.
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SETTING = ["epochs", "hidden", "activation", "optimizer", "learning_rate"]
QUICK = {
    "epochs": [100],
    "hidden": [(), (10, 5)],
    "activation": ["tanh"],
    "optimizer": ["SGD", "Adam"],
    "learning_rate": [0.01, 0.1],
}
FULL = QUICK | {
    "epochs": [25, 100],
    "hidden": [(), (10,), (10, 5)],
    "activation": ["tanh", "relu"],
    "learning_rate": [0.003, 0.01, 0.1],
}


def waves() -> dk.data.Split:
    """500 noisy heights of waves over a square, cut once into 300, 100 and 100: the same rows for every setting."""
    draw = np.random.default_rng(0)
    x = draw.uniform(-2, 2, (500, 2)).astype("float32")
    height = np.sin(2 * x[:, 0]) * np.cos(x[:, 1]) + 0.5 * x[:, 0] + draw.normal(0, 0.1, 500)
    return dk.split(x, height.astype("float32"), train=0.6, dev=0.2, test=0.2)


def network(hidden=(), activation="tanh", optimizer="SGD", learning_rate=0.1) -> dk.Model:
    x = h = dk.Input(2)
    for units in hidden:
        h = dk.layers.Dense(units, activation)(h)
    model = dk.Model(x, dk.layers.Dense(1)(h))
    model.compile(getattr(dk.optimizers, optimizer)(learning_rate), "mse", ["rmse"])
    return model


def main() -> None:
    options = arguments(__doc__, full=True)
    split = waves()
    beside("rows to train, choose by, test on", [len(part) for part in split], "[300, 100, 100]")
    result = dk.sweep(network, split, grid=FULL if options.full else QUICK, seeds=3)  # prints what it does not show

    # Chosen by validation, before anybody has seen a test row.
    table = result.frame().rename(columns={"rmse": "train", "dev_rmse": "validation"})
    means = table.groupby(SETTING)[["train", "validation"]].mean().sort_values("validation")
    chosen = dict(zip(SETTING, means.index[0], strict=True))
    linear = means.xs((), level="hidden")["validation"].min()
    beside("test part opened before the choice", split.test.openings, 0)

    # Only now the test column, for the reader: what it says changes nothing.
    models: dict[tuple, dk.Model] = {}
    test = []
    for number, hidden in enumerate(table["hidden"]):
        trained = result.member(number).model
        model = models.setdefault(hidden, trained)  # one for all settings of its layers
        model.set_variables(trained.variables)
        test.append(model.evaluate(split.test)["rmse"])
    table["test"] = test
    means = table.groupby(SETTING)[["train", "validation", "test"]].mean().sort_values("validation")
    print(means.round(4).head(8).reset_index().to_string(index=False))
    table.to_csv(options.out / "a04_experiment_table.csv", index=False)
    beside("rows of the table: settings × seeds", len(table), f"{len(means)} × 3")
    beside("chosen hidden layers", str(chosen["hidden"]), "not (): nonlinear")
    beside("validation RMSE, chosen", float(means["validation"].iloc[0]), "above 0.1, the noise")
    beside("validation RMSE, best linear model / chosen", float(linear / means["validation"].iloc[0]), "well above 1")
    beside("test RMSE, chosen", float(means["test"].iloc[0]), "near its validation RMSE")
    beside("least test RMSE of all settings", float(means["test"].min()), "lower or the same: no basis for a choice")

    varied = [name for name in SETTING if len(result.axes[name]) > 1]
    keep(result.plot(varied, "dev_rmse"), options.out / "a04_experiment_table.png")
    figure = result.plot("learning_rate", ["rmse", "dev_rmse"], hue="hidden")
    keep(figure, options.out / "a04_experiment_table_hidden.png")


if __name__ == "__main__":
    main()
