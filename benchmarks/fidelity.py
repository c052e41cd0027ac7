"""How like real rows new rows are: `isthmus.tabular` beside a Gaussian copula, CTGAN and TVAE.

    python benchmarks/fidelity.py --data FOLDER [--sets adult beijing_air digits] [--rows 5000] [--seeds 1]
        [--half reported] [--rivals FOLDER] [--settings size=16 ...]

`FOLDER` holds `adult/adult.parquet` and `beijing_air/beijing_air.parquet`; digits come with scikit-learn. Rows that
lack a cell are left out. Of the rows, shuffled, one half is for choosing defaults and the other is reported; of either,
up to `--rows` train, and as many others are held out. What CTGAN and TVAE (PyPI: ctgan) make is read from `--rivals`, a
folder of Parquet files, and made there first where ctgan is installed and the file is missing.

Figures, of as many made as held-out rows; `held out` is what other real rows reach:

- `KS`, mean distance of Kolmogorov and Smirnov over columns of numbers; `TV`, mean total variation over categories;
- `assoc`, mean absolute difference of associations over pairs of columns: of numbers Pearson's r, of categories
  Cramér's V, of a number and a category the correlation ratio;
- `told`, the area under the ROC curve of histogram gradient boosting that tells held-out from made rows, on rows it was
  not trained on: .5 is best;
- `made->real`, the area under the ROC curve on held-out rows of the same classifier of the target (income), trained on
  made rows;
- `nearer`, how often a made row is nearer to its nearest training row than a held-out row is to its own, ties half: .5
  is best, 1 is copying; numbers are in standard deviations, a category that differs counts √2;
- `copies`, the share of rows that stand among those of training, cell by cell.
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
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import isthmus
from measuring import machine

SETS = ("adult", "beijing_air", "digits")
LEFT_OUT = {"adult": ["split"], "beijing_air": ["No"]}
TARGETS = {"adult": "income"}
HALVES = ("choosing", "reported")


class Figures(NamedTuple):
    """How like real rows made rows are."""

    ks: float
    tv: float
    assoc: float
    told: float
    useful: float
    nearer: float
    copies: float
    seconds: float


def table(folder: Path, name: str) -> pd.DataFrame:
    """Return the complete rows of a set: numbers as float64, categories as texts."""
    if name == "digits":
        digits = load_digits(as_frame=True)
        frame = varying(digits.data).assign(digit=[f"digit {target}" for target in digits.target])
    elif name in LEFT_OUT:
        frame = pd.read_parquet(folder / name / f"{name}.parquet").drop(columns=LEFT_OUT[name]).dropna()
    else:
        with np.load(folder / "adbench" / f"{name}.npz", allow_pickle=False) as file:
            frame = varying(pd.DataFrame(file["X"]).rename(columns=str))
    kinds = {column: np.float64 if frame[column].dtype.kind in "iufb" else str for column in frame}
    return frame.astype(kinds).astype({column: object for column in frame if kinds[column] is str})


def varying(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of numbers that hold more than one value."""
    return frame.loc[:, np.ptp(frame.to_numpy(), axis=0) > 0]


