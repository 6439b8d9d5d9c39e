"""D17. Character networks: "hello" by heart, and Shakespeare by SimpleRNN, GRU and LSTM, with samples on the way.

    python examples/d17_character_rnn.py [--full]

Quick: 32 units, 200 iterations of 16 pieces. --full: 256 units, 2,000 of 32 (eight minutes on two cores; on unseen
plays 2.77, 2.68 and 2.67 bits per character).

Training sees whole sequences. Writing goes one character at a time: a second model over the same layers takes one
character and the states, and gives back the new states. Nothing is kept inside; whoever calls it carries the states.
"""

from __future__ import annotations

import numpy as np
from reporting import arguments, beside, keep

import deepkit as dk

PROMPT = "\nKING "


def networks(kind: str, units: int, steps: int, codes: int) -> tuple[dk.Model, dk.Model]:
    """`(training model, model of one step)`, on the same layers."""
    embedding = dk.layers.Embedding(codes, 32)
    recurrent = getattr(dk.layers, kind)(units, return_sequences=True, return_state=True)
    head = dk.layers.Dense(codes, "softmax")

    x = dk.Input(steps, dtype="int32")
    sequence, *_ = recurrent(embedding(x))
    training = dk.Model(x, head(sequence))

    one = dk.Input(1, dtype="int32")
    states = [dk.Input(units) for _ in range(2 if kind == "LSTM" else 1)]
    output, *after = recurrent([embedding(one), *states])
    return training, dk.Model([one, *states], [head(output), *after])


def write(step: dk.Model, text: dk.datasets.Text, prompt: str, length: int, temperature: float, seed: int = 0) -> str:
    """Characters drawn one after another, from probabilities ∝ p^(1 / temperature)."""
    random = np.random.default_rng(seed)
    states = [np.zeros((1, *tensor.shape[1:]), "float32") for tensor in step.graph.inputs[1:]]
    written = list(text.codes_of(prompt))
    for place in range(len(prompt) + length - 1):
        probabilities, *states = step.predict([np.asarray([[written[place]]], "int32"), *states])
        if place + 1 == len(written):
            scores = np.log(probabilities[0, 0].astype("float64") + 1e-30) / temperature
            weights = np.exp(scores - scores.max())
            written.append(random.choice(len(weights), p=weights / weights.sum()))
    return text.text_of(written)


def hello() -> None:
    """Four letters, of which l is followed by l once and by o once: only the state can tell."""
    text = dk.datasets.Text("hello")
    model, step = networks("SimpleRNN", units=8, steps=4, codes=4)
    model.compile(dk.optimizers.Adam(0.03), "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(*text.sequences(4), batch_size=None, epochs=200, verbose=0)
    beside("hello: accuracy of the four next letters", history["accuracy"][-1], "1")
    beside("hello: cross-entropy", history["loss"][-1], "near 0")
    beside("hello: written after h, state carried", write(step, text, "h", 4, temperature=0.1), "hello")


def entropies(text: dk.datasets.Text) -> dict[str, float]:
    """Bits per character of who knows only the alphabet, how frequent each character is, or each pair."""
    size = len(text.vocabulary)
    pairs = np.bincount(text.codes[:-1].astype(int) * size + text.codes[1:], minlength=size * size)
    both = pairs.reshape(size, size) / pairs.sum()
    single = both.sum(axis=1)

    def bits(p: np.ndarray) -> float:
        return float(-(p[p > 0] * np.log2(p[p > 0])).sum())

    return {
        f"{size} characters alike": float(np.log2(size)),
        "frequency of the characters": bits(single),
        "frequency of the pairs": bits(both) - bits(single),
    }


def main() -> None:
    options = arguments(__doc__, full=True)
    hello()

    units, steps, batch, rate = (256, 64, 32, 0.005) if options.full else (32, 32, 16, 0.02)
    iterations, chunk = (2000, 100) if options.full else (200, 50)
    show, length = ((100, 500, 1000, 2000), 90) if options.full else ((100, 200), 60)
    text = dk.datasets.load_shakespeare()
    x, y = text.sequences(steps)
    rows = np.random.default_rng(0).permutation(len(x) * 9 // 10)  # the last tenth of the plays is not seen
    known = entropies(text)
    for name, bits in known.items():
        beside(f"bits per character, {name}", bits, "above what the networks reach" if "pair" in name else "more")

    lines = {}
    for kind in ("SimpleRNN", "GRU", "LSTM"):
        model, step = networks(kind, units, steps, len(text.vocabulary))
        model.compile(dk.optimizers.Adam(rate, global_clipnorm=1.0), "sparse_categorical_crossentropy")
        losses, counts = [], range(chunk, iterations + 1, chunk)
        for count in counts:
            taken = np.take(rows, np.arange((count - chunk) * batch, count * batch), mode="wrap")
            history = model.fit(x[taken], y[taken], batch_size=batch, epochs=1, verbose=0)
            losses.append(history["loss"][-1] / np.log(2))
            if count in show:
                print(f"--- {kind}, {count} iterations, temperature 0.7{write(step, text, PROMPT, length, 0.7)}")
        print(f"--- {kind}, {iterations} iterations, temperature 1.0{write(step, text, PROMPT, length, 1.0)}")
        unseen = model.predict(x[-300:])
        chosen = np.take_along_axis(unseen, y[-300:, :, None], axis=2)
        bits = float(-np.log2(chosen).mean())
        beside(f"bits per character on unseen plays, {kind}", bits, f"below {known['frequency of the pairs']:.3f}")
        lines[f"{kind}: {bits:.2f} bits on unseen plays at the end"] = (list(counts), losses)

    figure = dk.plots.curves(
        lines,
        x=f"iteration ({batch} pieces of {steps} characters each)",
        y="bits per character, training",
        levels={f"{name}: {bits:.2f} bits": bits for name, bits in list(known.items())[1:]},
        title=f"Tiny Shakespeare, {units} units: a state saves bits",
    )
    keep(figure, options.out / "d17_character_rnn.png")


if __name__ == "__main__":
    main()
