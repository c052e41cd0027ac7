"""Odd rows of the 29 open sets of ADBench, beside the figures that others have published.

    python benchmarks/detection.py --data DIR [--sets 6_cardio,28_pendigits] [--seeds 5] [--rows 50000] [--kdd FILE]

DIR holds the sets as `<number>_<name>.npz` (X, y) and `published_open.csv`. The protocol is that of Livernoche et al.
(2024), "semi": the first half of the usual rows, in the order of the file, trains; the others and the odd ones are
judged. Sets of more than 50,000 rows are drawn from without replacement (`--rows` draws fewer), those of fewer than
1,000 with replacement up to 1,000, before the split: so in these a row can stand on both sides, in the published
figures and here, and their mean is given apart. Columns are standardised by the rows of the training. The detector is
the default of `isthmus.AnomalyDetector`, the same for all sets. Figures are AUROC in percent, means over seeds; `*`
marks what is below the published figure of k-NN. With `--kdd` the table of KDD Cup 1999, 494,021 rows of numbers and
categories, is learned from, scored and explained, in a process of its own, and its time and memory told.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from isthmus import AnomalyDetector

SHOWN = ("PCA", "VAE", "IForest", "KNN", "DTE-NP")
DEVELOPED_ON = (
    *("2_annthyroid", "7_Cardiotocography", "8_celeba", "19_landsat", "22_magic.gamma", "24_mnist"),
    *("28_pendigits", "33_skin", "39_vertebral", "44_Wilt", "46_WPBC"),
)
"""The sets that the default was chosen on; the others were looked at once, at the end."""
SMALL = 1000  # rows: smaller sets are filled up

Split = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows to train on, rows to judge, which of these are odd


def split(path: Path, seed: int, most: int) -> Split:
    """Return a set by the protocol; the generator is NumPy's old one, as theirs."""
    with np.load(path, allow_pickle=False) as file:
        x, y = file["X"].astype(float), file["y"].astype(int)
    generator = np.random.RandomState(seed)
    if len(y) < SMALL or len(y) > most:
        chosen = generator.choice(len(y), SMALL if len(y) < SMALL else most, replace=len(y) < SMALL)
        x, y = x[chosen], y[chosen]
    usual, odd = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    half = len(usual) // 2
    judged = np.concatenate([usual[half:], odd])
    mean, deviation = x[usual[:half]].mean(axis=0), x[usual[:half]].std(axis=0)
    x = (x - mean) / np.where(deviation > 0, deviation, 1)
    return x[usual[:half]], x[judged], y[judged]


def published(folder: Path) -> dict[str, dict[str, float]]:
    """Return the published figures by set and method."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    with (folder / "published_open.csv").open(newline="") as file:
        for line in csv.DictReader(row for row in file if not row.startswith("#")):
            if (line["source"], line["setting"], line["metric"]) == ("DTE-README", "semi", "AUCROC"):
                found[line["adbench_name"]][line["method"]] = float(line["mean_percent"])
    return found


def rows_of(path: Path) -> int:
    with np.load(path, allow_pickle=False) as file:
        return len(file["y"])


def table(folder: Path, names: list[str], seeds: int, most: int) -> None:
    others = published(folder)
    rows: list[tuple[str, list[float], float]] = []
    print(f"| set | isthmus | ± | {' | '.join(SHOWN)} | seconds |\n| --- |{' ---: |' * (len(SHOWN) + 3)}", flush=True)
    for name in names:
        scores, begin = [], time.perf_counter()
        for seed in range(seeds):
            train, judged, is_odd = split(folder / f"{name}.npz", seed, most)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                detector = AnomalyDetector(random_state=seed).fit(train)
            scores.append(100 * roc_auc_score(is_odd, detector.anomaly_score(judged)))
        seconds = (time.perf_counter() - begin) / seeds
        figures = [others[name].get(method, float("nan")) for method in SHOWN]
        rows.append((name, [float(np.mean(scores)), *figures], seconds))
        mark = "*" if np.mean(scores) < others[name]["KNN"] else ""
        told = " | ".join(f"{figure:.1f}" for figure in figures)
        print(f"| {name} | {np.mean(scores):.1f}{mark} | {np.std(scores):.1f} | {told} | {seconds:.1f} |", flush=True)
    is_small = {name for name in names if rows_of(folder / f"{name}.npz") < SMALL}
    kinds = {
        "all": set(names),
        "chosen on": set(DEVELOPED_ON),
        "looked at once": set(names) - set(DEVELOPED_ON),
        "of 1,000 rows or more": set(names) - is_small,
        "filled up to 1,000 rows": is_small,
    }
    for kind, members in kinds.items():
        means = [figures for name, figures, _ in rows if name in members]
        if means:
            told = np.mean(means, axis=0)
            print(
                f"| mean of {len(means)} {kind} | {told[0]:.1f} | | "
                + " | ".join(f"{m:.1f}" for m in told[1:])
                + " | |"
            )


def large(path: Path) -> None:
    """Learn from a large table of numbers and categories, score and explain it; print what it took.

    It is the table of KDD Cup 1999: the many attacks that are most of it stand for what is usual, with what is normal,
    and kinds of attack of fewer than a thousandth of the rows for what is odd. Their labels are not shown.
    """
    frame = pd.read_parquet(path)
    label = frame.pop("label").astype(str)
    is_odd = label.map(label.value_counts()).to_numpy() < len(label) / 1000
    begin = time.perf_counter()
    detector = AnomalyDetector(contamination=0.01).fit(frame)
    _took(f"fit {len(frame):,} x {frame.shape[1]}", begin)
    begin = time.perf_counter()
    score = detector.anomaly_score(frame)
    _took("score", begin)
    begin = time.perf_counter()
    detector.explain(frame)
    _took("explain", begin)
    print(f"AUROC of {is_odd.sum()} odd rows: {100 * roc_auc_score(is_odd, score):.1f}")


def _took(what: str, begin: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}: {time.perf_counter() - begin:.0f} s, at most {peak:.2f} GiB so far", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of the sets")
    parser.add_argument("--sets", help="names, with commas between them")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=50_000, help="of a set, at most")
    parser.add_argument("--kdd", type=Path, help="the table of KDD Cup 1999, Parquet")
    parser.add_argument("--large", type=Path, help=argparse.SUPPRESS)  # in a process of its own
    options = parser.parse_args()
    if options.large:
        large(options.large)
        return 0
    if options.data:
        found = sorted((path.stem for path in options.data.glob("*.npz")), key=lambda name: int(name.split("_")[0]))
        table(options.data, options.sets.split(",") if options.sets else found, options.seeds, options.rows)
    if options.kdd:
        subprocess.run([sys.executable, __file__, "--large", str(options.kdd)], check=True)  # noqa: S603 -- this file, started anew
    return 0


if __name__ == "__main__":
    sys.exit(main())
