"""Filling missing cells: `Imputer` beside mean and mode, k nearest rows and scikit-learn's IterativeImputer.

    python benchmarks/filling.py --data FOLDER [--sets adult beijing_air 19_landsat ...] [--rates 0.1 0.3 0.5]
        [--ways random value] [--rows 5000] [--seeds 1] [--epochs N] [--skip iterative]

`FOLDER` holds `adult/adult.parquet`, `beijing_air/beijing_air.parquet` and `adbench/<set>.npz`. Cells are removed at
random, or by value: the larger a number among those of its column, the likelier it is gone (of categories, some are
likelier gone than others). All methods fill the same cells of the same table, and are told of it what is left. Errors
are over the removed cells: of numbers the root mean square in standard deviations of the column, of categories the
share that is wrong. `inside` is how many numbers lie in the imputer's 90 % interval. Peers see categories one-hot,
and what they fill is read as the largest of the column's places. For IterativeImputer, which predicts each place from
the others, one place of each column is left out: of all it would learn that they add up to 1, and never leave the mean.
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
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 -- it is an experiment of scikit-learn's
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from isthmus import Imputer
from isthmus.estimators.imputer import default_autoencoder
from measuring import machine

SETS = ("adult", "beijing_air", "19_landsat", "22_magic.gamma", "28_pendigits", "6_cardio")
LEFT_OUT = {"adult": ("split",), "beijing_air": ("No",)}
PEERS: dict[str, Callable[[], Any]] = {
    "mean": lambda: SimpleImputer(keep_empty_features=True),
    "knn": lambda: KNNImputer(n_neighbors=10, keep_empty_features=True),
    "iterative": lambda: IterativeImputer(random_state=0, keep_empty_features=True),
}


class Errors(NamedTuple):
    """How far fillings are off on the removed cells."""

    numbers: float  # root mean square, in standard deviations
    categories: float  # share that is wrong
    inside: float  # share of numbers in the 90 % interval
    seconds: float


def table(folder: Path, name: str, rows: int, seed: int) -> pd.DataFrame:
    """Return rows of a set, drawn without replacement, columns of one value left out."""
    if name in LEFT_OUT:
        frame = pd.read_parquet(folder / name / f"{name}.parquet").drop(columns=list(LEFT_OUT[name]))
    else:
        with np.load(folder / "adbench" / f"{name}.npz", allow_pickle=False) as file:
            frame = pd.DataFrame(file["X"]).rename(columns=str)
    if len(frame) > rows:
        frame = frame.sample(rows, random_state=seed)
    frame = frame.reset_index(drop=True)
    frame = frame.loc[:, [len(frame[name].dropna().unique()) > 1 for name in frame]]
    kinds = {c: np.float64 for c in frame if frame[c].dtype.kind in "iufb"}
    return frame.astype(kinds | {c: object for c in frame if c not in kinds})


def removed(frame: pd.DataFrame, rate: float, way: str, seed: int) -> np.ndarray:
    """Return which cells are removed, [n, d], of those that are there."""
    random = np.random.default_rng(seed)
    chance = np.full(frame.shape, rate)
    if way == "value":
        for place, name in enumerate(frame):
            column = frame[name]
            if column.dtype == object:
                order = {value: random.random() for value in sorted(column.dropna().unique(), key=str)}
                column = column.map(order).astype(float)
            share = column.rank(pct=True).fillna(0.5).to_numpy()
            weight = share**2 + 0.05
            chance[:, place] = np.minimum(weight * rate / weight.mean(), 0.95)
    return (random.random(frame.shape) < chance) & frame.notna().to_numpy()


def as_numbers(frame: pd.DataFrame) -> tuple[np.ndarray, dict[str, Any]]:
    """Return a frame for the peers, and where each column is: numbers in deviations, categories one-hot.

    The first place of a column of categories is that of its most frequent.
    """
    found, places, start = [], {}, 0
    for name in frame:
        column = frame[name]
        if column.dtype == object:
            values = list(column.value_counts().index)
            hot = np.stack([(column == value).to_numpy(float) for value in values], axis=1)
            hot[column.isna().to_numpy()] = np.nan
            found.append(hot)
            places[name] = (slice(start, start + len(values)), np.array(values, object))
            start += len(values)
        else:
            spread = column.std() or 1.0
            found.append(((column - column.mean()) / spread).to_numpy()[:, None])
            places[name] = (start, (column.mean(), spread))
            start += 1
    return np.concatenate(found, axis=1), places


def filled_by_peer(peer: Any, lacking: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    x, places = as_numbers(lacking)
    kept = np.ones(x.shape[1], bool)
    if isinstance(peer, IterativeImputer):
        kept[[place.start for place, _ in places.values() if isinstance(place, slice)]] = False
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x[:, kept] = peer.fit_transform(x[:, kept])
    seconds = time.perf_counter() - began
    answer = {}
    for name, (place, told) in places.items():
        if isinstance(place, slice):
            if not kept[place.start]:
                x[:, place.start] = 1 - x[:, place.start + 1 : place.stop].sum(axis=1)
            answer[name] = told[x[:, place].argmax(axis=1)]
        else:
            answer[name] = x[:, place] * told[1] + told[0]
    return pd.DataFrame(answer), seconds


def errors(frame: pd.DataFrame, filled: pd.DataFrame, gone: np.ndarray, inside: float, seconds: float) -> Errors:
    squares, wrong = [np.zeros(0)], [np.zeros(0)]
    for place, name in enumerate(frame):
        mask = gone[:, place]
        if frame[name].dtype == object:
            wrong.append((filled[name].to_numpy(object)[mask] != frame[name].to_numpy(object)[mask]).astype(float))
        else:
            off = (filled[name].to_numpy(float) - frame[name].to_numpy(float))[mask] / frame[name].std()
            squares.append(off**2)
    numbers, categories = np.concatenate(squares), np.concatenate(wrong)
    share = float(categories.mean()) if len(categories) else np.nan
    return Errors(float(np.sqrt(numbers.mean())) if len(numbers) else np.nan, share, inside, seconds)


def ours(frame: pd.DataFrame, lacking: pd.DataFrame, gone: np.ndarray, settings: dict[str, Any]) -> Errors:
    imputer = Imputer(default_autoencoder(len(frame), 0).set_params(**settings))
    began = time.perf_counter()
    filled = imputer.fit(lacking).transform(lacking)
    seconds = time.perf_counter() - began
    low, high = imputer.interval(lacking, 0.9)
    number = [place for place, name in enumerate(frame) if frame[name].dtype != object]
    values = frame.iloc[:, number].to_numpy(float)
    reach = 1e-6 * np.abs(values)
    is_in = (low[:, number] <= values + reach) & (values - reach <= high[:, number])
    return errors(frame, filled, gone, float(is_in[gone[:, number]].mean()), seconds)


def compare(folder: Path, name: str, arguments: argparse.Namespace, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Print and return the errors of every method on a set, by way and rate, the mean over seeds."""
    found = []
    for way in arguments.ways:
        for rate in arguments.rates:
            each: dict[str, list[Errors]] = {}
            for seed in range(arguments.seeds):
                frame = table(folder, name, arguments.rows, seed)
                gone = removed(frame, rate, way, seed)
                lacking = frame.mask(gone)
                each.setdefault("imputer", []).append(ours(frame, lacking, gone, settings))
                for peer, make in PEERS.items():
                    if peer not in arguments.skip:
                        filled, seconds = filled_by_peer(make(), lacking)
                        each.setdefault(peer, []).append(errors(frame, filled, gone, np.nan, seconds))
            for method, runs in each.items():
                mean = Errors(*np.mean(runs, axis=0))
                found.append({"set": name, "way": way, "rate": rate, "method": method} | mean._asdict())
                print(
                    f"{name:15} {way:6} {rate:4.0%}  {method:10} numbers {mean.numbers:6.3f}  categories "
                    f"{mean.categories:6.3f}  inside {mean.inside:5.2f}  {mean.seconds:7.1f} s",
                    flush=True,
                )
    return found


