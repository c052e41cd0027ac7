"""Rows a second that a detector scores, with 20,000 reference rows, of 10 and of 40 columns.

python benchmarks/scoring_rate.py --rows 20000
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.neighbors import NearestNeighbors

import isthmus
from made_tables import numbers
from measuring import machine

REFERENCE = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="scored in one call")
    parser.add_argument("--repeats", type=int, default=3, help="calls for each figure; the fastest counts")
    options = parser.parse_args()
    print(f"{machine()}\n\n| columns | detector, rows/s | scikit-learn's neighbors alone, rows/s |\n|---:|---:|---:|")
    for columns in (10, 40):
        x = numbers(REFERENCE + options.rows, columns)
        usual, new = x[:REFERENCE], x[REFERENCE:]
        detector = isthmus.AnomalyDetector(reference=REFERENCE, random_state=0).fit(usual)
        near = NearestNeighbors(n_neighbors=11).fit(usual.astype(np.float32))
        least = [np.inf, np.inf]
        for _ in range(options.repeats):
            for place, call in enumerate((detector.anomaly_score, near.kneighbors)):
                begin = time.perf_counter()
                call(new)
                least[place] = min(least[place], time.perf_counter() - begin)
        print(f"| {columns} | {options.rows / least[0]:,.0f} | {options.rows / least[1]:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
