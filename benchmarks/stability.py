"""Whether the oddest rows of a table are the same whatever the seed.

    python benchmarks/stability.py TABLE … [--rows 5000] [--seeds 3] [--contamination 0.05]

A table is a Parquet file, a CSV file or an `.npz` with X, of which at most so many rows are drawn. The default detector
learns from them and scores them; printed is how many of its ten oddest rows any two seeds have in common.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import pandas as pd

from isthmus import AnomalyDetector

ODDEST = 10


def table(path: Path, rows: int) -> pd.DataFrame:
    """Return at most so many rows of a file."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            whole = pd.DataFrame(file["X"])
    else:
        whole = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    return whole.sample(min(rows, len(whole)), random_state=0).reset_index(drop=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--contamination", type=float, help="as in isthmus detect, which takes 0.05")
    options = parser.parse_args()
    for path in options.tables:
        rows, oddest, begin = table(path, options.rows), [], time.process_time()
        for seed in range(options.seeds):
            score = (
                AnomalyDetector(random_state=seed, contamination=options.contamination or "auto")
                .fit(rows)
                .anomaly_score(rows)
            )
            oddest.append(set(np.argsort(-score)[:ODDEST].tolist()))
        common = [len(one & other) for one, other in itertools.combinations(oddest, 2)]
        took = (time.process_time() - begin) / options.seeds
        print(
            f"{path.stem}: {len(rows)} rows; common to two seeds {common}; {took:.1f} s of processor each", flush=True
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
