"""B4. Loss curves: what a wrong probability costs by cross-entropy, squared and linear error, and how each pulls."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

# For y = 1, as formulas with the natural logarithm: the loss, and its slope in p. (For y = 0, put 1 − p for p.)
FORMULAS = {
    "binary_crossentropy": (lambda p: -np.log(p), lambda p: -1 / p),
    "mean_squared_error": (lambda p: (1 - p) ** 2, lambda p: -2 * (1 - p)),
    "mean_absolute_error": (lambda p: 1 - p, lambda p: -np.ones_like(p)),  # the "linear" loss
}


def against_p(name: str, y: float, p):
    """deepkit's loss, and its gradient by autodiff, at each probability p."""
    loss = dk.losses.get(name)
    return jax.vmap(jax.value_and_grad(lambda p: loss(jnp.full((1, 1), y), p.reshape(1, 1))))(jnp.asarray(p))


def sure(loss: str, logit: float) -> dk.Model:
    """A sigmoid unit that starts at this logit; on a row of zeros its bias is all that counts."""
    x = dk.Input(1)
    y = dk.layers.Dense(1, "sigmoid", bias_initializer=dk.initializers.Constant(logit))(x)
    model = dk.Model(x, y)
    model.compile(dk.optimizers.SGD(1.0), loss)
    return model


def steps_by_hand(slope, logit: float) -> int:
    """Gradient steps of rate 1 on the logit until p > ½, by the chain rule: d loss/dz = d loss/dp · p(1 − p)."""
    for step in range(10_000):
        p = 1 / (1 + np.exp(-logit))
        if p > 0.5:
            return step
        logit -= slope(p) * p * (1 - p)
    raise AssertionError("it never arrives")


def main() -> None:
    options = arguments(__doc__)
    p = np.linspace(0.01, 0.99, 99)
    for name, (loss, slope) in FORMULAS.items():
        ones, zeros = against_p(name, 1.0, p), against_p(name, 0.0, p)
        wanted = [loss(p), slope(p), loss(1 - p), -slope(1 - p)]
        gap = max(np.abs(got / want - 1).max() for got, want in zip((*ones, *zeros), wanted, strict=True))
        beside(f"{name}: loss and gradient against the formulas", float(gap), "< 1e-4 (relative)")

    half = float(against_p("bce", 1.0, [0.5])[0][0])
    beside("cross-entropy of p = ½, natural logarithm", half, "0.693147, ln 2")
    beside("in bits (logarithm to base 2, as the lecture has it)", half / np.log(2), 1)
    slopes = [round(float(against_p(name, 1.0, [0.01])[1][0]), 2) for name in FORMULAS]
    beside("slopes at p = .01 where y = 1: BCE, MSE, linear", slopes, [-100.0, -1.98, -1.0])

    # A network reaches p through a sigmoid, whose own slope p·(1 − p) all but vanishes where it is sure.
    # Only the cross-entropy's slope grows as fast as the sigmoid's shrinks. deepkit warns of the other two.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wrong = {name: (sure(name, -50.0), sure(name, -6.0)) for name in FORMULAS}
    print(f"{len(caught)} warnings, such as: {caught[0].message}")
    row, answer = np.zeros((1, 1), "float32"), np.ones((1, 1), "float32")
    expected = {"binary_crossentropy": -1, "mean_squared_error": "-4e-22", "mean_absolute_error": "-2e-22"}
    for name, (model, _) in wrong.items():
        gradient = jax.grad(model.loss, has_aux=True)(*model.weights(), (row, answer))[0]
        beside(f"{name}: d loss / d logit at −50", float(gradient["dense"]["bias"][0]), expected[name])

    # So a unit that is sure of the wrong answer learns at once by cross-entropy, and else waits on a plateau.
    # The loss of an epoch is measured before its step, and tells p.
    told = (lambda v: np.exp(-v), lambda v: 1 - np.sqrt(v), lambda v: 1 - v)
    lines = {}
    for (name, (_, model)), p_of in zip(wrong.items(), told, strict=True):
        history = model.fit(row, answer, epochs=500, verbose=0)
        probability = p_of(np.asarray(history["loss"]))
        steps = int(np.argmax(probability > 0.5))
        lines[f"{name.replace('_', ' ')}: right after {steps} steps"] = (np.arange(500), probability)
        beside(f"{name}: steps from logit −6 to p > ½", steps, steps_by_hand(FORMULAS[name][1], -6.0))

    keep(dk.plots.loss_curves_of_probability(), options.out / "b04_loss_curves.png")
    figure = dk.plots.curves(
        lines,
        x="gradient step (rate 1)",
        y="predicted probability p of the true class",
        title="Sure of the wrong answer: p = 0.0025 at the start",
        levels={"p = ½": 0.5},
    )
    keep(figure, options.out / "b04_confidently_wrong.png")


if __name__ == "__main__":
    main()
