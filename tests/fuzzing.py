"""Random tables, random estimators, model files changed at random: whatever comes, there is an answer or a sentence.

    python tests/fuzzing.py --tables 10000 --estimators 5000 --files 20000

tells every case that ended otherwise, with the seed that makes it again: `--seed 17 --files 1`. The tests run few.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import signal
import sys
import tempfile
import time
import traceback
import typing
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse

import isthmus
from isthmus import (
    AnomalyDetector,
    Autoencoder,
    Imputer,
    NetworkClassifier,
    NetworkRegressor,
    StackedAutoencoder,
    WordVectors,
)
from isthmus.core.coercion import field_hints, flat_hints
from isthmus.core.registry import contract_in, find_part, part_names
from isthmus.errors import IsthmusError
from isthmus.storage import container

X = np.random.default_rng(0).normal(size=(60, 5))
Y = np.arange(60) % 3
SMALL: dict[str, Any] = {"encoder": (4,), "max_epochs": 1}
MOST_SECONDS = 20.0  # of processor time of one case, compiling included
MOST_MEGABYTES = 700  # that one case may add
TOLD_EVERY = 250  # cases
MOST_MESSAGE = 1500  # characters


class Wrong(Exception):
    """A case ended otherwise than with an answer or a sentence."""


def is_sentence(error: BaseException) -> bool:
    """Say whether an error is one that the library, or scikit-learn for it, raises on purpose."""
    frames = traceback.extract_tb(error.__traceback__)
    is_sklearn = isinstance(error, ValueError | TypeError) and "/sklearn/" in frames[-1].filename
    return isinstance(error, IsthmusError) or is_sklearn


@contextmanager
def watched() -> Iterator[None]:
    """Raise `Wrong` where what is done takes too long or too much memory, or raises what is no sentence."""

    def stop(*_: Any) -> None:
        raise Wrong(f"more than {MOST_SECONDS:g} seconds")

    before, handler = peak_megabytes(), signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        if not is_sentence(error):
            raise Wrong(f"{type(error).__name__}: {str(error)[:300]}") from error
        if len(str(error)) > MOST_MESSAGE:
            raise Wrong(f"a message of {len(str(error))} characters: {str(error)[:100]}") from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        if peak_megabytes() - before > MOST_MEGABYTES:
            raise Wrong(f"{peak_megabytes() - before:.0f} MB")


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# Tables


def random_table(random: np.random.Generator) -> Any:
    """Return a table of one of many forms, sound or not."""
    n, d = int(random.choice([0, 1, 2, 5, *[20] * 8])), int(random.choice([0, 1, 2, *[3] * 6]))
    return TABLES[random.choice(list(TABLES))](random, n, d)


def numbers(random: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Return numbers of some type and size, some of them extreme or missing."""
    values = random.normal(size=(n, d)) * random.choice([1, 1, 1, 1e-300, 1e300, 1e-30, 1e15, 0])
    if values.size and random.random() < 0.4:
        extremes = [np.nan, np.inf, -np.inf, 1e308, -1e38, 5e-324, 0.0, -0.0]
        for _ in range(int(random.integers(1, 4))):
            values.flat[random.integers(values.size)] = random.choice(extremes)
    kinds = ["f8", "f8", "f8", "f4", "f2", "i8", "i1", "u8", "?", "c16", "O", "U8", ">f8", "M8[s]", "m8[s]"]
    kind = str(random.choice(kinds))
    with np.errstate(all="ignore"):
        return (np.nan_to_num(values) if kind[0] in "iuM?m" else values).astype(kind)


