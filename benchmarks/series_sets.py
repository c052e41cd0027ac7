"""Series with known odd steps: servers, spacecraft, and single sensors, each with a stretch to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

SETS = ("asd", "smd", "nab", "smap_msl")
MOST_USUAL = 0.4  # of a series of NAB that is learned from


class Series(NamedTuple):
    """What a server did, [steps, channels], in units of the deviation of what is usual."""

    usual: np.ndarray
    later: np.ndarray
    is_odd: np.ndarray  # [steps]
    causes: list[tuple[int, int, set[int]]]  # first step, last step, channels from 0


def names(folder: Path, name: str) -> list[str]:
    """Return the series of a set that hold odd steps."""
    if name == "nab":
        frame = _nab(folder)
        odd = frame.groupby("series", observed=True)["window_label"].max()
        return sorted(odd.index[odd > 0])
    found = []
    for file in ("smap", "msl") if name == "smap_msl" else (name,):
        with np.load(folder / name / f"{file}.npz", allow_pickle=False) as arrays:
            found += [f"{file}/{key.removesuffix('_label')}" for key in arrays if key.endswith("_label")]
    return sorted(found, key=lambda key: [int(part) if part.isdigit() else part for part in key.split("-")])


def read(folder: Path, name: str, series: str) -> Series:
    """Return one of them.

    Of NAB's, what comes before the first odd stretch is learned from, at most 40 % of the series; of SMAP and MSL the
    commands are channels as the value is.
    """
    causes = []
    if name == "nab":
        frame = _nab(folder)
        frame = frame[frame["series"] == series]
        values, label = frame[["value"]].to_numpy(float), frame["window_label"].to_numpy()
        end = min(int(label.argmax()), int(MOST_USUAL * len(label)))
        usual, later, label = values[:end], values[end:], label[end:]
    else:
        file, key = series.split("/")
        with np.load(folder / name / f"{file}.npz", allow_pickle=False) as arrays:
            label = arrays[f"{key}_label"]
            usual, later = (_channels(arrays, f"{key}_{part}") for part in ("train", "test"))
        told = folder / name / f"{key}_interpretation.txt"
        for line in told.read_text().split() if told.exists() else []:
            steps, channels = line.split(":")
            first, last = map(int, steps.split("-"))
            causes.append((first, last, {int(channel) - 1 for channel in channels.split(",")}))
    mean, deviation = usual.mean(axis=0), usual.std(axis=0)
    deviation[deviation < 1e-6] = 1
    return Series((usual - mean) / deviation, (later - mean) / deviation, label.astype(bool), causes)


def _channels(arrays: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    if name in arrays:
        return arrays[name].astype(np.float64)
    return np.column_stack([arrays[f"{name}_value"], arrays[f"{name}_cmd"]]).astype(np.float64)


def _nab(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "nab" / "nab.parquet")
