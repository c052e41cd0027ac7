"""Filling missing cells: `Imputer` beside mean and mode, k nearest rows, chained regressions, forests, HyperImpute.

    python benchmarks/filling.py --data FOLDER [--sets adult beijing_air 19_landsat ...] [--half choose report]
        [--rates 0.1 0.3 0.5] [--ways random value] [--rows 5000] [--seeds 1] [--methods imputer mean knn iterative]
        [--cache FILE]

`FOLDER` holds `adult/adult.parquet`, `beijing_air/beijing_air.parquet`, `adbench/<set>.npz` and `oddbench/<set>.npz`.
Cells are removed at random, or by value: the larger a number among those of its column, the likelier it is gone (of
categories, some are likelier gone than others). All methods fill the same cells of the same table, and are told of it
what is left. Errors are over the removed cells: of numbers the root mean square in standard deviations of the column,
of categories the share that is wrong. `inside` is how many numbers lie in the imputer's 90 % interval. Defaults are
chosen on the sets of one half, `choose`, and reported on the other.

Mean, k-NN and IterativeImputer see categories one-hot, and what they fill is read as the largest of the column's
places. For IterativeImputer, which predicts each place from the others, one place of each column is left out: of all it
would learn that they add up to 1, and never leave the mean. `missforest` is the published algorithm on scikit-learn's
forests of 100 trees (the package MissForest 4.2.3 is slower, and errs more). `miceforest` (6.0.5; mean matching off,
5 rounds) and `hyperimpute` (0.1.17, as it comes; it needs scikit-learn < 1.7 and pandas < 3, so an environment of its
own) see categories as such. With `--cache` the results of every method but `imputer` are kept in a file, and read
from it where they are there: environments that hold one package each fill the same file.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 -- it is an experiment of scikit-learn's
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

SETS = ("adult", "beijing_air", "19_landsat", "22_magic.gamma", "28_pendigits", "6_cardio")
FEW = 10  # different values of a column that is one of categories in the sets `MIXED`
MIXED = (
    *("21_Lymphography", "11_donors", "ChequeDishonour", "12_fault"),
    *("15_Hepatitis", "SystemStatusAnomaly", "HousingAnomaly", "7_Cardiotocography"),
)
HALVES = {
    "choose": (
        *("adult", "19_landsat", "28_pendigits", "21_Lymphography", "11_donors", "ChequeDishonour", "2_annthyroid"),
        *("12_fault", "27_PageBlocks", "45_wine", "BuildingEmissions", "KickstarterProjects", "NetworkStage"),
    ),
    "report": (
        *("beijing_air", "22_magic.gamma", "6_cardio", "15_Hepatitis", "SystemStatusAnomaly", "HousingAnomaly"),
        *("47_yeast", "43_WDBC", "7_Cardiotocography", "44_Wilt", "LandShapeAnomaly", "AbandonedMineLand"),
        *("WineQuality",),
    ),
}
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
        path = folder / ("adbench" if name[0].isdigit() else "oddbench") / f"{name}.npz"
        with np.load(path, allow_pickle=False) as file:
            frame = pd.DataFrame(file["X" if "X" in file else "train"].astype(np.float64)).rename(columns=str)
    if len(frame) > rows:
        frame = frame.sample(rows, random_state=seed)
    frame = frame.reset_index(drop=True)
    frame = frame.loc[:, [len(frame[name].dropna().unique()) > 1 for name in frame]]
    kinds = {c: np.float64 for c in frame if frame[c].dtype.kind in "iufb"}
    frame = frame.astype(kinds | {c: object for c in frame if c not in kinds})
    few = [c for c in kinds if name in MIXED and frame[c].nunique() <= FEW]
    return frame.assign(**{c: frame[c].map("v{:g}".format).astype(object) for c in few})


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


def as_categories(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return a frame with categories as 0, 1, …, named `c0`, `c1`, …, and the values of each column of categories."""
    numbered, values = frame.set_axis([f"c{place}" for place in range(frame.shape[1])], axis=1), {}
    for name in numbered:
        if numbered[name].dtype == object:
            codes, values[name] = pd.factorize(numbered[name], sort=False)
            numbered[name] = np.where(codes < 0, np.nan, codes)
    return numbered.astype(np.float64), values


