"""What the examples share: where pictures go, and a line that puts what was measured beside what was expected."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any


def arguments(
    description: str | None, full: bool = False, more: argparse.ArgumentParser | None = None
) -> argparse.Namespace:
    """`--out DIRECTORY` (default ./out), made if it is not there; with `full`, the flag `--full`; and `more` of one's
    own.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[more] if more else []
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="where the picture goes")
    if full:
        parser.add_argument("--full", action="store_true", help="the long setting instead of the quick one")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def beside(what: str, measured: Any, expected: Any) -> None:
    """Print a measured figure beside its oracle."""
    shown = f"{measured:.6g}" if isinstance(measured, float) else str(measured)
    print(f"{what:58} {shown:>24}   expected {expected}")


def keep(figure: Any, path: pathlib.Path) -> None:
    """Write a picture and say where."""
    figure.savefig(path)
    print(f"wrote {path}")