def summary(records: list[dict[str, Any]]) -> None:
    """Print the mean over sets, ways and rates, and how often the imputer is better."""
    frame = pd.DataFrame(records)
    for measure in ("numbers", "categories", "seconds"):
        wide = frame.pivot_table(measure, ["set", "way", "rate"], "method").dropna()
        if not len(wide):
            continue
        print(f"\n{measure}: " + ", ".join(f"{name} {wide[name].mean():.3f}" for name in wide))
        for peer in wide.columns.drop("imputer"):
            print(f"  less than {peer} in {int((wide['imputer'] < wide[peer]).sum())} of {len(wide)}")
    print(f"\n90 % intervals hold {frame['inside'].dropna().mean():.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1, 0.3, 0.5])
    parser.add_argument("--ways", nargs="+", choices=("random", "value"), default=["random", "value"])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--settings", nargs="*", default=[], help="of the autoencoder, as bottleneck=32")
    parser.add_argument("--skip", nargs="*", choices=tuple(PEERS), default=[])
    arguments = parser.parse_args()
    settings: dict[str, Any] = dict(each.split("=", 1) for each in arguments.settings)
    settings = {name: int(value) if value.isdigit() else value for name, value in settings.items()}
    if arguments.epochs is not None:
        settings["max_epochs"] = arguments.epochs
    print(machine())
    records = []
    for name in arguments.sets:
        records += compare(arguments.data, name, arguments, settings)
    if records:
        summary(records)


if __name__ == "__main__":
    main()
