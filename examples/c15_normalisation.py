"""C15. Normalisation: z-score and min-max keep a column's shape; constant columns and outliers are found and told."""

from __future__ import annotations

import warnings

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

COLUMN = "total sulfur dioxide"


def main() -> None:
    options = arguments(__doc__)
    wine = dk.datasets.load_wine_quality("red")
    columns = wine.x.to_numpy()
    scaled = {"z-score": dk.preprocessing.zscore(wine.x), "min-max": dk.preprocessing.minmax(wine.x)}

    for name, values in scaled.items():
        each = [np.corrcoef(before, after)[0, 1] for before, after in zip(columns.T, values.T, strict=True)]
        among = np.abs(np.corrcoef(columns.T) - np.corrcoef(values.T)).max()
        beside(f"{name}: shape of the table", values.shape, columns.shape)
        beside(f"{name}: lowest correlation of a column with itself", float(min(each)), "1")
        beside(f"{name}: change of any correlation among columns", f"{among:.0e}", "0, to rounding")
    means, deviations = scaled["z-score"].mean(axis=0), scaled["z-score"].std(axis=0)
    beside("z-score: largest |mean| of a column", f"{np.abs(means).max():.0e}", "0, to rounding")
    beside("z-score: deviation of every column", f"{deviations.min():.6f} to {deviations.max():.6f}", "1")
    ends = [np.unique(scaled["min-max"].min(axis=0)).tolist(), np.unique(scaled["min-max"].max(axis=0)).tolist()]
    beside("min-max: least and greatest of every column", ends, "[[0.0], [1.0]]")

    # A column that is the same in all rows has no deviation to divide by.
    bottled = wine.x.assign(bottles=1.0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        constant = dk.preprocessing.zscore(bottled)[:, -1]
    beside("z-score of a constant column", np.unique(constant).tolist(), "[0.0], and a warning:")
    print(f"    {told[0].message}")

    # What an encoder learns of the training rows, it applies to all others; its report tells what stands out.
    split = dk.split(bottled, np.asarray(wine.y), train=0.8, dev=0.1, test=0.1, groups="duplicates")
    encoder = dk.preprocessing.TableEncoder("zscore").fit(split.train)
    print(encoder.report())
    train, test = encoder.transform(split.train), encoder.transform(split.test)
    beside("largest |mean| of a training column", f"{np.abs(train.mean(axis=0)).max():.0e}", "0, to rounding")
    beside("largest |mean| of a test column", float(np.abs(test.mean(axis=0)).max()), "not 0: training statistics")

    # Two wines with very much sulfur dioxide: min-max presses all others together.
    sulfur = wine.x[COLUMN].to_numpy()
    usual = sulfur < 200
    beside(f"wines of {COLUMN} ≥ 200 mg/l", int(np.sum(~usual)), "1599 − 1597 = 2")
    beside("min-max: where the middle wine lies among all", float(np.median(dk.preprocessing.minmax(sulfur))), "near 0")
    beside("  and without the two", float(np.median(dk.preprocessing.minmax(sulfur[usual]))), "higher")

    position = list(wine.x.columns).index(COLUMN)
    figure = dk.plots.histograms(
        {
            f"{COLUMN} (mg/l)": sulfur,
            "z-score (standard deviations)": scaled["z-score"][:, position],
            "min-max (share of the range)": scaled["min-max"][:, position],
            "without the two outliers (mg/l)": sulfur[usual],
            "z-score without them": dk.preprocessing.zscore(sulfur[usual]),
            "min-max without them": dk.preprocessing.minmax(sulfur[usual]),
        }
    )
    figure.suptitle("Scaling moves the axis and leaves the shape; two outliers at 280 mg/l squeeze all other wines")
    keep(figure, options.out / "c15_normalisation.png")


if __name__ == "__main__":
    main()
