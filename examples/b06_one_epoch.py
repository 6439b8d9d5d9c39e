"""B6. What one epoch does: how many steps it takes, its last batch, one step by hand, and how well a batch points."""

from __future__ import annotations

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from reporting import arguments, beside, keep

import deepkit as dk

ROWS = 193  # as many as the training set of the heart disease has; here they are handwritten digits
RATE = 0.1
SIZES = {"all": None, "64": 64, "32": 32, "1": 1}  # rows in a batch


class Count(dk.callbacks.Callback):
    """How many steps the optimizer takes."""

    updates = 0

    def on_train_batch_end(self, batch, logs=None):
        self.updates += 1


def gap(left, right) -> float:
    """Greatest difference of two trees of weights."""
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in pairs)


def main() -> None:
    options = arguments(__doc__)
    digits = dk.datasets.load_digits()
    split = dk.split(digits, train=ROWS, dev=0, test=len(digits) - ROWS)
    x, y = (split.train.x / 16).astype("float32"), split.train.y
    image = dk.Input((8, 8, 1))
    h = dk.layers.Dense(16, "relu")(dk.layers.Flatten()(image))
    model = dk.Model(image, dk.layers.Dense(10, "softmax")(h))
    model.compile(dk.optimizers.SGD(RATE), "sparse_categorical_crossentropy")
    model.initialize(0)
    params, state = model.weights()

    @jax.jit
    def gradient(params, x, y):
        return jax.grad(model.loss, has_aux=True)(params, state, (x, y))[0]

    @jax.jit
    def step(params, x, y):
        return jax.tree.map(lambda w, g: w - RATE * g, params, gradient(params, x, y))

    # An epoch is one step per batch. 193 rows in batches of 32 are six batches and a single row: it makes a step of
    # its own, is neither dropped nor filled up. So the epoch gives the weights of the plain loop over slices.
    for name, size in SIZES.items():
        count, by_hand = Count(), params
        for start in range(0, ROWS, size or ROWS):
            by_hand = step(by_hand, *(rows[start:][: size or ROWS] for rows in (x, y)))
        model.initialize(0)
        model.fit(x, y, batch_size=size, epochs=1, shuffle=False, callbacks=[count], verbose=0)
        last = ROWS % (size or ROWS) or size or ROWS
        steps = -(-ROWS // (size or ROWS))
        beside(f"updates in an epoch, rows per batch: {name}, in the last {last}", count.updates, steps)
        beside("  its weights, against the loop by hand", gap(model.params, by_hand), "< 1e-5")

    # One step is W2 = W1 − rate · gradient. The loss falls by about rate · |gradient|².
    model.initialize(0)
    before = model.evaluate(x, y)["loss"]
    model.train_on_batch(x, y)
    slope = gradient(params, x, y)
    print("from hidden unit 0 to the digits 0 to 4")
    for name, tree in (("W1", params), ("gradient", slope), ("W2", model.params)):
        print(f"{name:>10}" + "".join(f"{float(w):12.6f}" for w in tree["dense_1"]["kernel"][0, :5]))
    beside("W2, against W1 − 0.1 · gradient", gap(model.params, step(params, x, y)), "< 1e-6")
    full = np.asarray(ravel_pytree(slope)[0])
    beside("fall of the loss", before - model.evaluate(x, y)["loss"], f"about {RATE * full @ full:.3f}")

    # The gradient of a batch is the mean of its rows' gradients. Batches drawn without repetition scatter around the
    # full gradient by tr Σ · (1/B) · (N − B)/(N − 1), with Σ the covariance of the rows' gradients.
    alone = jax.vmap(lambda row, digit: ravel_pytree(gradient(params, row[None], digit[None]))[0])
    each = np.asarray(jax.jit(alone)(x, y))
    beside("mean of the rows' gradients, against the full one", gap(each.mean(axis=0), full), "< 1e-6")
    rng, cosines = np.random.default_rng(0), {}
    for size in (1, 4, 16, 32, 64, 128, ROWS):
        batches = np.stack([each[rng.permutation(ROWS)[:size]].mean(axis=0) for _ in range(100)])
        cosines[size] = batches @ full / np.linalg.norm(batches, axis=1) / np.linalg.norm(full)
        scatter = each.var(axis=0).sum() / size * (ROWS - size) / (ROWS - 1)
        expected = np.sqrt(full @ full / (full @ full + scatter))
        beside(f"cosine to the full gradient, {size} rows", float(cosines[size].mean()), f"about {expected:.2f}")
    figure = dk.plots.spread_over_runs(
        cosines, quantity="cosine to the gradient of all rows", title="A batch points roughly the right way",
        setting=f"rows in the batch, of {ROWS}; 100 batches each, at the first weights",
    )  # fmt: skip
    keep(figure, options.out / "b06_direction_of_a_batch.png")

    # So in one epoch, many rough steps go further than one exact one: the loss over all rows after it, ten starts.
    after = {name: [] for name in SIZES}
    for seed in range(10):
        for name, size in SIZES.items():
            model.initialize(seed)
            model.fit(x, y, batch_size=size, epochs=1, shuffle=False, seed=seed, verbose=0)  # the split is in no order
            after[name].append(model.evaluate(x, y)["loss"])
    above = "the larger the batch, the more"
    for name, losses in after.items():
        spread = f"{np.mean(losses):.3f} ± {np.std(losses, ddof=1):.3f}"
        beside(f"loss after one epoch, rows per batch: {name}", spread, above)
        above = f"< {np.mean(losses):.3f}"
    figure = dk.plots.spread_over_runs(
        after, quantity="cross-entropy of the 193 rows", setting=f"rows in a batch; ten starts each, SGD({RATE})",
        baselines={"guessing, ln 10": float(np.log(10))}, title="After one epoch: 1, 4, 7 or 193 steps",
    )  # fmt: skip
    keep(figure, options.out / "b06_after_one_epoch.png")


if __name__ == "__main__":
    main()
