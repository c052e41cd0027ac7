"""Print all that is measured of speed, part after part, each in a process of its own.

    python benchmarks/speed.py --data FOLDER

Of `--parts` only those are run; every one is a script of this folder, too, with more to set.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FILLING = [
    "filling.py",
    "--rows",
    "5000",
    "--rates",
    "0.3",
    "--ways",
    "random",
    "--methods",
    "imputer",
    "knn",
    "iterative",
]


def parts(data: Path | None) -> dict[str, list[str]]:
    """Return the scripts by name, with what they are given."""
    folder = ["--data", str(data)] if data else []
    known = {
        "training beside peers": ["peers.py", "--repeats", "2", *folder],
        "first fits": ["first_fits.py"],
        "single rows": ["single_rows.py"],
        "whole processes": ["whole_processes.py"],
        "scaling": ["scaling.py"],
        "scoring rate": ["scoring_rate.py"],
        "sparse codes": ["sparse_backward.py"],
        "convolution": ["convolution.py"],
    }
    return known | ({"filling": [*FILLING, *folder], "supervised": ["supervised.py", "time", *folder]} if data else {})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="real tables; without it two parts are left out")
    parser.add_argument("--parts", nargs="+", metavar="PART", help="only these, as 'single rows'")
    options = parser.parse_args()
    known = parts(options.data)
    unknown = set(options.parts or ()) - set(known)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
    failed = 0
    for name in options.parts or known:
        print(f"\n# {name[0].upper()}{name[1:]}\n", flush=True)
        script, *arguments = known[name]
        done = subprocess.run([sys.executable, str(HERE / script), *arguments], check=False)  # noqa: S603 -- our own
        failed += done.returncode != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
