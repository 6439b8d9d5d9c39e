"""D9. Regularisation, checked step by step: penalties, early stopping, label smoothing, augmentation, several tasks.

How several models become one, and how one model serves a second task, is in d09_ensembles.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk
from deepkit.plots.canvas import GREY, OKABE_ITO, legend_below, new_figure

ALPHA, EPSILON = 0.3, 0.1
"""Strength of the penalties, and the learning rate."""


def rows(seed: int, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Six inputs, of which two matter, and much noise."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, 6)).astype("float32")
    return x, (x[:, :1] - x[:, 1:2] + draw.normal(0, 1, (count, 1))).astype("float32")


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())


def one_step(start: np.ndarray, **penalty) -> np.ndarray:
    """The weights of a linear model after one step of gradient descent from `start`, on all rows."""
    x = dk.Input(6)
    model = dk.Model(x, dk.layers.Dense(1, use_bias=False, **penalty)(x))
    model.compile(dk.optimizers.SGD(EPSILON), "mse")
    model.set_weights([start])
    model.train_on_batch(*rows(0))
    return model.get_weights()[0]


def penalties() -> None:
    """Each penalty's step against the one that is derived by hand from `plain`, which is w − ε∇J."""
    w, prior = (np.random.default_rng(seed).normal(size=(6, 1)).astype("float32") for seed in (1, 2))
    x, _ = rows(0)
    plain = one_step(w)
    for name, after, expected in (
        ("L2, α/2·Σw²: (1 − εα)w − ε∇J", {"kernel_regularizer": dk.regularizers.L2(ALPHA / 2)}, -ALPHA * w),
        ("L1, α·Σ|w|: w − εα·sign(w) − ε∇J", {"kernel_regularizer": dk.regularizers.L1(ALPHA)}, -ALPHA * np.sign(w)),
        (
            "prior, α·‖w − b‖²: w − 2εα(w − b) − ε∇J",
            {"kernel_regularizer": lambda kernel: ALPHA * jnp.sum(jnp.square(kernel - prior))},
            -2 * ALPHA * (w - prior),
        ),
        (
            "activity L1, α·Σ|h|/rows: w − εα·xᵀsign(h)/rows − ε∇J",
            {"activity_regularizer": dk.regularizers.L1(ALPHA)},
            -ALPHA * x.T @ np.sign(x @ w) / len(x),
        ),
    ):
        beside(name, distance(one_step(w, **after), plain + EPSILON * expected), "distance 0, but for rounding")


def stopped_early() -> tuple[dk.callbacks.History, int]:
    """The history of a run that is ended when it overfits, and the epoch whose weights it goes back to."""
    x = dk.Input(6)
    model = dk.Model(x, dk.layers.Dense(1)(dk.layers.Dense(30, "tanh")(x)))
    model.compile(dk.optimizers.Adam(0.01), "mse")
    stopping = dk.callbacks.EarlyStopping("val_loss", patience=60, restore_best_weights=True)
    unseen = rows(1)
    history = model.fit(*rows(0), batch_size=None, epochs=2000, validation_data=unseen, callbacks=[stopping], verbose=0)
    print(f"  {history.stopped}")
    beside("epochs of 2000, until patience 60 was out", len(history.epoch), stopping.best_epoch + 61)
    excess = abs(model.evaluate(*unseen)["loss"] - min(history["val_loss"]))
    beside("restored weights: loss less the least of its curve", excess, "0, but for rounding")
    return history, stopping.best_epoch


def smoothed_label(convention: str, amount: float = 0.1) -> np.ndarray:
    """The label that a loss of ten classes really uses: softmax less its gradient by the logits."""
    loss = dk.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=amount, smoothing_convention=convention)
    logits = jnp.zeros((1, 10))
    return np.asarray(jax.nn.softmax(logits) - jax.grad(lambda z: loss(jnp.eye(10)[:1], z))(logits))[0]


