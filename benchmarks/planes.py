"""Codes of two numbers beside PCA, t-SNE and UMAP: trustworthiness and neighbor accuracy.

    python benchmarks/planes.py --data FOLDER [--sets digits adult] [--rows 2000] [--seeds 3]

`FOLDER` holds `adult/adult.parquet`, whose income is the label and no column of the rows; digits come with
scikit-learn. Networks are trained on all rows of digits and on 10,000 of adult, and compared on `--rows` of them by
`isthmus.compare_codes`, 10 neighbors; mean and standard deviation over seeds. UMAP stands there where umap-learn is
installed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

import isthmus
from measuring import machine

TRAINED = 10_000  # rows of adult


def table(folder: Path, name: str, seed: int) -> tuple[Any, np.ndarray]:
    if name == "digits":
        return load_digits(return_X_y=True)
    frame = pd.read_parquet(folder / "adult" / "adult.parquet").sample(TRAINED, random_state=seed)
    return frame.drop(columns=["income", "split"]).reset_index(drop=True), frame["income"].astype(str).to_numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=("digits", "adult"))
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine())
    print("| codes | trustworthiness | neighbor accuracy |")
    print("| --- | ---: | ---: |")
    for name in arguments.sets:
        runs = []
        for seed in range(arguments.seeds):
            X, y = table(arguments.data, name, seed)
            networks = {
                "autoencoder": isthmus.Autoencoder(2, random_state=seed),
                "denoising": isthmus.denoising(2, random_state=seed),
                "variational": isthmus.variational(2, random_state=seed),
                "embedding": isthmus.embedding(2, random_state=seed),
            }
            fitted = {title: network.fit(X) for title, network in networks.items()}
            runs.append(isthmus.compare_codes(fitted, X, y, rows=arguments.rows, random_state=seed).scores)
        mean, deviation = sum(runs) / len(runs), pd.concat(runs).groupby(level=0).std(ddof=0)
        for title in mean.index:
            cells = [f"{mean.loc[title, c]:.3f} ± {deviation.loc[title, c]:.3f}" for c in mean]
            print("| " + " | ".join([f"{name}, {title}", *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
