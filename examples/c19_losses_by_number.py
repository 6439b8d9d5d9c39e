"""C19. Cross-entropies by number, and what happens to those who give a cross-entropy what it does not expect."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

LOGITS = jnp.asarray([[1.0, 4.0, 3.0]])


def rounded(values, digits: int) -> list[float]:
    return np.round(np.asarray(values, float), digits).tolist()


def refused(what: str, attempt) -> None:
    """Show the message that stops a mistake before anything is trained."""
    try:
        attempt()
    except dk.errors.DeepkitError as error:
        beside(what, type(error).__name__, "an error that says so:")
        print(f"    {error}")
    else:
        beside(what, "passed silently", "an error")


def compiled(output, loss) -> None:
    x = dk.Input(4)
    dk.Model(x, output(x)).compile("adam", loss)


def main() -> None:
    options = arguments(__doc__)
    softmax, sigmoid = dk.activations.softmax, dk.activations.sigmoid

    # Three classes: the same number from logits, from probabilities, from class numbers and from one-hot rows.
    from_logits = dk.losses.SparseCategoricalCrossentropy(from_logits=True)
    by_class = [float(from_logits([k], LOGITS)) for k in range(3)]
    beside("CE of logits (1, 4, 3) for classes 0, 1, 2", rounded(by_class, 6), "[3.34901, 0.349012, 1.34901]")
    beside("softmax of (1, 4, 3)", rounded(softmax(LOGITS)[0], 4), "[0.0351, 0.7054, 0.2595]")
    beside("log-softmax of (1, 4, 3)", rounded(dk.activations.log_softmax(LOGITS)[0], 4), "[-3.3490, -0.3490, -1.3490]")
    one_hot = [float(dk.losses.CategoricalCrossentropy()(row[None], softmax(LOGITS))) for row in jnp.eye(3)]
    beside("CE of its softmax, one-hot targets", rounded(one_hot, 6), "the same")

    # A yes or no, in natural logarithms.
    binary = dk.losses.BinaryCrossentropy(from_logits=True)
    beside("BCE of logit 2, target 1", float(binary([[1.0]], jnp.asarray([[2.0]]))), "0.126928")
    beside("BCE of p = 0.5 (ln 2)", float(dk.losses.BinaryCrossentropy()([[1.0]], jnp.asarray([[0.5]]))), "0.693147")
    two = jnp.asarray([[0.7, -1.1]])
    difference = two[:, 1:] - two[:, :1]
    p = float(sigmoid(difference)[0, 0])
    beside("softmax of (a, b), its second value", float(softmax(two)[0, 1]), f"sigmoid(b − a) = {p:.6g}")
    beside(
        "CCE of logits (a, b)", float(from_logits([1], two)), f"BCE of b − a = {float(binary([[1.0]], difference)):.6g}"
    )

    # KL divergence is cross-entropy without the entropy that nobody can save; a custom loss is a function.
    y, p = jnp.asarray([[0.5, 0.5]]), jnp.asarray([[0.25, 0.75]])
    beside("KL of (½, ½) from (¼, ¾)", float(dk.losses.KLDivergence()(y, p)), f"½·ln(4/3) = {0.5 * np.log(4 / 3):.6g}")
    absolute = dk.losses.get(lambda y_true, y_pred: jnp.abs(y_true - y_pred))
    beside("a custom |x − y| of (1, 5) and (2, 3)", float(absolute([[1.0], [5.0]], jnp.asarray([[2.0], [3.0]]))), "1.5")

    # Softmax twice: right answers of any certainty cannot bring the loss to 0. deepkit refuses to compile it.
    once, twice = [], []
    sizes = np.linspace(0, 15, 61)
    for size in sizes:
        sure = jnp.asarray([[size, 0.0, 0.0]])
        once.append(float(from_logits([0], sure)))
        twice.append(float(from_logits([0], softmax(sure))))
    floor = float(np.log(1 + 2 / np.e))
    beside("lowest CE after a second softmax, 3 classes", twice[-1], f"ln(1 + 2/e) = {floor:.4f}")
    beside("lowest CE after one", once[-1], "0")
    soft, linear = dk.layers.Dense(3, "softmax"), dk.layers.Dense(3)
    refused("softmax before a CE of logits", lambda: compiled(soft, from_logits))
    refused("a softmax layer behind a softmax", lambda: compiled(lambda x: dk.layers.Softmax()(soft(x)), "cce"))
    refused("logits where probabilities are expected", lambda: compiled(linear, "sparse_categorical_crossentropy"))
    refused("one-hot rows where class numbers are expected", lambda: dk.losses.get("scce")(jnp.eye(3), LOGITS))

    figure = dk.plots.curves(
        {"softmax once": (sizes, once), "softmax twice (refused)": (sizes, twice)},
        x="logit of the true class, others 0",
        y="cross-entropy (nats)",
        title="After a second softmax the loss stays above ln(1 + 2/e)",
        levels={f"ln(1 + 2/e) = {floor:.4f}": floor},
    )
    keep(figure, options.out / "c19_losses_by_number.png")


if __name__ == "__main__":
    main()
