"""Odd time steps of series: detectors of windows beside PCA, isolation forest and nearest neighbors on the same.

    python benchmarks/series.py --data FOLDER [--sets asd smd nab smap_msl] [--size auto] [--step 1] [--seeds 3]
        [--half 0] [--every 1] [--most 6000] [--only asd/omi-1 smd/machine-1-6]

`FOLDER` holds `asd/asd.npz` and `smd/smd.npz`, the series of InterFusion (Li et al., 2021) and of OmniAnomaly (Su et
al., 2019), `nab/nab.parquet` (Lavin and Ahmad, 2015) and `smap_msl` (Hundman et al., 2018): of each series what is
usual, to learn from, and a later stretch with labels by time step. Every method sees the same windows of `size` steps
(auto: as `isthmus.windows` chooses), of channels in units of their deviations. One begins at each step, but at most
about `most` are learned from; of the later stretch one begins at every `step` steps. A window counts at all of its
steps: the score of a step is the mean over the windows that hold it. Printed are, in percent, the VUS-PR with buffers
of up to 100 steps, the AUROC over steps, and the best F1 of all thresholds, the last two *without* point adjustment: a
step that is found does not vouch for the others of its stretch. Where causes are given, `channels` is how often the
channel that adds most to the scores of a stretch is one of them. `half` takes the first, third, … series of each set
(0) or the others (1): defaults were chosen on 0, and 1 is reported; of these `every` takes some.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import precision_recall_curve, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from isthmus import AnomalyDetector, join_windows, series_error, windows
from isthmus.data.windows import Windows
from measuring import machine
from ranges import vus_pr
from series_sets import SETS, Series, names, read

AT_ONCE = 4096  # windows


Method = Callable[[Windows, np.ndarray, int, int], np.ndarray]  # of usual windows, later steps, step, seed


def learned(usual: np.ndarray, size: int | str, most: int) -> Windows:
    """Return windows of what is usual, about `most` of them, evenly spread."""
    pieces = windows(usual, size)
    return pieces[:: -(-len(pieces) // most)]


def flat(pieces: Windows) -> np.ndarray:
    """Return windows as rows, [n, size * channels] float32."""
    return np.asarray(pieces, np.float32).reshape(len(pieces), -1)


def blocks(series: np.ndarray, size: int, step: int) -> Iterator[np.ndarray]:
    """Yield windows that begin at every so-manieth step as rows, [rows, size * channels]."""
    pieces = windows(series, size, step)
    for start in range(0, len(pieces), AT_ONCE):
        yield flat(pieces[start : start + AT_ONCE])


def spread_over_steps(by_channel: np.ndarray, size: int, length: int, step: int) -> np.ndarray:
    """Return the mean, at each step, over its windows, whose scores are [n, channels]."""
    each = np.broadcast_to(by_channel[:, None], (len(by_channel), size, by_channel.shape[1]))
    return join_windows(each, length, step)


def by_pca(usual: Windows, later: np.ndarray, step: int, seed: int) -> np.ndarray:
    """Return the squared error of the components that hold 95 % of the variance, [steps, channels]."""
    size = usual.size
    pca = PCA(0.95, random_state=seed).fit(flat(usual))
    error = np.concatenate([np.square(x - pca.inverse_transform(pca.transform(x))) for x in blocks(later, size, step)])
    return spread_over_steps(error.reshape(-1, size, later.shape[1]).sum(axis=1), size, len(later), step)


def by_forest(usual: Windows, later: np.ndarray, step: int, seed: int) -> np.ndarray:
    """Return the mean score of an isolation forest, [steps, 1]."""
    forest = IsolationForest(random_state=seed).fit(flat(usual))
    score = np.concatenate([-forest.score_samples(x) for x in blocks(later, usual.size, step)])
    return spread_over_steps(score[:, None], usual.size, len(later), step)


def by_neighbors(usual: Windows, later: np.ndarray, step: int, _seed: int, count: int) -> np.ndarray:
    """Return the mean distance to the nearest windows, [steps, 1]."""
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(flat(usual))
    score = np.concatenate([search.kneighbors(x)[0].mean(axis=1) for x in blocks(later, usual.size, step)])
    return spread_over_steps(score[:, None], usual.size, len(later), step)


def by_detector(usual: Windows, later: np.ndarray, step: int, seed: int) -> np.ndarray:
    """Return what channels add to the scores of the default detector, [steps, channels]."""
    return series_error(AnomalyDetector(random_state=seed).fit(usual), later, step, by_channel=True)


METHODS: dict[str, Method] = {
    "isthmus": by_detector,
    "PCA": by_pca,
    "isolation forest": by_forest,
    "1-NN": partial(by_neighbors, count=1),
    "5-NN": partial(by_neighbors, count=5),
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


def judged(series: Series, method: Method, size: int | str, step: int, seeds: int, most: int) -> np.ndarray:
    """Return VUS-PR, AUROC, best F1 and share of right channels in percent, and seconds, the means over seeds."""
    found = []
    for seed in range(seeds):
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            by_channel = method(learned(series.usual, size, most), series.later, step, seed)
        seconds = time.perf_counter() - began
        is_odd, score = series.is_odd, by_channel.sum(axis=1)
        told = (vus_pr(is_odd, score), roc_auc_score(is_odd, score), best_f1(is_odd, score))
        found.append([*(100 * np.array([*told, right_channels(series, by_channel)])), seconds])
    answer: np.ndarray = np.mean(found, axis=0)
    return answer


def shown(figures: np.ndarray) -> str:
    return "; ".join(f"{figure:.1f}" for figure in figures[:3])


def main() -> None:
    """Print a table for each set, VUS-PR; AUROC; best F1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--only", nargs="*", default=[], help="series")
    parser.add_argument("--methods", nargs="*", default=[*METHODS], choices=METHODS)
    parser.add_argument("--half", type=int, choices=(0, 1), help="of the series of each set; else all")
    parser.add_argument("--every", type=int, default=1, help="take each so-manieth of them")
    parser.add_argument("--size", type=lambda text: text if text == "auto" else int(text), default="auto")
    parser.add_argument("--step", type=int, default=1, help="from one later window to the next")
    parser.add_argument("--most", type=int, default=6000, help="windows that are learned from")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    methods = [METHODS[name] for name in options.methods]
    print(machine())
    means = []
    for name in options.sets:
        print(f"\n| {name}: VUS-PR; AUROC; best F1 | {' | '.join(options.methods)} |")
        print(f"| --- |{' ---: |' * len(methods)}", flush=True)
        rows = []
        for key in names(options.data, name)[options.half : None : 1 if options.half is None else 2][:: options.every]:
            if options.only and key not in options.only:
                continue
            series = read(options.data, name, key)
            settings = options.size, options.step, options.seeds, options.most
            rows.append([judged(series, method, *settings) for method in methods])
            print(f"| {key} | {' | '.join(map(shown, rows[-1]))} |", flush=True)
        if not rows:
            continue
        mean = np.mean(rows, axis=0)
        means.append(mean)
        print(f"| mean | {' | '.join(map(shown, mean))} |")
        print(f"| channels | {' | '.join('' if np.isnan(figures[3]) else f'{figures[3]:.0f}' for figures in mean)} |")
        print(f"| seconds | {' | '.join(f'{figures[4]:.0f}' for figures in mean)} |", flush=True)
    print(f"\n| mean of sets | {' | '.join(map(shown, np.mean(means, axis=0)))} |")


if __name__ == "__main__":
    main()