def random_column(random: np.random.Generator, n: int) -> Any:
    """Return a column of a frame, of one of many types, with values missing."""
    base = random.normal(size=n)
    texts = random.choice(["a", "b", "", " ", "é", "\x1b]0;x\x07", "=1+1", "x" * 500, "nan", "1", "-", "NA"], size=n)
    columns: list[Callable[[], Any]] = [
        lambda: base,
        lambda: np.where(base > 1, np.nan, base),
        lambda: np.where(base > 1, np.inf, base),
        lambda: (base * 10).astype(int),
        lambda: base > 0,
        lambda: np.full(n, 7.0),
        lambda: np.full(n, np.nan),
        lambda: texts,
        lambda: pd.Series(texts, dtype="string").mask(base > 0),
        lambda: pd.Series(base).convert_dtypes(),
        lambda: pd.Series((base * 10).astype(int), dtype="Int64").mask(base > 0),
        lambda: pd.Series(base > 0, dtype="boolean").mask(base > 1),
        lambda: pd.Series(texts).astype("category"),
        lambda: pd.Categorical((base * 2).astype(int), ordered=True),
        lambda: pd.to_datetime((base * 1e9).astype("int64"), unit="s"),
        lambda: pd.to_datetime((base * 1e9).astype("int64"), unit="s", utc=True),
        lambda: pd.to_timedelta((base * 1e3).astype("int64"), unit="s"),
        lambda: pd.arrays.SparseArray(np.where(base > 0, base, 0)),
        lambda: pd.Series(base, dtype="float32[pyarrow]"),
        lambda: pd.Series([None, 1, "a", 2.5, b"x", True][i % 6] for i in range(n)),
        lambda: pd.Series([[1, 2]] * n),
        lambda: pd.Series([2**70] * n),
        lambda: pd.interval_range(0, n) if n else base,
        lambda: pd.Series(base).astype(complex),
    ]
    return columns[random.integers(len(columns))]()


def frame(random: np.random.Generator, n: int, d: int) -> pd.DataFrame:
    names = [NAMES[random.integers(len(NAMES))] if random.random() < 0.1 else f"c{i}" for i in range(d)]
    columns = [pd.Series(random_column(random, n)) for _ in range(d)]
    table = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(n))
    table.columns = pd.Index(names, dtype=object)
    return table


def polars_frame(random: np.random.Generator, n: int, d: int) -> Any:
    table = frame(random, n, d)
    try:
        converted: Any = pl.from_pandas(table)
    except Exception:  # noqa: BLE001 -- polars refuses what it cannot hold
        return table
    return converted.lazy() if random.random() < 0.2 else converted


def nested(random: np.random.Generator, n: int, d: int) -> Any:
    depth = int(random.integers(1, 4))
    rows: Any = numbers(random, n, d).tolist()
    if depth == 1:
        return rows[0] if rows else rows
    return [[row] * int(random.integers(1, 3)) for row in rows] if depth == 3 else rows


NAMES: list[Any] = ["", " ", "c0", "\x1b[31m", "=1+1", 0, 1.5, None, ("a", 1), "x" * 300, "é", np.nan, "a\nb", True]
TABLES: dict[str, Callable[[np.random.Generator, int, int], Any]] = {
    "array": numbers,
    "array of one axis": lambda r, n, d: numbers(r, n, 1)[:, 0],
    "images": lambda r, n, d: numbers(r, n, 9).reshape(n, 3, 3),
    "fortran": lambda r, n, d: np.asfortranarray(numbers(r, n, d)),
    "read only": lambda r, n, d: np.broadcast_to(numbers(r, 1, d), (n, d)),
    "masked": lambda r, n, d: np.ma.array(r.normal(size=(n, d)), mask=r.random((n, d)) < 0.2),
    "sparse": lambda r, n, d: scipy.sparse.random_array((n, d), density=0.4, format=r.choice(["csr", "csc", "coo"])),
    "frame": frame,
    "another frame": frame,
    "polars": polars_frame,
    "lists": nested,
    "texts": lambda r, n, d: list(r.choice(["a b", "b c d", "", "é 1 2", "\ud800", "x" * 300], size=n)),
    "sequences": lambda r, n, d: [r.normal(size=(int(r.integers(0, 4)), max(d, 1))) for _ in range(n)],
    "no table": lambda r, n, d: r.choice(np.array([None, 3, "absent.csv", b"x", {}, {"a": [1]}, ()], dtype=object)),
}
READERS: list[Callable[[], Any]] = [
    lambda: Autoencoder(1, encoder=(3,), max_epochs=0),
    lambda: Autoencoder(1, encoder=(3,), max_epochs=1),
    lambda: Imputer(Autoencoder(1, encoder=(3,), max_epochs=1), sweeps=1),
    lambda: AnomalyDetector(Autoencoder(1, encoder=(3,), max_epochs=1)),
]


