"""Odd time steps of multivariate series: errors and scores of windows, beside PCA and isolation forest on the same.

    python benchmarks/series.py --data FOLDER [--sets asd smd] [--size 10] [--seeds 3] [--only omi-1 machine-1-6]

`FOLDER` holds `asd/asd.npz` and `smd/smd.npz`, the series of InterFusion (Li et al., 2021) and of OmniAnomaly (Su et
al., 2019): of each server what is usual, to learn from, and a later stretch with labels by time step. Every method
sees the same windows of `size` steps, one beginning at each step, of channels in units of their deviations; the score
of a step is the mean over the windows that hold it. Printed are, in percent, the AUROC over steps and the best F1 of
all thresholds, both *without* point adjustment: a step that is found does not vouch for the others of its stretch.
Where causes are given, `channels` is how often the channel that adds most to the scores of a stretch is one of them.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import precision_recall_curve, roc_auc_score

from isthmus import AnomalyDetector, Autoencoder, join_windows, series_error, windows
from measuring import machine

AT_ONCE = 4096  # windows


class Series(NamedTuple):
    """What a server did, [steps, channels]."""

    usual: np.ndarray
    later: np.ndarray
    is_odd: np.ndarray  # [steps]
    causes: list[tuple[int, int, set[int]]]  # first step, last step, channels from 0


Method = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]


def read(folder: Path, name: str, server: str) -> Series:
    """Return a server's series in units of the deviation of what is usual."""
    with np.load(folder / name / f"{name}.npz", allow_pickle=False) as file:
        usual, later, label = (file[f"{server}_{part}"] for part in ("train", "test", "label"))
    usual, later = usual.astype(np.float64), later.astype(np.float64)
    mean, deviation = usual.mean(axis=0), usual.std(axis=0)
    deviation[deviation < 1e-6] = 1
    causes = []
    told = folder / name / f"{server}_interpretation.txt"
    for line in told.read_text().split() if told.exists() else []:
        steps, channels = line.split(":")
        first, last = map(int, steps.split("-"))
        causes.append((first, last, {int(channel) - 1 for channel in channels.split(",")}))
    return Series((usual - mean) / deviation, (later - mean) / deviation, label.astype(bool), causes)


def servers(folder: Path, name: str) -> list[str]:
    with np.load(folder / name / f"{name}.npz", allow_pickle=False) as file:
        found = {key.rsplit("_", 1)[0] for key in file}
    return sorted(found, key=lambda server: [int(part) for part in server.split("-")[1:]])


def blocks(series: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield flattened windows, [rows, size * channels]."""
    pieces = windows(series, size)
    for start in range(0, len(pieces), AT_ONCE):
        yield np.asarray(pieces[start : start + AT_ONCE]).reshape(-1, size * series.shape[1])


def by_pca(usual: np.ndarray, later: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return the squared error of the components that hold 95 % of the variance, [steps, channels]."""
    pca = PCA(0.95, random_state=seed).fit(np.concatenate(list(blocks(usual, size))))
    error = [np.square(x - pca.inverse_transform(pca.transform(x))) for x in blocks(later, size)]
    return join_windows(np.concatenate(error).reshape(-1, size, later.shape[1]), len(later))


def by_forest(usual: np.ndarray, later: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return the mean score of an isolation forest, [steps, 1]."""
    forest = IsolationForest(random_state=seed).fit(np.concatenate(list(blocks(usual, size))))
    score = np.concatenate([-forest.score_samples(x) for x in blocks(later, size)])
    return join_windows(np.broadcast_to(score[:, None, None], (len(score), size, 1)), len(later))


def by_autoencoder(usual: np.ndarray, later: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return the error of the default autoencoder with a code of 16, [steps, channels]."""
    model = Autoencoder(16, encoder=(128,), random_state=seed).fit(windows(usual, size))
    return series_error(model, later, by_channel=True)


def by_detector(usual: np.ndarray, later: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return what steps and channels add to the scores of the default detector, [steps, channels]."""
    return series_error(AnomalyDetector(random_state=seed).fit(windows(usual, size)), later, by_channel=True)


METHODS: dict[str, Method] = {
    "isthmus: detector": by_detector,
    "isthmus: error": by_autoencoder,
    "PCA": by_pca,
    "isolation forest": by_forest,
}


def best_f1(is_odd: np.ndarray, score: np.ndarray) -> float:
    precision, recall, _ = precision_recall_curve(is_odd, score)
    return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))


def right_channels(series: Series, by_channel: np.ndarray) -> float:
    """Return the share of stretches whose guiltiest channel is a cause; not a number where none is told."""
    if not series.causes or by_channel.shape[1] == 1:
        return np.nan
    guilty = [int(by_channel[first : last + 1].sum(axis=0).argmax()) for first, last, _ in series.causes]
    return float(np.mean([channel in causes for channel, (_, _, causes) in zip(guilty, series.causes, strict=True)]))


def judged(series: Series, method: Method, size: int, seeds: int) -> np.ndarray:
    """Return AUROC, best F1 and share of right channels in percent, and seconds, the means over seeds."""
    found = []
    for seed in range(seeds):
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            by_channel = method(series.usual, series.later, size, seed)
        seconds = time.perf_counter() - began
        score = by_channel.sum(axis=1)
        told = (roc_auc_score(series.is_odd, score), best_f1(series.is_odd, score), right_channels(series, by_channel))
        found.append([*(100 * np.array(told)), seconds])
    answer: np.ndarray = np.mean(found, axis=0)
    return answer


def shown(figures: np.ndarray) -> str:
    return f"{figures[0]:.1f}; {figures[1]:.1f}"


def main() -> None:
    """Print a table for each set, AUROC; best F1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["asd", "smd"])
    parser.add_argument("--only", nargs="*", default=[], help="servers")
    parser.add_argument("--size", type=int, default=10, help="steps of a window")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    for name in options.sets:
        print(f"\n| {name}: AUROC; best F1 | {' | '.join(METHODS)} |\n| --- |{' ---: |' * len(METHODS)}", flush=True)
        rows = []
        for server in servers(options.data, name):
            if options.only and server not in options.only:
                continue
            series = read(options.data, name, server)
            rows.append([judged(series, method, options.size, options.seeds) for method in METHODS.values()])
            print(f"| {server} | {' | '.join(map(shown, rows[-1]))} |", flush=True)
        mean = np.mean(rows, axis=0)
        print(f"| mean | {' | '.join(map(shown, mean))} |")
        print(f"| channels | {' | '.join('' if np.isnan(figures[2]) else f'{figures[2]:.0f}' for figures in mean)} |")
        print(f"| seconds | {' | '.join(f'{figures[3]:.0f}' for figures in mean)} |", flush=True)


if __name__ == "__main__":
    main()
