"""Odd rows: the default detector beside neighbors, an isolation forest and what others have published.

    python benchmarks/detection.py --data DIR --setting protocol|honest|tables|dirty [--sets a,b] [--seeds 5]
    python benchmarks/detection.py --kdd FILE

DIR holds `adbench` (29 open sets of ADBench as `<number>_<name>.npz` with X and y, and `published_open.csv`) and
`oddbench` (120 open sets of OddBench, with train, test and y). Settings:

- `protocol`: that of Livernoche et al. (2024), "semi": the first half of the usual rows, in the order of the file,
  trains; the others and the odd ones are judged. Sets of more than 50,000 rows are drawn from without replacement,
  those of fewer than 1,000 with replacement up to 1,000, before the split: so in these a row can stand on both sides.
- `honest`: exact duplicates dropped, no filling up, a random half of the usual rows trains.
- `tables`: OddBench, whose training rows are usual ones and whose test rows are given.
- `dirty`: all distinct rows of a set of ADBench, at most 8,000, are learned from and judged, `contamination=0.1`.

Columns are as they come, for neighbors standardised. Figures are AUROC and area under precision and recall in percent,
means over seeds. Sets are of half A or B by the checksum of their name: what the default is was chosen on A.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import time
import warnings
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from isthmus import AnomalyDetector

SMALL, LARGE, MOST_DIRTY = 1000, 50_000, 8000  # rows
SETTINGS = ("protocol", "honest", "tables", "dirty")
PUBLISHED = ("KNN", "DTE-NP")

Split = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows to train on, rows to judge, which of these are odd
Scorer = Callable[[np.ndarray, np.ndarray, int], dict[str, np.ndarray]]  # scores by method of rows to judge


def half(name: str) -> str:
    """Return the half that a set is of."""
    return "AB"[zlib.crc32(name.encode()) % 2]


def split(path: Path, setting: str, seed: int) -> Split:
    """Return a set by a setting; the generator is NumPy's old one, as in the published protocol."""
    with np.load(path, allow_pickle=False) as file:
        if setting == "tables":
            return file["train"].astype(float), file["test"].astype(float), file["y"].astype(int)
        x, y = file["X"].astype(float), file["y"].astype(int)
    generator = np.random.RandomState(seed)
    if setting == "protocol":
        if len(y) < SMALL or len(y) > LARGE:
            chosen = generator.choice(len(y), SMALL if len(y) < SMALL else LARGE, replace=len(y) < SMALL)
            x, y = x[chosen], y[chosen]
    else:
        _, first = np.unique(np.column_stack([x, y]), axis=0, return_index=True)
        first = generator.permutation(first)[: LARGE if setting == "honest" else MOST_DIRTY]
        x, y = x[first], y[first]
    if setting == "dirty":
        return x, x, y
    usual = np.flatnonzero(y == 0)
    middle = len(usual) // 2
    judged = np.concatenate([usual[middle:], np.flatnonzero(y == 1)])
    return x[usual[:middle]], x[judged], y[judged]


def of_isthmus(train: np.ndarray, judged: np.ndarray, seed: int, *, is_dirty: bool) -> dict[str, np.ndarray]:
    """Return the default detector's scores, and those of its parts without the autoencoder."""
    settings = {"contamination": 0.1} if is_dirty else {}
    detector = AnomalyDetector(random_state=seed, **settings).fit(train)
    scores = {"isthmus": detector.anomaly_score(judged)}
    fitted = detector.fitted_
    calibrations = [score.calibration for score in fitted.scores]
    bare = [
        replace(one, calibration=replace(calibration, share=without_error(calibration.share)))
        for one, calibration in zip(fitted.scores, calibrations, strict=True)
    ]
    rows = [one.model.scaled_rows(judged) for one in bare]
    parts = [one.contributions(x, is_own=is_dirty).sum(axis=1) for one, x in zip(bare, rows, strict=True)]
    return scores | {"no autoencoder": np.mean(parts, axis=0)}


def without_error(share: np.ndarray) -> np.ndarray:
    """Return the shares of the parts of a score, distance, error and density, without the error of the autoencoder."""
    others = share * [1, 0, 1]
    return others / others.sum() if others.sum() else share


