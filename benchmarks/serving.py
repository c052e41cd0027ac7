"""One row and 100,000 rows answered by isthmus and by onnxruntime: milliseconds, and rows in a second.

    python benchmarks/serving.py [--rows 100000] [--block 4096]

The models are trained for an epoch: what they have learned makes no difference to the time that they take. Tables are
given whole to isthmus, and to onnxruntime in blocks of rows, since a detector's graph compares a block with all usual
rows at once. The time is the least of several calls, after one that is not counted.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from isthmus import AnomalyDetector, Autoencoder, NetworkRegressor

COLUMNS, USUAL = 20, 5000


def least(call: Callable[[], Any], times: int) -> float:
    """Return the seconds of the fastest of some calls, after one that is not counted."""
    call()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(name: str, model: Any, answer: Callable[[Any], Any], output: str, rows: np.ndarray, block: int) -> None:
    """Print what a model takes here and in onnxruntime."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.to_onnx(path)
        session = onnxruntime.InferenceSession(str(path))
        size = path.stat().st_size / 1e6

    def run(table: np.ndarray) -> list[Any]:
        return [session.run([output], {"X": table[i : i + block]}) for i in range(0, len(table), block)]

    one = rows[:1]
    alone = least(lambda: answer(one), 30), least(lambda: run(one), 100)
    many = least(lambda: answer(rows), 2), least(lambda: run(rows), 2)
    alone_ms = " | ".join(f"{1e3 * seconds:.2f}" for seconds in alone)
    speeds = " | ".join(f"{len(rows) / seconds:,.0f}" for seconds in many)
    print(f"| {name} | {alone_ms} | {speeds} | {size:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--block", type=int, default=4096)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    X = random.normal(size=(USUAL, COLUMNS))
    rows = random.normal(size=(options.rows, COLUMNS))
    network = {"encoder": (64, 32), "max_epochs": 1}
    autoencoder = Autoencoder(8, **network).fit(X)
    skewed = Autoencoder(8, scaling="quantile", **network).fit(X)
    regressor = NetworkRegressor((64, 32), max_epochs=1).fit(X, X[:, 0])
    detector = AnomalyDetector(Autoencoder(8, **network)).fit(X)
    print("| model | one row, ms: isthmus | onnxruntime | rows/s: isthmus | onnxruntime | MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    measure("autoencoder, scores", autoencoder, autoencoder.score_samples, "score", rows, options.block)
    measure("the same by quantiles", skewed, skewed.score_samples, "score", rows, options.block)
    measure("regressor", regressor, regressor.predict, "prediction", rows, options.block)
    measure(f"detector, {USUAL:,} rows", detector, detector.anomaly_score, "anomaly_score", rows, options.block)


if __name__ == "__main__":
    main()