def parts_of(frame: pd.DataFrame, half: str, rows: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training rows and held-out rows of a half of the table."""
    order = np.random.default_rng(0).permutation(len(frame))
    mine = order[HALVES.index(half) :: 2]
    mine = np.random.default_rng(seed).permutation(mine)
    count = min(rows, len(mine) // 2)
    train, other = frame.iloc[mine[:count]], frame.iloc[mine[count : 2 * count]]
    return train.reset_index(drop=True), other.reset_index(drop=True)


def numbers_of(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame if frame[name].dtype != object]


def gaussian_copula(train: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """Return new rows of a Gaussian copula: ranks to normals, correlated normals, and back by quantiles.

    A category is an interval of ranks as wide as it is frequent, the most frequent first. Equal values are ranked at
    random, so that each column is normal.
    """
    random = np.random.default_rng(seed)
    normals, columns = [], {}
    for name in train:
        column = train[name]
        if column.dtype == object:
            values = column.value_counts().index.to_numpy(object)
            column = column.map({value: place for place, value in enumerate(values)})
            columns[name] = values[np.sort(column.to_numpy())]
        else:
            columns[name] = np.sort(column.to_numpy())
        order = np.lexsort([random.random(len(column)), column.to_numpy()])
        rank = np.empty(len(column))
        rank[order] = np.arange(len(column)) + 0.5
        normals.append(stats.norm.ppf(rank / len(column)))
    correlation = np.corrcoef(normals)
    share = stats.norm.cdf(random.multivariate_normal(np.zeros(len(correlation)), correlation, n, method="eigh"))
    place = np.minimum((share * len(train)).astype(int), len(train) - 1)
    return pd.DataFrame({name: values[place[:, i]] for i, (name, values) in enumerate(columns.items())})


def associations(frame: pd.DataFrame) -> np.ndarray:
    """Return the associations of all pairs of columns, [pairs]."""
    names = list(frame)
    code = {name: pd.factorize(frame[name])[0] for name in names if frame[name].dtype == object}
    found = []
    for i, one in enumerate(names):
        for two in names[:i]:
            if one in code and two in code:
                counts = pd.crosstab(code[one], code[two]).to_numpy()
                both = min(counts.shape) > 1
                found.append(stats.contingency.association(counts, correction=False) if both else 0.0)
            elif one in code or two in code:
                category, number = (one, two) if one in code else (two, one)
                found.append(correlation_ratio(code[category], frame[number].to_numpy()))
            else:
                x, y = frame[one].to_numpy(), frame[two].to_numpy()
                found.append(np.corrcoef(x, y)[0, 1] if min(np.ptp(x), np.ptp(y)) > 0 else 0.0)
    return np.array(found)


def correlation_ratio(code: np.ndarray, number: np.ndarray) -> float:
    """Return η, the root of the share of a number's variance that is between categories."""
    count = np.bincount(code)
    mean = np.bincount(code, number) / count
    between, total = count @ (mean - number.mean()) ** 2, np.sum((number - number.mean()) ** 2)
    return float(np.sqrt(between / total)) if total else 0.0


def coded(frames: list[pd.DataFrame]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return frames as arrays with categories as 0, 1, …, and which columns hold categories."""
    names = list(frames[0])
    is_category = np.array([frames[0][name].dtype == object for name in names])
    arrays = [np.empty(frame.shape) for frame in frames]
    for i, name in enumerate(names):
        if is_category[i]:
            values = {value: place for place, value in enumerate(pd.unique(pd.concat([f[name] for f in frames])))}
        for frame, array in zip(frames, arrays, strict=True):
            array[:, i] = frame[name].map(values) if is_category[i] else frame[name]
    return arrays, is_category


def boosting(is_category: np.ndarray) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(categorical_features=is_category, random_state=0)


def told_apart(real: pd.DataFrame, made: pd.DataFrame) -> float:
    """Return how well a classifier tells real from made rows that it was not trained on."""
    (real_x, made_x), is_category = coded([real, made])
    x, y = np.concatenate([real_x, made_x]), np.repeat([0, 1], [len(real_x), len(made_x)])
    trains = np.random.default_rng(0).permutation(len(x)) < len(x) // 2
    model = boosting(is_category).fit(x[trains], y[trains])
    return float(roc_auc_score(y[~trains], model.predict_proba(x[~trains])[:, 1]))


def useful(made: pd.DataFrame, real: pd.DataFrame, target: str | None) -> float:
    """Return the area under the ROC curve on real rows of a classifier trained on made rows."""
    if target is None or made[target].nunique() < 2:
        return np.nan
    (x, other), is_category = coded([made.drop(columns=target), real.drop(columns=target)])
    positive = real[target].iloc[0]
    model = boosting(is_category).fit(x, made[target] == positive)
    return float(roc_auc_score(real[target] == positive, model.predict_proba(other)[:, 1]))


def nearness(train: pd.DataFrame, real: pd.DataFrame, made: pd.DataFrame) -> float:
    """Return the chance that a made row is nearer to training rows than a held-out row is, ties half."""
    arrays, is_category = coded([train, real, made])
    pieces: list[list[np.ndarray]] = [[], [], []]
    for i, hot in enumerate(is_category):
        values = np.arange(1 + max(int(a[:, i].max()) for a in arrays)) if hot else arrays[0][:, i].std() or 1.0
        for array, into in zip(arrays, pieces, strict=True):
            into.append((array[:, i, None] == values) * 1.0 if hot else array[:, i, None] / values)
    rows = [np.concatenate(piece, axis=1) for piece in pieces]
    search = NearestNeighbors(n_neighbors=1).fit(rows[0])
    far, near = (search.kneighbors(each)[0][:, 0] for each in rows[1:])
    return float(roc_auc_score(np.repeat([1, 0], [len(far), len(near)]), np.round(np.concatenate([far, near]), 9)))


def copies(train: pd.DataFrame, rows: pd.DataFrame) -> float:
    known = set(train.itertuples(index=False, name=None))
    return float(np.mean([row in known for row in rows.itertuples(index=False, name=None)]))


def judge(train: pd.DataFrame, real: pd.DataFrame, made: pd.DataFrame, target: str | None, seconds: float) -> Figures:
    numbers = numbers_of(train)
    categories = [name for name in train if name not in numbers]
    ks = [stats.ks_2samp(real[name], made[name]).statistic for name in numbers]
    tv = [
        real[name].value_counts(normalize=True).sub(made[name].value_counts(normalize=True), fill_value=0).abs().sum()
        / 2
        for name in categories
    ]
    return Figures(
        ks=float(np.mean(ks)) if ks else np.nan,
        tv=float(np.mean(tv)) if tv else np.nan,
        assoc=float(np.abs(associations(real) - associations(made)).mean()),
        told=told_apart(real, made),
        useful=useful(made, real, target),
        nearer=nearness(train, real, made),
        copies=copies(train, made),
        seconds=seconds,
    )


def as_real(made: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
    """Return made rows in the types of the table."""
    return made[list(train)].astype({name: train[name].dtype for name in train}).reset_index(drop=True)


def of_isthmus(preset: str, train: pd.DataFrame, n: int, seed: int, settings: dict[str, Any]) -> pd.DataFrame:
    return getattr(isthmus, preset)(random_state=seed, **settings).fit(train).sample(n, seed, noise=True)


def of_rival(rival: str, train: pd.DataFrame, n: int, seed: int, epochs: int) -> pd.DataFrame:
    """Return new rows of CTGAN or TVAE, but for the epochs as they come."""
    import ctgan
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 -- they draw from the global generator
    model = getattr(ctgan, rival)(enable_gpu=False, epochs=epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(train, [name for name in train if train[name].dtype == object])
        return model.sample(n)


def kept(path: Path, make: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, float] | None:
    """Return the rows of a file and the seconds they took, made first where it is missing; None where nothing can."""
    if not path.exists():
        began = time.perf_counter()
        try:
            made = make()
        except ImportError:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        made.assign(seconds=time.perf_counter() - began).to_parquet(path)
    made = pd.read_parquet(path)
    return made.drop(columns="seconds"), float(made["seconds"].iloc[0])


def compare(name: str, arguments: argparse.Namespace, settings: dict[str, Any]) -> None:
    frame, target = table(arguments.data, name), TARGETS.get(name)
    found: dict[str, list[Figures]] = {}
    for seed in range(arguments.seeds):
        train, real = parts_of(frame, arguments.half, arguments.rows, seed)
        made: dict[str, tuple[pd.DataFrame, float]] = {}
        for preset in arguments.presets:
            began = time.perf_counter()
            rows = of_isthmus(preset, train, len(real), seed, settings)
            made[preset] = rows, time.perf_counter() - began
        if not arguments.alone:
            began = time.perf_counter()
            rows = gaussian_copula(train, len(real), seed)
            made["copula"] = rows, time.perf_counter() - began
            for rival in ("CTGAN", "TVAE") if arguments.rivals else ():
                path = (
                    arguments.rivals / f"{name}_{arguments.half}_{len(train)}_{seed}_{rival}_{arguments.epochs}.parquet"
                )
                rows_of = kept(path, lambda rival=rival: of_rival(rival, train, len(real), seed, arguments.epochs))  # noqa: B023
                if rows_of is not None:
                    made[rival] = rows_of
            made["held out"] = train, 0.0  # real rows of the other part, judged in the place of made ones
        for method, (rows, seconds) in made.items():
            figures = judge(train, real, as_real(rows, train), target, seconds)
            if method == "held out":
                figures = figures._replace(nearer=0.5, copies=copies(train, real))
            found.setdefault(method, []).append(figures)
    for method, runs in found.items():
        cells = [f"{value:.3f}" for value in np.mean(runs, axis=0)[:-1]] + [f"{np.mean(runs, axis=0)[-1]:.0f}"]
        print("| " + " | ".join([f"{name}, {method}", *cells]).replace("nan", "") + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--half", choices=HALVES, default="reported")
    parser.add_argument("--rivals", type=Path, help="a folder of what rivals made")
    parser.add_argument("--epochs", type=int, default=300, help="of rivals")
    parser.add_argument("--alone", action="store_true", help="isthmus only")
    parser.add_argument("--presets", nargs="*", default=["tabular", "variational"])
    parser.add_argument("--settings", nargs="*", default=[], help="of the presets, as size=8 beta=0.5")
    arguments = parser.parse_args()
    settings: dict[str, Any] = dict(each.split("=", 1) for each in arguments.settings)
    settings = {key: float(v) if key == "beta" else int(v) if v.isdigit() else v for key, v in settings.items()}
    print(machine())
    print("| rows | KS | TV | assoc | told | made->real | nearer | copies | s |")
    print("| --- | " + "---: | " * 8)
    for name in arguments.sets:
        compare(name, arguments, settings)


if __name__ == "__main__":
    main()
