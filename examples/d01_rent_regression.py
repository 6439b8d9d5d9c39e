"""D1. Rents from areas: polynomials of order 1 to 5, in closed form and by gradient descent; folds choose the order."""

from __future__ import annotations

import functools
import warnings

import jax.numpy as jnp
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.classical import LeastSquares

ORDERS = (1, 2, 3, 4, 5)
SMALL, LARGE = 20.0, 140.0
COLOURS = dk.plots.canvas.OKABE_ITO


def rents(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Areas in m², and monthly rents in €: dear per m² when small, and a surcharge for the largest."""
    generator = np.random.default_rng(seed)
    area = generator.uniform(SMALL, LARGE, count)
    return area, expected_rent(area) + generator.normal(0, 90, count)


def expected_rent(area: np.ndarray) -> np.ndarray:
    t = (area - 80) / 60
    return 1150 + 350 * t - 60 * t**2 + 400 * t**3


@functools.cache  # one function per order: models that share it share their program
def legendre(order: int):
    """The area's polynomials, nearly uncorrelated on the range of areas: gradient descent is quick in them."""

    def polynomials(area):
        t = (area - (LARGE + SMALL) / 2) / ((LARGE - SMALL) / 2)
        columns = [t, (3 * t**2 - 1) / 2, (5 * t**3 - 3 * t) / 2, (35 * t**4 - 30 * t**2 + 3) / 8]
        columns.append((63 * t**5 - 70 * t**3 + 15 * t) / 8)
        return jnp.concatenate(columns[:order], axis=-1)

    return polynomials


def build(order: int) -> dk.Model:
    x = dk.Input(1)
    model = dk.Model(x, dk.layers.Dense(1)(dk.layers.Lambda(legendre(order))(x)))
    model.compile(dk.optimizers.SGD(0.2, momentum=0.8), "mse")
    return model


def rmse(model: dk.classical.LeastSquares, part) -> float:
    return float(np.sqrt(np.mean((model.predict(part) - part.y) ** 2)))


def main() -> None:
    options = arguments(__doc__)
    split = dk.split(*rents(120, 0), train=0.75, dev=0, test=0.25)
    folds = dk.folds(split, k=5)

    # Twenty-five models in one call, by gradient descent on all rows at once.
    result = dk.cross_validate(build, folds, grid={"order": ORDERS}, epochs=300, batch_size=None, verbose=0)
    beside("models in one call", len(result.sweep), "25: 5 orders × 5 folds")
    descent = np.sqrt(result.array("dev_loss")[:, :, 0])

    # The same twenty-five in closed form.
    solved = {order: [LeastSquares(order).fit(fold.train) for fold in folds] for order in ORDERS}
    closed = np.array([[rmse(m, fold.dev) for m, fold in zip(solved[order], folds, strict=True)] for order in ORDERS])
    train = np.array([[rmse(m, fold.train) for m, fold in zip(solved[order], folds, strict=True)] for order in ORDERS])
    beside("largest difference of the two, € of error", float(np.abs(descent - closed).max()), "< 1 €")
    beside("does the training error ever rise with the order?", bool((np.diff(train, axis=0) > 1e-9).any()), "False")
    beside("rank of order 5", f"{solved[5][0].rank} of {solved[5][0].columns}", "6 of 6")
    for order, mean, low in zip(ORDERS, closed.mean(axis=1), train.mean(axis=1), strict=True):
        beside(
            f"  order {order}: error of the rows left out, of training", f"{mean:.1f} €, {low:.1f} €", "90 € is noise"
        )

    order = result.best["order"]
    beside("order that the folds choose", order, "not 1 or 2: the truth has order 3")
    print(result)
    error = np.sqrt(result.test()["loss"])
    beside("error on the test part, trained on all other rows", float(error), "about 90 €")
    beside("openings of the test part", split.test.openings, "1")

    # Rooms that are nothing but the area once more cannot have a coefficient of their own.
    area = np.asarray(split.train.x, np.float64)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        both = LeastSquares().fit(np.stack([area, area / 25], axis=1), split.train.y)
    beside("rank with rooms = area / 25", f"{both.rank} of {both.columns}", "2 of 3")
    beside("warnings about it", len(said), "1")
    print(f"  {said[0].message}")
    print(dk.baselines(dk.split(*rents(120, 0)), orders=ORDERS))

    picture(split, solved, closed, train, options.out / "d01_rent_regression.png")


def picture(split, solved, closed, train, path) -> None:
    figure, (panels,) = dk.plots.canvas.new_figure(1, 2, size=(5.4, 4.2))
    area = np.linspace(SMALL, LARGE, 200)
    panels[0].plot(split.train.x, split.train.y, ".", color="#707070", alpha=0.6, label="rents of training")
    for colour, order in zip(COLOURS, (1, 3, 5), strict=False):
        panels[0].plot(area, solved[order][0].predict(area[:, None]), color=colour, label=f"order {order}, first fold")
    panels[0].plot(area, expected_rent(area), "k--", label="expected rent")
    panels[0].set(xlabel="area in m²", ylabel="monthly rent in €", title="One fold's polynomials")
    for place, (values, name) in enumerate(((train, "training rows"), (closed, "rows left out"))):
        panels[1].plot(ORDERS, values, "o", color=COLOURS[place], alpha=0.35, markersize=4)
        panels[1].plot(ORDERS, values.mean(axis=1), color=COLOURS[place], label=f"{name}, mean of 5 folds")
    panels[1].axhline(90, color="#707070", linestyle=":", label="noise of the rents")
    panels[1].set(xlabel="order", ylabel="root mean squared error in €", title="Twenty-five models")
    panels[1].set_xticks(ORDERS)
    for panel in panels:
        panel.legend(frameon=False)
    keep(figure, path)


if __name__ == "__main__":
    main()