def filled_by_missforest(numbered: pd.DataFrame, values: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return a frame filled as Stekhoven and Bühlmann (2012) do: until its change grows, at most 10 times."""
    holes = numbered.isna()
    filled = numbered.fillna({c: numbered[c].mode()[0] if c in values else numbered[c].mean() for c in numbered})
    before = (np.inf, np.inf)
    for _ in range(10):
        old = filled.copy()
        for name in holes.sum().sort_values().index:
            gone = holes[name]
            forest = (RandomForestClassifier if name in values else RandomForestRegressor)(random_state=0)
            if gone.any():
                others = filled.drop(columns=name)
                filled.loc[gone, name] = forest.fit(others[~gone], filled.loc[~gone, name]).predict(others[gone])
        numbers = [name for name in filled if name not in values]
        moved = np.square(filled[numbers] - old[numbers]).to_numpy().sum()
        moved /= max(np.square(filled[numbers]).to_numpy().sum(), 1e-12)
        changed = (filled[list(values)] != old[list(values)]).to_numpy().sum()
        if moved >= before[0] and changed >= before[1]:
            return old
        before = (moved if numbers else 0.0, changed if values else 0.0)
    return filled


def filled_by_miceforest(numbered: pd.DataFrame, values: dict[str, np.ndarray]) -> pd.DataFrame:
    import miceforest

    kernel = miceforest.ImputationKernel(
        numbered.astype(dict.fromkeys(values, "category")), num_datasets=1, random_state=0, mean_match_candidates=0
    )
    kernel.mice(5)
    return kernel.complete_data(0)


def filled_by_hyperimpute(numbered: pd.DataFrame, values: dict[str, np.ndarray]) -> pd.DataFrame:
    from hyperimpute.plugins.imputers import Imputers

    most = max([5, *map(len, values.values())])
    filled = Imputers().get("hyperimpute", random_state=0, class_threshold=most).fit_transform(numbered.copy())
    return pd.DataFrame(np.asarray(filled, np.float64), columns=numbered.columns)


WITH_CATEGORIES = {
    "missforest": filled_by_missforest,
    "miceforest": filled_by_miceforest,
    "hyperimpute": filled_by_hyperimpute,
}


def filled_with_categories(method: str, lacking: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    numbered, values = as_categories(lacking)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filled = WITH_CATEGORIES[method](numbered, values)
    seconds = time.perf_counter() - began
    for name, places in values.items():
        codes = filled[name].astype(np.float64).round().clip(0, len(places) - 1).astype(int)
        filled[name] = np.asarray(places, object)[codes]
    return filled.set_axis(lacking.columns, axis=1), seconds


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
    from isthmus import Imputer  # an environment of a peer may lack it

    network = Imputer.default_autoencoder(len(frame), 0).set_params(**settings) if settings else None
    imputer = Imputer(network)
    began = time.perf_counter()
    filled = imputer.fit(lacking).transform(lacking)
    seconds = time.perf_counter() - began
    low, high = imputer.interval(lacking, 0.9)
    number = [place for place, name in enumerate(frame) if frame[name].dtype != object]
    values = frame.iloc[:, number].to_numpy(float)
    reach = 1e-6 * np.abs(values)
    is_in = (low[:, number] <= values + reach) & (values - reach <= high[:, number])
    return errors(frame, filled, gone, float(is_in[gone[:, number]].mean()) if number else np.nan, seconds)


class Cache:
    """Results of peers by case, in a file of lines of JSON; None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        self.results = {record["case"]: Errors(*record["errors"]) for record in map(json.loads, lines)}

    def get(self, case: str, compute: Callable[[], Errors]) -> Errors:
        if case not in self.results:
            self.results[case] = compute()
            if self.path is not None:
                with self.path.open("a") as file:
                    file.write(json.dumps({"case": case, "errors": self.results[case]}) + "\n")
        return self.results[case]


def by_peer(method: str, frame: pd.DataFrame, lacking: pd.DataFrame, gone: np.ndarray) -> Errors:
    if method in WITH_CATEGORIES:
        filled, seconds = filled_with_categories(method, lacking)
    else:
        filled, seconds = filled_by_peer(PEERS[method](), lacking)
    return errors(frame, filled, gone, np.nan, seconds)


def compare(
    folder: Path, name: str, arguments: argparse.Namespace, settings: dict[str, Any], cache: Cache
) -> list[dict[str, Any]]:
    """Print and return the errors of every method on a set, by way and rate, the mean over seeds."""
    found = []
    for way in arguments.ways:
        for rate in arguments.rates:
            each: dict[str, list[Errors]] = {}
            for seed in range(arguments.seeds):
                frame = table(folder, name, arguments.rows, seed)
                gone = removed(frame, rate, way, seed)
                lacking = frame.mask(gone)
                for method in arguments.methods:
                    case = f"{name} {way} {rate} {arguments.rows} {seed} {method}"
                    if method == "imputer":
                        result = ours(frame, lacking, gone, settings)
                    elif arguments.only_cached and case not in cache.results:
                        continue
                    else:
                        result = cache.get(case, partial(by_peer, method, frame, lacking, gone))
                    each.setdefault(method, []).append(result)
            for method, runs in each.items():
                mean = Errors(*np.mean(runs, axis=0))
                found.append({"set": name, "way": way, "rate": rate, "method": method} | mean._asdict())
                print(
                    f"{name:15} {way:6} {rate:4.0%}  {method:11} numbers {mean.numbers:6.3f}  categories "
                    f"{mean.categories:6.3f}  inside {mean.inside:5.2f}  {mean.seconds:7.1f} s",
                    flush=True,
                )
    return found


def summary(records: list[dict[str, Any]]) -> None:
    """Print the mean over sets, ways and rates, of the cases that both have, and how often the imputer is better."""
    frame = pd.DataFrame(records)
    for way in (*frame["way"].unique(), None):
        of_way = frame if way is None else frame[frame["way"] == way]
        print(f"\n{'all' if way is None else way}")
        for measure in ("numbers", "categories", "seconds"):
            wide = of_way.pivot_table(measure, ["set", "way", "rate"], "method")
            for peer in wide.columns.drop("imputer", errors="ignore"):
                both = wide[["imputer", peer]].dropna() if "imputer" in wide else wide[[peer]].dropna().iloc[:0]
                if len(both):
                    better, worse = int((both["imputer"] < both[peer]).sum()), int((both["imputer"] > both[peer]).sum())
                    means = f"imputer {both['imputer'].mean():.3f}, {peer} {both[peer].mean():.3f}"
                    print(f"  {measure:10} {means}; less in {better}, more in {worse} of {len(both)}")
        print(f"  90 % intervals hold {of_way['inside'].dropna().mean():.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--half", choices=tuple(HALVES), nargs="*", default=[], help="the sets of a half")
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1, 0.3, 0.5])
    parser.add_argument("--ways", nargs="+", choices=("random", "value"), default=["random", "value"])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--settings", nargs="*", default=[], help="of the autoencoder, as bottleneck=32")
    methods = ("imputer", *PEERS, *WITH_CATEGORIES)
    parser.add_argument("--methods", nargs="+", choices=methods, default=("imputer", *PEERS))
    parser.add_argument("--cache", type=Path, help="a file that keeps the results of peers")
    parser.add_argument("--only-cached", action="store_true", help="leave out what a peer has not yet done")
    arguments = parser.parse_args()
    settings: dict[str, Any] = dict(each.split("=", 1) for each in arguments.settings)
    settings = {name: int(value) if value.isdigit() else value for name, value in settings.items()}
    if arguments.epochs is not None:
        settings["max_epochs"] = arguments.epochs
    if "imputer" in arguments.methods:
        from measuring import machine  # an environment of a peer lacks what it needs

        print(machine())
    records, cache = [], Cache(arguments.cache)
    for name in [name for half in arguments.half for name in HALVES[half]] or arguments.sets:
        records += compare(arguments.data, name, arguments, settings, cache)
    if records:
        summary(records)


if __name__ == "__main__":
    main()