def try_table(seed: int, folder: Path) -> str:
    """Fit an estimator to a random table, use it, save it, and use what is loaded: the same answers come."""
    random = np.random.default_rng([1, seed])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table, model = random_table(random), READERS[random.integers(len(READERS))]()
    with watched():
        model.fit(table)
        use(model, table, folder)
    return "answered"


def as_array(answer: Any) -> np.ndarray:
    """Return an answer as an array; a frame of polars with columns that have no type in common as one of objects."""
    return np.asarray(answer.to_pandas() if isinstance(answer, pl.DataFrame) else answer)


def use(model: Any, table: Any, folder: Path) -> None:
    """Use a model, save and load it, and compare the answers."""
    path = folder / "model.safetensors"
    model.save(path)
    loaded = isthmus.load(path)
    for method in ("transform", "score_samples", "predict"):
        if (ask := getattr(model, method, None)) is not None:
            answer, again = as_array(ask(table)), as_array(getattr(loaded, method)(table))
            if not same(answer, again):
                raise Wrong(f"{method} answers otherwise when loaded")
            if method == "score_samples":  # a row without any cell, or outside of the support, has no likelihood
                answer = np.where(answer == -np.inf, 0, answer)
            if answer.dtype.kind == "f" and not np.isfinite(answer).all():
                raise Wrong(f"{method} answers what is not finite")


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and (pd.DataFrame(a.reshape(len(a), -1)).equals(pd.DataFrame(b.reshape(len(b), -1))))


# Estimators


def random_part(random: np.random.Generator, kind: str, depth: int = 0) -> str:
    """Return the spelling of a part of a kind, some of its settings drawn, in their range or not."""
    own = [name for name in part_names(kind) if find_part(kind, name).__module__.startswith("isthmus.")]
    name = str(random.choice(own))
    cls: Any = find_part(kind, name)
    settings = []
    for setting, hint in field_hints(cls).items():
        is_needed = next(f for f in dataclasses.fields(cls) if f.name == setting).default is dataclasses.MISSING
        if is_needed or random.random() < 0.3:
            settings.append(f"{setting}={random_value(random, hint, depth)}")
    return f"{name}({', '.join(settings)})"


def random_value(random: np.random.Generator, hint: Any, depth: int) -> str:
    """Return a literal that an annotation allows, or nearly."""
    if (contract := contract_in(hint)) is not None and depth < 2 and random.random() < 0.7:
        return random_part(random, contract.kind, depth + 1)
    hints = flat_hints(hint)
    if listed := [argument for h in hints if typing.get_origin(h) is typing.Literal for argument in typing.get_args(h)]:
        return repr(str(random.choice(listed)))
    values: list[Any] = []
    if any(typing.get_origin(h) is tuple for h in hints):
        values += [(), (2,), (3, 2), (2, 2, 1), (0,), (-1,), (10**9,), tuple([1] * 2000)]
    elif int in hints:
        values += [1, 1, 2, 2, 3, 4, 8, 0, -1, 1000, 10**9, 2**31, 2**62]
    elif float in hints:
        values += [0.1, 0.5, 1.0, 2.0, 0.0, -1.0, 1e-30, 1e30, 1e308]
    elif bool in hints:
        values += [True, False]
    values += [None, "x"] if random.random() < 0.1 or not values else []
    return repr(values[random.integers(len(values))])


KINDS = {
    "bottleneck": "bottlenecks",
    "encoder": "backbones",
    "decoder": "backbones",
    "likelihood": "likelihoods",
    "corruption": "corruptions",
    "penalties": "penalties",
    "neighborhood": "neighborhoods",
    "optimizer": "optimizers",
    "scaling": "scalings",
    "stops": "stops",
}


def try_estimator(seed: int, folder: Path) -> str:
    """Fit an autoencoder of random parts, use it, save it, and use what is loaded: the same answers come."""
    random = np.random.default_rng([2, seed])
    chosen = random.choice(list(KINDS), size=int(random.integers(1, 4)), replace=False)
    settings = {name: random_part(random, KINDS[name]) for name in chosen}
    table = X if random.random() < 0.7 else np.abs(X) / 9
    with watched():
        model = Autoencoder(**{"bottleneck": 2} | SMALL | settings).fit(table, Y)
        use(model, table, folder)
    return "answered"


# Model files


