"""B7, the harder half. Forks within forks, an input from halfway on, answers that leave early, a layer with state."""

from __future__ import annotations

import jax
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

DEPTH, WIDTH = 3, 12


class Noisy(dk.layers.Layer):
    """A layer of our own with state and randomness: in training it adds noise, less and less, and counts its steps."""

    start: float = 0.3

    def build(self, x):
        return {"steps": dk.layers.Weight((), dk.initializers.Zeros(), trainable=False)}

    def call(self, weights, x, context):
        if not context.training:
            return x, {}
        noise = self.start / (1 + weights["steps"] / 100)
        return x + noise * jax.random.normal(context.key_for(self), x.shape), {"steps": weights["steps"] + 1}


def fractal(h, depth: int, path: str):
    """Two ways side by side: one layer, and a fractal of two fractals; they merge, and the next one forks again."""
    near = dk.layers.Dense(WIDTH, "tanh", name=path)(h)
    if depth == 1:
        return near
    far = fractal(fractal(h, depth - 1, f"{path}a"), depth - 1, f"{path}b")
    return dk.layers.Average()([near, far])


def fractal_by_hand(p: dict, h: np.ndarray, depth: int, path: str) -> np.ndarray:
    """The same in NumPy."""
    near = np.tanh(h @ p[path]["kernel"] + p[path]["bias"])
    if depth == 1:
        return near
    return (near + fractal_by_hand(p, fractal_by_hand(p, h, depth - 1, f"{path}a"), depth - 1, f"{path}b")) / 2


def declare() -> tuple[dk.Model, dk.Model]:
    """`(model, the same without its early answers)`."""
    place, clock = dk.Input(2, name="place"), dk.Input(1, name="clock")
    h = dk.layers.Dense(WIDTH, name="stem")(Noisy()(place))
    h = fractal(h, DEPTH, "f")
    early = dk.layers.Dense(1, name="early")(h)
    h = dk.layers.Dense(WIDTH, "tanh", name="meet")(dk.layers.Concatenate()([h, clock]))
    late = dk.layers.Dense(1, name="late")(fractal(h, DEPTH, "g"))
    sign = dk.layers.Dense(1, "sigmoid", name="sign")(dk.layers.Concatenate()([h, late]))
    whole = dk.Model([place, clock], {"late": late, "early": early, "sign": sign})
    return whole, dk.Model([place, clock], late)


def wave(place: np.ndarray, clock: np.ndarray) -> np.ndarray:
    return np.sin(2 * place[:, :1] + clock) * np.cos(place[:, 1:])


def main() -> None:
    options = arguments(__doc__)
    whole, short = declare()
    inside = 2 * (2**DEPTH - 1) * (WIDTH + 1) * WIDTH
    others = 3 * WIDTH + 2 * (WIDTH + 1) + (WIDTH + 2) * WIDTH + (WIDTH + 2) + 1
    beside(
        f"layers of two fractals of depth {DEPTH}",
        sum(n[0] == "f" or n[0] == "g" for n in whole.params),
        2 * (2**DEPTH - 1),
    )
    beside("parameters, with one number of state", whole.count_params(), inside + others)

    rng = np.random.default_rng(0)
    place = rng.uniform(-2, 2, (900, 2)).astype("float32")
    clock = rng.uniform(0, 3, (900, 1)).astype("float32")
    p = whole.params
    h = fractal_by_hand(p, place @ p["stem"]["kernel"] + p["stem"]["bias"], DEPTH, "f")
    h = np.tanh(np.concatenate([h, clock], axis=1) @ p["meet"]["kernel"] + p["meet"]["bias"])
    by_hand = fractal_by_hand(p, h, DEPTH, "g") @ p["late"]["kernel"] + p["late"]["bias"]
    gap = float(np.abs(whole.predict([place, clock])["late"] - by_hand).max())
    beside("greatest difference from the graph in NumPy", gap, "< 1e-5")

    # The early answer does not know the clock; the best it can say is the mean over all times.
    height = wave(place, clock)
    whole.compile(
        dk.optimizers.Adam(dk.optimizers.schedules.CosineDecay(0.005, 1500)),
        loss={"late": "mse", "early": "mse", "sign": "bce"},
        loss_weights={"early": 0.3, "sign": 0.3},
        metrics={"late": ["r2"], "early": ["r2"], "sign": ["accuracy"]},
    )
    targets = {"late": height, "early": height, "sign": (height > 0).astype("float32")}
    old, new = slice(600), slice(600, None)
    history = whole.fit(
        [place[old], clock[old]], {name: y[old] for name, y in targets.items()},
        validation_data=([place[new], clock[new]], {name: y[new] for name, y in targets.items()}),
        epochs=75, verbose=0,
    )  # fmt: skip
    beside("late answer, R² on 300 new rows", history["val_late_r2"][-1], "> 0.9")
    beside("early answer, R²", history["val_early_r2"][-1], "less: it has not seen the clock")
    beside("sign, accuracy", history["val_sign_accuracy"][-1], "> 0.85")
    beside("steps that the layer with state has counted", int(whole.variables["state"]["noisy"]["steps"]), 75 * 19)

    # Without the early answers: fewer parameters, the same numbers, nothing copied.
    beside("parameters without early answers", short.count_params(), whole.count_params() - (WIDTH + 1) - (WIDTH + 2))
    same = np.array_equal(short.predict([place, clock]), whole.predict([place, clock])["late"])
    beside("its outputs are those of the whole", bool(same), True)
    figure = history.plot()
    figure.suptitle("Three answers of one graph of forks within forks, each with its own loss")
    keep(figure, options.out / "b07_forks.png")


if __name__ == "__main__":
    main()
