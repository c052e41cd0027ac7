"""Seconds of a first fit, from the call to its result, in a fresh process, and of a second one in the same process.

    python benchmarks/first_fits.py --repeats 3

Imports are done before the clock starts; what XLA compiles is in it. The last column is of a fresh process, too, whose
programs lie on disk already (JAX's own cache, `JAX_COMPILATION_CACHE_DIR`). Each figure is the least of so many.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from made_tables import mixed, numbers
from measuring import machine

ROWS = 1000


def fits() -> dict[str, Callable[[], Any]]:
    """Return the fits that are measured, by name, each of an estimator of its own."""
    import isthmus

    x, frame = numbers(ROWS, 20), mixed(ROWS)
    kind = (x[:, 0] > 0).astype(int)
    holes = np.where(np.random.default_rng(1).random(x.shape) < 0.1, np.nan, x)
    return {
        "Autoencoder, 1,000 x 20 numbers": lambda: isthmus.Autoencoder(random_state=0).fit(x),
        "Autoencoder, 1,000 x 11 mixed": lambda: isthmus.Autoencoder(random_state=0).fit(frame),
        "NetworkClassifier, 1,000 x 20": lambda: isthmus.NetworkClassifier(random_state=0).fit(x, kind),
        "AnomalyDetector, 1,000 x 20": lambda: isthmus.AnomalyDetector(random_state=0).fit(x),
        "Imputer, 1,000 x 20": lambda: isthmus.Imputer(random_state=0).fit(holes),
    }


def one(name: str) -> tuple[float, float]:
    """Return the seconds of the first and of the second fit in this process."""
    fit = fits()[name]
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        fit()
        seconds.append(time.perf_counter() - begin)
    return seconds[0], seconds[1]


def child(name: str, cache: str | None = None) -> tuple[float, float]:
    """Return the same of a fresh process, which keeps its programs in a folder, where one is given."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JAX_")}
    if cache is not None:
        environment |= {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        environment |= {"JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
    command = [sys.executable, __file__, "--one", name]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603 -- this script
    first, second = json.loads(done.stdout.splitlines()[-1])
    return first, second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="fresh processes for each figure; the least counts")
    parser.add_argument("--one", metavar="NAME", help="measure one fit, print one line of JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one)))
        return
    print(f"{machine()}\n\n| fit | fresh process s | again in it s | fresh, programs on disk s |\n|---|---:|---:|---:|")
    for name in fits():
        runs = [child(name) for _ in range(options.repeats)]
        with tempfile.TemporaryDirectory() as folder:
            child(name, folder)
            stored = min(child(name, folder)[0] for _ in range(options.repeats))
        first, again = (min(run[place] for run in runs) for place in range(2))
        print(f"| {name} | {first:.2f} | {again:.2f} | {stored:.2f} |", flush=True)


if __name__ == "__main__":
    main()