def good_files(folder: Path, few: bool = False) -> list[Path]:
    """Return sound files of estimators of all kinds, or of few."""
    one, mixed = Autoencoder(2, **SMALL), pd.DataFrame(X[:, :2], columns=["a", "b"]).assign(c=["x", "y"] * 30)
    mixed["d"] = pd.Categorical(["u", "v", "w"] * 20)
    mixed["e"] = pd.date_range("2020-01-01", periods=60, tz="UTC")
    texts = ["the cat eats fish", "a car needs fuel"] * 6
    if few:
        models: list[Any] = [
            Autoencoder(2, **SMALL, penalties="l1", stops="patience").fit(X),
            Autoencoder(2, **SMALL).fit(mixed),
            AnomalyDetector(one, n_models=2).fit(X),
        ]
        return saved(models, folder)
    models = [
        Autoencoder("top_k(4, k=2)", **SMALL, penalties=["l1", "sparsity"], stops=["patience"]).fit(X),
        Autoencoder("variational(2)", **SMALL, corruption="masking", optimizer="adam(cosine(0.01, steps=50))").fit(X),
        Autoencoder("adversarial(2)", **SMALL).fit(X, Y),
        Autoencoder(2, encoder="hyper(mlp((3,)), column=-1, tasks=3)", max_epochs=1).fit(np.column_stack([X, Y])),
        Autoencoder(2, encoder="conv((2,))", max_epochs=1).fit(np.random.default_rng(0).normal(size=(20, 6, 6))),
        Autoencoder(2, encoder="recurrent((3,))", max_epochs=1).fit([np.ones((i % 3 + 1, 2)) for i in range(20)]),
        Autoencoder(2, **SMALL, likelihood="mixture").fit(X),
        Autoencoder(2, **SMALL).fit(mixed),
        Autoencoder(2, **SMALL).fit(pl.from_pandas(mixed)),
        Autoencoder(2, encoder="text", likelihood="codes", max_epochs=1).fit(texts),
        StackedAutoencoder([Autoencoder(3, **SMALL), Autoencoder(2, **SMALL)], max_epochs=1).fit(X),
        NetworkClassifier((4,), max_epochs=1).fit(X, Y),
        NetworkRegressor((4,), max_epochs=1, n_starts=2, combine="average").fit(X, X[:, :2]),
        Imputer(one, sweeps=1).fit(mixed),
        AnomalyDetector(one, n_models=2).fit(X),
        WordVectors(2, min_count=1, max_epochs=1).fit(texts),
    ]
    return saved(models, folder)


def saved(models: list[Any], folder: Path) -> list[Path]:
    paths = [folder / f"good{i}.safetensors" for i in range(len(models))]
    for model, path in zip(models, paths, strict=True):
        model.save(path)
    return paths