def augmented(images: np.ndarray) -> np.ndarray:
    """Five images as they are, and three times as training sees them: `(20, height, width, 1)`."""
    x = h = dk.Input(images.shape[1:])
    for layer in (
        dk.layers.RandomFlip("horizontal"), dk.layers.ZeroPadding2D(1), dk.layers.RandomCrop(*images.shape[1:3]),
        dk.layers.RandomBrightness(0.3, value_range=(0, 1)), dk.layers.RandomRotation(0.05),
    ):  # fmt: skip
        h = layer(h)
    model = dk.Model(x, h)
    beside("augmentation in prediction: largest change of a pixel", distance(model.predict(images), images), 0)
    in_training = jax.jit(lambda key: model.apply(model.variables, images, training=True, rng=key)[0])
    copies = [np.asarray(in_training(jax.random.key(seed))) for seed in range(3)]
    changed = np.mean([abs(copy - images).max(axis=(1, 2, 3)) > 0.01 for copy in copies])
    beside("  in training: share of images that are changed", float(changed), "1")
    return np.concatenate([images, *copies])


def several_tasks() -> None:
    """Three tasks over one hidden layer: the total is their losses, weighted .5, .25 and .25."""
    x = dk.Input(6)
    h = dk.layers.Dense(8, "tanh")(x)
    tasks = {
        "amount": dk.layers.Dense(1)(h),
        "kind": dk.layers.Dense(3, "softmax")(h),
        "sign": dk.layers.Dense(1, "sigmoid")(h),
    }
    weights = {"amount": 0.5, "kind": 0.25, "sign": 0.25}
    model = dk.Model(x, tasks)
    model.compile("sgd", {"amount": "mse", "kind": "crossentropy", "sign": "bce"}, loss_weights=weights)
    x, y = rows(0)
    found = model.evaluate(x, {"amount": y, "kind": np.digitize(y[:, 0], (-1, 1)), "sign": (y > 0).astype("float32")})
    total = sum(weight * found[f"{task}_loss"] for task, weight in weights.items())
    beside("three tasks: loss", found["loss"], f"{total:.6g} = .5·amount + .25·kind + .25·sign")
    beside("three tasks: loss less the weighted sum", abs(found["loss"] - total), "0, but for rounding")


def main() -> None:
    options = arguments(__doc__)
    penalties()
    history, best = stopped_early()
    labels = {convention: smoothed_label(convention) for convention in ("textbook", "optax")}
    for convention, right, wrong in (("textbook", ".9", ".1/9 = .0111"), ("optax", ".91", ".01")):
        label = labels[convention]
        beside(f"label smoothing .1, {convention}: the right class", float(label[0]), right)
        beside(f"label smoothing .1, {convention}: each other one", float(label[1]), wrong)
    beside(
        "textbook's .1 is optax's .1·10/9: labels differ by",
        distance(labels["textbook"], smoothed_label("optax", 0.1 * 10 / 9)), "0, but for rounding",
    )  # fmt: skip
    several_tasks()
    images = augmented(dk.datasets.load_digits().x[:5].astype("float32") / 16)
    figure = dk.plots.image_grid(
        1 - images[..., 0], title="First row: what prediction sees; below: what training sees", columns=5,
        scale="shared",
    )  # fmt: skip
    keep(figure, options.out / "d09_regularisation_augmentation.png")

    blue, orange, *_ = OKABE_ITO
    figure, ((curve, bars),) = new_figure(1, 2, size=(5.4, 4.0))
    epochs = np.arange(1, len(history.epoch) + 1)
    curve.plot(epochs, history["loss"], color=blue, label="40 rows of training")
    curve.plot(epochs, history["val_loss"], "--", color=orange, label="40 rows left out")
    curve.axvline(best + 1, color=GREY, linestyle=":", label="best epoch, to which it goes back")
    curve.set(xlabel="epoch", ylabel="mean squared error", ylim=(0, None), title="Early stopping")
    for number, (convention, colour) in enumerate(zip(labels, (blue, orange), strict=True)):
        drawn = bars.bar(np.arange(10) + 0.4 * number - 0.2, labels[convention], 0.4, color=colour)
        drawn.set_label(f"{convention}: {labels[convention][0]:.2f} and {labels[convention][1]:.4f}")
    bars.set(xlabel="class", ylabel="label, logarithmic", yscale="log", title="Label smoothing by 0.1, two conventions")
    bars.set_xticks(range(10))
    legend_below(figure)
    keep(figure, options.out / "d09_regularisation.png")


if __name__ == "__main__":
    main()
