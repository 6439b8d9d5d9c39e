"""The heart-shaped fit: deepkit beside Keras on JAX, PyTorch and hand-written JAX, in one sitting.

    python benchmarks/heart.py [--torch PYTHON] [--rounds 3]

Run it on an otherwise idle machine. Every figure is the median over rounds in which all take turns; quote the
ratios, absolute times differ from machine to machine. PyTorch may live in another environment: `--torch` names its
python. Keras is in deepkit's `test` extra.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

WORK = pathlib.Path(__file__).with_name("heart_work.py")


def measure(who: str, fits: int, python: str, environment: dict[str, str]) -> dict[str, float]:
    command = [python, str(WORK), who, str(fits)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return json.loads(output.stdout.splitlines()[-1])


def import_time(modules: str) -> float:
    program = f"import time; begun = time.perf_counter(); import {modules}; print(time.perf_counter() - begun)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", help="a python that has PyTorch", default=None)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    uncached = {"JAX_COMPILATION_CACHE_DIR": ""}
    peers = {"deepkit": (sys.executable, uncached), "jax": (sys.executable, {}), "keras": (sys.executable, {})}
    if options.torch:
        peers["torch"] = (options.torch, {})
    with tempfile.TemporaryDirectory() as cache:
        cached = {"DEEPKIT_CACHE": cache}
        measure("deepkit", 0, sys.executable, cached)  # fills the cache
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in (*peers, "deepkit, cached")}
        imports: dict[str, list[float]] = {"flax.nnx": [], "deepkit": []}
        for _ in range(options.rounds):
            for name, (python, environment) in peers.items():
                rounds[name].append(measure(name, 25 if name in ("deepkit", "jax") else 3, python, environment))
            rounds["deepkit, cached"].append(measure("deepkit", 0, sys.executable, cached))
            for modules, times in imports.items():
                times.append(import_time(modules))
    medians = {
        name: {key: statistics.median(figures[key] for figures in taken) for key in taken[0]}
        for name, taken in rounds.items()
    }
    print(f"{'':16} {'import':>8} {'cold':>8} {'warm fit':>10} {'predict 1 row':>14}")
    for name, figures in medians.items():
        warm = f"{figures['warm'] * 1e3:8.1f} ms {figures['predict'] * 1e6:11.0f} µs" if "warm" in figures else ""
        print(f"{name:16} {figures['import']:6.2f} s {figures['cold']:6.2f} s {warm}")
    ours = medians["deepkit"]
    print(f"warm fit: {medians['keras']['warm'] / ours['warm']:.1f} × Keras's speed, ", end="")
    print(f"{ours['warm'] / medians['jax']['warm']:.2f} × the hand-written program's time")
    nnx, deepkit = (statistics.median(imports[name]) for name in ("flax.nnx", "deepkit"))
    print(f"import deepkit {deepkit:.2f} s, import flax.nnx {nnx:.2f} s: {deepkit - nnx:+.2f} s")


if __name__ == "__main__":
    main()