EXTREMES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 255, 2**31 - 1, 2**31, 2**53, 2**62, 2**63, 10**12, 10**30, 10**400),
    *(0.5, -0.5, 1e-320, 1e-30, 1e30, 1e308, -1e308, "", "x", "x" * 200_000, "relu", "V100000000", "S2000000000"),
    *("complex128", "category[int64]", "timestamp[us, tz=Nowhere/Zone]", "\x1b]0;x", "adam", "../x", "é", "__class__"),
    *([], [1], ["x"], [None], [[]], [2] * 100_000, [2**31 - 1] * 8, [10**8], [10**6, 2], {}, {"x": 1}, {"a": 1.5}),
]


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in plain JSON."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(random: np.random.Generator, header: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
    """Change one or two things in a header or its tensors, in place."""
    for _ in range(int(random.integers(1, 3))):
        if random.random() < 0.2:
            change_tensor(random, tensors)
            continue
        spots = list(places(header))
        *way, last = spots[random.integers(len(spots))]
        inner: Any = header
        for step in way:
            inner = inner[step]
        other = spots[random.integers(len(spots))]
        act = random.integers(10)
        if act == 0:
            del inner[last]
        elif act == 1 and isinstance(inner[last], list):
            inner[last] = inner[last] * int(random.choice([0, 2, 1000, 100_000 // max(len(inner[last]), 1)]))
        elif act == 2:
            inner[last] = deepcopy(value_at(header, other))
        elif act == 3 and isinstance(inner, dict):
            inner[str(random.choice(["x", "seed", "size", "part", "\ud800"]))] = deepcopy(inner[last])
        else:
            inner[last] = deepcopy(EXTREMES[random.integers(len(EXTREMES))])  # the next change may go into it


def value_at(data: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        data = data[step]
    return data


def change_tensor(random: np.random.Generator, tensors: dict[str, np.ndarray]) -> None:
    name = str(random.choice(list(tensors)))
    tensor = tensors[name].copy()
    act = random.integers(5)
    if act == 0:
        del tensors[name]
    elif act == 1 and tensor.size:
        tensor.flat[random.integers(tensor.size)] = random.choice([0, -1, 1e30, 1e-38, np.nan, np.inf, -1e38])
        tensors[name] = tensor
    elif act == 2:
        tensors[name] = np.concatenate([tensor, tensor]) if tensor.ndim else tensor
    elif act == 3:
        tensors[name] = tensor.reshape(-1)
    else:
        tensors[name] = tensor.astype(random.choice([np.float32, np.float64, np.int32]))


def try_file(seed: int, folder: Path, good: list[Path]) -> str:
    """Load a file that has been changed and signed again, or damaged; use it where it is taken."""
    random = np.random.default_rng([3, seed])
    source, path = good[random.integers(len(good))], folder / "changed.safetensors"
    if random.random() < 0.2:
        data = bytearray(source.read_bytes())
        for _ in range(int(random.integers(1, 5))):
            data[random.integers(len(data))] = random.integers(256)
        path.write_bytes(data[: random.integers(len(data))] if random.random() < 0.3 else data)
    else:
        opened = container.open_file(source, "model")
        header = {key: value for key, value in deepcopy(opened.header).items() if key not in ("checksum", "format")}
        tensors = opened.read()
        changed(random, header, tensors)
        try:
            container.write(path, header, tensors)
        except (IsthmusError, KeyError):  # what no file can hold; tensors of a type that no file has
            return "not written"
    with watched():
        model = isthmus.load(path)
        for method in ("transform", "score_samples", "predict", "reconstruct"):
            if (ask := getattr(model, method, None)) is not None:
                ask(sample_of(source))
    return "answered"


def sample_of(path: Path) -> Any:
    """Return a table of the kind that a good file was fitted to."""
    sound = isthmus.load(path)
    first = getattr(sound, "models_", [sound])[0]
    return first.sample(3) if hasattr(first, "sample") else X


# The runs


def run(
    name: str, count: int, seed: int, attempt: Callable[[int], str], tell: Callable[[str], None] = lambda line: None
) -> tuple[Counter[str], list[str]]:
    """Run cases; return how they ended, and what went wrong with its seed; that is told at once, and the progress."""
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(seed, seed + count):
        known = len(wrong)
        try:
            ends[attempt(number)] += 1
        except Wrong as error:
            ends["wrong"] += 1
            cause = error.__cause__ or error
            place = traceback.extract_tb(cause.__traceback__)[-1]
            wrong.append(f"--seed {number} --{name} 1: {error} ({Path(place.filename).name}:{place.lineno})")
        except Exception as error:  # noqa: BLE001 -- whatever it is
            ends["refused"] += 1
            if not is_sentence(error):
                wrong.append(f"--seed {number} --{name} 1: outside: {type(error).__name__}: {error}")
        for line in wrong[known:]:
            tell(line)
        if (number + 1 - seed) % TOLD_EVERY == 0:
            tell(f"{name}: {number + 1 - seed:,} of {count:,} tried, {len(wrong)} wrong")
    return ends, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("tables", "estimators", "files"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    is_sound = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = good_files(folder) if asked.files else []
        attempts: dict[str, Callable[[int], str]] = {
            "tables": lambda seed: try_table(seed, folder),
            "estimators": lambda seed: try_estimator(seed, folder),
            "files": lambda seed: try_file(seed, folder, good),
        }
        for name, attempt in attempts.items():
            began = time.perf_counter()
            ends, wrong = run(name, getattr(asked, name), asked.seed, attempt, partial(print, flush=True))
            if ends:
                print(f"{name}: {dict(ends)}, {time.perf_counter() - began:.0f} s", flush=True)  # noqa: T201
            is_sound &= not wrong
    sys.exit(not is_sound)


if __name__ == "__main__":
    main()
