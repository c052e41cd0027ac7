"""Which column is wrong: one cell of usual rows is changed, and the column that is blamed first is told.

    python benchmarks/reasons.py --data DIR [--sets 6_cardio,43_WDBC] [--rows 150]

DIR holds the open sets of ADBench as `<number>_<name>.npz` (X, y). Of each the usual rows without duplicates are
shuffled; up to 2,000 train the default detector, and in `--rows` others one cell each is changed: taken from another
row, or moved by 3 or 6 deviations. Figures are how often the first column is the changed one, in percent, by what a
detector's `explain` says, by what columns add to its score, by the largest deviation |z| from the mean, and by the
largest residual of a linear regression on the other columns, in units of its own deviation.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from isthmus import AnomalyDetector

SETS = (
    *("6_cardio", "43_WDBC", "2_annthyroid", "28_pendigits", "22_magic.gamma", "20_letter", "12_fault", "19_landsat"),
    *("44_Wilt", "27_PageBlocks"),
)
CHANGES = ("other row", "+-3 sd", "+-6 sd")
WAYS = ("explain", "added", "largest z", "linear")
MOST = 2000  # rows that train


def usual_rows(path: Path, generator: np.random.Generator) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        x, y = file["X"].astype(float), file["y"]
    x = np.unique(x[y == 0], axis=0)
    return generator.permutation(x[:, x.std(axis=0) > 0])


def changed(rows: np.ndarray, train: np.ndarray, how: str, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return rows with a cell each changed, and the columns of these cells."""
    place = np.arange(len(rows)), generator.integers(0, rows.shape[1], len(rows))
    rows = rows.copy()
    if how == CHANGES[0]:
        rows[place] = train[generator.integers(0, len(train), len(rows)), place[1]]
    else:
        rows[place] += generator.choice([-1, 1], len(rows)) * float(how[2]) * train.std(axis=0)[place[1]]
    return rows, place[1]


def blamed(detector: AnomalyDetector, train: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the column that each way names first."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    z = (rows - mean) / deviation
    inverse = np.linalg.inv(np.cov(train.T / deviation[:, None]) + 1e-3 * np.eye(len(mean)))
    found = {
        "explain": detector.explain(rows)["contribution"].to_numpy(),
        "added": detector.anomaly_score(rows, per_feature=True),
        "largest z": np.abs(z),
        "linear": np.abs(z @ inverse) / np.sqrt(np.diag(inverse)),  # a residual is (z Λ)_j / Λ_jj, of variance 1 / Λ_jj
    }
    return {way: values.argmax(axis=1) for way, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--rows", type=int, default=150)
    options = parser.parse_args()
    generator, figures = np.random.default_rng(0), []
    for name in options.sets.split(","):
        x = usual_rows(options.data / f"{name}.npz", generator)
        train, rows = x[: min(MOST, len(x) - options.rows)], x[-options.rows :]
        detector, line = AnomalyDetector().fit(train), []
        for how in CHANGES:
            wrong, column = changed(rows, train, how, generator)
            line.append([100 * float((found == column).mean()) for found in blamed(detector, train, wrong).values()])
        figures.append(line)
        sys.stdout.write(f"{name:16}{_shown(line)}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{'mean':16}{_shown(np.mean(figures, axis=0))}\n")


def _shown(line: object) -> str:
    """Return the figures of each change: of every way."""
    each = zip(CHANGES, np.asarray(line), strict=True)
    return "  ".join(f"{how}: " + " ".join(f"{way} {v:.1f}" for way, v in zip(WAYS, f, strict=True)) for how, f in each)


if __name__ == "__main__":
    main()
