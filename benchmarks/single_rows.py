"""Milliseconds for one row, after the first call: as an array, a DataFrame and a dict, beside scikit-learn and PyTorch.

    python benchmarks/single_rows.py --repeats 200

All calls are taken in turn, so that a busy minute hits all of them; the median and the least of each are printed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import isthmus
from made_tables import mixed, numbers
from measuring import machine

ROWS = 1000


def calls() -> dict[str, Callable[[], Any]]:
    """Return what is measured, by name."""
    x, frame = numbers(ROWS, 20), mixed(ROWS)
    kind = (x[:, 0] > 0).astype(int)
    row, line = x[:1], frame.iloc[:1]
    record = frame.iloc[0].to_dict()
    plain, tabular = (isthmus.Autoencoder(random_state=0).fit(table) for table in (x, frame))
    judge, judge_of_frames = (isthmus.NetworkClassifier(random_state=0).fit(table, kind) for table in (x, frame))
    detector, detector_of_frames = (isthmus.AnomalyDetector(random_state=0).fit(table) for table in (x, frame))
    holes = frame.copy()
    holes.loc[::7, "number 0"] = np.nan
    imputer, lacking = isthmus.Imputer(random_state=0).fit(holes), holes.iloc[:1]
    found: dict[str, Callable[[], Any]] = {}
    for name in ("transform", "score_samples", "reconstruct"):
        for form, model, one in (("array", plain, row), ("frame", tabular, line), ("dict", tabular, record)):
            found[f"Autoencoder.{name}, {form}"] = lambda m=model, n=name, r=one: getattr(m, n)(r)
    for form, model, one in (
        ("array", judge, row),
        ("frame", judge_of_frames, line),
        ("dict", judge_of_frames, record),
    ):
        found[f"NetworkClassifier.predict, {form}"] = lambda m=model, r=one: m.predict(r)
    for name in ("anomaly_score", "explain"):
        for form, model, one in (("array", detector, row), ("frame", detector_of_frames, line)):
            found[f"AnomalyDetector.{name}, {form}"] = lambda m=model, n=name, r=one: getattr(m, n)(r)
    found["Imputer.transform, frame"] = lambda: imputer.transform(lacking)
    return found | of_peers(x, frame, kind)


def of_peers(x: np.ndarray, frame: Any, kind: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Return the calls of peers, by name."""
    row, line, names = x[:1], frame.iloc[:1], list(frame.columns)
    cells = make_column_transformer(
        (StandardScaler(), [name for name in names if name.startswith("number")]),
        (OneHotEncoder(), [name for name in names if name.startswith("category")]),
    )
    copier = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(64, 32), max_iter=20)).fit(x, x)
    judge = make_pipeline(StandardScaler(), MLPClassifier((64, 32), max_iter=20)).fit(x, kind)
    judge_of_frames = make_pipeline(cells, MLPClassifier((64, 32), max_iter=20)).fit(frame, kind)
    forest, near = IsolationForest(random_state=0).fit(x), NearestNeighbors(n_neighbors=3).fit(x)
    found: dict[str, Callable[[], Any]] = {
        "scikit-learn: scaler and MLPRegressor.predict, array": lambda: copier.predict(row),
        "scikit-learn: scaler and MLPClassifier.predict, array": lambda: judge.predict(row),
        "scikit-learn: the same with one-hot categories, frame": lambda: judge_of_frames.predict(line),
        "scikit-learn: IsolationForest.score_samples, array": lambda: forest.score_samples(row),
        "scikit-learn: NearestNeighbors.kneighbors, array": lambda: near.kneighbors(row),
    }
    try:
        import torch
    except ImportError:
        return found
    network = torch.nn.Sequential(torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Linear(64, 20))

    def forward() -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(row.astype(np.float32))).numpy()

    return found | {"PyTorch: two layers, without scaling, array": forward}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that scikit-learn's networks have not converged
        measured = calls()
        times: dict[str, list[float]] = {name: [] for name in measured}
        for number in range(repeats + 3):
            for name, call in measured.items():
                begin = time.perf_counter()
                call()
                times[name] += [time.perf_counter() - begin] if number > 2 else []
    print(f"{machine()}\n\n| call, one row | median ms | least ms |\n|---|---:|---:|")
    for name, seconds in times.items():
        print(f"| {name} | {1e3 * np.median(seconds):.2f} | {1e3 * min(seconds):.2f} |")


if __name__ == "__main__":
    main()