def of_others(train: np.ndarray, judged: np.ndarray, seed: int, *, is_dirty: bool) -> dict[str, np.ndarray]:
    """Return the distance to the first and the fifth neighbor, and an isolation forest's scores."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)
    search = NearestNeighbors(n_neighbors=min(5, len(train) - 1)).fit((train - mean) / deviation)
    distance, _ = search.kneighbors(None if is_dirty else (judged - mean) / deviation)
    forest = IsolationForest(random_state=seed).fit(train)
    return {"1-NN": distance[:, 0], "5-NN": distance[:, -1], "forest": -forest.score_samples(judged)}


def published(folder: Path) -> dict[str, dict[str, float]]:
    """Return the published figures by set and method."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    with (folder / "published_open.csv").open(newline="") as file:
        for line in csv.DictReader(row for row in file if not row.startswith("#")):
            if (line["source"], line["setting"], line["metric"]) == ("DTE-README", "semi", "AUCROC"):
                found[line["adbench_name"]][line["method"]] = float(line["mean_percent"])
    return found


def table(folder: Path, names: list[str], setting: str, seeds: int) -> None:
    """Print a line for each set, then means, and how often the default wins against each other method."""
    is_dirty = setting == "dirty"
    others = published(folder) if setting == "protocol" else {}
    shown = PUBLISHED if others else ()
    lines: dict[str, dict[str, float]] = {}
    for name in names:
        figures: dict[str, list[float]] = defaultdict(list)
        for seed in range(seeds):
            train, judged, is_odd = split(folder / f"{name}.npz", setting, seed)
            begin = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                scores = of_isthmus(train, judged, seed, is_dirty=is_dirty)
            seconds = time.perf_counter() - begin
            for method, score in (scores | of_others(train, judged, seed, is_dirty=is_dirty)).items():
                figures[method].append(100 * roc_auc_score(is_odd, score))
            figures["AUPRC"].append(100 * average_precision_score(is_odd, scores["isthmus"]))
            figures["seconds"].append(seconds)
        lines[name] = {key: float(np.mean(values)) for key, values in figures.items()}
        lines[name] |= {method: others[name].get(method, float("nan")) for method in shown}
        if len(lines) == 1:
            print(f"| set | half | {' | '.join(lines[name])} |\n| --- | --- |{' ---: |' * len(lines[name])}")
        numbers = " | ".join(f"{value:.1f}" for value in lines[name].values())
        print(f"| {name} | {half(name)} | {numbers} |", flush=True)
    for kind in ("A", "B", "AB"):
        means = [list(line.values()) for name, line in lines.items() if half(name) in kind]
        if means:
            numbers = " | ".join(f"{value:.1f}" for value in np.mean(means, axis=0))
            print(f"| mean of {len(means)} | {kind} | {numbers} |")
    for method in ("no autoencoder", "1-NN", "5-NN", "forest"):
        gap = np.array([line["isthmus"] - line[method] for line in lines.values()])
        chance = wilcoxon(gap).pvalue if len(gap) > 5 else float("nan")
        print(f"against {method}: {(gap > 0).sum()} wins, {(gap < 0).sum()} losses, Wilcoxon p {chance:.2g}")


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
    parser.add_argument("--data", type=Path, help="the folder of adbench and oddbench")
    parser.add_argument("--setting", choices=SETTINGS, default="protocol")
    parser.add_argument("--sets", help="names, with commas between them")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kdd", type=Path, help="the table of KDD Cup 1999, Parquet")
    parser.add_argument("--large", type=Path, help=argparse.SUPPRESS)  # in a process of its own
    options = parser.parse_args()
    if options.large:
        large(options.large)
        return 0
    if options.data:
        folder = options.data / ("oddbench" if options.setting == "tables" else "adbench")
        names = sorted(path.stem for path in folder.glob("*.npz"))
        table(folder, options.sets.split(",") if options.sets else names, options.setting, options.seeds)
    if options.kdd:
        subprocess.run([sys.executable, __file__, "--large", str(options.kdd)], check=True)  # noqa: S603 -- this file, started anew
    return 0


if __name__ == "__main__":
    sys.exit(main())
