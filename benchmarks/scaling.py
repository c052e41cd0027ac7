"""How the cost of a fit grows with rows, columns, width and starts: the exponent p of seconds = c · size^p.

    python benchmarks/scaling.py --most-rows 1000000

Each fit is the second one of its shapes, so nothing is compiled in it. Its epochs are given, so that twice the rows are
twice the steps. The exponent is that of a line through the logarithms of all sizes, and, as what does not grow hides it
in small ones, that of the two largest alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import isthmus
from made_tables import numbers
from measuring import machine

BATCH = 256


def seconds(
    repeats: int, columns: int = 20, rows: int = 1000, epochs: int = 1, width: int = 64, starts: int = 1
) -> float:
    """Return the least seconds of a fit."""
    x = numbers(rows, columns)

    def fit(seed: int) -> Any:
        return isthmus.Autoencoder(
            8, encoder=(width,), batch_size=BATCH, max_epochs=epochs, n_starts=starts, validation_fraction=0.1,
            stops=None, random_state=seed,
        ).fit(x)  # fmt: skip

    fit(0)
    least = np.inf
    for number in range(repeats):
        begin = time.perf_counter()
        fit(1 + number)
        least = min(least, time.perf_counter() - begin)
    return least


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """Return the slope of a line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2, help="fits for each figure; the least counts")
    parser.add_argument("--most-rows", type=int, default=1_000_000)
    options = parser.parse_args()

    def measured(**sizes: int) -> float:
        return seconds(options.repeats, **sizes)

    rows = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= options.most_rows]
    axes: dict[str, tuple[list[int], Callable[[int], float]]] = {
        "rows (20 columns, 1 epoch)": (rows, lambda size: measured(rows=size)),
        "columns (2,000 rows, 5 epochs)": (
            [10, 50, 200, 1000, 2000],
            lambda size: measured(columns=size, rows=2000, epochs=5),
        ),
        "width (2,000 rows, 20 columns, 5 epochs)": (
            [32, 128, 512, 2048],
            lambda size: measured(width=size, rows=2000, epochs=5),
        ),
        "starts (2,000 rows, 20 columns, 10 epochs)": (
            [1, 2, 4, 8],
            lambda size: measured(starts=size, rows=2000, epochs=10),
        ),
    }
    print(f"{machine()}\n\n| axis | seconds by size | exponent, all | exponent, two largest |\n|---|---|---:|---:|")
    for name, (sizes, cost) in axes.items():
        times = [cost(size) for size in sizes]
        cells = ", ".join(f"{size:,}: {value:.3f}" for size, value in zip(sizes, times, strict=True))
        print(
            f"| {name} | {cells} | {exponent(sizes, times):.2f} | {exponent(sizes[-2:], times[-2:]):.2f} |", flush=True
        )


if __name__ == "__main__":
    main()
