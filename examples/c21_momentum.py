"""C21. Three clouds of points, 2 → 8 → 8 → 3, and momentum in its two forms: the heavy ball and the running average.

heavy ball   v ← β v + g             effective rate η / (1 − β): quicker, until it is too large
averaging    v ← β v + (1 − β) g     effective rate η whatever β: neither quicker nor lost
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

MOMENTA = (0.0, 0.5, 0.9, 0.95, 0.999)
FORMS = ("heavy ball", "averaging")
RATE = 0.01
EPOCHS, EARLY = 50, 5


def qwerties(seed: int = 0, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of points around (1, 1), (5, 1) and (4, 3), of standard deviation 1, and which one each is of."""
    draw = np.random.default_rng(seed)
    x = np.concatenate([draw.normal(centre, 1, (rows, 2)) for centre in ([1, 1], [5, 1], [4, 3])])
    return x.astype("float32"), np.repeat([0, 1, 2], rows)


def network(momentum: float = 0.0, form: str = "heavy ball") -> dk.Model:
    x = h = dk.Input(2)
    for units in (8, 8):
        h = dk.layers.Dense(units, "relu")(h)
    model = dk.Model(x, dk.layers.Dense(3, "softmax")(h))
    model.compile(dk.optimizers.SGD(RATE, momentum, averaging=form == "averaging"), "crossentropy", ["accuracy"])
    return model


def main() -> None:
    options = arguments(__doc__, full=True)
    split = dk.split(*qwerties(), train=0.8, dev=0.2, test=0)
    seeds = 50 if options.full else 4
    result = dk.sweep(
        network, split, grid={"momentum": MOMENTA, "form": FORMS}, seeds=seeds, epochs=EPOCHS, batch_size=16
    )  # prints by itself that momentum is a larger rate too, and how many runs it costs
    beside("models", len(result), f"5 momenta × 2 forms × {seeds} seeds")

    # Momentum × form × seed × epoch.
    accuracy = result.history[:, :, result.figures.index("dev_accuracy")].reshape(5, 2, seeds, EPOCHS)
    quick, late = accuracy[..., EARLY - 1].mean(axis=2), accuracy[..., -1].mean(axis=2)
    for place, form in enumerate(FORMS):
        for k, momentum in enumerate(MOMENTA):
            rate = RATE if form == "averaging" else RATE / (1 - momentum)
            beside(
                f"{form}, β = {momentum}: accuracy after {EARLY} and {EPOCHS} epochs",
                f"{quick[k, place]:.3f}, {late[k, place]:.3f}",
                f"effective rate {rate:.3g}",
            )
    beside("heavy ball: gained by β = .95 after 5 epochs", float(quick[3, 0] - quick[0, 0]), "> 0, it speeds up")
    beside("averaging: gained by β = .95 after 5 epochs", float(quick[3, 1] - quick[0, 1]), "about 0")
    beside(
        "heavy ball: lost by β = .999 at the end", float(late[0, 0] - late[4, 0]), "nearly all above 1/3: it collapses"
    )
    beside("averaging: lost by β = .999 at the end", float(late[0, 1] - late[4, 1]), "little: it only starts late")

    figure, (panels,) = dk.plots.canvas.new_figure(1, 2, size=(4.8, 4.0), share_x=True, share_y=True)
    rules = ("heavy ball: v ← βv + g", "averaging: v ← βv + (1 − β)g")
    for place, (panel, rule) in enumerate(zip(panels, rules, strict=True)):
        for k, (momentum, colour) in enumerate(zip(MOMENTA, dk.plots.canvas.colours(5), strict=True)):
            middle, epochs = np.median(accuracy[k, place], axis=0), np.arange(1, EPOCHS + 1)
            panel.plot(epochs, accuracy[k, place].T, color=colour, alpha=0.15, linewidth=0.6)
            mark = dk.plots.canvas.marker(k)
            panel.plot(epochs, middle, color=colour, marker=mark, markevery=(k, 7), label=f"β = {momentum}")
        panel.set(title=rule, xlabel="epoch")
    panels[0].set_ylabel("accuracy on unseen points")
    figure.suptitle(f"Momentum at a rate of {RATE}: medians of {seeds} seeds, and every run")
    dk.plots.canvas.legend_below(figure)
    keep(figure, options.out / "c21_momentum.png")


if __name__ == "__main__":
    main()
