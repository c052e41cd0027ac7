"""Codes as features: a logistic regression on codes of 8, 16 and 32 numbers, beside PCA and the columns themselves.

    python benchmarks/features.py --data FOLDER [--sets digits adult] [--sizes 8 16 32] [--seeds 5] [--rows 20000]

`FOLDER` holds `adult/adult.parquet`, the UCI Adult table (`income` is the class, `split` as given); without it only
scikit-learn's digits are taken, 1,297 rows to train on and 500 to test. Autoencoders read the table as it is. PCA and
the regression on the columns themselves see its numbers standardised, the two of money by their logarithm, and its
categories one-hot. Transformations are fitted on the training rows only, without labels; every feature is standardised
before the regression. Printed is the share of test rows named rightly, mean ± standard deviation over seeds. A seed
draws the training rows, of digits the test rows too, and the start of the training; every method is fitted on the same
rows.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder
from measuring import machine


class Split(NamedTuple):
    """Rows to train on and to test, as a table, as numbers alone, and their classes."""

    table: tuple[Any, Any]
    numbers: tuple[np.ndarray, np.ndarray]
    y: tuple[np.ndarray, np.ndarray]


def digits(_: Path | None, seed: int, __: int) -> Split:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = np.float32(x[order] / 16), y[order]
    both = x[:1297], x[1297:]
    return Split(both, both, (y[:1297], y[1297:]))


def adult(folder: Path | None, seed: int, rows: int) -> Split:
    assert folder is not None
    frame = pd.read_parquet(folder / "adult" / "adult.parquet")
    label, split = frame.pop("income").astype(str).str.strip().str.rstrip("."), frame.pop("split").astype(str)
    is_train = (split == split.iloc[0]).to_numpy()
    y = (label == label.max()).to_numpy().astype(int)
    money = ["capital-gain", "capital-loss"]
    logarithms = frame.assign(**{name: np.log1p(frame[name]) for name in money})  # most are 0, some 99,999
    x = pd.get_dummies(logarithms, dummy_na=False).to_numpy(np.float32)
    mean, deviation = x[is_train].mean(axis=0), x[is_train].std(axis=0)
    x = (x[:, deviation > 0] - mean[deviation > 0]) / deviation[deviation > 0]
    chosen = np.random.default_rng(seed).choice(np.flatnonzero(is_train), min(rows, int(is_train.sum())), replace=False)
    places = chosen, np.flatnonzero(~is_train)
    tables = [frame.iloc[which].reset_index(drop=True) for which in places]
    return Split((tables[0], tables[1]), (x[places[0]], x[places[1]]), (y[places[0]], y[places[1]]))


SETS: dict[str, Callable[[Path | None, int, int], Split]] = {"digits": digits, "adult": adult}


def models(name: str, size: int, seed: int, epochs: int) -> dict[str, Any]:
    """Return the transformations of one size by name."""
    scaling = None if name == "digits" else "standard"  # pixels have one scale
    shared: dict[str, Any] = {"scaling": scaling, "max_epochs": epochs, "random_state": seed}
    return {
        "PCA": PCA(size, random_state=seed),
        "autoencoder": Autoencoder(size, encoder=(128, 64), **shared),
        "autoencoder, linear": Autoencoder(size, encoder=(), **shared),
        "denoising": Autoencoder(size, encoder=(128, 64), corruption="swap(0.2)", **shared),
        "nested": Autoencoder(f"nested({size})", encoder=(128, 64), **shared),
        "variational": Autoencoder(f"variational({size}, beta=0.1)", encoder=(128, 64), **shared),
    }


def known(features: tuple[np.ndarray, np.ndarray], y: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the share of test rows that a logistic regression names rightly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(features[0], y[0])
        return float(model.score(features[1], y[1]))


def shown(scores: list[float]) -> str:
    return f"{np.mean(scores):.1%} ± {np.std(scores, ddof=1) if len(scores) > 1 else 0:.1%}"


def table(name: str, options: argparse.Namespace) -> None:
    """Print the table of one data set."""
    found: dict[tuple[str, int], list[float]] = {}
    seconds: dict[str, float] = {}
    for seed in range(options.seeds):
        split = SETS[name](options.data, seed, options.rows)
        found.setdefault(("the columns", 0), []).append(known(split.numbers, split.y))
        for size in options.sizes:
            for kind, model in models(name, size, seed, options.epochs).items():
                x, x_test = split.numbers if kind == "PCA" else split.table
                began = time.perf_counter()
                codes = model.fit(x).transform(x)
                seconds[kind] = seconds.get(kind, 0) + time.perf_counter() - began
                found.setdefault((kind, size), []).append(known((codes, model.transform(x_test)), split.y))
    rows = [len(y) for y in split.y]
    print(f"\n### {name}: {rows[0]} rows to train on, {rows[1]} to test, {options.seeds} seeds\n")
    print(f"| features | {' | '.join(map(str, options.sizes))} | s a fit |")
    print(f"| --- |{' ---: |' * len(options.sizes)} ---: |")
    for kind in dict.fromkeys(kind for kind, _ in found):
        cells = [shown(found[kind, size]) if size and (kind, size) in found else "" for size in options.sizes]
        cells = [shown(found[kind, 0])] * len(options.sizes) if (kind, 0) in found else cells
        each = f"{seconds[kind] / options.seeds / len(options.sizes):.1f}" if kind in seconds else ""
        print(f"| {kind} | {' | '.join(cells)} | {each} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=None)
    parser.add_argument("--sizes", nargs="+", type=int, default=[8, 16, 32])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    print(machine())
    for name in options.sets or (SETS if options.data else ["digits"]):
        table(name, options)


if __name__ == "__main__":
    main()
