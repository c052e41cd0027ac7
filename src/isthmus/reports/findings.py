"""What a report says of a model and a table, as plain values: the page shows them, and holds them as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

import isthmus
from isthmus.errors import InvalidData

MOST_ROWS = 20_000  # from which errors by column and codes are taken, evenly spaced
MOST_COLUMNS = 200  # that are listed
MOST_CELLS = 20  # filled ones that are listed
ODDEST = 20  # rows
BARS = 50  # of the histogram of scores
COVERAGE = 0.9  # of the intervals of filled cells


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a report says; what does not apply to a model is empty."""

    model: str  # its class
    settings: dict[str, str]  # its parameters as they are spelled
    n_weights: int
    n_rows: int
    columns: list[dict[str, Any]]  # of the table: name, kind and what is in it
    n_columns: int
    left_out: list[str]  # names of columns that are not learned
    history: list[dict[str, Any]]
    stop_reason: str | None
    errors: pd.DataFrame | None = None  # squared errors, a row each, by column
    codes: np.ndarray | None = None  # [n, 2]
    code_size: int = 0
    explained: float = 1.0  # the share of the variance of the code that the plane shows
    scores: np.ndarray | None = None  # [n], higher is odder
    threshold: float | None = None
    odd: list[dict[str, Any]] = field(default_factory=list)
    filled: list[dict[str, Any]] = field(default_factory=list)  # by column
    cells: list[dict[str, Any]] = field(default_factory=list)  # some that are filled
    labels: np.ndarray | None = None  # [n], of the rows of `codes`

    @property
    def is_detector(self) -> bool:
        return self.threshold is not None

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON; scores as a histogram, errors as means."""
        json: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("model", "settings", "n_weights", "n_rows", "n_columns", "columns", "left_out", "history")
        }
        json |= {"stop_reason": self.stop_reason, "threshold": self.threshold, "odd_rows": self.odd}
        json |= {"filled": self.filled, "filled_cells": self.cells, "code_size": self.code_size}
        if self.errors is not None:
            mean = self.errors.mean().sort_values(ascending=False, kind="stable")[:MOST_COLUMNS]
            json["error_by_column"] = {str(name): value for name, value in mean.items()}
        if self.scores is not None:
            counts, edges = np.histogram(self.scores, BARS)
            json["scores"] = {"edges": edges.tolist(), "counts": counts.tolist()}
            if self.threshold is not None:
                json["odd"] = int((self.scores > self.threshold).sum())
        return {name: _plain(value) for name, value in json.items()}


def find(model: Any, X: Any, labels: Any = None) -> Findings:
    """Return what is to be said of a model and a table.

    Raises
    ------
    InvalidData
        If a report says nothing of such a model, or the table is not like that of the fit.
    """
    network = _network(model)
    source = network.open_rows(X)
    is_list = isinstance(X, list | tuple) and (source.row.is_sequence or source.form == "texts")
    table = list(X) if is_list else source.whole()
    if labels is not None and len(labels) != source.n_rows:
        raise InvalidData(f"expected one label for each of {source.n_rows:,} rows; got {len(labels):,}.")
    shown = np.linspace(0, source.n_rows - 1, min(source.n_rows, MOST_ROWS)).round().astype(int)
    frame = _frame(table, source)
    part = _take(table, shown)
    code = np.asarray(network.transform(part), np.float64)
    points, explained = _plane(code)
    said: dict[str, Any] = {"codes": points, "code_size": code.shape[1], "explained": explained}
    if labels is not None:
        said["labels"] = np.asarray(labels)[shown]
    if isinstance(network, isthmus.Autoencoder | isthmus.StackedAutoencoder):
        error = network.reconstruction_error(part, per_feature=True)
        said["errors"] = pd.DataFrame(error, columns=list(frame.columns)).drop(columns=_left_out(source))
    if isinstance(model, isthmus.Imputer):
        said |= _filled(model, table, frame)
    elif "errors" in said:
        is_detector = isinstance(model, isthmus.AnomalyDetector)
        said["scores"] = model.anomaly_score(table) if is_detector else model.reconstruction_error(table)
        said["threshold"] = -float(model.offset_) if is_detector else None
        said["odd"] = _records(isthmus.odd_rows(model, table, ODDEST))  # of texts, columns are words
    return Findings(
        model=type(model).__name__,
        settings=model.describe(),
        n_weights=int(network.fitted_.weights.size),
        n_rows=source.n_rows,
        n_columns=source.row.size,
        columns=_columns(frame, source.row.shape),
        left_out=_left_out(source),
        history=list(network.history_),
        stop_reason=network.stop_reason_,
        **said,
    )


def _network(model: Any) -> Any:
    """Return the network of a model: that of a detector or an imputer is inside."""
    if isinstance(model, isthmus.AnomalyDetector):
        return model.models_[0]
    if isinstance(model, isthmus.Imputer):
        return model.autoencoder_
    networks = (isthmus.Autoencoder, isthmus.StackedAutoencoder, isthmus.NetworkClassifier, isthmus.NetworkRegressor)
    if isinstance(model, networks):
        return model
    raise InvalidData(f"expected an autoencoder, a detector, an imputer or a network; got {type(model).__name__}.")


def _take(table: Any, rows: np.ndarray) -> Any:
    """Return rows of a table, in its own form."""
    if isinstance(table, list):
        return [table[row] for row in rows]
    return table.iloc[rows] if isinstance(table, pd.DataFrame) else table[rows]


def _frame(table: Any, source: Any) -> pd.DataFrame:
    """Return a table as a frame: an array of images or windows has a column for each of its numbers."""
    whole = nw.from_native(table, pass_through=True, eager_only=True)
    if isinstance(whole, nw.DataFrame):
        return whole.to_pandas()
    names = source.row.columns or [f"x{place}" for place in range(source.row.size)]
    return pd.DataFrame(np.concatenate(list(source.blocks(MOST_ROWS))), columns=list(names))


def _columns(frame: pd.DataFrame, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return what is in each column; of images and sequences, in all numbers together."""
    if len(shape) > 1:
        return [_column(" × ".join(map(str, shape)), pd.Series(frame.to_numpy().ravel()))]
    return [_column(str(name), frame.iloc[:, place]) for place, name in enumerate(frame.columns[:MOST_COLUMNS])]


