"""What the examples' figures must be: exact where the course is, else ranges that hold from seed to seed.

`tests/test_examples.py` runs every example once and holds what it printed against these. A range is not read off
one run: it says what the row of the course claims, with room for other seeds, processors and versions of XLA.
"""

from __future__ import annotations

MEASURED: dict[str, dict[str, tuple[float, float]]] = {
    "c03_learning_rate_study": {
        "models": (2000, 2000),
        "share above 70 %": (0.35, 0.75),
        "share between 57 % and 70 %": (0.0, 0.15),
    },
}
"""By example, by what stands before the figure: the lowest and the highest that it may be."""

SAID: dict[str, list[str]] = {
    "c03_learning_rate_study": ["never learned"],
}
"""By example, what its output must hold: the findings that deepkit arrives at by itself."""


def broken_claims(example: str, output: str) -> list[str]:
    """What an example's output does not hold, in words."""
    broken = [f"does not say {text!r}" for text in SAID.get(example, []) if text not in output]
    for what, (lowest, highest) in MEASURED.get(example, {}).items():
        lines = [line for line in output.splitlines() if line.startswith(what) and "   expected" in line]
        figures = [float(line[len(what) :].split("   expected")[0]) for line in lines]
        if not figures or not all(lowest <= figure <= highest for figure in figures):
            broken.append(f"{what}: {figures or 'not printed'}, not between {lowest} and {highest}")
    return broken
