"""Size against error where rows are compressed through the code alone: an autoencoder beside principal components.

    python benchmarks/compression_codes.py --data FOLDER [--out docs/compression.png]

Images are the digits of scikit-learn; `FOLDER` holds `beijing_air/beijing_air.parquet` (the numbers of a table). Codes
of rows that were not learned from are rounded within an error and written by `Codec` without a model, the same for
both; rows are restored from them. Of all sizes of the code and errors the best are drawn: those with no other that is
smaller and nearer. The bytes of the two models are not counted. The error is that of the mean square, in terms of the
variance.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import isthmus

SIZES = {"digits, 8 x 8": (3, 6, 12, 24), "Beijing air, 11 numbers": (2, 4, 7)}
STEPS = (0.02, 0.06, 0.2, 0.5)  # the error of a code, in terms of the spread of all its numbers
COLUMNS = ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "RAIN", "WSPM"]


def sets(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the name of a set, rows to learn from, and others, [n, d] float32."""
    digits = np.random.Generator(np.random.Philox(0)).permutation(load_digits().data.astype(np.float32))
    yield "digits, 8 x 8", digits[:1200], digits[1200:]
    table = pd.read_parquet(folder / "beijing_air" / "beijing_air.parquet")[COLUMNS].dropna().astype(np.float32)
    order = np.random.Generator(np.random.Philox(0)).permutation(len(table))
    values = table.to_numpy()
    learned, measured = values[order[:5_000]], values[order[5_000:10_000]]
    mean, spread = learned.mean(axis=0), learned.std(axis=0)
    yield "Beijing air, 11 numbers", (learned - mean) / spread, (measured - mean) / spread


def points(
    learned: np.ndarray, measured: np.ndarray, sizes: tuple[int, ...]
) -> Iterator[tuple[str, int, float, float]]:
    """Yield method, size of the code, bytes a row, and the share of the variance that is lost."""
    variance = float(((measured - learned.mean(axis=0)) ** 2).sum())
    for size in sizes:
        for method, model in (
            ("principal components", PCA(size, random_state=0).fit(learned)),
            ("autoencoder", isthmus.Autoencoder(size, random_state=0).fit(learned)),
        ):
            code = np.asarray(model.transform(measured), np.float32)
            for step in STEPS:
                codec = isthmus.Codec(error=step * float(code.std()), effort="contexts").fit(code)
                stream = codec.compress(code)
                restored = model.inverse_transform(isthmus.Codec().decompress(stream))
                lost = float(((restored - measured) ** 2).sum()) / variance
                yield method, size, len(stream) / len(code), lost


def best(pairs: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the pairs of bytes and loss of which no other is smaller in both."""
    answer: list[tuple[float, float]] = []
    for size, lost in sorted(pairs):
        if not answer or lost < answer[-1][1]:
            answer.append((size, lost))
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    curves: dict[str, dict[str, list[tuple[float, float]]]] = {}
    print("| set | method | code | bytes a row | variance lost |\n| --- | --- | ---: | ---: | ---: |")
    for name, learned, measured in sets(chosen.data):
        for method, size, each, lost in points(learned, measured, SIZES[name]):
            curves.setdefault(name, {}).setdefault(method, []).append((each, lost))
            print(f"| {name} | {method} | {size} | {each:.2f} | {lost:.4f} |", flush=True)
    for name, of_methods in curves.items():
        lines = {method: best(pairs) for method, pairs in of_methods.items()}
        for level in (0.4, 0.3, 0.2, 0.1, 0.05, 0.02):
            sizes = {
                method: next((size for size, lost in line if lost <= level), np.nan) for method, line in lines.items()
            }
            print(
                f"{name}: variance lost {level:g}: " + ", ".join(f"{m} {s:.2f} bytes a row" for m, s in sizes.items())
            )
    if chosen.out is not None:
        draw(curves, chosen.out)


def draw(curves: dict[str, dict[str, list[tuple[float, float]]]], path: Path) -> None:
    """Write a picture of the curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (name, of_methods) in zip(figure.subplots(1, len(curves)), curves.items(), strict=True):
        for method, pairs in of_methods.items():
            axes.plot(*zip(*best(pairs), strict=True), marker="o", markersize=3, label=method)
        axes.set(
            title=name, xlabel="bytes a row", ylabel="share of the variance that is lost", xscale="log", yscale="log"
        )
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()