def _left_out(source: Any) -> list[str]:
    return [str(source.names[place]) for place in source.row.ignored]


def _column(name: str, cells: pd.Series) -> dict[str, Any]:
    """Return what is in a column: how much is missing, and its range, or its most frequent value."""
    present = cells.dropna()
    said: dict[str, Any] = {"name": name, "missing": int(cells.isna().sum()), "distinct": int(present.nunique())}
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        ends = present.astype(np.float64).quantile([0, 0.5, 1]).tolist() if len(present) else [None] * 3
        return said | {"kind": "number", **dict(zip(("least", "median", "most"), ends, strict=True))}
    if pd.api.types.is_datetime64_any_dtype(cells):
        first, last = (str(present.min()), str(present.max())) if len(present) else (None, None)
        return said | {"kind": "date", "least": first, "most": last}
    counts = present.astype(str).value_counts()
    top = {"top": str(counts.index[0]), "share": float(counts.iloc[0] / len(cells))} if len(counts) else {}
    return said | {"kind": "category", **top}


def _plane(code: np.ndarray) -> tuple[np.ndarray, float]:
    """Return codes [n, m] in the plane of their first two principal components, [n, 2], and its share of variance."""
    if code.shape[1] == 2:
        return code, 1.0
    if code.shape[1] == 1:
        return np.column_stack([np.arange(len(code)), code]), 1.0
    centred = code - code.mean(axis=0)
    _, size, axes = np.linalg.svd(centred, full_matrices=False)
    total = np.square(size).sum()
    axes = np.pad(axes[:2], [(0, 2 - len(axes[:2])), (0, 0)])  # a single row has one only
    return centred @ axes.T, float(np.square(size[:2]).sum() / total) if total > 0 else 1.0


def _filled(imputer: Any, table: Any, frame: pd.DataFrame) -> dict[str, Any]:
    """Return how many cells of each column are filled, and some of them with their intervals."""
    is_missing = imputer.missing(table)
    rows, columns = np.nonzero(is_missing)
    counts = is_missing.sum(axis=0)
    by_column = [
        {"name": str(frame.columns[place]), "count": int(counts[place])} for place in np.flatnonzero(counts).tolist()
    ]
    if not len(rows):
        return {}
    chosen = np.linspace(0, len(rows) - 1, min(MOST_CELLS, len(rows))).round().astype(int)
    few = np.unique(rows[chosen])
    part = _take(table, few)
    low, high = imputer.interval(part, COVERAGE)
    answer = imputer.transform(part)
    answer = answer.to_numpy(dtype=object) if isinstance(answer, pd.DataFrame) else np.reshape(answer, (len(few), -1))
    cells = []
    for row, column in zip(rows[chosen], columns[chosen], strict=True):
        place = int(np.searchsorted(few, row))
        ends = [float(low[place, column]), float(high[place, column])]
        is_number = np.isfinite(ends).all() and frame.dtypes.iloc[column].kind in "fiu"
        cells.append(
            {
                "row": int(row),
                "name": str(frame.columns[column]),
                "value": cell if isinstance(cell := answer[place, column], str | float) else str(cell),
                "interval": ends if is_number else None,
            }
        )
    return {"filled": by_column, "cells": cells}


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return odd rows as JSON, the reasons of each in a list; those that add nothing are left out."""
    records = []
    for row in rows.to_dict("records"):
        named = [name for name in ("row", "anomaly_score", "p_value", "is_odd") if name in row]
        record: dict[str, Any] = {name: row[name] for name in named}
        numbers = [str(name).rpartition("_")[2] for name in row if str(name).startswith("column_")]
        reasons = [{key: row[f"{key}_{i}"] for key in ("column", "share", "value", "expected")} for i in numbers]
        records.append(record | {"reasons": [reason for reason in reasons if reason["share"] > 0]})
    return records


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: NaN and infinity are null."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def spelled(text: str) -> str:
    """Return a text with the signs spelled that cannot be seen, or that change the order of others."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
