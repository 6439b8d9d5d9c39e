"""D11. Gradient clipping by global norm: 100 becomes 10, the direction stays; and training runs that it saves."""

from __future__ import annotations

import warnings

import jax
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

SEEDS, STEPS = range(10), 150
GRADIENT = {"kernel": np.array([[36, 48], [0, 0]], "float32"), "bias": np.array([64, 48], "float32")}


def flat(tree) -> np.ndarray:
    """All arrays as one vector."""
    return np.concatenate([np.ravel(array) for array in jax.tree.leaves(tree)])


def norm(tree) -> float:
    """Length of all arrays together."""
    return float(np.linalg.norm(flat(tree)))


def cosine(a, b) -> float:
    return float(flat(a) @ flat(b)) / norm(a) / norm(b)


def network(clip: float | None) -> dk.Model:
    """One layer applied 20 times, as a recurrent network applies its own: gradients grow like a power of its kernel."""
    x = dk.Input(2)
    h = dk.layers.Dense(16, "tanh")(x)
    step = dk.layers.Dense(16, "leaky_relu", kernel_initializer="he_normal")
    for _ in range(20):
        h = step(h)
    model = dk.Model(x, dk.layers.Dense(1)(h))
    model.compile(dk.optimizers.SGD(0.01, global_clipnorm=clip), "mse")
    return model


def main() -> None:
    options = arguments(__doc__)
    clipped = dk.optimizers.SGD(global_clipnorm=10).clip(GRADIENT)
    beside("norm of the whole gradient", norm(GRADIENT), "100")
    beside("its norm after global_clipnorm=10", norm(clipped), "10")
    beside("cosine of the angle between the two", cosine(GRADIENT, clipped), "1, direction unchanged")
    each = dk.optimizers.SGD(clipvalue=10).clip(GRADIENT)
    beside("cosine after clipvalue=10, number by number", cosine(GRADIENT, each), "below 1, another direction")
    short = jax.tree.map(lambda g: g / 20, GRADIENT)
    same = dk.optimizers.SGD(global_clipnorm=10).clip(short)
    beside("norm 5 after global_clipnorm=10", norm(same), "5, short ones stay as they are")

    # A surface to learn, z-scored, full batch: one step per epoch.
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (200, 2)).astype("float32")
    y = dk.preprocessing.zscore(np.sin(3 * x[:, :1]) + x[:, 1:] ** 2)
    losses: dict[str, list[float]] = {}
    told: list[str] = []
    for name, clip in {"no clipping": None, "global_clipnorm=1": 1.0}.items():
        model = network(clip)
        losses[name] = []
        for seed in SEEDS:
            model.initialize(seed)
            with warnings.catch_warnings(record=True) as caught:  # deepkit warns of a loss that is not finite
                warnings.simplefilter("always")
                history = model.fit(x, y, batch_size=None, epochs=STEPS, seed=seed, verbose=0)
            told += [str(warning.message) for warning in caught]
            losses[name].append(history["loss"][-1])
    free, kept = losses.values()
    worst = int(np.argmin(np.isfinite(free)))
    beside("runs of 10 that end in NaN, no clipping", int(np.sum(~np.isfinite(free))), "some")
    print(f"    {told[0]}")
    beside("runs of 10 that end in NaN, clipped", int(np.sum(~np.isfinite(kept))), "0")
    beside("median of the clipped runs, mean squared error", float(np.median(kept)), "far below 1, the mean's")
    beside("the worst of them", float(np.max(kept)), "below 1")

    # The first lost seed once more, now clipped: how long were the gradients that clipping shortened?
    state = model.variables["state"]
    gradient = jax.jit(jax.grad(lambda params: model.loss(params, state, (x, y))[0]))
    norms: list[float] = []
    watch = dk.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: norms.append(norm(gradient(model.params))))
    model.initialize(worst)
    model.fit(x, y, batch_size=None, epochs=100, seed=worst, verbose=0, callbacks=[watch])
    beside(f"first gradient of seed {worst}: its norm", norms[0], "far above 1")
    beside("  after 100 clipped steps", norms[-1], "much shorter")
    figure = dk.plots.curves(
        {"norm of the whole gradient": (np.arange(1, len(norms) + 1), norms)},
        x="step",
        y="global norm of the gradient",
        title=f"Seed {worst} is lost without clipping: its first gradients are huge",
        levels={"global_clipnorm=1: what is longer is cut to 1": 1.0},
        log=True,
    )
    keep(figure, options.out / "d11_gradient_clipping_norms.png")
    figure = dk.plots.spread_over_runs(
        losses,
        quantity=f"mean squared error after {STEPS} steps",
        setting="one layer applied 20 times, SGD 0.01",
        baselines={"always the mean of y": 1.0},
        title=f"Lost: {np.sum(~np.isfinite(free))} runs without clipping, {np.sum(~np.isfinite(kept))} with it",
    )
    keep(figure, options.out / "d11_gradient_clipping_runs.png")


if __name__ == "__main__":
    main()
