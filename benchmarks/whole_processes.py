"""Seconds of whole processes of the command line on 1,000 mixed rows, beside one that only imports its libraries.

python benchmarks/whole_processes.py --repeats 3
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from made_tables import mixed
from measuring import machine

ROWS = 1000


def commands(folder: Path) -> dict[str, list[str]]:
    """Return what is run, by name, on the table in a folder."""
    program = [sys.executable, "-m", "isthmus"]
    table, holes = str(folder / "table.csv"), str(folder / "holes.csv")
    return {
        "python -c 'import jax, pandas, sklearn'": [sys.executable, "-c", "import jax, pandas, sklearn.neighbors"],
        "isthmus --help": [*program, "--help"],
        "isthmus fit": [*program, "fit", table, "--out", str(folder / "model.safetensors")],
        "isthmus detect": [*program, "detect", table, "--out", str(folder / "odd.csv")],
        "isthmus impute": [*program, "impute", holes, "--out", str(folder / "filled.csv")],
    }


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Return the seconds that a process takes, and those of processors that it uses."""
    for path in ("model.safetensors", "odd.csv", "filled.csv"):
        (folder / path).unlink(missing_ok=True)
    used, begin = _of_children(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 -- the commands above
    return time.perf_counter() - begin, _of_children() - used


def _of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="processes for each figure; the least counts")
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        folder, frame = Path(name), mixed(ROWS)
        frame.to_csv(folder / "table.csv", index=False)
        frame.loc[::7, "number 0"], frame.loc[3::7, "category 0"] = np.nan, None
        frame.to_csv(folder / "holes.csv", index=False)
        print(f"{machine()}\n\n| process | seconds | processor seconds |\n|---|---:|---:|")
        for title, command in commands(folder).items():
            seconds, used = zip(*(timed(command, folder) for _ in range(repeats)), strict=True)
            print(f"| {title} | {min(seconds):.2f} | {min(used):.2f} |", flush=True)


if __name__ == "__main__":
    main()
