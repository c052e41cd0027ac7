"""Rows that are drawn for an ONNX file, what the model answers for them, and the check that a runtime agrees."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.data.column_types import Categorical, Column, Datetime, Ignored, type_of
from isthmus.data.reader import Reader
from isthmus.errors import ModelFileError, no_file, short
from isthmus.onnx.columns import NOTHING, WHOLE, input_type
from isthmus.onnx.libraries import library
from isthmus.storage.files import write_file

DRAWN = 100  # rows
MISSING = 0.05  # of the cells, where some may be
NEW = "a category that the fit has not had"
TOLERANCE = 1e-5  # of a number, relative
MOST_BYTES = 2**28  # of the rows, unpacked: a file that claims more holds no hundred rows
INPUT, ANSWER = "input:", "answer:"  # in the file


@dataclass(frozen=True)
class Agreement:
    """How far a runtime is from the stored answers, by output."""

    rows: int
    difference: Mapping[str, float]  # the largest relative difference of numbers; of all else the share that differs

    @property
    def holds(self) -> bool:
        return all(value <= TOLERANCE for value in self.difference.values())


def draw_table(reader: Reader) -> tuple[dict[str, np.ndarray], Any]:
    """Return `DRAWN` rows as the inputs of a graph, by name, and the same as a table of the kind of the fit.

    Numbers are normal in the units of the network, within what the fit has seen, categories even; some cells are
    missing where that may be, some categories new. No row of the fit is among them.
    """
    random = np.random.Generator(np.random.Philox(0))
    row = reader.row
    rows = reader.unscale(random.normal(size=(DRAWN, row.size)))
    rows = np.asarray(reader.within(rows), np.float64)
    counts = np.zeros(row.size, int) if row.categories is None else np.array(row.categories)
    for place in np.flatnonzero(counts):
        known = reader.fitted_scaling.known.get(int(place), tuple(range(counts[place])))
        rows[:, place] = random.choice(np.array(known), DRAWN)
    is_table = row.may_be_missing and not row.is_sequence
    if is_table:
        rows[random.random(rows.shape) < MISSING] = np.nan
    if reader.schema is None:
        table = rows.reshape(-1, *row.shape)
        return {WHOLE: table}, table
    import pandas as pd

    inputs, frame = {}, {}
    for number, column in enumerate(reader.schema.columns):
        if isinstance(column, Ignored):
            frame[column.name] = pd.Series([""] * DRAWN)
            continue
        cells = rows[:, number]
        if column.unseen is not None:
            cells[random.random(DRAWN) < MISSING] = column.unseen
        inputs[column.name] = given = _cells(column, cells)
        frame[column.name] = _series(column, given)
    return inputs, pd.DataFrame(frame)


def as_answers(reader: Reader, name: str, table: Any) -> dict[str, np.ndarray]:
    """Return a table that a model answers with as the outputs of a graph, by name."""
    if reader.schema is None or reader.schema.is_plain:
        return {name: np.asarray(table)}
    answers = {}
    for column in reader.schema.columns:
        if isinstance(column, Ignored):
            continue
        series = table[column.name]
        if isinstance(column, Datetime):
            cells = series.dt.tz_localize(None) if getattr(series.dt, "tz", None) is not None else series
            cells = cells.to_numpy().astype(f"datetime64[{_unit(column)}]").astype(np.int64)
        elif input_type(column)[0] is str:
            cells = series.astype(object).where(series.notna(), "").to_numpy().astype(str)
        else:
            cells = series.to_numpy(dtype=np.float64, na_value=np.nan)
        answers[f"{name}.{column.name}"] = cells
    return answers


def write(path: str | os.PathLike[str], model: bytes, inputs: dict[str, np.ndarray], answers: Any) -> None:
    """Write an ONNX file, and beside it the rows with their answers."""
    held: dict[str, Any] = {f"{INPUT}{name}": array for name, array in inputs.items()}
    held |= {f"{ANSWER}{name}": array for name, array in answers.items()}
    content = io.BytesIO()
    np.savez_compressed(content, **held)
    write_file(path, lambda file: file.write(model))
    write_file(parity_path(path), lambda file: file.write(content.getvalue()))


def parity_path(path: str | os.PathLike[str]) -> Path:
    """Return where the rows of an ONNX file stand: beside it, `.parity.npz` in place of its ending."""
    return Path(path).with_suffix(".parity.npz")


def check_onnx(path: str | os.PathLike[str]) -> Agreement:
    """Compare what onnxruntime computes of the rows beside an ONNX file with what isthmus answered for them.

    Returns
    -------
    by output the largest difference of numbers, relative to the number or, where that is larger, to the median of its
    output; of texts and flags the share that differs. `holds` says whether none is above 1e-5.

    Raises
    ------
    ModelFileError
        If one of the two files is missing, or cannot be read.
    """
    runtime, beside = library("onnxruntime"), parity_path(path)
    for file in (Path(path), beside):
        if not file.is_file():
            raise ModelFileError(no_file(file))
    try:
        with zipfile.ZipFile(beside) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > MOST_BYTES:
                raise ValueError(f"they take more than {MOST_BYTES:,} bytes")
        with np.load(beside, allow_pickle=False) as stored:
            held = {name: stored[name] for name in stored.files}
    except Exception as error:
        raise ModelFileError(f"{beside} holds no rows that can be read ({short(str(error))}).") from error
    inputs = {name.removeprefix(INPUT): value for name, value in held.items() if name.startswith(INPUT)}
    answers = {name.removeprefix(ANSWER): value for name, value in held.items() if name.startswith(ANSWER)}
    try:
        session = runtime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
        given = {name: value.astype(object) if value.dtype.kind == "U" else value for name, value in inputs.items()}
        computed = dict(zip(answers, session.run(list(answers), given), strict=True))
    except Exception as error:
        raise ModelFileError(f"{Path(path)} is no model that its rows fit ({short(str(error))}).") from error
    rows = len(next(iter(inputs.values())))
    return Agreement(rows, {name: _difference(computed[name], answer) for name, answer in answers.items()})


def _difference(computed: Any, answer: np.ndarray) -> float:
    computed = np.asarray(computed)
    if computed.shape != answer.shape:
        return np.inf
    if answer.dtype.kind in "UOb":
        return float(np.mean(computed.astype(answer.dtype) != answer))
    first, second = computed.astype(np.float64), answer.astype(np.float64)
    is_alike = (first == second) | (np.isnan(first) & np.isnan(second))
    if is_alike.all():
        return 0.0
    finite = np.abs(second[np.isfinite(second)])
    scale = np.maximum(np.abs(second), float(np.median(finite)) if finite.size else 1.0)
    with np.errstate(invalid="ignore"):
        difference = np.abs(first - second) / np.where(scale > 0, scale, 1)
    worst = np.where(is_alike, 0, difference)
    return float(np.where(np.isnan(worst), np.inf, worst).max())


def _cells(column: Column, numbers: np.ndarray) -> np.ndarray:
    """Return the cells of a column as its input is given them, of numbers as its `encode` gives them."""
    is_missing, dtype = np.isnan(numbers), input_type(column)[0]
    if isinstance(column, Datetime):
        kind = type_of(column.type)
        per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[_unit(column)]
        days = np.rint(numbers / 86_400) * 86_400 if pa.types.is_date(kind) else numbers
        ticks = np.rint(np.nan_to_num(days) * per).astype(np.int64)
        return np.where(is_missing, NOTHING, ticks)
    if not isinstance(column, Categorical):
        return np.nan_to_num(numbers).astype(dtype) if dtype not in (np.float64, np.float32) else numbers.astype(dtype)
    known: list[Any] = [*column.values, *([] if column.rest is None else [column.rest])]
    is_text = dtype is str
    new = NEW if is_text else max(known) + 1 if not isinstance(known[0], bool) else known[0]
    places = np.where(is_missing, 0, np.rint(np.nan_to_num(numbers))).astype(int)
    cells = np.array([*known, new])[np.clip(places, 0, len(known))]
    return np.where(is_missing, "" if is_text else np.nan, cells) if is_text or dtype == np.float64 else cells


def _series(column: Column, cells: np.ndarray) -> Any:
    """Return the cells of an input as a column of a frame."""
    import pandas as pd

    if isinstance(column, Datetime):
        series = pd.Series(cells.view(f"datetime64[{_unit(column)}]"))
        zone = getattr(type_of(column.type), "tz", None)
        return series if zone is None else series.dt.tz_localize("UTC").dt.tz_convert(zone)
    if cells.dtype.kind == "U":
        is_missing: Any = (cells == "") & ("" not in column.values)
        return pd.Series(cells, dtype="str").mask(is_missing)
    return pd.Series(cells)


def _unit(column: Column) -> str:
    return str(getattr(type_of(column.type), "unit", "s")) if not pa.types.is_date(type_of(column.type)) else "s"
