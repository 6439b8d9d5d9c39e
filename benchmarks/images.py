"""Image networks: deepkit beside PyTorch, training and prediction, in one sitting.

    python benchmarks/images.py --torch PYTHON [--rounds 2] [--images 5120] [cnn lenet5 resnet20]

Run it on an otherwise idle machine; all take turns, every figure is the best of the rounds. PyTorch counts with the
better of its two memory layouts. `--torch` names a python that has it.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys

WORK = pathlib.Path(__file__).with_name("images_work.py")
TORCH = ("torch", "torch-channels-last")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["cnn", "lenet5", "resnet20"])
    parser.add_argument("--torch", required=True, help="a python that has PyTorch")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--images", type=int, default=5120)
    options = parser.parse_args()
    print(f"{'images per second':18} {'':20} {'train':>8} {'step by step':>14} {'predict':>9}")
    for network in options.networks:
        best: dict[str, dict[str, float]] = {}
        for _ in range(options.rounds):
            for who in ("deepkit", *TORCH):
                python = sys.executable if who == "deepkit" else options.torch
                command = [python, str(WORK), who, network, str(options.images)]
                output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                figures = json.loads(output.splitlines()[-1])
                known = best.setdefault(who, figures)
                best[who] = {key: max(value, known[key]) for key, value in figures.items()}
        for who, figures in best.items():
            steps = f"{figures['step_by_step']:14.0f}" if "step_by_step" in figures else " " * 14
            print(f"{network:18} {who:20} {figures['train']:8.0f} {steps} {figures['predict']:9.0f}")
        for key in ("train", "predict"):
            ratio = best["deepkit"][key] / max(best[who][key] for who in TORCH)
            print(f"{network:18} {key}: {ratio:.2f} × PyTorch")


if __name__ == "__main__":
    main()
